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

/** Rules of one role or one user, found by what they are about where they are many. */
export interface RuleSet {
  readonly rules: readonly CompiledRule[]
  readonly index: RuleSetIndex | undefined
}

interface RuleSetIndex {
  byResource: Map<string, CompiledRule[]>
  anyResource: CompiledRule[]
  byUrl: Map<string, CompiledRule[]>
  urlGlobs: CompiledRule[]
}

/** Up to so many rules are looked at one by one. */
const FEW_RULES = 16

export function ruleSet(rules: readonly PolicyRule[]): RuleSet {
  const compiled = rules.map(compileRule)
  return { rules: compiled, index: compiled.length <= FEW_RULES ? undefined : indexRules(compiled) }
}

function indexRules(rules: readonly CompiledRule[]): RuleSetIndex {
  const index: RuleSetIndex = { byResource: new Map(), anyResource: [], byUrl: new Map(), urlGlobs: [] }
  for (const rule of rules) {
    if (rule.resources === undefined) index.anyResource.push(rule)
    else for (const resource of rule.resources) addTo(index.byResource, resource, rule)
    for (const url of rule.urls) {
      if (url.endsWith('*')) index.urlGlobs.push(rule)
      else addTo(index.byUrl, url, rule)
    }
  }
  return index
}

function addTo(map: Map<string, CompiledRule[]>, key: string, rule: CompiledRule): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [rule])
  else list.push(rule)
}

/** Whether some rule of the set allows the request; `combined` is `combinedResource(request)`. */
export function ruleSetAllows({ rules, index }: RuleSet, request: RuleRequest, combined: string): boolean {
  if (index === undefined) return anyAllows(rules, request, combined)
  if (!request.isResource)
    return anyAllows(index.byUrl.get(request.path), request, combined) || anyAllows(index.urlGlobs, request, combined)
  return (
    anyAllows(index.byResource.get(combined), request, combined) ||
    (request.subresource !== '' && anyAllows(index.byResource.get(`*/${request.subresource}`), request, combined)) ||
    anyAllows(index.anyResource, request, combined)
  )
}

function anyAllows(rules: readonly CompiledRule[] | undefined, request: RuleRequest, combined: string): boolean {
  if (rules === undefined) return false
  for (const rule of rules) if (compiledRuleAllows(rule, request, combined)) return true
  return false
}

/** Whether one rule of the set covers all of `rule`. */
function someCovers({ rules, index }: RuleSet, rule: PolicyRule): boolean {
  const covering = (list: readonly CompiledRule[] | undefined) => list?.some((owner) => coversWhole(owner, rule)) === true
  if (index === undefined) return covering(rules)
  const resource = rule.resources?.[0]
  if (resource !== undefined) {
    const slash = resource.indexOf('/')
    const ofAny = slash < 0 ? undefined : index.byResource.get(`*/${resource.slice(slash + 1)}`)
    return covering(index.byResource.get(resource)) || covering(ofAny) || covering(index.anyResource)
  }
  const url = rule.nonResourceURLs?.[0]
  return url === undefined ? covering(rules) : covering(index.byUrl.get(url)) || covering(index.urlGlobs)
}

/** A rule of thousands of groups, resources and verbs is not taken apart beyond this: it is missing as a whole. */
const MAX_ATOMS = 20_000

/** The rules of `requested`, in atoms, that no single rule of `held` covers. Empty: everything is covered. */
export function uncovered(held: readonly PolicyRule[], requested: readonly PolicyRule[]): PolicyRule[] {
  const owners = ruleSet(held)
  const missing: PolicyRule[] = []
  let budget = MAX_ATOMS
  for (const rule of requested) {
    // What one owner rule covers as a whole needs no atoms.
    if (isPlain(rule) && someCovers(owners, rule)) continue
    budget -= atomCount(rule)
    if (budget < 0) missing.push(rule)
    else for (const atom of atoms(rule)) if (!someCovers(owners, atom)) missing.push(atom)
  }
  return missing
}

function atomCount(rule: PolicyRule): number {
  return (
    size(rule.verbs) * (size(rule.apiGroups) * size(rule.resources) * Math.max(1, size(rule.resourceNames)) + size(rule.nonResourceURLs))
  )
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
