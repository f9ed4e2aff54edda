/**
 * As whom a request acts.
 *
 * @module
 */

import type { UserInfo } from '../authentication/user.ts'
import { type Impersonator, wantedUser } from '../authorization/impersonation.ts'
import { attributesOf, type ServerRequest } from './request.ts'

/** Who a request acts as. Synchronous without `Impersonate-*` headers. */
export function impersonation(impersonator: Impersonator): (request: ServerRequest, user: UserInfo) => UserInfo | Promise<UserInfo> {
  return (request, user) => {
    const wanted = mayImpersonate(request.exchange.headers) ? wantedUser(request.exchange.rawHeaders()) : undefined
    if (wanted === undefined) return user
    return impersonator.impersonate(wanted, attributesOf(request)).then((impersonated) => impersonated.user)
  }
}

function mayImpersonate(headers: Readonly<Record<string, unknown>>): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true
  return false
}
