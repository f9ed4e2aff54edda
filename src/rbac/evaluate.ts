/**
 * Whether an RBAC rule allows a request, and whether rules cover other rules. One definition for decisions, reviews, escalation checks
 * and analysis.
 *
 * Pure, and free of everything that a browser lacks.
 *
 * @see pkg/apis/rbac/v1/evaluation_helpers.go, component-helpers/auth/rbac/validation/policy_comparator.go
 * @module
 */
import type { PolicyRule } from '../api/types/rbac/v1.ts'

/** What is asked, as far as a rule looks at it. `Attributes` of the authorizers are one. */
export interface RuleRequest {
  verb: string
  isResource: boolean
  apiGroup: string
  resource: string
  /** `''` for the resource itself. */
  subresource: string
  /** `''` when the request names none: creates, plain lists. */
  name: string
  /** The URL path of everything else. */
  path: string
}

/** A rule with its wildcards found once instead of at every decision. */
export interface CompiledRule {
  readonly rule: PolicyRule
  /** Undefined: every verb. */
  readonly verbs: readonly string[] | undefined
  /** Undefined: every group. */
  readonly groups: readonly string[] | undefined
  /** Undefined: every resource and subresource. */
  readonly resources: readonly string[] | undefined
  /** Undefined: every name. */
  readonly names: readonly string[] | undefined
  readonly urls: readonly string[]
}

const NOTHING: readonly string[] = []

export function compileRule(rule: PolicyRule): CompiledRule {
  const names = rule.resourceNames ?? NOTHING
  return {
    rule,
    verbs: unlessAll(rule.verbs),
    groups: unlessAll(rule.apiGroups),
    resources: unlessAll(rule.resources),
    names: names.length === 0 ? undefined : names,
    urls: rule.nonResourceURLs ?? NOTHING,
  }
}

function unlessAll(list: readonly string[] | undefined): readonly string[] | undefined {
  if (list === undefined) return NOTHING
  return list.includes('*') ? undefined : list
}

/** How rules write the resource of a request: `pods`, `pods/log`. */
export function combinedResource({ resource, subresource }: RuleRequest): string {
  return subresource === '' ? resource : `${resource}/${subresource}`
}

/** Whether one rule allows one request. Rules only add: their order changes the reason given, never the answer. */
export function ruleAllows(rule: PolicyRule, request: RuleRequest): boolean {
  return compiledRuleAllows(compileRule(rule), request, combinedResource(request))
}

/** As `ruleAllows`; `combined` is `combinedResource(request)`, made once for many rules. */
export function compiledRuleAllows(rule: CompiledRule, request: RuleRequest, combined: string): boolean {
  if (rule.verbs !== undefined && !rule.verbs.includes(request.verb)) return false
  if (!request.isResource) return urlMatches(rule.urls, request.path)
  if (rule.groups !== undefined && !rule.groups.includes(request.apiGroup)) return false
  if (rule.resources !== undefined && !resourceMatches(rule.resources, combined, request.subresource)) return false
  return rule.names === undefined || rule.names.includes(request.name)
}

function resourceMatches(resources: readonly string[], combined: string, subresource: string): boolean {
  if (resources.includes(combined)) return true
  return subresource !== '' && resources.includes(`*/${subresource}`)
}

function urlMatches(urls: readonly string[], path: string): boolean {
  for (const url of urls) if (url === '*' || urlCovers(url, path)) return true
  return false
}

/** Equal, or ending in stars with the text before them as a prefix. A star elsewhere is a letter like any other. */
export function urlCovers(owned: string, path: string): boolean {
  if (owned === path) return true
  if (!owned.endsWith('*')) return false
  let end = owned.length
  while (end > 0 && owned[end - 1] === '*') end--
  return path.startsWith(owned.slice(0, end))
}

/** The rules of `requested`, in atoms, that no single rule of `held` covers. Empty: everything is covered. */
export function uncovered(held: readonly PolicyRule[], requested: readonly PolicyRule[]): PolicyRule[] {
  const owners = held.map(compileRule)
  const missing: PolicyRule[] = []
  for (const rule of requested) {
    // A rule that one owner rule covers as a whole needs no atoms; 10,000-rule roles stay affordable.
    if (isPlain(rule) && owners.some((owner) => coversWhole(owner, rule))) continue
    for (const atom of atoms(rule)) if (!owners.some((owner) => coversWhole(owner, atom))) missing.push(atom)
  }
  return missing
}

/** Whether `held` reaches at least as far as `requested`. */
export function covers(held: readonly PolicyRule[], requested: readonly PolicyRule[]): boolean {
  return uncovered(held, requested).length === 0
}

/** A rule of resources or of URLs, as validation lets through: its atoms are what it says and nothing more. */
function isPlain(rule: PolicyRule): boolean {
  return size(rule.nonResourceURLs) === 0 || (size(rule.resources) === 0 && size(rule.apiGroups) === 0 && size(rule.resourceNames) === 0)
}

/** One group, one resource, one verb and at most one name each; or one URL and one verb. */
export function atoms(rule: PolicyRule): PolicyRule[] {
  const result: PolicyRule[] = []
  const names = rule.resourceNames ?? NOTHING
  for (const group of rule.apiGroups ?? NOTHING) {
    for (const resource of rule.resources ?? NOTHING) {
      for (const verb of rule.verbs ?? NOTHING) {
        const atom = { apiGroups: [group], resources: [resource], verbs: [verb] }
        if (names.length === 0) result.push(atom)
        else for (const name of names) result.push({ ...atom, resourceNames: [name] })
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? NOTHING)
    for (const verb of rule.verbs ?? NOTHING) result.push({ nonResourceURLs: [url], verbs: [verb] })
  return result
}

function coversWhole(owner: CompiledRule, rule: PolicyRule): boolean {
  return (
    containsAll(owner.verbs, rule.verbs) &&
    containsAll(owner.groups, rule.apiGroups) &&
    (rule.resources ?? NOTHING).every((resource) => resourceCovered(owner.resources, resource)) &&
    (size(rule.resourceNames) === 0
      ? owner.names === undefined
      : owner.names === undefined || containsAll(owner.names, rule.resourceNames)) &&
    (rule.nonResourceURLs ?? NOTHING).every((url) => owner.urls.some((owned) => urlCovers(owned, url)))
  )
}

function containsAll(owned: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean {
  return owned === undefined || wanted === undefined || wanted.every((one) => owned.includes(one))
}

function resourceCovered(owned: readonly string[] | undefined, resource: string): boolean {
  if (owned === undefined || owned.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && owned.includes(`*/${resource.slice(slash + 1)}`)
}

/**
 * Joins rules of one group, one resource and at most one name by adding their verbs up, in order of appearance; others stay apart.
 *
 * @see pkg/registry/rbac/validation/policy_compact.go
 */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const compacted: PolicyRule[] = []
  const byResource = new Map<string, PolicyRule>()
  for (const rule of rules) {
    const key = simpleKey(rule)
    if (key === undefined) {
      compacted.push(rule)
      continue
    }
    const known = byResource.get(key)
    if (known === undefined) byResource.set(key, { ...rule, verbs: [...(rule.verbs ?? NOTHING)] })
    else known.verbs!.push(...(rule.verbs ?? NOTHING)) // set when the entry was made
  }
  return [...compacted, ...byResource.values()]
}

function simpleKey(rule: PolicyRule): string | undefined {
  if (size(rule.resourceNames) > 1 || size(rule.nonResourceURLs) > 0 || size(rule.apiGroups) !== 1 || size(rule.resources) !== 1)
    return undefined
  return JSON.stringify([rule.apiGroups![0], rule.resources![0], rule.resourceNames?.[0] ?? null])
}

function size(list: readonly string[] | undefined): number {
  return list?.length ?? 0
}
