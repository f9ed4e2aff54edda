/**
 * Who may do what under one RBAC policy: the same index that decides in the server, and the way back from roles to their holders.
 *
 * Made from plain data, or kept up to date from a cache. A question about everybody costs the roles, and beyond that only the bindings that answer it.
 *
 * @module
 */
import type { ClusterRole, PolicyRule, Role, RoleRef, Subject } from '../api/types/rbac/v1.ts'
import type { Cache } from '../cache/cache.ts'
import { aggregatedRules, sameRules } from '../rbac/aggregation.ts'
import {
  type CompiledRule,
  combinedResource,
  compiledRuleAllows,
  type RuleRequest,
  type RuleSet,
  ruleSet,
  ruleSetAllows,
} from '../rbac/evaluate.ts'
import { followRbac } from '../rbac/follow.ts'
import { RbacIndex, type RbacUser, subjectUsername } from '../rbac/index.ts'
import type { Policy } from './policy.ts'

/** What somebody wants to do. `namespace` is `''` for cluster-wide resources, all namespaces and paths. */
export interface AccessQuestion extends RuleRequest {
  namespace: string
}

export interface RoleId {
  kind: string
  /** `''` for a ClusterRole. */
  namespace: string
  name: string
}

export interface BindingId {
  kind: 'ClusterRoleBinding' | 'RoleBinding'
  /** `''` for a ClusterRoleBinding. */
  namespace: string
  name: string
}

export interface ModelRole {
  readonly id: RoleId
  /** Undefined: bindings refer to it, and it does not exist. */
  rules: RuleSet | undefined
  /** The ClusterRole itself, of which aggregation asks labels. */
  clusterRole: ClusterRole | undefined
  readonly clusterBindings: Set<ModelBinding>
  readonly namespacedBindings: Map<string, Set<ModelBinding>>
}

export interface ModelBinding {
  readonly id: BindingId
  readonly role: ModelRole | undefined
  subjects: readonly ModelSubject[]
}

/** One user, group or account that some binding names. */
export interface ModelSubject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount'
  readonly name: string
  /** Of an account; `''` otherwise. */
  readonly namespace: string
  readonly bindings: Set<ModelBinding>
  /** Place among all subjects, once they are sorted. */
  order: number
}

/** A binding with those rules of its role that allow what was asked. */
export interface Chain {
  binding: BindingId
  role: RoleId
  rules: readonly PolicyRule[]
}

export interface Holder {
  name: string
  /** Of a service account. */
  namespace?: string
  chains: Chain[]
}

/** Everybody whom some binding allows it. */
export interface WhoCan {
  question: AccessQuestion
  users: Holder[]
  groups: Holder[]
  serviceAccounts: Holder[]
}

/**
 * Roles and bindings change in any order, as a cache tells of them. The index is the caller's to keep: a server has one already.
 */
export class AccessModel {
  readonly index: RbacIndex
  readonly #roles = new Map<string, ModelRole>()
  readonly #bindings = new Map<string, ModelBinding>()
  readonly #subjects = new Map<string, ModelSubject>()
  /** Subjects that are a user of this name: two where a user is called as an account is. */
  readonly #byUsername = new Map<string, Set<ModelSubject>>()
  /** Sorted when somebody asks, until a subject comes or goes. */
  #ordered: readonly ModelSubject[] | undefined

  constructor(index: RbacIndex) {
    this.index = index
  }

  /** Of plain data, with an index of its own. */
  static of(policy: Policy): AccessModel {
    const index = new RbacIndex()
    const model = new AccessModel(index)
    for (const role of [...policy.clusterRoles, ...policy.roles]) {
      const { namespace = '', name = '' } = role.metadata ?? {}
      index.setRole(namespace, name, role.rules ?? [])
      model.setRole(namespace, name, role)
    }
    for (const { metadata, roleRef = {}, subjects = [] } of [...policy.clusterRoleBindings, ...policy.roleBindings]) {
      const { namespace = '', name = '' } = metadata ?? {}
      index.setBinding(namespace, name, { roleRef, subjects })
      model.setBinding(namespace, name, { roleRef, subjects })
    }
    return model
  }

  /** Of a running server, as long as it runs. The index follows the same cache already. */
  static following(cache: Pick<Cache, 'resource'>, index: RbacIndex): AccessModel {
    const model = new AccessModel(index)
    followRbac(cache, {
      role: (namespace, name, role) => model.setRole(namespace, name, role),
      binding: (namespace, name, binding) => model.setBinding(namespace, name, binding),
    })
    return model
  }

  /** A Role, or with namespace `''` a ClusterRole; undefined once it is gone. */
  setRole(namespace: string, name: string, object: Role | ClusterRole | undefined): void {
    const role = this.#roleAt(namespace, name)
    role.rules = object === undefined ? undefined : ruleSet(object.rules ?? [])
    role.clusterRole = namespace === '' ? object : undefined
    this.#dropUnusedRole(role)
  }

  /** A RoleBinding, or with namespace `''` a ClusterRoleBinding; undefined once it is gone. */
  setBinding(namespace: string, name: string, object: { roleRef: RoleRef; subjects: readonly Subject[] } | undefined): void {
    const key = keyOf(namespace, name)
    const old = this.#bindings.get(key)
    if (old !== undefined) this.#remove(key, old)
    if (object === undefined) return
    const role = this.#roleOf(object.roleRef, namespace)
    const id: BindingId = { kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding', namespace, name }
    const subjects = new Set<ModelSubject>()
    for (const subject of object.subjects) {
      const known = this.#subjectOf(subject, namespace)
      if (known !== undefined) subjects.add(known)
    }
    const binding: ModelBinding = { id, role, subjects: [...subjects] }
    this.#bindings.set(key, binding)
    if (role !== undefined) {
      if (namespace === '') role.clusterBindings.add(binding)
      else addTo(role.namespacedBindings, namespace, binding)
    }
    for (const subject of binding.subjects) subject.bindings.add(binding)
  }

  #remove(key: string, binding: ModelBinding): void {
    this.#bindings.delete(key)
    const { role, subjects, id } = binding
    for (const subject of subjects) {
      subject.bindings.delete(binding)
      if (subject.bindings.size > 0) continue
      this.#subjects.delete(subjectKey(subject))
      this.#ordered = undefined
      const username = subjectUsername(subject, '')
      if (username !== undefined) removeFrom(this.#byUsername, username, subject)
    }
    if (role === undefined) return
    if (id.namespace === '') role.clusterBindings.delete(binding)
    else removeFrom(role.namespacedBindings, id.namespace, binding)
    this.#dropUnusedRole(role)
  }

  #roleAt(namespace: string, name: string): ModelRole {
    const key = keyOf(namespace, name)
    let role = this.#roles.get(key)
    if (role === undefined) {
      role = {
        id: { kind: namespace === '' ? 'ClusterRole' : 'Role', namespace, name },
        rules: undefined,
        clusterRole: undefined,
        clusterBindings: new Set(),
        namespacedBindings: new Map(),
      }
      this.#roles.set(key, role)
    }
    return role
  }

  #dropUnusedRole({ id, rules, clusterBindings, namespacedBindings }: ModelRole): void {
    if (rules === undefined && clusterBindings.size === 0 && namespacedBindings.size === 0) this.#roles.delete(keyOf(id.namespace, id.name))
  }

  /** The role that a reference means, made as a missing one where it does not exist; undefined for a reference that can mean none. */
  #roleOf({ kind, name = '' }: RoleRef, bindingNamespace: string): ModelRole | undefined {
    if (kind === 'ClusterRole') return this.#roleAt('', name)
    return kind === 'Role' && bindingNamespace !== '' ? this.#roleAt(bindingNamespace, name) : undefined
  }

  #subjectOf(subject: Subject, bindingNamespace: string): ModelSubject | undefined {
    const { kind, name = '' } = subject
    const username = subjectUsername(subject, bindingNamespace)
    if (kind !== 'Group' && username === undefined) return undefined
    // Else subjectUsername answers for these two kinds only.
    const found = {
      kind: kind as ModelSubject['kind'],
      name,
      namespace: kind === 'ServiceAccount' ? subject.namespace || bindingNamespace : '',
    }
    const key = subjectKey(found)
    let known = this.#subjects.get(key)
    if (known === undefined) {
      known = { ...found, bindings: new Set(), order: 0 }
      this.#subjects.set(key, known)
      this.#ordered = undefined
      if (username !== undefined) addTo(this.#byUsername, username, known)
    }
    return known
  }

  role(namespace: string, name: string): ModelRole | undefined {
    return this.#roles.get(keyOf(namespace, name))
  }

  /** Names of the ClusterRoles that an aggregated one has this rule from; empty for a rule of its own. */
  contributors(name: string, rule: PolicyRule): string[] {
    const role = this.role('', name)?.clusterRole
    if (role?.aggregationRule === undefined) return []
    return [...this.#roles.values()].flatMap(({ id, clusterRole }) => {
      const parts = clusterRole === undefined ? undefined : aggregatedRules(role, [clusterRole])
      return parts?.some((one) => sameRules([one], [rule])) ? [id.name] : []
    })
  }

  binding(namespace: string, name: string): ModelBinding | undefined {
    return this.#bindings.get(keyOf(namespace, name))
  }

  /** What bindings say of this user: by name, and by every group. */
  subjectsOf(user: RbacUser): ModelSubject[] {
    const found = new Set(this.#byUsername.get(user.username))
    for (const name of user.groups) {
      const group = this.#subjects.get(subjectKey({ kind: 'Group', namespace: '', name }))
      if (group !== undefined) found.add(group)
    }
    return [...found]
  }

  /** Namespaces whose RoleBindings apply to the user, by name. */
  namespacesOf(user: RbacUser): string[] {
    const found = new Set<string>()
    for (const { bindings } of this.subjectsOf(user)) for (const { id } of bindings) if (id.namespace !== '') found.add(id.namespace)
    return [...found].sort()
  }

  /** Users, then groups, then accounts, each by name. */
  #inOrder(): readonly ModelSubject[] {
    if (this.#ordered === undefined) {
      this.#ordered = [...this.#subjects.values()].sort(bySubject)
      this.#ordered.forEach((subject, order) => {
        subject.order = order
      })
    }
    return this.#ordered
  }

  /** Roles that allow the request to whom they are bound, with the rules that do. */
  rolesAllowing(request: RuleRequest): { role: ModelRole; rules: PolicyRule[] }[] {
    const combined = request.isResource ? combinedResource(request) : ''
    const found: { role: ModelRole; rules: PolicyRule[] }[] = []
    for (const role of this.#roles.values()) {
      if (role.rules === undefined || !ruleSetAllows(role.rules, request, combined)) continue
      const allows = (rule: CompiledRule) => compiledRuleAllows(rule, request, combined)
      found.push({ role, rules: role.rules.rules.filter(allows).map(({ rule }) => rule) })
    }
    return found
  }

  /** Everybody whom some binding allows it, with all bindings that do. */
  whoCan(question: AccessQuestion): WhoCan {
    const subjects = this.#inOrder()
    const chains: (Chain[] | undefined)[] = new Array(subjects.length)
    for (const { role, rules } of this.rolesAllowing(question)) {
      for (const bindings of bindingsAt(role, question.namespace)) {
        for (const { id, subjects: bound } of bindings) {
          const chain = { binding: id, role: role.id, rules }
          for (const { order } of bound) {
            const list = chains[order]
            if (list === undefined) chains[order] = [chain]
            else list.push(chain)
          }
        }
      }
    }
    const found: WhoCan = { question, users: [], groups: [], serviceAccounts: [] }
    for (const { kind, name, namespace, order } of subjects) {
      const list = chains[order]
      if (list === undefined) continue
      if (kind === 'ServiceAccount') found.serviceAccounts.push({ name, namespace, chains: list })
      else (kind === 'User' ? found.users : found.groups).push({ name, chains: list })
    }
    return found
  }
}

/** The bindings of a role that count at a namespace: cluster-wide ones, then those in it. */
export function bindingsAt(role: ModelRole, namespace: string): ReadonlySet<ModelBinding>[] {
  const within = namespace === '' ? undefined : role.namespacedBindings.get(namespace)
  return within === undefined ? [role.clusterBindings] : [role.clusterBindings, within]
}

/** A slash cannot be in either name. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

function subjectKey({ kind, namespace, name }: Pick<ModelSubject, 'kind' | 'namespace' | 'name'>): string {
  return `${kind}/${namespace}/${name}`
}

function addTo<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key)
  if (set === undefined) map.set(key, new Set([value]))
  else set.add(value)
}

function removeFrom<T>(map: Map<string, Set<T>>, key: string, value: T): void {
  const set = map.get(key)
  set?.delete(value)
  if (set?.size === 0) map.delete(key)
}

const KIND_ORDER = { User: 0, Group: 1, ServiceAccount: 2 }

function bySubject(a: ModelSubject, b: ModelSubject): number {
  if (a.kind !== b.kind) return KIND_ORDER[a.kind] - KIND_ORDER[b.kind]
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
  return a.name < b.name ? -1 : a.name === b.name ? 0 : 1
}
