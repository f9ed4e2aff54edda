/**
 * Changes conditions of a pod's status.
 *
 * @see pkg/api/v1/pod/util.go, UpdatePodCondition
 * @module
 */

import type { PodCondition, PodStatus } from '../../../api/types/core/v1.ts'
import { rfc3339 } from '../../../clock.ts'

/** Adds the condition or replaces the one of its type; the transition time moves only with the status. */
export function updatePodCondition(status: PodStatus, condition: PodCondition, nowMs: number): void {
  status.conditions ??= []
  const { conditions } = status
  const index = conditions.findIndex((one) => one.type === condition.type)
  const old = conditions[index]
  const lastTransitionTime = old !== undefined && old.status === condition.status ? old.lastTransitionTime : rfc3339(nowMs)
  const updated = { ...condition, lastProbeTime: condition.lastProbeTime ?? (null as unknown as undefined), lastTransitionTime }
  if (old === undefined) conditions.push(updated)
  else conditions[index] = updated
}

export function hasTrueCondition(status: PodStatus | undefined, type: string): boolean {
  return status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false
}
