/**
 * Why somebody may do something, or why not: every chain that grants it, or what comes nearest and the smallest rule that would do.
 *
 * @module
 */
import type { PolicyRule, Subject } from '../api/types/rbac/v1.ts'
import { ruleAllows } from '../rbac/evaluate.ts'
import { type Grant, type RbacUser, subjectApplies } from '../rbac/index.ts'
import {
  type AccessModel,
  type AccessQuestion,
  type BindingId,
  bindingsAt,
  type ModelBinding,
  type ModelRole,
  type RoleId,
} from './access-model.ts'
import { type Suggestion, suggest } from './suggestion.ts'
import { accountOf, SUPERUSERS } from './user.ts'

/** One rule that allows it, and the way from the subject to it. */
export interface GrantingChain {
  binding: BindingId
  /** Those of the binding's subjects that are the user. */
  subjects: Subject[]
  role: RoleId
  /** ClusterRoles that an aggregated role has the rule from. */
  aggregatedFrom?: string[]
  rule: PolicyRule
}

/** What would have allowed it, had one thing been different. */
export type NearMiss =
  /** A rule of the user's that lacks one part. */
  | { kind: 'rule'; lacks: RulePart; binding: BindingId; role: RoleId; rule: PolicyRule }
  /** It is allowed in another namespace. */
  | { kind: 'namespace'; binding: BindingId; role: RoleId; rule: PolicyRule }
  /** A binding of the user's whose role does not exist. */
  | { kind: 'missingRole'; binding: BindingId; role: RoleId }
  /** A binding of a role that allows it, of somebody whose name is nearly the user's. */
  | { kind: 'subject'; binding: BindingId; role: RoleId; subject: Subject; difference: string }
  /** A role that allows it and is there to be bound. */
  | { kind: 'unbound'; role: RoleId }

/** `subresource`: the rule has the resource, with other subresources or without. */
export type RulePart = 'verb' | 'apiGroup' | 'subresource' | 'resourceName' | 'path'

export interface Why {
  user: RbacUser
  question: AccessQuestion
  allowed: boolean
  /** Members of `system:masters` are allowed everything before RBAC is asked. */
  superuser: boolean
  chains: GrantingChain[]
  /** Why some bindings gave nothing: upstream's words. */
  errors: string[]
  /** On a denial, the nearest first; roles that could be bound come last, the smallest of them first. */
  nearMisses: NearMiss[]
  suggestion?: Suggestion
}

/** More would hide the nearest. */
const MOST_NEAR_MISSES = 10
const MOST_ROLES = 3

export function why(model: AccessModel, user: RbacUser, question: AccessQuestion): Why {
  const superuser = user.groups.includes(SUPERUSERS)
  const chains: GrantingChain[] = []
  const errors = new Set<string>()
  model.index.visit(user, question.namespace, (grant, rule, error) => {
    if (error !== undefined) errors.add(error)
    if (rule !== undefined && ruleAllows(rule, question)) chains.push(chainOf(model, user, grant, rule))
    return true
  })
  const allowed = superuser || chains.length > 0
  const found: Why = { user, question, allowed, superuser, chains, errors: [...errors], nearMisses: [] }
  if (allowed) return found
  const suggestion = suggest(model, user, question)
  return { ...found, nearMisses: nearMisses(model, user, question), ...(suggestion === undefined ? {} : { suggestion }) }
}

/** As `why`, and no more than the answer. */
export function can(model: AccessModel, user: RbacUser, question: AccessQuestion): { allowed: boolean; reason: string } {
  if (user.groups.includes(SUPERUSERS)) return { allowed: true, reason: `members of the group ${SUPERUSERS} are allowed everything` }
  const decision = model.index.decide(user, question.namespace, question)
  return decision.allowed ? decision : { allowed: false, reason: decision.errors.join('; ') }
}

function chainOf(model: AccessModel, user: RbacUser, grant: Grant, rule: PolicyRule): GrantingChain {
  const role = roleIdOf(grant)
  const from = role.namespace === '' ? model.contributors(role.name, rule) : []
  return {
    binding: bindingIdOf(grant),
    subjects: grant.subjects.filter((subject) => subjectApplies(subject, user, grant.namespace)),
    role,
    ...(from.length === 0 ? {} : { aggregatedFrom: from }),
    rule,
  }
}

function bindingIdOf({ namespace, name }: { namespace: string; name: string }): BindingId {
  return { kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding', namespace, name }
}

function roleIdOf({ namespace, roleRef }: { namespace: string; roleRef: Grant['roleRef'] }): RoleId {
  const { kind = '', name = '' } = roleRef
  return { kind, namespace: kind === 'Role' ? namespace : '', name }
}

function nearMisses(model: AccessModel, user: RbacUser, question: AccessQuestion): NearMiss[] {
  const found: NearMiss[] = []
  model.index.visit(user, question.namespace, (grant, rule) => {
    const ids = { binding: bindingIdOf(grant), role: roleIdOf(grant) }
    if (rule === undefined) found.push({ kind: 'missingRole', ...ids })
    else for (const lacks of lackingParts(rule, question)) found.push({ kind: 'rule', lacks, ...ids, rule })
    return true
  })
  for (const namespace of question.isResource ? model.namespacesOf(user) : []) {
    if (namespace === question.namespace) continue
    model.index.visit(user, namespace, (grant, rule) => {
      if (grant.namespace !== '' && rule !== undefined && ruleAllows(rule, question))
        found.push({ kind: 'namespace', binding: bindingIdOf(grant), role: roleIdOf(grant), rule })
      return true
    })
  }
  const bindable: ModelRole[] = []
  for (const { role } of model.rolesAllowing(question)) {
    const { id } = role
    for (const bindings of bindingsAt(role, question.namespace))
      for (const binding of bindings) found.push(...lookalikes(binding, id, user))
    // Kubernetes' own parts are not meant for others.
    if ((id.namespace === '' || id.namespace === question.namespace) && !id.name.startsWith('system:')) bindable.push(role)
  }
  const nearest = found
    .map((miss, place) => ({ miss, place }))
    .sort((a, b) => distanceOf(a.miss) - distanceOf(b.miss) || a.place - b.place)
    .slice(0, MOST_NEAR_MISSES)
    .map(({ miss }) => miss)
  const smallest = bindable
    .map((role) => ({ role, breadth: breadthOf(role) }))
    .sort((a, b) => a.breadth - b.breadth)
    .slice(0, MOST_ROLES)
  return [...nearest, ...smallest.map(({ role }): NearMiss => ({ kind: 'unbound', role: role.id }))]
}

/** Which single part of a rule stands in the way; empty where it is more than one, or nothing that is like what was asked. */
export function lackingParts(rule: PolicyRule, question: AccessQuestion): RulePart[] {
  const allowsWith = (change: Partial<PolicyRule>) => ruleAllows({ ...rule, ...change }, question)
  if (allowsWith({})) return []
  const parts: RulePart[] = []
  if (allowsWith({ verbs: ['*'] })) parts.push('verb')
  if (!question.isResource) {
    if (allowsWith({ nonResourceURLs: ['*'] }) && (rule.nonResourceURLs ?? []).some((url) => likePath(url, question.path)))
      parts.push('path')
    return parts
  }
  if (allowsWith({ resourceNames: [] })) parts.push('resourceName')
  const like = (rule.resources ?? []).some((one) => one.split('/')[0] === question.resource)
  if (like && allowsWith({ resources: ['*'] })) parts.push('subresource')
  // A group is nearly right only where the resource is named.
  if (allowsWith({ apiGroups: ['*'] })) parts.push('apiGroup')
  return parts
}

/** Whether one is the other's beginning, but for a star and a slash. */
function likePath(url: string, path: string): boolean {
  const bare = url.replace(/\/?\**$/, '')
  return bare !== '' && (path.startsWith(bare) || bare.startsWith(path.replace(/\/$/, '')))
}

function lookalikes(binding: ModelBinding, role: RoleId, user: RbacUser): NearMiss[] {
  const account = accountOf(user.username)
  return binding.subjects.flatMap(({ kind, name, namespace }): NearMiss[] => {
    const difference = differenceOf({ kind, name, namespace }, user, account)
    if (difference === undefined) return []
    const subject: Subject = kind === 'ServiceAccount' ? { kind, name, namespace } : { kind, name }
    return [{ kind: 'subject', binding: binding.id, role, subject, difference }]
  })
}

function differenceOf(
  { kind, name, namespace }: { kind: string; name: string; namespace: string },
  { username, groups }: RbacUser,
  account: { namespace: string; name: string } | undefined,
): string | undefined {
  if (username === '') return undefined
  switch (kind) {
    case 'ServiceAccount':
      if (account !== undefined && name === account.name) return `it is the account of that name in namespace ${namespace}`
      if (account === undefined && name === username) return 'it is a service account, not a user'
      return undefined
    case 'User':
      if (account !== undefined && name === account.name) return 'it is a user, not a service account'
      return name.toLowerCase() === username.toLowerCase() ? 'upper and lower case differ' : undefined
    case 'Group':
      if (name === username || (account !== undefined && name === account.name)) return 'it is a group, not the user'
      return groups.some((group) => group.toLowerCase() === name.toLowerCase()) ? 'upper and lower case differ' : undefined
    default:
      return undefined
  }
}

const PART_DISTANCE: Readonly<Record<RulePart, number>> = { resourceName: 0, subresource: 2, apiGroup: 3, path: 2, verb: 4 }

function distanceOf(miss: NearMiss): number {
  switch (miss.kind) {
    case 'missingRole':
      return 1
    case 'rule':
      return PART_DISTANCE[miss.lacks]
    case 'subject':
      return 3
    case 'namespace':
      return 6
    case 'unbound':
      return 7
  }
}

/** A star is taken for as many things as a cluster may have. */
const STAR = 100

/** How much a role allows, roughly: the one that somebody meant to bind is a small one. */
function breadthOf({ rules }: ModelRole): number {
  const width = (list: readonly string[] = []) => list.reduce((sum, one) => sum + (one.includes('*') ? STAR : 1), 0)
  let breadth = 0
  for (const { rule } of rules?.rules ?? []) {
    const things = width(rule.apiGroups) * width(rule.resources)
    // A list of names is less than everything.
    breadth += width(rule.verbs) * (things / ((rule.resourceNames?.length ?? 0) > 0 ? 2 : 1) + width(rule.nonResourceURLs))
  }
  return breadth
}
