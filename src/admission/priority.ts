/**
 * `Priority`: a pod's number comes from its PriorityClass, and there is one default class at most.
 *
 * @see plugin/pkg/admission/priority/admission.go
 * @module
 */
import type { Pod } from '../api/types/core/v1.ts'
import type { PriorityClass } from '../api/types/scheduling/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { markedObjects } from './marked.ts'

const CLASSES = 'scheduling.k8s.io/v1/priorityclasses'

interface Priority {
  className: string
  value: number
  preemptionPolicy: string | undefined
}

export function priority({ cache }: { cache: Cache }): AdmissionPlugin {
  const defaults = markedObjects(cache, CLASSES, (object) => object['globalDefault'] === true)

  /** Of several, which only a race can make, the lowest. */
  const defaultClass = (): PriorityClass | undefined =>
    (defaults() as PriorityClass[]).reduce<PriorityClass | undefined>(
      (best, one) => (best === undefined || (one.value ?? 0) < (best.value ?? 0) ? one : best),
      undefined,
    )

  const priorityOf = (request: AdmissionRequest, className: string): Priority => {
    if (className !== '') {
      const named: PriorityClass | undefined = cache.resource(CLASSES)?.get(className)?.object
      if (named === undefined) throw admissionForbidden(request, `no PriorityClass with name ${className} was found`)
      return { className, value: named.value ?? 0, preemptionPolicy: named.preemptionPolicy }
    }
    const byDefault = defaultClass()
    if (byDefault === undefined) return { className: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' }
    return { className: byDefault.metadata?.name ?? '', value: byDefault.value ?? 0, preemptionPolicy: byDefault.preemptionPolicy }
  }

  return {
    name: 'Priority',
    handles: ({ operation, group, resource, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      subresource === '' &&
      ((group === '' && resource === 'pods') || (group === 'scheduling.k8s.io' && resource === 'priorityclasses')),
    admit(request) {
      if (request.resource !== 'pods') return
      const pod = request.object as Pod
      pod.spec ??= {}
      const { spec } = pod
      if (request.operation === 'UPDATE') {
        const old = (request.oldObject as Pod).spec
        spec.priority ??= old?.priority
        spec.preemptionPolicy ??= old?.preemptionPolicy
        return
      }
      const { className, value, preemptionPolicy } = priorityOf(request, spec.priorityClassName ?? '')
      if (className !== '') spec.priorityClassName = className
      if (spec.priority !== undefined && spec.priority !== value) {
        throw admissionForbidden(
          request,
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        )
      }
      spec.priority = value
      if (preemptionPolicy === undefined) return
      if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
        throw admissionForbidden(
          request,
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
        )
      }
      spec.preemptionPolicy = preemptionPolicy
    },
    validate(request) {
      if (request.resource !== 'priorityclasses' || request.object?.['globalDefault'] !== true) return
      const other = defaultClass()?.metadata?.name
      if (other === undefined || (request.operation === 'UPDATE' && other === request.object.metadata?.name)) return
      throw admissionForbidden(request, `PriorityClass ${other} is already marked as default. Only one default can exist`)
    },
  }
}
