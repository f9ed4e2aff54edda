/**
 * What is allowed in a pod, but probably not meant.
 *
 * @see pkg/registry/core/pod/strategy.go, WarningsOnCreate; pkg/api/pod/warnings.go
 * @module
 */
import type { Pod } from '../../../api/types/core/v1.ts'
import { dns1123LabelErrors } from '../../validation.ts'

export function podWarnings(pod: Pod): string[] {
  const errors = dns1123LabelErrors(pod.metadata?.name ?? '')
  if (errors.length === 0) return []
  return [
    `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${errors.join(' ')}]`,
  ]
}

export function statusAddressWarnings(_pod: Pod): string[] {
  return []
}
