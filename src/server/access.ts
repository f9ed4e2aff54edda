/**
 * As whom a request acts.
 *
 * @module
 */

import type { UserInfo } from '../authentication/user.ts'
import { type Impersonator, type WantedUser, wantedUser } from '../authorization/impersonation.ts'
import { headerText } from './exchange.ts'
import type { ImpersonationMetrics } from './metrics-impersonation.ts'
import { attributesOf, type ServerRequest } from './request.ts'

/** Who a request acts as. Synchronous without `Impersonate-*` headers. */
export function impersonation(
  impersonator: Impersonator,
  metrics: ImpersonationMetrics,
): (request: ServerRequest, user: UserInfo) => UserInfo | Promise<UserInfo> {
  const become = async (request: ServerRequest, wanted: WantedUser) => {
    const startedMs = performance.now()
    try {
      const { user, constraint } = await impersonator.impersonate(wanted, attributesOf(request))
      metrics.allowed(constraint, startedMs)
      request.impersonationConstraint = constraint
      return user
    } catch (error) {
      metrics.denied(startedMs)
      throw error
    }
  }
  return (request, user) => {
    const wanted = mayImpersonate(request.exchange.headers) ? wantedUser(request.exchange.rawHeaders().map(headerText)) : undefined
    return wanted === undefined ? user : become(request, wanted)
  }
}

function mayImpersonate(headers: Readonly<Record<string, unknown>>): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true
  return false
}
