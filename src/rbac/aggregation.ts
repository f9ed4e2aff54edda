/**
 * Which rules an aggregated ClusterRole has: those of the roles that its selectors find.
 *
 * @see pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go
 * @module
 */
import { selectorFromObject } from '../api/labels.ts'
import type { ClusterRole, PolicyRule } from '../api/types/rbac/v1.ts'

/**
 * The rules of `clusterRole` as its aggregation rule wants them: selectors in order, the roles of each by name, without itself, each
 * rule once. Undefined when the role is not aggregated.
 */
export function aggregatedRules(clusterRole: ClusterRole, all: Iterable<ClusterRole>): PolicyRule[] | undefined {
  if (clusterRole.aggregationRule === undefined) return undefined
  const others = [...all]
    .filter((role) => role.metadata?.name !== clusterRole.metadata?.name)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const rules = new Map<string, PolicyRule>()
  for (const selector of (clusterRole.aggregationRule.clusterRoleSelectors ?? []).map(selectorFromObject)) {
    for (const role of others) {
      if (!selector.matches(role.metadata?.labels)) continue
      for (const rule of role.rules ?? []) {
        const key = ruleKey(rule)
        if (!rules.has(key)) rules.set(key, rule)
      }
    }
  }
  return [...rules.values()]
}

/** Whether two rule lists are the same, where an empty list and none are. */
export function sameRules(a: readonly PolicyRule[] | undefined, b: readonly PolicyRule[] | undefined): boolean {
  return (a ?? []).map(ruleKey).join('\n') === (b ?? []).map(ruleKey).join('\n')
}

function nameOf(role: ClusterRole): string {
  return role.metadata?.name ?? ''
}

function ruleKey({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string {
  return JSON.stringify([verbs ?? [], apiGroups ?? [], resources ?? [], resourceNames ?? [], nonResourceURLs ?? []])
}
