/**
 * All built-in resources of a server: the plain ones, and those that need what only a running server has.
 *
 * @module
 */
import type { TokenAuthenticator } from '../authentication/token.ts'
import type { TokenIssuer } from '../token/issuer.ts'
import { serviceAccountTokenSubresource } from './core/serviceaccount-token.ts'
import { definitions } from './definitions.ts'
import type { ResourceDefinition } from './resource.ts'

export interface ServedDeps {
  issuer: TokenIssuer
  /** Judges the tokens of reviews, whatever audience they are for. */
  tokens: TokenAuthenticator
}

export function servedDefinitions({ issuer }: ServedDeps): ResourceDefinition[] {
  return definitions.map((definition) =>
    definition.group === '' && definition.resource === 'serviceaccounts'
      ? { ...definition, subresources: { ...definition.subresources, token: serviceAccountTokenSubresource({ issuer }) } }
      : definition,
  )
}
