/**
 * Requests and limits of a pod as a whole, filled in from those of its containers.
 *
 * @see pkg/apis/core/v1/defaults.go, defaultPodRequests and defaultHugePagePodLimits; KEP-2837
 * @see component-helpers/resource/helpers.go
 * @module
 */
import type { PodSpec } from '../../../api/types/core/v1.ts'
import { addQuantities, compareQuantities, type ResourceList } from './resourcelist.ts'

/** CPU, memory and huge pages are what a pod as a whole may ask for. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePages(name)
}

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-')
}

/** Call with `spec.resources` there, after requests were set from limits in the containers. */
export function defaultPodLevelResources(spec: PodSpec): void {
  defaultHugePagesLimits(spec)
  defaultRequests(spec)
}

function defaultHugePagesLimits(spec: PodSpec): void {
  const resources = spec.resources
  if (resources === undefined || (isEmpty(resources.limits) && isEmpty(resources.requests))) return
  const limits = resources.limits ?? {}
  for (const [name, limit] of Object.entries(aggregate(spec, 'limits'))) {
    if (isHugePages(name) && resources.requests?.[name] === undefined) limits[name] ??= limit
  }
  if (!isEmpty(limits)) resources.limits = limits
}

function defaultRequests(spec: PodSpec): void {
  const resources = spec.resources
  if (resources === undefined || isEmpty(resources.limits)) return
  const requests = resources.requests ?? {}
  for (const [name, request] of Object.entries(aggregate(spec, 'requests'))) {
    if (name === 'cpu' || name === 'memory') requests[name] ??= request
  }
  for (const [name, limit] of Object.entries(resources.limits ?? {})) if (isPodLevelResource(name)) requests[name] ??= limit
  if (!isEmpty(requests)) resources.requests = requests
}

/** What the containers need together: the sum of those that run at once, or the largest need while an init container runs. */
export function aggregate(spec: PodSpec, member: 'requests' | 'limits'): ResourceList {
  const sum: ResourceList = {}
  for (const container of spec.containers ?? []) addTo(sum, container.resources?.[member])
  const sidecars: ResourceList = {}
  const peak: ResourceList = {}
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[member]
    if (container.restartPolicy === 'Always') {
      addTo(sum, own)
      addTo(sidecars, own)
      raiseTo(peak, sidecars)
    } else {
      const together = { ...own }
      addTo(together, sidecars)
      raiseTo(peak, together)
    }
  }
  raiseTo(sum, peak)
  return sum
}

function addTo(sum: ResourceList, list: ResourceList | undefined): void {
  if (list === undefined) return
  for (const name in list) sum[name] = sum[name] === undefined ? list[name]! : addQuantities(sum[name], list[name]!)
}

function raiseTo(list: ResourceList, other: ResourceList): void {
  for (const name in other) if (list[name] === undefined || compareQuantities(other[name]!, list[name]) > 0) list[name] = other[name]!
}

function isEmpty(list: ResourceList | undefined): boolean {
  return list === undefined || Object.keys(list).length === 0
}
