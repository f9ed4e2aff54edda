/**
 * How a server knows what somebody may do.
 *
 * @module
 */

import type { UserInfo } from '../authentication/user.ts'
import { abacAuthorizer } from '../authorization/abac.ts'
import { alwaysAllowAuthorizer } from '../authorization/alwaysallow.ts'
import { alwaysDenyAuthorizer } from '../authorization/alwaysdeny.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { type Impersonator, wantedUser } from '../authorization/impersonation.ts'
import { nodeAuthorizer } from '../authorization/node.ts'
import { NodeGraph } from '../authorization/node-graph.ts'
import { rbacAuthorizer } from '../authorization/rbac.ts'
import { systemMastersAuthorizer } from '../authorization/systemmasters.ts'
import { unionAuthorizer } from '../authorization/union.ts'
import type { Cache } from '../cache/cache.ts'
import type { RbacIndex } from '../rbac/index.ts'
import type { AuthorizationMode, ServerOptions } from './options.ts'
import { attributesOf, type ServerRequest } from './request.ts'

export function authorizerOf(
  { authorizationModes, abacPolicies }: Pick<ServerOptions, 'authorizationModes' | 'abacPolicies'>,
  cache: Cache,
  index: RbacIndex,
): Authorizer {
  const members = authorizationModes.map((mode) => (mode === 'ABAC' ? abacAuthorizer(abacPolicies) : memberOf(mode, cache, index)))
  return unionAuthorizer([systemMastersAuthorizer, ...members])
}

function memberOf(mode: Exclude<AuthorizationMode, 'ABAC'>, cache: Cache, index: RbacIndex): Authorizer {
  switch (mode) {
    case 'RBAC':
      return rbacAuthorizer(index)
    case 'Node': {
      const graph = new NodeGraph()
      graph.follow(cache)
      return nodeAuthorizer(graph)
    }
    case 'AlwaysAllow':
      return alwaysAllowAuthorizer
    case 'AlwaysDeny':
      return alwaysDenyAuthorizer
  }
}

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
