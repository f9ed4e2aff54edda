/**
 * Random policies for the analysis, the same as those that the RBAC index is held against. Imported by tests only.
 *
 * @module
 */
import type { ClusterRoleBinding, RoleBinding } from '../api/types/rbac/v1.ts'
import type { Random } from '../rbac/arbitrary.ts'
import { emptyHistory, type History, randomEvent } from '../rbac/decisions.ts'
import type { Policy } from './policy.ts'

/** A random history's objects as a policy. */
export function randomWorld(random: Random, events: number): { history: History; policy: Policy } {
  const history = emptyHistory()
  for (let i = 0; i < events; i++) randomEvent(history, random)
  return { history, policy: policyOf(history) }
}

export function policyOf({ clusterRoles, roles, bindings }: History): Policy {
  const all = [...bindings.values()].map(({ namespace, name, roleRef, subjects }) => ({ metadata: { namespace, name }, roleRef, subjects }))
  return {
    clusterRoles: [...clusterRoles].map(([name, rules]) => ({ metadata: { name }, rules })),
    roles: [...roles].map(([key, rules]) => {
      const slash = key.lastIndexOf('/')
      return { metadata: { namespace: key.slice(0, slash), name: key.slice(slash + 1) }, rules }
    }),
    clusterRoleBindings: all.filter(({ metadata }) => metadata.namespace === '') as ClusterRoleBinding[],
    roleBindings: all.filter(({ metadata }) => metadata.namespace !== '') as RoleBinding[],
  }
}
