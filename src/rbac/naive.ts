/**
 * RBAC as one would read it aloud: every binding, every subject, every rule, at every question. What tests hold the index against.
 *
 * Shares no code with `evaluate.ts` and `index.ts` on purpose, and is imported by tests only.
 *
 * @see plugin/pkg/auth/authorizer/rbac/rbac.go
 * @module
 */
import type { PolicyRule, RoleRef, Subject } from '../api/types/rbac/v1.ts'

export interface NaiveBinding {
  namespace: string
  name: string
  roleRef: RoleRef
  subjects: Subject[]
}

/** Key `name` for ClusterRoles, `namespace/name` for Roles; bindings with namespace `''` are ClusterRoleBindings. */
export interface NaiveWorld {
  clusterRoles: ReadonlyMap<string, PolicyRule[]>
  roles: ReadonlyMap<string, PolicyRule[]>
  bindings: readonly NaiveBinding[]
}

export interface NaiveQuestion {
  username: string
  groups: string[]
  namespace: string
  verb: string
  isResource: boolean
  apiGroup: string
  resource: string
  subresource: string
  name: string
  path: string
}

/** `granters`: bindings (`namespace/name`) that give the permission. `dangling`: bindings of the user whose role is missing. */
export function naiveDecision(world: NaiveWorld, question: NaiveQuestion): { granters: string[]; dangling: string[] } {
  const granters: string[] = []
  const dangling: string[] = []
  for (const binding of world.bindings) {
    const inScope = binding.namespace === '' || (question.namespace !== '' && binding.namespace === question.namespace)
    if (!inScope || !binding.subjects.some((subject) => isMeant(subject, binding.namespace, question))) continue
    const id = `${binding.namespace}/${binding.name}`
    const rules = rulesOf(world, binding)
    if (rules === undefined) dangling.push(id)
    else if (rules.some((rule) => grants(rule, question))) granters.push(id)
  }
  return { granters, dangling }
}

function rulesOf(world: NaiveWorld, { namespace, roleRef }: NaiveBinding): PolicyRule[] | undefined {
  if (roleRef.kind === 'ClusterRole') return world.clusterRoles.get(String(roleRef.name))
  if (roleRef.kind === 'Role' && namespace !== '') return world.roles.get(`${namespace}/${roleRef.name}`)
  return undefined
}

function isMeant(subject: Subject, bindingNamespace: string, question: NaiveQuestion): boolean {
  if (subject.kind === 'User') return subject.name === question.username
  if (subject.kind === 'Group') return question.groups.some((group) => group === subject.name)
  if (subject.kind !== 'ServiceAccount') return false
  const namespace = subject.namespace ? subject.namespace : bindingNamespace
  return namespace !== '' && question.username === ['system', 'serviceaccount', namespace, subject.name].join(':')
}

function grants(rule: PolicyRule, question: NaiveQuestion): boolean {
  const starOr = (list: string[] | undefined, wanted: string) => (list ?? []).some((one) => one === '*' || one === wanted)
  if (!starOr(rule.verbs, question.verb)) return false
  if (!question.isResource) {
    return (rule.nonResourceURLs ?? []).some((url) => {
      if (url === '*' || url === question.path) return true
      const stars = /\*+$/.exec(url)
      return stars !== null && question.path.indexOf(url.substring(0, stars.index)) === 0
    })
  }
  if (!starOr(rule.apiGroups, question.apiGroup)) return false
  const wanted = question.subresource ? [`${question.resource}/${question.subresource}`, `*/${question.subresource}`] : [question.resource]
  if (!(rule.resources ?? []).some((one) => one === '*' || wanted.includes(one))) return false
  const names = rule.resourceNames ?? []
  return names.length === 0 || names.includes(question.name)
}
