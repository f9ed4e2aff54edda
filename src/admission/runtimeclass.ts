/**
 * `RuntimeClass`: a pod gets the overhead and the scheduling constraints of its runtime.
 *
 * @see plugin/pkg/admission/runtimeclass/admission.go
 * @module
 */
import { compareQuantities, parseQuantity } from '../api/quantity.ts'
import { semanticEqual } from '../api/semantic-equal.ts'
import { quote } from '../api/status.ts'
import type { Pod, Toleration } from '../api/types/core/v1.ts'
import type { RuntimeClass } from '../api/types/node/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

export function runtimeClass({ cache }: { cache: Cache }): AdmissionPlugin {
  const classOf = (request: AdmissionRequest): RuntimeClass | undefined => {
    const name = (request.object as Pod).spec?.runtimeClassName
    if (name === undefined) return undefined
    const found = cache.resource('node.k8s.io/v1/runtimeclasses')?.get(name)?.object
    if (found === undefined) throw admissionForbidden(request, `pod rejected: RuntimeClass ${quote(name)} not found`)
    return found
  }
  return {
    name: 'RuntimeClass',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'CREATE' && group === '' && resource === 'pods' && subresource === '',
    admit(request) {
      const runtime = classOf(request)
      const spec = (request.object as Pod).spec
      if (runtime === undefined || spec === undefined) return
      if (runtime.overhead !== undefined) {
        const fixed = runtime.overhead.podFixed ?? {}
        if (Object.keys(spec.overhead ?? {}).length > 0 && !sameQuantities(fixed, spec.overhead ?? {})) throw mismatch(request)
        spec.overhead = { ...fixed }
      }
      if (runtime.scheduling === undefined) return
      const nodeSelector = { ...spec.nodeSelector }
      for (const [key, value] of Object.entries(runtime.scheduling.nodeSelector ?? {})) {
        const present = Object.hasOwn(nodeSelector, key) ? nodeSelector[key] : undefined
        if (present !== undefined && present !== value) {
          throw admissionForbidden(
            request,
            `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${present}`,
          )
        }
        nodeSelector[key] = value
      }
      if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = nodeSelector
      const tolerations = mergeTolerations(spec.tolerations ?? [], runtime.scheduling.tolerations ?? [])
      if (tolerations.length > 0) spec.tolerations = tolerations
    },
    validate(request) {
      const overhead = (request.object as Pod).spec?.overhead
      const runtime = classOf(request)
      if (runtime?.overhead !== undefined) {
        if (!sameQuantities(runtime.overhead.podFixed ?? {}, overhead ?? {})) throw mismatch(request)
      } else if (overhead !== undefined) {
        throw admissionForbidden(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
      }
    },
  }
}

function mismatch(request: AdmissionRequest) {
  return admissionForbidden(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
}

function sameQuantities(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && compareQuantities(parseQuantity(a[name]!), parseQuantity(b[name]!)) === 0) // both have the name
}

/** Both lists without those that another one covers; of equal ones the first. */
function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [i, one] of all.entries()) {
    if (merged.some((other) => covers(other, one))) continue
    if (all.slice(i + 1).some((other) => !semanticEqual(one, other) && covers(other, one))) continue
    merged.push(one)
  }
  return merged
}

function covers(wide: Toleration, one: Toleration): boolean {
  if (semanticEqual(wide, one)) return true
  if ((one.key ?? '') !== (wide.key ?? '') && ((wide.key ?? '') !== '' || wide.operator !== 'Exists')) return false
  if ((one.effect ?? '') !== (wide.effect ?? '') && (wide.effect ?? '') !== '') return false
  if (
    wide.effect === 'NoExecute' &&
    wide.tolerationSeconds !== undefined &&
    (one.tolerationSeconds === undefined || one.tolerationSeconds > wide.tolerationSeconds)
  )
    return false
  if (wide.operator === 'Exists') return true
  return (wide.operator === undefined || wide.operator === 'Equal') && one.operator === 'Equal' && (one.value ?? '') === (wide.value ?? '')
}
