/**
 * Bearer tokens of a request: in `Authorization`, or as a WebSocket subprotocol for browsers, which cannot set headers.
 *
 * @see apiserver/pkg/authentication/request/bearertoken/bearertoken.go, websocket/protocol.go
 * @module
 */
import { isUtf8 } from 'node:buffer'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import type { TokenAuthenticator } from './token.ts'

export const INVALID_BEARER_TOKEN = 'invalid bearer token'

const EXTRA_SPACE_WARNING = 'the provided Authorization header contains extra space before the bearer token, and is ignored'

const WEBSOCKET_PREFIX = 'base64url.bearer.authorization.k8s.io.'

const NONE: Authentication = { outcome: 'none' }

/** What a header holds: a token, nothing of ours, or nothing with a hint for the sender. */
export function bearerToken(authorization: string): { token: string; warning?: string } {
  const text = authorization.trim()
  const space = text.indexOf(' ')
  if (space !== 6 || text.slice(0, 6).toLowerCase() !== 'bearer') return { token: '' }
  const end = text.indexOf(' ', 7)
  if (end === 7) return { token: '', warning: EXTRA_SPACE_WARNING }
  return { token: end < 0 ? text.slice(7) : text.slice(7, end) }
}

export function bearerAuthenticator(tokens: TokenAuthenticator): Authenticator {
  return {
    name: 'bearer',
    authenticate(credentials) {
      const { authorization } = credentials.headers
      if (authorization === undefined) return NONE
      const { token, warning } = bearerToken(typeof authorization === 'string' ? authorization : (authorization[0] ?? ''))
      if (token !== '') return known(tokens, token, credentials)
      return warning === undefined ? NONE : { outcome: 'none', warnings: [warning] }
    },
  }
}

export function webSocketAuthenticator(tokens: TokenAuthenticator): Authenticator {
  return {
    name: 'websocket',
    authenticate(credentials) {
      const { upgrade, connection } = credentials.headers
      const protocols = credentials.headers['sec-websocket-protocol']
      if (protocols === undefined || !/^websocket$/i.test(String(upgrade ?? '')) || !/\bupgrade\b/i.test(String(connection ?? '')))
        return NONE
      const token = tokenOf(String(protocols))
      if (token instanceof Error) return { outcome: 'refused', error: token }
      return token === '' ? NONE : known(tokens, token, credentials)
    },
  }
}

/** A subprotocol list without the credential: what is negotiated and passed on. */
export function withoutBearerProtocol(protocols: string): string[] {
  return listed(protocols).filter((protocol) => !protocol.startsWith(WEBSOCKET_PREFIX))
}

function tokenOf(protocols: string): string | Error {
  const all = listed(protocols)
  const [encoded, ...more] = all.filter((protocol) => protocol.startsWith(WEBSOCKET_PREFIX))
  if (encoded === undefined) return ''
  if (more.length > 0) return new Error('multiple base64.bearer.authorization tokens specified')
  const text = encoded.slice(WEBSOCKET_PREFIX.length)
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) return new Error('invalid base64.bearer.authorization token encoding')
  if (!isUtf8(bytes)) return new Error('invalid base64.bearer.authorization token')
  if (bytes.length > 0 && all.length === 1) return new Error('missing additional subprotocol')
  return bytes.toString('utf8')
}

function listed(protocols: string): string[] {
  return protocols.split(',').map((protocol) => protocol.trim())
}

function known(tokens: TokenAuthenticator, token: string, credentials: Credentials): Authentication | Promise<Authentication> {
  const outcome = tokens.authenticateToken(token, credentials)
  return outcome instanceof Promise ? outcome.then(orInvalid) : orInvalid(outcome)
}

function orInvalid(outcome: Authentication): Authentication {
  return outcome.outcome === 'none' ? { outcome: 'refused', error: new Error(INVALID_BEARER_TOKEN) } : outcome
}
