/**
 * Users as the authorizer sees them: what authentication adds to a bare name.
 *
 * @see staging/src/k8s.io/apiserver/pkg/authentication/user/user.go
 * @module
 */
import type { Subject } from '../api/types/rbac/v1.ts'
import type { RbacUser } from '../rbac/index.ts'

export const SUPERUSERS = 'system:masters'

const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** The user of a name, with the groups that it has in any case and those of `groups`. */
export function userNamed(username: string, groups: readonly string[] = []): RbacUser {
  const all = new Set<string>()
  const account = accountOf(username)
  if (account !== undefined) all.add('system:serviceaccounts').add(`system:serviceaccounts:${account.namespace}`)
  for (const group of groups) all.add(group)
  if (username === 'system:anonymous') all.add('system:unauthenticated')
  else if (username !== '') all.add('system:authenticated')
  return { username, groups: [...all] }
}

/** Undefined where the name is not one of a service account. */
export function accountOf(username: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? []
  return namespace === undefined || name === undefined ? undefined : { namespace, name }
}

/** How a binding names the user; where it has no name, its first group. Undefined for nobody. */
export function subjectOf({ username, groups }: RbacUser): Subject | undefined {
  const account = accountOf(username)
  if (account !== undefined) return { kind: 'ServiceAccount', name: account.name, namespace: account.namespace }
  if (username !== '') return { apiGroup: RBAC_GROUP, kind: 'User', name: username }
  return groups[0] === undefined ? undefined : { apiGroup: RBAC_GROUP, kind: 'Group', name: groups[0] }
}
