/**
 * Tokens of an OpenID Connect issuer elsewhere: `--oidc-*`, and each entry of an AuthenticationConfiguration.
 *
 * How claims become a user is handed in as functions: the ones for plain claims are here.
 *
 * @see apiserver/plugin/pkg/authenticator/token/oidc/oidc.go
 * @module
 */
import { hash } from 'node:crypto'
import { quote } from '../api/status.ts'
import type { Clock } from '../clock.ts'
import { type Jws, MalformedTokenError, parseJws, parseStrictObject } from '../token/jwt.ts'
import type { Authentication } from './authenticator.ts'
import type { RemoteKeys } from './remote-keys.ts'
import { CREDENTIAL_ID_KEY } from './serviceaccount-user.ts'
import type { TokenAuthenticator } from './token.ts'
import type { UserInfo } from './user.ts'

export type Claims = Readonly<Record<string, unknown>>

export interface JwtSettings {
  issuer: string
  /** At least one has to be the token's. */
  audiences: readonly string[]
  signingAlgorithms: readonly string[]
  keys: RemoteKeys
  clock: Clock
  /** Each throws what is wrong with the claims, in upstream's words. */
  username(claims: Claims): string
  groups?(claims: Claims): readonly string[]
  uid?(claims: Claims): string
  extra?(claims: Claims): Readonly<Record<string, readonly string[]>>
  /** Claims that have to have this text. */
  requiredClaims?: Readonly<Record<string, string>>
  /** Throws when the claims or the user are not as they have to be. */
  validate?(claims: Claims, user: UserInfo): void
  /** Hears how long each of the issuer's tokens took. */
  took?(result: 'success' | 'failure', seconds: number): void
  /** The claims with those that are kept elsewhere. */
  expand?(claims: Claims): Promise<Claims>
  /** Where good tokens are kept, for `jwtSet`. */
  memory?: TokenMemory
}

const REMEMBERED_MS = 10_000
const MAX_REMEMBERED = 4096

/**
 * Tokens that were found to be good a moment ago, by digest: what was computed of them does not change while the configuration does not.
 *
 * @see pkg/kubeapiserver/options/authentication.go, TokenSuccessCacheTTL
 */
export class TokenMemory {
  readonly #clock: Clock
  readonly #known = new Map<string, { answer: Authentication; untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(token: string): Authentication | undefined {
    // Nothing to look for costs nothing.
    if (this.#known.size === 0) return undefined
    const found = this.#known.get(digest(token))
    return found !== undefined && this.#clock.nowMs() < found.untilMs ? found.answer : undefined
  }

  /** Never beyond its end. */
  add(token: string, answer: Authentication, expiresAtMs: number): void {
    const nowMs = this.#clock.nowMs()
    // Those at the front were put in first.
    for (const [oldest, { untilMs }] of this.#known) {
      if (untilMs > nowMs && this.#known.size < MAX_REMEMBERED) break
      this.#known.delete(oldest)
    }
    this.#known.set(digest(token), { answer, untilMs: Math.min(nowMs + REMEMBERED_MS, expiresAtMs) })
  }
}

function digest(token: string): string {
  return hash('sha256', token, 'base64')
}

const NONE: Authentication = { outcome: 'none' }
const NOT_BEFORE_LEEWAY_MS = 60_000

/** Wrap several in `jwtSet`, and that in `audienceAgnostic`. */
export function jwtAuthenticator(settings: JwtSettings): TokenAuthenticator {
  return {
    name: 'jwt',
    authenticateToken(token) {
      const parsed = parseToken(token)
      if (parsed === undefined || issuerOf(parsed.claims) !== settings.issuer) return NONE
      const startedMs = performance.now()
      const took = (result: 'success' | 'failure') => settings.took?.(result, (performance.now() - startedMs) / 1000)
      return judge(settings, parsed).then(
        (user): Authentication => {
          took('success')
          const answer: Authentication = { outcome: 'user', user }
          // Only a number comes this far.
          settings.memory?.add(token, answer, Number(parsed.claims['exp']) * 1000)
          return answer
        },
        (error: unknown): Authentication => {
          took('failure')
          return { outcome: 'refused', error: error instanceof Error ? error : new Error(String(error)) }
        },
      )
    },
  }
}

/** One of several issuers: the one that a token names decides alone. @param memory that the members share */
export function jwtSet(members: readonly TokenAuthenticator[], memory?: TokenMemory): TokenAuthenticator {
  return {
    name: 'jwt',
    authenticateToken(token, context) {
      const known = memory?.get(token)
      if (known !== undefined) return known
      for (const member of members) {
        const outcome = member.authenticateToken(token, context)
        // An issuer that knows the token always answers a promise.
        if (outcome instanceof Promise || outcome.outcome !== 'none') return outcome
      }
      return NONE
    },
  }
}

/** A text claim with a prefix; `email` counts only when it was verified, if the issuer says anything about that. */
export function usernameClaim(claim: string, prefix: string): (claims: Claims) => string {
  return (claims) => {
    const problem = (why: string) => new Error(`oidc: parse username claims ${quote(claim)}: ${why}`)
    if (!Object.hasOwn(claims, claim)) throw problem('claim not present')
    const name = claims[claim]
    if (typeof name !== 'string') throw problem(mismatch(name, 'string'))
    if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
      const verified = claims['email_verified']
      if (typeof verified !== 'boolean') throw new Error(`oidc: parse 'email_verified' claim: ${mismatch(verified, 'bool')}`)
      if (!verified) throw new Error('oidc: email not verified')
    }
    return prefix + name
  }
}

/** A text, or a list of texts; absent is no group. */
export function groupsClaim(claim: string, prefix: string): (claims: Claims) => readonly string[] {
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) return []
    const value = claims[claim]
    if (value === null) return []
    const groups: unknown[] = Array.isArray(value) ? value : [value]
    if (!groups.every((group) => typeof group === 'string'))
      throw new Error(`oidc: parse groups claim ${quote(claim)}: ${mismatch(value, 'string')}`)
    return groups.map((group) => `${prefix}${group}`)
  }
}

/** A text that has to be there. */
export function uidClaim(claim: string): (claims: Claims) => string {
  return (claims) => {
    const problem = (why: string) => new Error(`oidc: parse uid claim ${quote(claim)}: ${why}`)
    if (!Object.hasOwn(claims, claim)) throw problem('claim not present')
    const uid = claims[claim] ?? ''
    if (typeof uid !== 'string') throw problem(mismatch(uid, 'string'))
    return uid
  }
}

/** What Go's decoder says. */
function mismatch(value: unknown, type: string, into = 'Go value'): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return `json: cannot unmarshal ${kind} into ${into} of type ${type}`
}

/** The prefix that `--oidc-username-prefix` means when it is not given, and `-` when it is. */
export function usernamePrefix(flag: string | undefined, claim: string, issuer: string): string {
  if (flag === '-') return ''
  if (flag !== undefined && flag !== '') return flag
  return claim === 'email' ? '' : `${issuer}#`
}

/** Read, and not yet believed. */
export interface ParsedToken {
  jws: Jws
  claims: Claims
}

/** Undefined: it is none. */
export function parseToken(token: string): ParsedToken | undefined {
  try {
    const jws = parseJws(token)
    return { jws, claims: parseStrictObject(jws.payload, 'payload') }
  } catch (error) {
    if (error instanceof MalformedTokenError) return undefined
    throw error
  }
}

function issuerOf(claims: Claims): unknown {
  // The name that Google used to give itself.
  return claims['iss'] === 'accounts.google.com' ? 'https://accounts.google.com' : claims['iss']
}

async function judge(settings: JwtSettings, token: ParsedToken): Promise<UserInfo> {
  if (!settings.keys.initialized) throw new Error('oidc: authenticator not initialized')
  await verifyToken(settings, token).catch((error: Error) => {
    throw new Error(`oidc: verify token: ${error.message}`, { cause: error })
  })
  const claims = settings.expand === undefined ? token.claims : await expanded(settings.expand, token.claims)
  const username = settings.username(claims)
  const groups = settings.groups?.(claims) ?? []
  const uid = settings.uid?.(claims) ?? ''
  const jti = claims['jti']
  const extra = { ...(typeof jti === 'string' && jti !== '' && { [CREDENTIAL_ID_KEY]: [`JTI=${jti}`] }), ...settings.extra?.(claims) }
  for (const [claim, wanted] of Object.entries(settings.requiredClaims ?? {})) {
    if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`)
    const value = claims[claim]
    if (typeof value !== 'string') throw new Error(`oidc: parse claim ${claim}: ${mismatch(value, 'string')}`)
    if (value !== wanted) throw new Error(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${wanted}`)
  }
  const user: UserInfo = { username, ...(uid !== '' && { uid }), groups, ...(Object.keys(extra).length > 0 && { extra }) }
  settings.validate?.(claims, user)
  return user
}

async function expanded(expand: (claims: Claims) => Promise<Claims>, claims: Claims): Promise<Claims> {
  try {
    return await expand(claims)
  } catch (error) {
    throw new Error(`oidc: could not expand distributed claims: ${(error as Error).message}`, { cause: error })
  }
}

/** Rejects one that has another signature, time or audience than it should. */
export async function verifyToken(
  { audiences, signingAlgorithms, keys, clock }: Pick<JwtSettings, 'audiences' | 'signingAlgorithms' | 'keys' | 'clock'>,
  { jws, claims }: ParsedToken,
): Promise<void> {
  const nowMs = clock.nowMs()
  const { sub } = claims
  if (sub !== undefined && sub !== null && typeof sub !== 'string')
    throw new Error(`oidc: failed to unmarshal claims: ${mismatch(sub, 'string', 'Go struct field idToken.sub')}`)
  const expiresAtMs = milliseconds(claims, 'exp')
  if (expiresAtMs === undefined || expiresAtMs < nowMs) {
    throw new Error(`oidc: token is expired (Token Expiry: ${expiresAtMs === undefined ? NO_TIME : goTime(expiresAtMs)})`)
  }
  const notBeforeMs = milliseconds(claims, 'nbf')
  if (notBeforeMs !== undefined && nowMs + NOT_BEFORE_LEEWAY_MS < notBeforeMs) {
    throw new Error(`oidc: current time ${goTime(nowMs)} before the nbf (not before) time: ${goTime(notBeforeMs)}`)
  }
  const { alg } = jws.header
  if (!signingAlgorithms.includes(alg))
    throw new Error(
      `oidc: id token signed with unsupported algorithm, expected [${signingAlgorithms.map(quote).join(' ')}] got ${quote(alg.slice(0, 16))}`,
    )
  if (!(await keys.verifies(jws))) throw new Error('failed to verify signature: failed to verify id token signature')
  const meant = audienceList(claims['aud'])
  if (meant.some((audience) => audiences.includes(audience))) return
  const wanted = audiences.length === 1 ? quote(audiences[0] as string) : `in [${[...audiences].sort().map(quote).join(' ')}]`
  throw new Error(`oidc: expected audience ${wanted} got [${meant.map(quote).join(' ')}]`)
}

/** Go's zero time. */
const NO_TIME = '0001-01-01 00:00:00 +0000 UTC'

/** As Go prints a time, to the millisecond. */
function goTime(ms: number): string {
  const [date = '', time = ''] = new Date(ms).toISOString().split('T')
  return `${date} ${time.replace(/\.?0*Z$/, '')} +0000 UTC`
}

function milliseconds(claims: Claims, claim: string): number | undefined {
  const value = claims[claim]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || Math.abs(value) > 253_402_300_799)
    throw new Error(`oidc: failed to unmarshal claims: ${claim} is no date`)
  return value * 1000
}

function audienceList(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}
