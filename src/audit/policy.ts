/**
 * The audit policy: what of which request is recorded, and at which of its stages.
 *
 * @see apiserver/pkg/apis/audit/v1/types.go, apiserver/pkg/audit/policy/checker.go, apiserver/pkg/apis/audit/validation/validation.go
 * @module
 */
import { type FieldError, invalidValue, notSupported, required } from '../api/field.ts'
import { dns1123SubdomainErrors } from '../api/names.ts'

export const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type Level = (typeof LEVELS)[number]

export const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type Stage = (typeof STAGES)[number]

export interface GroupResources {
  /** `''` is core, `*` any. */
  group?: string
  /** None: all of the group. `pods`, `pods/log`, `*`, any resource's `status`, `pods/*`. */
  resources?: readonly string[]
  resourceNames?: readonly string[]
}

export interface PolicyRule {
  level: Level
  users?: readonly string[]
  userGroups?: readonly string[]
  verbs?: readonly string[]
  resources?: readonly GroupResources[]
  namespaces?: readonly string[]
  nonResourceURLs?: readonly string[]
  omitStages?: readonly Stage[]
  omitManagedFields?: boolean
}

export interface Policy {
  apiVersion?: string
  kind?: string
  rules: readonly PolicyRule[]
  omitStages?: readonly Stage[]
  omitManagedFields?: boolean
}

/** What a rule looks at. `user` is who was authenticated; undefined when nobody was. */
export interface Audited {
  user: { username: string; groups: readonly string[] } | undefined
  verb: string
  isResource: boolean
  apiGroup: string
  resource: string
  subresource: string
  namespace: string
  name: string
  path: string
}

export interface AuditConfig {
  level: Level
  omitStages: ReadonlySet<Stage>
  omitManagedFields: boolean
}

/** The decoded policy file, checked. Throws an Error that says where and why. */
export function auditPolicy(document: unknown): Policy {
  const policy = (document ?? {}) as Policy
  if (policy.apiVersion !== 'audit.k8s.io/v1' || policy.kind !== 'Policy')
    throw new Error(`unknown group version field ${policy.apiVersion ?? ''}, Kind=${policy.kind ?? ''} in policy`)
  const { rules = [] } = policy
  const errors = [...stageErrors(policy.omitStages, 'omitStages'), ...rules.flatMap((rule, index) => ruleErrors(rule, `rules[${index}]`))]
  if (errors.length > 0) throw new Error(errors.map(({ field, text }) => `${field}: ${text}`).join(', '))
  if (rules.length === 0) throw new Error('loaded illegal policy with 0 rules')
  return { ...policy, rules }
}

/** The first rule that is about the request decides; without one nothing is recorded. */
export function auditConfig(policy: Policy, audited: Audited): AuditConfig {
  const rule = policy.rules.find((one) => ruleMatches(one, audited))
  return {
    level: rule?.level ?? 'None',
    omitStages: new Set([...(policy.omitStages ?? []), ...(rule?.omitStages ?? [])]),
    omitManagedFields: rule?.omitManagedFields ?? policy.omitManagedFields ?? false,
  }
}

function ruleMatches(rule: PolicyRule, audited: Audited): boolean {
  const { users = [], userGroups = [], verbs = [], resources = [], namespaces = [], nonResourceURLs = [] } = rule
  const { user } = audited
  if (users.length > 0 && (user === undefined || !users.includes(user.username))) return false
  if (userGroups.length > 0 && !(user?.groups.some((group) => userGroups.includes(group)) ?? false)) return false
  if (verbs.length > 0 && !verbs.includes(audited.verb)) return false
  if (namespaces.length > 0 || resources.length > 0) {
    if (!audited.isResource) return false
    if (namespaces.length > 0 && !namespaces.includes(audited.namespace)) return false
    return resources.length === 0 || resources.some((one) => resourceMatches(one, audited))
  }
  if (nonResourceURLs.length === 0) return true
  return !audited.isResource && nonResourceURLs.some((url) => pathMatches(url, audited.path))
}

function resourceMatches(
  { group = '', resources = [], resourceNames = [] }: GroupResources,
  { apiGroup, resource, subresource, name }: Audited,
): boolean {
  if (group !== apiGroup && group !== '*') return false
  if (resources.length === 0) return true
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false
  const whole = subresource === '' ? resource : `${resource}/${subresource}`
  return resources.some(
    (one) => one === '*' || one === whole || (subresource !== '' && one === `*/${subresource}`) || one === `${resource}/*`,
  )
}

function pathMatches(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')))
}

function ruleErrors(rule: PolicyRule, at: string): FieldError[] {
  const { level = '', nonResourceURLs = [], resources = [], namespaces = [] } = rule as Partial<PolicyRule>
  const errors: FieldError[] = []
  if (level === '') errors.push(required(`${at}.level`))
  else if (!LEVELS.includes(level)) errors.push(notSupported(`${at}.level`, level, LEVELS))
  nonResourceURLs.forEach((url, index) => {
    if (url === '*') return
    const field = `${at}.nonResourceURLs[${index}]`
    if (!url.startsWith('/')) errors.push(invalidValue(field, url, "non-resource URL rules must begin with a '/' character"))
    if (url.slice(0, -1).includes('*'))
      errors.push(invalidValue(field, url, "non-resource URL wildcards '*' must be the final character of the rule"))
  })
  for (const { group = '', resources: names = [], resourceNames = [] } of resources) {
    const problems = group === '' || group === '*' ? [] : dns1123SubdomainErrors(group)
    if (problems.length > 0) errors.push(invalidValue(`${at}.resources.group`, group, problems.join(',')))
    if (resourceNames.length > 0 && names.length === 0)
      errors.push(invalidValue(`${at}.resources.resourceNames`, resourceNames, 'using resourceNames requires at least one resource'))
  }
  errors.push(...stageErrors(rule.omitStages, `${at}.omitStages`))
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0))
    errors.push(
      invalidValue(`${at}.nonResourceURLs`, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
    )
  return errors
}

function stageErrors(stages: readonly Stage[] = [], at: string): FieldError[] {
  return stages.flatMap((stage, index) =>
    STAGES.includes(stage) ? [] : [invalidValue(`${at}[${index}]`, stage, `allowed stages are ${STAGES.join(',')}`)],
  )
}
