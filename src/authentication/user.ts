/**
 * Who asks.
 *
 * @module
 */

/** @see apiserver/pkg/authentication/user/user.go */
export interface UserInfo {
  username: string
  uid?: string
  groups: readonly string[]
  extra?: Readonly<Record<string, readonly string[]>>
}

export const ANONYMOUS = 'system:anonymous'
export const ALL_AUTHENTICATED = 'system:authenticated'
export const ALL_UNAUTHENTICATED = 'system:unauthenticated'
export const SYSTEM_MASTERS = 'system:masters'
