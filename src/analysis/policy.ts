/**
 * RBAC objects as plain data, wherever they come from: a server's lists, YAML files, a snapshot.
 *
 * Works in Node and in the browser.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../api/types/rbac/v1.ts'
import { aggregatedRules, sameRules } from '../rbac/aggregation.ts'

export interface Policy {
  clusterRoles: readonly ClusterRole[]
  roles: readonly Role[]
  clusterRoleBindings: readonly ClusterRoleBinding[]
  roleBindings: readonly RoleBinding[]
}

/** An object that claims to be RBAC's and is not: deciding without it would be a wrong answer. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
}

const API_VERSIONS = new Set(['rbac.authorization.k8s.io/v1', 'rbac.authorization.k8s.io/v1beta1'])
const KINDS = new Set(['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding'])
const RULE_LISTS = ['verbs', 'apiGroups', 'resources', 'resourceNames', 'nonResourceURLs'] as const

export interface ReadOptions {
  /** For Roles and RoleBindings that name none, as `kubectl apply` would. */
  namespace: string
  /** Fills aggregated ClusterRoles, as the controller of a cluster would. */
  aggregate: boolean
  /** Where an object comes from, for errors. */
  origin?(object: KubeObject): string | undefined
}

/** The RBAC objects among `objects`, of which Lists are opened; a later one replaces an earlier one of the same name. @throws PolicyError */
export function policyFrom(objects: Iterable<KubeObject>, { namespace, aggregate, origin }: ReadOptions): Policy {
  const kinds = {
    ClusterRole: new Map<string, ClusterRole>(),
    Role: new Map<string, Role>(),
    ClusterRoleBinding: new Map<string, ClusterRoleBinding>(),
    RoleBinding: new Map<string, RoleBinding>(),
  }
  for (const object of opened(objects)) {
    if (!API_VERSIONS.has(object.apiVersion ?? '') || !KINDS.has(object.kind ?? '')) continue
    const kind = object.kind as keyof typeof kinds
    const checked = check(object, kind, origin?.(object))
    const name = checked.metadata?.name ?? ''
    const isCluster = kind.startsWith('Cluster')
    const within = isCluster ? '' : checked.metadata?.namespace || namespace
    const { namespace: _, ...metadata } = checked.metadata ?? {}
    kinds[kind].set(`${within}/${name}`, { ...checked, metadata: isCluster ? metadata : { ...metadata, namespace: within } })
  }
  const clusterRoles = [...kinds.ClusterRole.values()]
  return {
    clusterRoles: aggregate ? aggregated(clusterRoles) : clusterRoles,
    roles: [...kinds.Role.values()],
    clusterRoleBindings: [...kinds.ClusterRoleBinding.values()],
    roleBindings: [...kinds.RoleBinding.values()],
  }
}

/** Objects, and in place of a List its items. */
export function* opened(objects: Iterable<KubeObject>): Generator<KubeObject> {
  for (const object of objects) {
    if (object?.kind?.endsWith('List') !== true || !Array.isArray(object['items'])) {
      yield object
      continue
    }
    // Items of a typed list say neither kind nor apiVersion.
    const kind = object.kind === 'List' ? undefined : object.kind.slice(0, -4)
    for (const item of object['items']) {
      if (item !== null && typeof item === 'object')
        yield kind === undefined ? item : { apiVersion: object.apiVersion, kind, ...(item as KubeObject) }
    }
  }
}

/** Rounds until nothing changes: an aggregated role may be part of another. From nothing each round can only add, so there is an end. */
function aggregated(clusterRoles: readonly ClusterRole[]): ClusterRole[] {
  let roles: ClusterRole[] = clusterRoles.map((role) => (role.aggregationRule === undefined ? role : { ...role, rules: [] }))
  for (let round = 0; round <= clusterRoles.length; round++) {
    let changed = false
    const next = roles.map((role) => {
      const rules = aggregatedRules(role, roles)
      if (rules === undefined || sameRules(rules, role.rules)) return role
      changed = true
      return { ...role, rules }
    })
    roles = next
    if (!changed) break
  }
  return roles
}

function check<T extends KubeObject>(object: T, kind: string, origin: string | undefined): T {
  const where = `${origin === undefined ? '' : `${origin}: `}${kind} ${typeof object.metadata?.name === 'string' ? object.metadata.name : '(without a name)'}`
  if (typeof object.metadata?.name !== 'string' || object.metadata.name === '') throw new PolicyError(`${where}: metadata.name is needed`)
  if (object.metadata.namespace !== undefined && object.metadata.namespace !== null && typeof object.metadata.namespace !== 'string')
    throw new PolicyError(`${where}: metadata.namespace is no text`)
  if (kind.endsWith('Binding')) checkBinding(object, where)
  else for (const [i, rule] of listOf(object['rules'], `${where}: rules`).entries()) checkRule(rule, `${where}: rules[${i}]`)
  return object
}

function checkRule(rule: unknown, where: string): void {
  const members = recordOf(rule, where)
  for (const name of RULE_LISTS) {
    for (const one of listOf(members[name], `${where}.${name}`))
      if (typeof one !== 'string') throw new PolicyError(`${where}.${name}: a list of texts is needed`)
  }
}

function checkBinding(object: KubeObject, where: string): void {
  const roleRef = recordOf(object['roleRef'], `${where}: roleRef`)
  for (const name of ['kind', 'name']) if (typeof roleRef[name] !== 'string') throw new PolicyError(`${where}: roleRef.${name} is needed`)
  for (const [i, subject] of listOf(object['subjects'], `${where}: subjects`).entries()) {
    const members = recordOf(subject, `${where}: subjects[${i}]`)
    for (const name of ['kind', 'name'])
      if (typeof members[name] !== 'string') throw new PolicyError(`${where}: subjects[${i}].${name} is needed`)
  }
}

function listOf(value: unknown, where: string): unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new PolicyError(`${where}: a list is needed`)
  return value
}

function recordOf(value: unknown, where: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new PolicyError(`${where}: an object is needed`)
  return value as Record<string, unknown>
}
