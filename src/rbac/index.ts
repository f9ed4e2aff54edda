/**
 * From a subject to the rules bound to it, kept up to date while roles and bindings change in any order.
 *
 * A decision costs the rules of its own subjects; bindings of others cost nothing.
 *
 * @see plugin/pkg/auth/authorizer/rbac/rbac.go, pkg/registry/rbac/validation/rule.go
 * @module
 */
import { quote } from '../api/status.ts'
import type { PolicyRule, RoleRef, Subject } from '../api/types/rbac/v1.ts'
import type { Cache, Subscription } from '../cache/cache.ts'
import { combinedResource, type RuleRequest, type RuleSet, ruleSet, ruleSetAllows } from './evaluate.ts'
import { followRbac } from './follow.ts'

/** Who asks, as far as RBAC looks at it. */
export interface RbacUser {
  username: string
  groups: readonly string[]
}

/** One role by name, whether it exists or not: bindings may come before their role, and outlive it. */
interface RoleSlot {
  readonly key: string
  /** Undefined while there is no such role. */
  rules: RuleSet | undefined
  grants: number
}

/** A binding of either kind. */
export interface Grant {
  readonly name: string
  /** `''` for a ClusterRoleBinding. */
  readonly namespace: string
  readonly roleRef: RoleRef
  readonly subjects: readonly Subject[]
}

interface IndexedGrant extends Grant {
  readonly role: RoleSlot
}

/** Grants of one subject, by name of the binding. */
interface SubjectGrants {
  cluster: IndexedGrant[]
  namespaces: Map<string, IndexedGrant[]> | undefined
}

/** What a visitor sees: a rule with the binding that gives it, or why a binding gives none. Answers false to stop. */
export type RuleVisitor = (grant: Grant, rule: PolicyRule | undefined, error: string | undefined) => boolean

export type RbacDecision = { allowed: true; reason: string } | { allowed: false; errors: readonly string[] }

/** Shared by all who have none; never written to. */
const NO_GRANTS: IndexedGrant[] = []
const RBAC_GROUP = 'rbac.authorization.k8s.io'

export class RbacIndex {
  readonly #roles = new Map<string, RoleSlot>()
  readonly #grants = new Map<string, IndexedGrant>()
  readonly #users = new Map<string, SubjectGrants>()
  readonly #groups = new Map<string, SubjectGrants>()

  /** Roles and bindings of a running cache; `close` of the answer stops following. */
  follow(cache: Pick<Cache, 'resource'>): Subscription {
    return followRbac(cache, {
      role: (namespace, name, role) => this.setRole(namespace, name, role === undefined ? undefined : (role.rules ?? [])),
      binding: (namespace, name, binding) => this.setBinding(namespace, name, binding),
    })
  }

  /** A Role, or with namespace `''` a ClusterRole; `rules` undefined once it is gone. */
  setRole(namespace: string, name: string, rules: readonly PolicyRule[] | undefined): void {
    const key = roleKey(namespace, name)
    const slot = this.#roles.get(key)
    if (slot !== undefined) {
      slot.rules = rules === undefined ? undefined : ruleSet(rules)
      if (rules === undefined && slot.grants === 0) this.#roles.delete(key)
    } else if (rules !== undefined) {
      this.#roles.set(key, { key, rules: ruleSet(rules), grants: 0 })
    }
  }

  /** A RoleBinding, or with namespace `''` a ClusterRoleBinding; undefined once it is gone. */
  setBinding(namespace: string, name: string, binding: { roleRef: RoleRef; subjects: readonly Subject[] } | undefined): void {
    const key = roleKey(namespace, name)
    const old = this.#grants.get(key)
    if (old !== undefined) {
      this.#eachPlace(old, removeGrant)
      this.#grants.delete(key)
      if (--old.role.grants === 0 && old.role.rules === undefined) this.#roles.delete(old.role.key)
    }
    if (binding === undefined) return
    const grant: IndexedGrant = {
      name,
      namespace,
      roleRef: binding.roleRef,
      subjects: binding.subjects,
      role: this.#slotOf(binding.roleRef, namespace),
    }
    grant.role.grants++
    this.#grants.set(key, grant)
    this.#eachPlace(grant, insertGrant)
  }

  /** Calls `change` for the place of every subject, each once. */
  #eachPlace(grant: IndexedGrant, change: (table: Map<string, SubjectGrants>, subject: string, grant: IndexedGrant) => void): void {
    const { subjects, namespace } = grant
    // Nearly every binding has one subject; what is more has to be told apart.
    const seen = subjects.length > 1 ? { users: new Set<string>(), groups: new Set<string>() } : undefined
    for (const subject of subjects) {
      const isGroup = subject.kind === 'Group'
      const name = isGroup ? (subject.name ?? '') : subjectUsername(subject, namespace)
      if (name === undefined) continue
      if (seen !== undefined) {
        const names = isGroup ? seen.groups : seen.users
        if (names.has(name)) continue
        names.add(name)
      }
      change(isGroup ? this.#groups : this.#users, name, grant)
    }
  }

  /** The slot that a reference means; for a kind that is none, one that never gets rules. */
  #slotOf(roleRef: RoleRef, namespace: string): RoleSlot {
    const name = roleRef.name ?? ''
    const key = roleRef.kind === 'Role' ? roleKey(namespace, name) : roleRef.kind === 'ClusterRole' ? roleKey('', name) : ''
    if (key === '' || (roleRef.kind === 'Role' && namespace === '')) return { key: '', rules: undefined, grants: 0 }
    let slot = this.#roles.get(key)
    if (slot === undefined) {
      slot = { key, rules: undefined, grants: 0 }
      this.#roles.set(key, slot)
    }
    return slot
  }

  /** Whether some rule of the user allows the request: cluster-wide bindings first, then those of the request's namespace. */
  decide(user: RbacUser, namespace: string, request: RuleRequest): RbacDecision {
    const combined = request.isResource ? combinedResource(request) : ''
    let errors: Set<string> | undefined
    for (let scope = 0; scope < (namespace === '' ? 1 : 2); scope++) {
      const where = scope === 0 ? '' : namespace
      for (let i = -1; i < user.groups.length; i++) {
        const grants = i < 0 ? this.#users.get(user.username) : this.#groups.get(user.groups[i]!)
        if (grants === undefined) continue
        for (const grant of grantsIn(grants, where)) {
          const rules = grant.role.rules
          if (rules === undefined) {
            errors ??= new Set()
            errors.add(missingRole(grant))
            continue
          }
          if (ruleSetAllows(rules, request, combined)) return { allowed: true, reason: `RBAC: allowed by ${describeGrant(grant, user)}` }
        }
      }
    }
    return { allowed: false, errors: errors === undefined ? [] : [...errors] }
  }

  /** Every rule of a user at a namespace (`''`: cluster-wide ones only), in order of binding names, cluster-wide ones first. */
  visit(user: RbacUser, namespace: string, visitor: RuleVisitor): void {
    for (const grant of this.grantsOf(user, namespace) as IndexedGrant[]) {
      if (grant.role.rules === undefined) {
        if (!visitor(grant, undefined, missingRole(grant))) return
        continue
      }
      for (const { rule } of grant.role.rules.rules) if (!visitor(grant, rule, undefined)) return
    }
  }

  /** The bindings that apply to a user at a namespace, each once. */
  grantsOf(user: RbacUser, namespace: string): Grant[] {
    const found: Grant[] = []
    for (const where of namespace === '' ? [''] : ['', namespace]) {
      const here = new Set<IndexedGrant>()
      for (const subject of [this.#users.get(user.username), ...user.groups.map((group) => this.#groups.get(group))]) {
        if (subject !== undefined) for (const grant of grantsIn(subject, where)) here.add(grant)
      }
      found.push(...[...here].sort((a, b) => (a.name < b.name ? -1 : 1)))
    }
    return found
  }

  /** All rules of a user, and why some could not be found. */
  rulesFor(user: RbacUser, namespace: string): { rules: PolicyRule[]; errors: string[] } {
    const rules: PolicyRule[] = []
    const errors = new Set<string>()
    this.visit(user, namespace, (_, rule, error) => {
      if (rule !== undefined) rules.push(rule)
      if (error !== undefined) errors.add(error)
      return true
    })
    return { rules, errors: [...errors] }
  }

  /** Rules of a Role, or with namespace `''` of a ClusterRole; undefined when there is none. */
  roleRules(namespace: string, name: string): PolicyRule[] | undefined {
    return this.#roles.get(roleKey(namespace, name))?.rules?.rules.map(({ rule }) => rule)
  }

  /** The whole index as plain data, the same for the same objects whatever their history: for tests and diagnosis. */
  describe(): unknown {
    const grants = (list: readonly IndexedGrant[]) =>
      list.map((grant) => [describeBinding(grant), grant.role.rules?.rules.map(({ rule }) => rule) ?? 'missing'])
    const table = (map: ReadonlyMap<string, SubjectGrants>) =>
      [...map]
        .sort(byFirst)
        .map(([subject, { cluster, namespaces }]) => [
          subject,
          grants(cluster),
          [...(namespaces ?? [])].sort(byFirst).map(([name, list]) => [name, grants(list)]),
        ])
    return {
      users: table(this.#users),
      groups: table(this.#groups),
      roles: [...this.#roles].sort(byFirst).map(([key, { grants: count }]) => [key, count]),
    }
  }
}

const byFirst = (a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]) => (a[0] < b[0] ? -1 : 1)

/** A slash cannot be in either name. */
function roleKey(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

function insertGrant(table: Map<string, SubjectGrants>, subject: string, grant: IndexedGrant): void {
  let grants = table.get(subject)
  if (grants === undefined) {
    grants = { cluster: NO_GRANTS, namespaces: undefined }
    table.set(subject, grants)
  }
  if (grant.namespace === '') {
    grants.cluster = withGrant(grants.cluster, grant)
    return
  }
  grants.namespaces ??= new Map()
  const list = grants.namespaces.get(grant.namespace)
  if (list === undefined) grants.namespaces.set(grant.namespace, [grant])
  else withGrant(list, grant)
}

function removeGrant(table: Map<string, SubjectGrants>, subject: string, grant: IndexedGrant): void {
  const grants = table.get(subject)
  if (grants === undefined) return
  if (grant.namespace === '') {
    remove(grants.cluster, grant)
  } else {
    const list = grants.namespaces?.get(grant.namespace)
    if (list !== undefined) remove(list, grant)
    if (list?.length === 0) grants.namespaces?.delete(grant.namespace)
    if (grants.namespaces?.size === 0) grants.namespaces = undefined
  }
  if (grants.cluster.length === 0 && grants.namespaces === undefined) table.delete(subject)
}

function grantsIn(grants: SubjectGrants, namespace: string): readonly IndexedGrant[] {
  return namespace === '' ? grants.cluster : (grants.namespaces?.get(namespace) ?? NO_GRANTS)
}

/** First place whose name is not before `name`. */
function placeOf(list: readonly IndexedGrant[], name: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle]!.name < name) low = middle + 1
    else high = middle
  }
  return low
}

/** The list with the grant in it, in order of names; the shared empty list is not written to. */
function withGrant(list: IndexedGrant[], grant: IndexedGrant): IndexedGrant[] {
  if (list.length === 0) return [grant]
  // Loading comes in order of names: the end is the likely place.
  if (list[list.length - 1]!.name < grant.name) list.push(grant)
  else list.splice(placeOf(list, grant.name), 0, grant)
  return list
}

function remove(list: IndexedGrant[], grant: IndexedGrant): void {
  const place = placeOf(list, grant.name)
  if (list[place] === grant) list.splice(place, 1)
}

/** The user that a User or ServiceAccount subject means; undefined for groups, unknown kinds and accounts of no namespace. */
export function subjectUsername(subject: Subject, bindingNamespace: string): string | undefined {
  if (subject.kind === 'User') return subject.name ?? ''
  if (subject.kind !== 'ServiceAccount') return undefined
  const namespace = subject.namespace || bindingNamespace
  return namespace === '' ? undefined : `system:serviceaccount:${namespace}:${subject.name ?? ''}`
}

export function subjectApplies(subject: Subject, user: RbacUser, bindingNamespace: string): boolean {
  return subject.kind === 'Group' ? user.groups.includes(subject.name ?? '') : subjectUsername(subject, bindingNamespace) === user.username
}

/** `ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`: the first subject of the binding that applies. */
export function describeGrant(grant: Grant, user: RbacUser): string {
  const subject = grant.subjects.find((one) => subjectApplies(one, user, grant.namespace))
  return `${describeBinding(grant)} to ${subject === undefined ? 'nobody' : describeSubject(subject, grant.namespace)}`
}

function describeBinding({ name, namespace, roleRef }: Grant): string {
  const binding = namespace === '' ? `ClusterRoleBinding ${quote(name)}` : `RoleBinding ${quote(`${name}/${namespace}`)}`
  return `${binding} of ${roleRef.kind} ${quote(roleRef.name ?? '')}`
}

function describeSubject(subject: Subject, bindingNamespace: string): string {
  const name = subject.name ?? ''
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${quote(name)}`
  return `ServiceAccount ${quote(`${name}/${subject.namespace || bindingNamespace}`)}`
}

function missingRole({ roleRef, namespace }: Grant): string {
  const { kind = '', name = '' } = roleRef
  if (kind === 'ClusterRole') return `clusterrole.${RBAC_GROUP} ${quote(name)} not found`
  if (kind === 'Role' && namespace !== '') return `role.${RBAC_GROUP} ${quote(name)} not found`
  return `unsupported role reference kind: ${quote(kind)}`
}
