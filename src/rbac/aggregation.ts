/**
 * Which rules an aggregated ClusterRole has: those of the roles that its selectors find.
 *
 * @see pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go
 * @module
 */
import type { LabelSelector } from '../api/types/meta/v1.ts'
import type { ClusterRole, PolicyRule } from '../api/types/rbac/v1.ts'

/**
 * The rules of `clusterRole` as its aggregation rule wants them: selectors in order, the roles of each by name, without itself, each
 * rule once. Undefined when the role is not aggregated or a selector is no selector.
 */
export function aggregatedRules(clusterRole: ClusterRole, all: Iterable<ClusterRole>): PolicyRule[] | undefined {
  if (clusterRole.aggregationRule === undefined) return undefined
  const others = [...all]
    .filter((role) => role.metadata?.name !== clusterRole.metadata?.name)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const rules = new Map<string, PolicyRule>()
  for (const selector of clusterRole.aggregationRule.clusterRoleSelectors ?? []) {
    for (const role of others) {
      const matches = selectorMatches(selector, role.metadata?.labels ?? {})
      if (matches === undefined) return undefined
      if (!matches) continue
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

/** Undefined when the selector has a requirement that cannot be. An empty selector finds everything. */
function selectorMatches(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean | undefined {
  let matches = Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value)
  for (const { key = '', operator, values = [] } of matchExpressions) {
    const value = labelOf(labels, key)
    switch (operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) return undefined
        matches &&= (value !== undefined && values.includes(value)) === (operator === 'In')
        break
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) return undefined
        matches &&= (value !== undefined) === (operator === 'Exists')
        break
      default:
        return undefined
    }
  }
  return matches
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
