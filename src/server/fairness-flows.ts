/**
 * Which flow schema a request belongs to.
 *
 * Schemas are compiled once per change. What a user's name and groups rule out is found once per user, so that a request meets only the
 * few rules that are about its sender.
 *
 * @see apiserver/pkg/util/flowcontrol/rule.go
 * @module
 */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../api/types/flowcontrol/v1.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from './request-info.ts'

const MAX_USERS = 4096

/** One flow schema, in order, with whatever its user hangs on it. */
export interface Flow<T> {
  schema: FlowSchema
  value: T
}

interface Candidate<T> {
  flow: Flow<T>
  rules: readonly PolicyRulesWithSubjects[]
}

export class FlowMatcher<T> {
  readonly #flows: readonly Flow<T>[]
  /** For requests that nothing matches: `catch-all`. */
  readonly #fallback: Flow<T>
  readonly #byUser = new Map<string, Candidate<T>[]>()

  /** `flows` in any order. */
  constructor(flows: readonly Flow<T>[], fallback: Flow<T>) {
    this.#flows = [...flows].sort(byPrecedence)
    this.#fallback = fallback
  }

  match(user: UserInfo, info: RequestInfo): Flow<T> {
    const candidates = this.#candidates(user)
    for (const { flow, rules } of candidates) for (const rule of rules) if (ruleMatches(rule, info)) return flow
    return this.#fallback
  }

  #candidates(user: UserInfo): readonly Candidate<T>[] {
    let key = user.username
    for (const group of user.groups) key += `\n${group}`
    const known = this.#byUser.get(key)
    if (known !== undefined) return known
    if (this.#byUser.size >= MAX_USERS) this.#byUser.clear()
    const candidates = this.#flows.flatMap((flow) => {
      const rules = (flow.schema.spec?.rules ?? []).filter(({ subjects = [] }) => subjects.some((subject) => subjectMatches(subject, user)))
      return rules.length === 0 ? [] : [{ flow, rules }]
    })
    this.#byUser.set(key, candidates)
    return candidates
  }
}

/** What keeps flows of one schema apart. */
export function flowDistinguisher({ spec }: FlowSchema, user: UserInfo, info: RequestInfo): string {
  switch (spec?.distinguisherMethod?.type) {
    case 'ByUser':
      return user.username
    case 'ByNamespace':
      return info.namespace
    default:
      return ''
  }
}

function byPrecedence(a: Flow<unknown>, b: Flow<unknown>): number {
  const difference = (a.schema.spec?.matchingPrecedence ?? 0) - (b.schema.spec?.matchingPrecedence ?? 0)
  if (difference !== 0) return difference
  return (a.schema.metadata?.name ?? '') < (b.schema.metadata?.name ?? '') ? -1 : 1
}

function subjectMatches({ kind, user: named, group, serviceAccount }: Subject, { username, groups }: UserInfo): boolean {
  switch (kind) {
    case 'User':
      return named?.name === '*' || named?.name === username
    case 'Group':
      return group?.name === '*' || (group?.name !== undefined && groups.includes(group.name))
    case 'ServiceAccount': {
      if (serviceAccount === undefined) return false
      const prefix = `system:serviceaccount:${serviceAccount.namespace}:`
      return serviceAccount.name === '*' ? username.startsWith(prefix) : username === prefix + serviceAccount.name
    }
    default:
      return false
  }
}

function ruleMatches({ resourceRules, nonResourceRules }: PolicyRulesWithSubjects, info: RequestInfo): boolean {
  if (info.isResource) return resourceRules?.some((rule) => resourceRuleMatches(rule, info)) ?? false
  return nonResourceRules?.some((rule) => pathRuleMatches(rule, info)) ?? false
}

function resourceRuleMatches(
  { verbs, resources, apiGroups, clusterScope = false, namespaces }: ResourcePolicyRule,
  info: RequestInfo,
): boolean {
  if (!lists(verbs, info.verb)) return false
  if (!lists(resources, info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`)) return false
  if (!lists(apiGroups, info.group)) return false
  return info.namespace === '' ? clusterScope : lists(namespaces, info.namespace)
}

function pathRuleMatches({ verbs, nonResourceURLs = [] }: NonResourcePolicyRule, { verb, path }: RequestInfo): boolean {
  if (!lists(verbs, verb)) return false
  return nonResourceURLs.some((url) => {
    if (url === '*' || url === path) return true
    const prefix = url.endsWith('*') ? url.slice(0, -1) : url
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
  })
}

/** A star stands for everything only when it stands alone, which validation sees to. */
function lists(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && ((list.length === 1 && list[0] === '*') || list.includes(value))
}
