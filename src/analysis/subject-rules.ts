/**
 * Everything that one subject may do, in all namespaces at once, merged into as few rules as say it.
 *
 * @module
 */
import type { PolicyRule } from '../api/types/rbac/v1.ts'
import { covers } from '../rbac/evaluate.ts'
import type { RbacUser } from '../rbac/index.ts'
import type { AccessModel, BindingId } from './access-model.ts'

export interface SourcedRule {
  rule: PolicyRule
  /** Bindings that give some part of it. */
  from: BindingId[]
}

export interface SubjectRules {
  user: RbacUser
  /** Cluster-wide rules first (namespace `''`), then each namespace's own that those do not cover already. */
  scopes: { namespace: string; rules: SourcedRule[] }[]
  /** Why some bindings gave nothing: upstream's words. */
  errors: string[]
}

/** `namespaces`: beside what holds everywhere; all of them unless told otherwise. */
export function subjectRules(model: AccessModel, user: RbacUser, namespaces: readonly string[] = model.namespacesOf(user)): SubjectRules {
  const errors = new Set<string>()
  const scopes: SubjectRules['scopes'] = []
  let everywhere: PolicyRule[] = []
  for (const namespace of ['', ...namespaces]) {
    const rules: SourcedRule[] = []
    model.index.visit(user, namespace, (grant, rule, error) => {
      if (grant.namespace !== namespace) return true
      if (error !== undefined) errors.add(error)
      const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding'
      // A path has no namespace: in a RoleBinding its rule never counts.
      const counting = rule === undefined || namespace === '' ? rule : { ...rule, nonResourceURLs: [] }
      if (counting !== undefined) rules.push({ rule: counting, from: [{ kind, namespace, name: grant.name }] })
      return true
    })
    const merged = mergeRules(rules).filter(({ rule }) => !covers(everywhere, [rule]))
    if (namespace === '') everywhere = merged.map(({ rule }) => rule)
    if (merged.length > 0) scopes.push({ namespace, rules: merged })
  }
  return { user, scopes, errors: [...errors] }
}

/** Larger rules are not taken apart, and so only joined as wholes. */
const MOST_PARTS = 2000
/** So many pairs of rules are compared; what a subject with more of them could be spared stays in its list. */
const MOST_COMPARISONS = 250_000

/** Rules that allow exactly what `rules` do: parts joined, repeated and covered ones left out. */
export function mergeRules(rules: readonly SourcedRule[]): SourcedRule[] {
  const parts = rules.flatMap(split)
  const byVerb = withoutCovered(joined(parts, ({ verbs: _, ...rest }) => rest, joinVerbs))
  const byUrl = joined(byVerb, ({ nonResourceURLs, ...rest }) => (nonResourceURLs === undefined ? [rest] : rest), joinUrls)
  const byResource = joined(byUrl, ({ resources: _, ...rest }) => rest, joinResources)
  return withoutCovered(joined(byResource, ({ apiGroups: _, ...rest }) => rest, joinGroups)).sort((a, b) =>
    orderOf(a.rule) < orderOf(b.rule) ? -1 : 1,
  )
}

/** What the others cover is left out; of two that cover each other, one stays. */
function withoutCovered(rules: readonly SourcedRule[]): SourcedRule[] {
  if (rules.length ** 2 > MOST_COMPARISONS) return [...rules]
  const kept = new Set(rules)
  for (const one of rules) {
    kept.delete(one)
    const others = [...kept].map(({ rule }) => rule)
    if (!covers(others, [one.rule])) kept.add(one)
  }
  return [...kept]
}

/** A rule for each resource and each URL, with sorted verbs and names and without what a star makes needless. */
function split({ rule, from }: SourcedRule): SourcedRule[] {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule
  const found: SourcedRule[] = []
  if (!some(verbs)) return found
  const plainVerbs = tidy(verbs)
  if (some(apiGroups) && some(resources)) {
    // A star among names is a name like any other.
    const names = some(resourceNames) ? { resourceNames: [...new Set(resourceNames)].sort() } : {}
    const [groups, things] = [tidy(apiGroups), tidy(resources)]
    if (groups.length * things.length > MOST_PARTS)
      found.push({ rule: { verbs: plainVerbs, apiGroups: groups, resources: things, ...names }, from })
    else
      for (const group of groups)
        for (const thing of things) found.push({ rule: { verbs: plainVerbs, apiGroups: [group], resources: [thing], ...names }, from })
  }
  for (const url of new Set(nonResourceURLs)) found.push({ rule: { verbs: plainVerbs, nonResourceURLs: [url] }, from })
  return found
}

function some(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0
}

function tidy(list: readonly string[]): string[] {
  return list.includes('*') ? ['*'] : [...new Set(list)].sort()
}

function joined(
  rules: readonly SourcedRule[],
  keyOf: (rule: PolicyRule) => unknown,
  join: (a: PolicyRule, b: PolicyRule) => PolicyRule,
): SourcedRule[] {
  const found = new Map<string, SourcedRule>()
  for (const { rule, from } of rules) {
    const key = JSON.stringify(keyOf(rule))
    const known = found.get(key)
    if (known === undefined) found.set(key, { rule, from })
    else found.set(key, { rule: join(known.rule, rule), from: union(known.from, from) })
  }
  return [...found.values()]
}

function joinVerbs(a: PolicyRule, b: PolicyRule): PolicyRule {
  return { ...a, verbs: tidy([...(a.verbs ?? []), ...(b.verbs ?? [])]) }
}

function joinResources(a: PolicyRule, b: PolicyRule): PolicyRule {
  return { ...a, resources: tidy([...(a.resources ?? []), ...(b.resources ?? [])]) }
}

function joinGroups(a: PolicyRule, b: PolicyRule): PolicyRule {
  return { ...a, apiGroups: tidy([...(a.apiGroups ?? []), ...(b.apiGroups ?? [])]) }
}

function joinUrls(a: PolicyRule, b: PolicyRule): PolicyRule {
  return { ...a, nonResourceURLs: [...new Set([...(a.nonResourceURLs ?? []), ...(b.nonResourceURLs ?? [])])].sort() }
}

function union(a: readonly BindingId[], b: readonly BindingId[]): BindingId[] {
  const found = new Map([...a, ...b].map((one) => [`${one.namespace}/${one.name}`, one]))
  return [...found.values()]
}

function orderOf({ apiGroups = [], resources = [], nonResourceURLs = [], resourceNames = [] }: PolicyRule): string {
  return JSON.stringify([nonResourceURLs.length > 0, apiGroups, resources, nonResourceURLs, resourceNames])
}
