/**
 * The quality of service class of a pod, set once at its creation.
 *
 * @see pkg/apis/core/helper/qos/qos.go
 * @module
 */
import type { Pod, ResourceRequirements } from '../../../api/types/core/v1.ts'
import { addQuantities, compareQuantities, isPositiveQuantity } from './resourcelist.ts'

export type QOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

const COMPUTE = ['cpu', 'memory'] as const

/** What the pod already says, else `computeQOS`. */
export function podQOS(pod: Pod): string {
  return pod.status?.qosClass || computeQOS(pod)
}

/**
 * BestEffort without any request or limit of CPU or memory; Guaranteed when every container limits both and asks for as much as it
 * limits; else Burstable. Resources of the pod as a whole take the place of its containers'.
 */
export function computeQOS({ spec = {} }: Pod): QOSClass {
  const sums = { requests: new Map<string, string>(), limits: new Map<string, string>() }
  let guaranteed = true
  if (spec.resources !== undefined) {
    const { limits } = spec.resources
    add(sums, spec.resources)
    if (limits !== undefined && Object.keys(limits).length > 0 && !limitsAll(spec.resources)) guaranteed = false
  } else {
    for (const container of spec.containers ?? []) guaranteed = add(sums, container.resources) && guaranteed
    for (const container of spec.initContainers ?? []) guaranteed = add(sums, container.resources) && guaranteed
  }
  const { requests, limits } = sums
  if (requests.size === 0 && limits.size === 0) return 'BestEffort'
  if (!guaranteed || requests.size !== limits.size) return 'Burstable'
  for (const [name, request] of requests) {
    const limit = limits.get(name)
    if (limit === undefined || compareQuantities(limit, request) !== 0) return 'Burstable'
  }
  return 'Guaranteed'
}

/** Adds to the sums; answers whether both CPU and memory are limited. */
function add(sums: { requests: Map<string, string>; limits: Map<string, string> }, resources: ResourceRequirements | undefined): boolean {
  if (resources === undefined) return false
  for (const member of ['requests', 'limits'] as const) {
    const list = resources[member]
    if (list === undefined) continue
    for (const name of COMPUTE) {
      const value = list[name]
      if (value === undefined || !isPositiveQuantity(value)) continue
      const sum = sums[member].get(name)
      sums[member].set(name, sum === undefined ? value : addQuantities(sum, value))
    }
  }
  return limitsAll(resources)
}

function limitsAll({ limits = {} }: ResourceRequirements): boolean {
  return COMPUTE.every((name) => limits[name] !== undefined && isPositiveQuantity(limits[name]))
}
