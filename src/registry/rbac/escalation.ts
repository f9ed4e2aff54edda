/**
 * Nobody grants more than they hold: what a writer of roles and bindings must have besides the verb.
 *
 * @see pkg/registry/rbac/escalation_check.go, pkg/registry/rbac/validation/rule.go, pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased
 * @module
 */
import { aggregateErrors } from '../../api/aggregate.ts'
import { pathSegmentErrors } from '../../api/names.ts'
import type { KubeObject } from '../../api/object.ts'
import { semanticEqual } from '../../api/semantic-equal.ts'
import { badRequest, failure, forbidden, notFound, quote } from '../../api/status.ts'
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '../../api/types/rbac/v1.ts'
import { SYSTEM_MASTERS } from '../../authentication/user.ts'
import { compactRules, uncovered } from '../../rbac/evaluate.ts'
import type { Write } from '../resource.ts'

const GROUP = 'rbac.authorization.k8s.io'
const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

export type RbacResource = 'roles' | 'clusterroles' | 'rolebindings' | 'clusterrolebindings'

/** Throws 403 when the writer may not make the object what it is; 404 when a binding needs the rules of a role that is missing. */
export async function checkEscalation(
  resource: RbacResource,
  object: KubeObject,
  old: KubeObject | undefined,
  write: Write,
): Promise<void> {
  // Its members make the server's own requests.
  if (write.user.groups.includes(SYSTEM_MASTERS)) return
  if (resource === 'roles' || resource === 'clusterroles') await checkRole(resource, object, old, write)
  else await checkBinding(resource, object, old, write)
}

async function checkRole(
  resource: 'roles' | 'clusterroles',
  role: Role | ClusterRole,
  old: Role | ClusterRole | undefined,
  write: Write,
): Promise<void> {
  // A create names no object, so a right to escalate certain roles does not reach it.
  if (await allowed(write, 'escalate', resource, old === undefined ? '' : write.name)) return
  if (changesOnlyOwnership(role, old)) return
  const name = role.metadata?.name ?? ''
  confirmNoEscalation({ group: GROUP, resource }, name, role.rules ?? [], write)
  if (!isAggregated(role) && !isAggregated(old)) return
  if (missingRules(FULL_AUTHORITY, write).length > 0) {
    throw forbidden({ group: GROUP, resource }, name, 'must have cluster-admin privileges to use the aggregationRule')
  }
}

async function checkBinding(
  resource: 'rolebindings' | 'clusterrolebindings',
  binding: RoleBinding,
  old: RoleBinding | undefined,
  write: Write,
): Promise<void> {
  if (changesOnlyOwnership(binding, old)) return
  // Whether the group is the right one, validation tells; until then a right to bind is one in the group that was named.
  const { apiGroup = GROUP, kind = '', name = '' } = binding.roleRef ?? {}
  const role = kind === 'ClusterRole' ? 'clusterroles' : kind === 'Role' ? 'roles' : undefined
  if (role !== undefined && (await allowed(write, 'bind', role, name, apiGroup))) return
  confirmNoEscalation({ group: GROUP, resource }, binding.metadata?.name ?? '', rulesOf(resource, role, kind, name, write), write)
}

/** The rules of the referenced role. What is missing is named by the resource of the request, as upstream does. */
function rulesOf(resource: string, role: 'roles' | 'clusterroles' | undefined, kind: string, name: string, write: Write): PolicyRule[] {
  if (role === undefined) throw failure(500, '', `unsupported role reference kind: ${quote(kind)}`)
  if (role === 'roles' && write.namespace === '') throw badRequest('Namespace parameter required.')
  if (name === '') throw badRequest('Name parameter required.')
  const wrong = pathSegmentErrors(name)
  if (wrong.length > 0) throw badRequest(`Name parameter invalid: ${quote(name)}: ${wrong.join(';')}`)
  const rules = write.world.rbac?.roleRules(role === 'roles' ? write.namespace : '', name)
  if (rules === undefined) throw notFound({ group: GROUP, resource }, name)
  return rules
}

async function allowed(write: Write, verb: 'escalate' | 'bind', resource: string, name: string, apiGroup = GROUP): Promise<boolean> {
  const { decision } = await write.world.authorizer.authorize({
    user: write.user,
    verb,
    isResource: true,
    apiGroup,
    apiVersion: '*',
    resource,
    subresource: '',
    namespace: write.namespace,
    name,
    path: '',
  })
  return decision === 'allow'
}

function confirmNoEscalation(of: { group: string; resource: string }, name: string, rules: readonly PolicyRule[], write: Write): void {
  const missing = missingRules(rules, write)
  if (missing.length === 0) return
  const { username, groups } = write.user
  const lines = [...new Set(compactRules(missing).map(compactText))].sort()
  const text = `user ${quote(username)} (groups=${quoteList(groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}`
  // A role that the index misses is one that storage misses, which names it by the resource of the request.
  const errors = heldRules(write).errors.map((error) => error.replace(/^(?:cluster)?role\./, `${of.resource}.`))
  throw forbidden(of, name, errors.length === 0 ? text : `${text}; resolution errors: [${aggregateErrors(errors)}]`)
}

function missingRules(rules: readonly PolicyRule[], write: Write): PolicyRule[] {
  return uncovered(heldRules(write).rules, rules)
}

function heldRules({ world, user, namespace }: Write): { rules: PolicyRule[]; errors: string[] } {
  return world.rbac?.rulesFor(user, namespace) ?? { rules: [], errors: [] }
}

function isAggregated(role: Role | ClusterRole | undefined): boolean {
  return ((role as ClusterRole | undefined)?.aggregationRule?.clusterRoleSelectors ?? []).length > 0
}

/** What the garbage collector writes; nothing at all counts as well. */
function changesOnlyOwnership(object: KubeObject, old: KubeObject | undefined): boolean {
  return old !== undefined && semanticEqual(withoutOwnership(object), withoutOwnership(old))
}

function withoutOwnership(object: KubeObject): unknown {
  const { ownerReferences: _owners, finalizers: _finalizers, selfLink: _link, managedFields: _fields, ...metadata } = object.metadata ?? {}
  return { ...object, kind: undefined, apiVersion: undefined, metadata }
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
function compactText(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ]
  return `{${parts.flatMap(([name, list]) => (list === undefined || list.length === 0 ? [] : [`${name}:${quoteList(list)}`])).join(', ')}}`
}

function quoteList(list: readonly string[]): string {
  return `[${list.map(quote).join(' ')}]`
}
