/**
 * What a namespace says of its own deletion.
 *
 * @see pkg/controller/namespace/deletion/status_condition_utils.go
 * @module
 */
import type { NamespaceCondition } from '../../api/types/core/v1.ts'
import { rfc3339 } from '../../clock.ts'

export interface Emptying {
  /** How many objects are left, by `configmaps.` and `deployments.apps`. */
  remaining: ReadonlyMap<string, number>
  /** How many of these have a finalizer, by its name. */
  finalizers: ReadonlyMap<string, number>
  errors: readonly string[]
}

/** In the order in which they are first written. */
const TYPES = [
  {
    type: 'NamespaceDeletionDiscoveryFailure',
    reason: 'ResourcesDiscovered',
    message: 'All resources successfully discovered',
    failing: () => undefined,
  },
  {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    reason: 'ParsedGroupVersions',
    message: 'All legacy kube types successfully parsed',
    failing: () => undefined,
  },
  {
    type: 'NamespaceDeletionContentFailure',
    reason: 'ContentDeleted',
    message: 'All content successfully deleted, may be waiting on finalization',
    failing: ({ errors }: Emptying) =>
      errors.length > 0 && {
        reason: 'ContentDeletionFailed',
        message: `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`,
      },
  },
  {
    type: 'NamespaceContentRemaining',
    reason: 'ContentRemoved',
    message: 'All content successfully removed',
    failing: ({ remaining }: Emptying) =>
      remaining.size > 0 && {
        reason: 'SomeResourcesRemain',
        message: `Some resources are remaining: ${listed(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
      },
  },
  {
    type: 'NamespaceFinalizersRemaining',
    reason: 'ContentHasNoFinalizers',
    message: 'All content-preserving finalizers finished',
    failing: ({ finalizers }: Emptying) =>
      finalizers.size > 0 && {
        reason: 'SomeFinalizersRemain',
        message: `Some content in the namespace has finalizers remaining: ${listed(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
      },
  },
] as const

/** The conditions as they should be; undefined when `before` says it all. Other conditions stay, and times of what did not turn. */
export function deletionConditions(
  before: readonly NamespaceCondition[],
  emptying: Emptying,
  nowMs: number,
): NamespaceCondition[] | undefined {
  const after = [...before]
  let changed = false
  for (const { type, reason, message, failing } of TYPES) {
    const problem = failing(emptying)
    const now = { type, status: problem ? 'True' : 'False', ...(problem || { reason, message }) }
    const at = before.findIndex((condition) => condition.type === type)
    const known = before[at]
    if (known?.status === now.status && known.reason === now.reason && known.message === now.message) continue
    changed = true
    const lastTransitionTime = known?.status === now.status ? known.lastTransitionTime : rfc3339(nowMs)
    after.splice(at < 0 ? after.length : at, 1, { ...known, ...now, lastTransitionTime })
  }
  return changed ? after : undefined
}

function listed(counts: ReadonlyMap<string, number>, text: (name: string, count: number) => string): string {
  return [...counts]
    .map(([name, count]) => text(name, count))
    .sort()
    .join(', ')
}
