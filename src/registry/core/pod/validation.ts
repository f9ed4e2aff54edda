/**
 * What a pod must be to be stored.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodCreate
 * @module
 */
import { duplicate, type FieldError, required } from '../../../api/field.ts'
import type { Pod, PodSpec } from '../../../api/types/core/v1.ts'
import type { Write } from '../../resource.ts'
import { validateDNS1123Label } from '../../validation.ts'

export function validatePodCreate(pod: Pod, _write: Write): FieldError[] {
  return validatePodSpec(pod.spec ?? {}, 'spec')
}

export function validatePodUpdate(pod: Pod, _old: Pod, write: Write): FieldError[] {
  return validatePodCreate(pod, write)
}

export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = []
  if (!spec.containers?.length) errors.push(required(`${path}.containers`))
  const names = new Set<string>()
  for (const [index, { name = '', image }] of (spec.containers ?? []).entries()) {
    const field = `${path}.containers[${index}]`
    if (name === '') errors.push(required(`${field}.name`))
    else errors.push(...validateDNS1123Label(name, `${field}.name`))
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name))
    names.add(name)
    if (!image) errors.push(required(`${field}.image`))
  }
  return errors
}
