/**
 * Who may do what under one RBAC policy: the same index that decides in the server, and the way back from roles to their holders.
 *
 * Made once from plain data, asked often. A question about everybody costs the roles, and beyond that only the bindings that answer it.
 *
 * @module
 */
import type { ClusterRole, PolicyRule, RoleRef, Subject } from '../api/types/rbac/v1.ts'
import {
  type CompiledRule,
  combinedResource,
  compiledRuleAllows,
  type RuleRequest,
  type RuleSet,
  ruleSet,
  ruleSetAllows,
} from '../rbac/evaluate.ts'
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
  id: RoleId
  /** Undefined: bindings refer to it, and it does not exist. */
  rules: RuleSet | undefined
  aggregation: ClusterRole | undefined
  clusterBindings: ModelBinding[]
  namespacedBindings: Map<string, ModelBinding[]>
}

export interface ModelBinding {
  id: BindingId
  roleRef: RoleRef
  role: ModelRole | undefined
  subjects: ModelSubject[]
}

/** One user, group or account that some binding names. */
export interface ModelSubject {
  kind: 'User' | 'Group' | 'ServiceAccount'
  name: string
  /** Of an account; `''` otherwise. */
  namespace: string
  bindings: ModelBinding[]
  /** Place in the order of all subjects. */
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

export class AccessModel {
  readonly policy: Policy
  readonly index = new RbacIndex()
  readonly roles: readonly ModelRole[]
  readonly bindings: readonly ModelBinding[]
  /** Users, then groups, then accounts, each by name. */
  readonly subjects: readonly ModelSubject[]
  readonly #roles = new Map<string, ModelRole>()
  readonly #byUsername = new Map<string, ModelSubject[]>()
  readonly #groups = new Map<string, ModelSubject>()
  readonly #bindings = new Map<string, ModelBinding>()

  constructor(policy: Policy) {
    this.policy = policy
    for (const role of policy.clusterRoles) this.#addRole('ClusterRole', '', role.metadata?.name ?? '', role.rules ?? [], role)
    for (const { metadata, rules } of policy.roles) this.#addRole('Role', metadata?.namespace ?? '', metadata?.name ?? '', rules ?? [])
    const subjects = new Map<string, ModelSubject>()
    const add = (namespace: string, name: string, roleRef: RoleRef = {}, list: readonly Subject[] = []) =>
      this.#addBinding({ namespace, name, roleRef, subjects: list }, subjects)
    for (const { metadata, roleRef, subjects: list } of policy.clusterRoleBindings) add('', metadata?.name ?? '', roleRef, list)
    for (const { metadata, roleRef, subjects: list } of policy.roleBindings)
      add(metadata?.namespace ?? '', metadata?.name ?? '', roleRef, list)
    this.roles = [...this.#roles.values()]
    this.bindings = [...this.#bindings.values()]
    this.subjects = [...subjects.values()].sort(bySubject)
    this.subjects.forEach((subject, order) => {
      subject.order = order
    })
  }

  #addRole(kind: 'ClusterRole' | 'Role', namespace: string, name: string, rules: readonly PolicyRule[], clusterRole?: ClusterRole): void {
    this.index.setRole(namespace, name, rules)
    this.#roles.set(keyOf(namespace, name), {
      id: { kind, namespace, name },
      rules: ruleSet(rules),
      aggregation: clusterRole?.aggregationRule === undefined ? undefined : clusterRole,
      clusterBindings: [],
      namespacedBindings: new Map(),
    })
  }

  #addBinding(
    { namespace, name, roleRef, subjects: list }: { namespace: string; name: string; roleRef: RoleRef; subjects: readonly Subject[] },
    subjects: Map<string, ModelSubject>,
  ): void {
    this.index.setBinding(namespace, name, { roleRef, subjects: list })
    const role = this.#roleOf(roleRef, namespace)
    const binding: ModelBinding = {
      id: { kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding', namespace, name },
      roleRef,
      role,
      subjects: [],
    }
    this.#bindings.set(keyOf(namespace, name), binding)
    if (role !== undefined) {
      if (namespace === '') role.clusterBindings.push(binding)
      else addTo(role.namespacedBindings, namespace, binding)
    }
    const seen = new Set<ModelSubject>()
    for (const subject of list) {
      const known = this.#subjectOf(subject, namespace, subjects)
      if (known === undefined || seen.has(known)) continue
      seen.add(known)
      known.bindings.push(binding)
    }
    binding.subjects = [...seen]
  }

  /** The role that a reference means, made as a missing one where it does not exist; undefined for a reference that can mean none. */
  #roleOf({ kind, name = '' }: RoleRef, bindingNamespace: string): ModelRole | undefined {
    const isCluster = kind === 'ClusterRole'
    if (!isCluster && (kind !== 'Role' || bindingNamespace === '')) return undefined
    const namespace = isCluster ? '' : bindingNamespace
    const key = keyOf(namespace, name)
    let role = this.#roles.get(key)
    if (role === undefined) {
      role = {
        id: { kind: isCluster ? 'ClusterRole' : 'Role', namespace, name },
        rules: undefined,
        aggregation: undefined,
        clusterBindings: [],
        namespacedBindings: new Map(),
      }
      this.#roles.set(key, role)
    }
    return role
  }

  #subjectOf(subject: Subject, bindingNamespace: string, subjects: Map<string, ModelSubject>): ModelSubject | undefined {
    const { kind, name = '' } = subject
    if (kind === 'Group') {
      let group = this.#groups.get(name)
      if (group === undefined) {
        group = { kind, name, namespace: '', bindings: [], order: 0 }
        this.#groups.set(name, group)
        subjects.set(`g/${name}`, group)
      }
      return group
    }
    const username = subjectUsername(subject, bindingNamespace)
    if (username === undefined) return undefined
    const namespace = kind === 'ServiceAccount' ? subject.namespace || bindingNamespace : ''
    const key = `${kind === 'User' ? 'u' : `s/${namespace}`}/${name}`
    let known = subjects.get(key)
    if (known === undefined) {
      // subjectUsername answers for these two kinds only.
      known = { kind: kind as 'User' | 'ServiceAccount', name, namespace, bindings: [], order: 0 }
      subjects.set(key, known)
      addTo(this.#byUsername, username, known)
    }
    return known
  }

  role(namespace: string, name: string): ModelRole | undefined {
    return this.#roles.get(keyOf(namespace, name))
  }

  binding(namespace: string, name: string): ModelBinding | undefined {
    return this.#bindings.get(keyOf(namespace, name))
  }

  /** What bindings say of this user: by name, and by every group. */
  subjectsOf(user: RbacUser): ModelSubject[] {
    const found = new Set(this.#byUsername.get(user.username))
    for (const name of user.groups) {
      const group = this.#groups.get(name)
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

  /** Roles that allow the request to whom they are bound, with the rules that do. */
  rolesAllowing(request: RuleRequest): { role: ModelRole; rules: PolicyRule[] }[] {
    const combined = request.isResource ? combinedResource(request) : ''
    const found: { role: ModelRole; rules: PolicyRule[] }[] = []
    for (const role of this.roles) {
      if (role.rules === undefined || !ruleSetAllows(role.rules, request, combined)) continue
      const allows = (rule: CompiledRule) => compiledRuleAllows(rule, request, combined)
      found.push({ role, rules: role.rules.rules.filter(allows).map(({ rule }) => rule) })
    }
    return found
  }

  /** Everybody whom some binding allows it, with all bindings that do. */
  whoCan(question: AccessQuestion): WhoCan {
    const chains: (Chain[] | undefined)[] = new Array(this.subjects.length)
    for (const { role, rules } of this.rolesAllowing(question)) {
      for (const bindings of bindingsAt(role, question.namespace)) {
        for (const { id, subjects } of bindings) {
          const chain = { binding: id, role: role.id, rules }
          for (const { order } of subjects) {
            const list = chains[order]
            if (list === undefined) chains[order] = [chain]
            else list.push(chain)
          }
        }
      }
    }
    const found: WhoCan = { question, users: [], groups: [], serviceAccounts: [] }
    for (const { kind, name, namespace, order } of this.subjects) {
      const list = chains[order]
      if (list === undefined) continue
      if (kind === 'ServiceAccount') found.serviceAccounts.push({ name, namespace, chains: list })
      else (kind === 'User' ? found.users : found.groups).push({ name, chains: list })
    }
    return found
  }
}

/** The bindings of a role that count at a namespace: cluster-wide ones, then those in it. */
export function bindingsAt(role: ModelRole, namespace: string): ModelBinding[][] {
  const within = namespace === '' ? undefined : role.namespacedBindings.get(namespace)
  return within === undefined ? [role.clusterBindings] : [role.clusterBindings, within]
}

/** A slash cannot be in either name. */
function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

function addTo<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

const KIND_ORDER = { User: 0, Group: 1, ServiceAccount: 2 }

function bySubject(a: ModelSubject, b: ModelSubject): number {
  if (a.kind !== b.kind) return KIND_ORDER[a.kind] - KIND_ORDER[b.kind]
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
  return a.name < b.name ? -1 : a.name === b.name ? 0 : 1
}
