/**
 * The contract of what looks at a bearer token's text, and the union of several: all are asked until one knows it.
 *
 * @see apiserver/pkg/authentication/token/union/union.go; apiserver/pkg/authentication/authenticator/audagnostic.go
 * @module
 */
import type { Authentication } from './authenticator.ts'
import { aggregate } from './errors.ts'

export interface TokenContext {
  /** What the token has to be meant for; undefined: the server itself. */
  audiences?: readonly string[] | undefined
  /** Memory for what was proven about the tokens of one connection. */
  connection?: object | undefined
}

export interface TokenAuthenticator {
  readonly name: string
  authenticateToken(token: string, context: TokenContext): Authentication | Promise<Authentication>
}

const UNKNOWN: Authentication = { outcome: 'none' }

/** The first success wins; errors count only when nobody succeeds. Synchronous as long as its members are. */
export function tokenUnion(members: readonly TokenAuthenticator[]): TokenAuthenticator {
  function from(index: number, errors: Error[], token: string, context: TokenContext): Authentication | Promise<Authentication> {
    for (let at = index; at < members.length; at++) {
      const outcome = members[at]!.authenticateToken(token, context)
      if (outcome instanceof Promise)
        return outcome.then((settled) => (take(settled, errors) ? settled : from(at + 1, errors, token, context)))
      if (take(outcome, errors)) return outcome
    }
    return errors.length === 0 ? UNKNOWN : { outcome: 'refused', error: aggregate(errors) }
  }
  return { name: 'token', authenticateToken: (token, context) => from(0, [], token, context) }
}

/** For authenticators whose credentials name no audience: they answer for the API server's audiences alone. */
export function audienceAgnostic(inner: TokenAuthenticator, apiAudiences: readonly string[]): TokenAuthenticator {
  return {
    name: inner.name,
    authenticateToken(token, context) {
      if (context.audiences === undefined) return inner.authenticateToken(token, context)
      const common = context.audiences.filter((audience) => apiAudiences.includes(audience))
      if (common.length === 0) return UNKNOWN
      const outcome = inner.authenticateToken(token, context)
      return outcome instanceof Promise ? outcome.then((settled) => meantFor(settled, common)) : meantFor(outcome, common)
    },
  }
}

function meantFor(outcome: Authentication, audiences: readonly string[]): Authentication {
  return outcome.outcome === 'user' ? { ...outcome, audiences } : outcome
}

function take(outcome: Authentication, errors: Error[]): boolean {
  if (outcome.outcome === 'refused') errors.push(outcome.error)
  return outcome.outcome === 'user'
}
