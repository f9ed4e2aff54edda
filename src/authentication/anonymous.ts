/**
 * Requests without any credential: `system:anonymous`.
 *
 * @see apiserver/pkg/authentication/request/anonymous/anonymous.go
 * @module
 */
import type { Authentication, Authenticator } from './authenticator.ts'
import { ALL_UNAUTHENTICATED, ANONYMOUS, type UserInfo } from './user.ts'

const USER: UserInfo = { username: ANONYMOUS, groups: [ALL_UNAUTHENTICATED] }

/** @param paths `anonymous.conditions`: only these exact paths; undefined: everywhere. */
export function anonymousAuthenticator(paths?: readonly string[]): Authenticator {
  const allowed = paths === undefined || paths.length === 0 ? undefined : new Set(paths)
  const everywhere: Authentication = { outcome: 'user', user: USER }
  return {
    name: 'anonymous',
    authenticate({ path, audiences }) {
      if (allowed !== undefined && (path === undefined || !allowed.has(path))) return { outcome: 'none' }
      return audiences === undefined ? everywhere : { outcome: 'user', user: USER, audiences }
    },
  }
}
