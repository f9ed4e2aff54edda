/**
 * `--authorization-mode=ABAC`: policies from a file, one JSON object a line.
 *
 * @see pkg/auth/authorizer/abac/abac.go, pkg/apis/abac/v0/conversion.go
 * @module
 */
import { ALL_AUTHENTICATED, type UserInfo } from '../authentication/user.ts'
import { urlCovers } from '../rbac/evaluate.ts'
import type { Attributes, Authorization, Authorizer, ResourceRule } from './authorizer.ts'

/** `spec` of `abac.authorization.kubernetes.io/v1beta1` Policy; absent members are `''`. */
export interface AbacPolicy {
  user: string
  group: string
  readonly: boolean
  apiGroup: string
  resource: string
  namespace: string
  nonResourcePath: string
}

const API_VERSION = 'abac.authorization.kubernetes.io/v1beta1'
const ALLOW: Authorization = { decision: 'allow', reason: '' }
const NO_OPINION: Authorization = { decision: 'noOpinion', reason: 'No policy matched.' }
const TEXTS = ['user', 'group', 'apiGroup', 'resource', 'namespace', 'nonResourcePath'] as const

/** Throws an Error that names the file and the line. */
export function parseAbacPolicies(path: string, text: string): AbacPolicy[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    try {
      return [parsePolicy(trimmed)]
    } catch (error) {
      // Whatever was thrown, the reader needs the place.
      throw new Error(`error reading policy file ${path}, line ${index + 1}: ${line}: ${(error as Error).message}`, { cause: error })
    }
  })
}

function parsePolicy(line: string): AbacPolicy {
  const value: unknown = JSON.parse(line)
  if (!isRecord(value)) throw new TypeError('a policy is a JSON object')
  const { apiVersion, kind, spec } = value
  if (apiVersion === undefined && kind === undefined) return fromUnversioned(policyOf(value))
  if (apiVersion !== API_VERSION || kind !== 'Policy')
    throw new TypeError(`no kind "${kind ?? 'Policy'}" is registered for version "${apiVersion ?? ''}"`)
  if (spec !== undefined && !isRecord(spec)) throw new TypeError('spec is a JSON object')
  return anybody(policyOf(spec ?? {}))
}

/** A star for users or groups means everybody who is authenticated, and whatever else is said of the subject means nothing. */
function anybody(policy: AbacPolicy): AbacPolicy {
  return policy.user === '*' || policy.group === '*' ? { ...policy, user: '', group: ALL_AUTHENTICATED } : policy
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function policyOf(members: Record<string, unknown>): AbacPolicy {
  const policy: AbacPolicy = { user: '', group: '', readonly: false, apiGroup: '', resource: '', namespace: '', nonResourcePath: '' }
  for (const name of TEXTS) {
    const text = members[name] ?? ''
    if (typeof text !== 'string') throw new TypeError(`${name} is a string`)
    policy[name] = text
  }
  const readonly = members['readonly'] ?? false
  if (typeof readonly !== 'boolean') throw new TypeError('readonly is a boolean')
  policy.readonly = readonly
  return policy
}

/** Lines from before API versions: what is left out means everything. */
function fromUnversioned(policy: AbacPolicy): AbacPolicy {
  const converted = { ...anybody(policy), apiGroup: '*', nonResourcePath: '' }
  if (policy.user === '' && policy.group === '') converted.group = ALL_AUTHENTICATED
  if (policy.namespace === '') converted.namespace = '*'
  if (policy.resource === '') converted.resource = '*'
  if (policy.namespace === '' && policy.resource === '') converted.nonResourcePath = '*'
  return converted
}

export function abacAuthorizer(policies: readonly AbacPolicy[]): Authorizer {
  return {
    name: 'ABAC',
    authorize: (attributes) => (policies.some((policy) => matches(policy, attributes)) ? ALLOW : NO_OPINION),
    rulesFor(user, namespace) {
      const applying = policies.filter((policy) => subjectMatches(policy, user) && equalOrAny(policy.namespace, namespace))
      const resourceRules: ResourceRule[] = []
      const nonResourceRules: { verbs: readonly string[]; nonResourceURLs: readonly string[] }[] = []
      for (const { readonly, apiGroup, resource, nonResourcePath } of applying) {
        const verbs = readonly ? ['get', 'list', 'watch'] : ['*']
        if (resource !== '') resourceRules.push({ verbs, apiGroups: [apiGroup], resources: [resource] })
        if (nonResourcePath !== '') nonResourceRules.push({ verbs, nonResourceURLs: [nonResourcePath] })
      }
      return { resourceRules, nonResourceRules, incomplete: false }
    },
  }
}

function matches(policy: AbacPolicy, attributes: Attributes): boolean {
  if (!subjectMatches(policy, attributes.user)) return false
  const { verb, isResource, namespace, resource, apiGroup, path } = attributes
  if (policy.readonly && verb !== 'get' && verb !== 'list' && verb !== 'watch') return false
  if (!isResource) return policy.nonResourcePath === '*' || urlCovers(policy.nonResourcePath, path)
  return equalOrAny(policy.namespace, namespace) && equalOrAny(policy.resource, resource) && equalOrAny(policy.apiGroup, apiGroup)
}

/** Given both, both must match; given neither, nobody does. */
function subjectMatches(policy: AbacPolicy, { username, groups }: UserInfo): boolean {
  if (policy.user === '' && policy.group === '') return false
  return (policy.user === '' || policy.user === username) && (policy.group === '' || groups.includes(policy.group))
}

function equalOrAny(policy: string, value: string): boolean {
  return policy === '*' || policy === value
}
