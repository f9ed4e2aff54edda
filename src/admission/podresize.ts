/**
 * `PodResizeValidator`: a running pod grows only on a Linux node, and only to what that node can give.
 *
 * @see KEP-1287; plugin/pkg/admission/podresize/admission.go
 * @module
 */
import { addTo, parseQuantities, podResources } from '../api/pod-resources.ts'
import { compareQuantities, parseQuantity, scaledValue } from '../api/quantity.ts'
import { quote, type StatusError } from '../api/status.ts'
import type { Node, Pod } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const OS_LABEL = 'kubernetes.io/os'
const MILLI = -3

export function podResize({ cache }: { cache: Cache }): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'UPDATE' && group === '' && resource === 'pods' && subresource === 'resize',
    validate(request) {
      const pod = boundPodThatChanges(request)
      if (pod === undefined) return
      const node = nodeOf(cache, pod, request)
      const os = node.metadata?.labels?.[OS_LABEL] ?? 'linux'
      if (os !== 'linux') {
        const why = `pod resize is only supported on linux nodes, node ${quote(node.metadata?.name ?? '')} is ${quote(os)}`
        throw because('UnsupportedPlatform', admissionForbidden(request, why))
      }
      const lacking = lackOf(pod, node)
      if (lacking.length > 0) {
        const why = `node didn't have enough allocatable resources: ${lacking.join('; ')}`
        throw because('NodeCapacity', admissionForbidden(request, why))
      }
    },
  }
}

/** The new pod where it is on a node and its spec is another than before. */
export function boundPodThatChanges({ object, oldObject }: AdmissionRequest): Pod | undefined {
  const pod = object as Pod | undefined
  if (!pod?.spec?.nodeName || pod.metadata?.generation === oldObject?.metadata?.generation) return undefined
  return pod
}

export function nodeOf(cache: Cache, { spec }: Pod, request: AdmissionRequest): Node {
  const name = spec?.nodeName ?? ''
  const node = cache.resource('v1/nodes')?.get(name)?.object
  if (node === undefined) throw admissionForbidden(request, `node ${quote(name)} not found`)
  return node as Node
}

function lackOf(pod: Pod, { status }: Node): string[] {
  const requests = podResources(pod, 'requests')
  addTo(requests, parseQuantities(pod.spec?.overhead))
  return (
    [
      ['cpu', MILLI],
      ['memory', 0],
    ] as const
  ).flatMap(([name, scale]) => {
    const requested = requests.get(name)
    const allocatable = parseQuantity(status?.allocatable?.[name] ?? '0')
    if (requested === undefined || compareQuantities(requested, allocatable) <= 0) return []
    return [`${name}, requested: ${scaledValue(requested, scale)}, allocatable: ${scaledValue(allocatable, scale)}`]
  })
}

function because(reason: string, refusal: StatusError): StatusError {
  refusal.status.details = { ...refusal.status.details, causes: [...(refusal.status.details?.causes ?? []), { reason }] }
  return refusal
}
