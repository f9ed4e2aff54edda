/**
 * Service accounts as users: names, groups, extra.
 *
 * @see apiserver/pkg/authentication/serviceaccount/util.go
 * @module
 */
import type { BoundClaims, LegacyClaims } from '../token/verify.ts'
import type { UserInfo } from './user.ts'

export const ACCOUNT_PREFIX = 'system:serviceaccount:'
export const ALL_ACCOUNTS = 'system:serviceaccounts'

export const CREDENTIAL_ID_KEY = 'authentication.kubernetes.io/credential-id'
const POD_NAME_KEY = 'authentication.kubernetes.io/pod-name'
const POD_UID_KEY = 'authentication.kubernetes.io/pod-uid'
const NODE_NAME_KEY = 'authentication.kubernetes.io/node-name'
const NODE_UID_KEY = 'authentication.kubernetes.io/node-uid'

export function accountGroups(namespace: string): string[] {
  return [ALL_ACCOUNTS, `${ALL_ACCOUNTS}:${namespace}`]
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

/** Namespace and name in `system:serviceaccount:<namespace>:<name>`; undefined for every other text. */
export function splitAccountUsername(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(ACCOUNT_PREFIX)) return undefined
  const [namespace, name, ...more] = username.slice(ACCOUNT_PREFIX.length).split(':')
  if (namespace === undefined || name === undefined || more.length > 0) return undefined
  return LABEL.test(namespace) && name.length <= 253 && SUBDOMAIN.test(name) ? { namespace, name } : undefined
}

/** The user that a token stands for. Without `system:authenticated`: the chain adds it. */
export function accountUser(claims: BoundClaims | LegacyClaims): UserInfo {
  if (claims.kind === 'legacy') return user(claims.namespace, claims.accountName, claims.accountUid)
  const extra: Record<string, readonly string[]> = {}
  if (claims.jti !== '') extra[CREDENTIAL_ID_KEY] = [`JTI=${claims.jti}`]
  // A secret leaves no trace; a node does with a pod as well as by itself.
  const { pod, node } = claims
  if (node !== undefined && node.name !== '') {
    extra[NODE_NAME_KEY] = [node.name]
    if (node.uid !== '') extra[NODE_UID_KEY] = [node.uid]
  }
  if (pod !== undefined && pod.name !== '' && pod.uid !== '') {
    extra[POD_NAME_KEY] = [pod.name]
    extra[POD_UID_KEY] = [pod.uid]
  }
  const plain = user(claims.namespace, claims.account.name, claims.account.uid)
  return Object.keys(extra).length === 0 ? plain : { ...plain, extra }
}

function user(namespace: string, name: string, uid: string): UserInfo {
  return { username: `${ACCOUNT_PREFIX}${namespace}:${name}`, ...(uid !== '' && { uid }), groups: accountGroups(namespace) }
}
