/**
 * From the text of a token to claims that can be trusted, or to the reason why not.
 *
 * What a signature proved is remembered (by the SHA-256 of the token, for one generation of keys); times and audiences are looked at
 * every time. Whether account, pod, secret or node still live is not decided here: that is `authentication/serviceaccount.ts`.
 *
 * @see pkg/serviceaccount/jwt.go, claims.go; RFC 8725
 * @module
 */
import { hash } from 'node:crypto'
import { LEGACY_ISSUER, type Ref } from './claims.ts'
import { type JwsHeader, MalformedTokenError, parseJws, parseStrictObject, verifyJws } from './jwt.ts'
import type { KeySource } from './keys.ts'
import type { Rejection } from './rejection.ts'

/** Clocks of issuer and verifier may differ by this much. */
export const LEEWAY_MS = 60_000

interface CommonClaims {
  issuer: string
  subject: string
  /** Empty: meant for the API server alone. */
  audiences: readonly string[]
}

/** Of a TokenRequest. References may be what the API never writes (no uid, several): whoever has the key can sign anything. */
export interface BoundClaims extends CommonClaims {
  kind: 'bound'
  expiresAtSeconds: number | undefined
  notBeforeSeconds: number | undefined
  issuedAtSeconds: number | undefined
  /** `''` when absent. */
  jti: string
  namespace: string
  account: Ref
  pod: Ref | undefined
  secret: Ref | undefined
  node: Ref | undefined
  /** 0 when absent. */
  warnAfterSeconds: number
}

/** Of a secret of type `kubernetes.io/service-account-token`. Members are `''` when absent. */
export interface LegacyClaims extends CommonClaims {
  kind: 'legacy'
  namespace: string
  secretName: string
  accountName: string
  accountUid: string
}

declare const verified: unique symbol
/** Claims whose signature, issuer, audience and times were checked; only `verifyToken` makes one. */
export type VerifiedClaims = (BoundClaims | LegacyClaims) & { readonly [verified]: true }

export type Verification =
  | { ok: true; claims: VerifiedClaims; audiences: readonly string[]; proof: Proof }
  | { ok: false; rejection: Rejection }

export interface VerifierSettings {
  keys: KeySource
  /** Accepted `iss` values beside the legacy one. */
  issuers: readonly string[]
  apiAudiences: readonly string[]
  /** Remembered signatures. */
  cacheEntries?: number
}

export interface VerifyOptions {
  nowMs: number
  /** What the token has to be meant for; undefined: the API server. */
  audiences?: readonly string[] | undefined
}

/** What one token's signature proved; for `verifyAgain`. Worthless under another generation of keys. */
export interface Proof {
  readonly claims: VerifiedClaims
  readonly generation: number
  /** The API audiences that the token is meant for; undefined: none. */
  readonly apiAudiences: readonly string[] | undefined
}

export class TokenVerifier {
  readonly #settings: VerifierSettings
  readonly #issuers: ReadonlySet<string>
  readonly #headers = new Map<string, JwsHeader>()
  readonly #proven: RecentMap<Proof>
  #generation: number

  constructor(settings: VerifierSettings) {
    this.#settings = settings
    this.#issuers = new Set(settings.issuers)
    this.#proven = new RecentMap(settings.cacheEntries ?? 16_384)
    this.#generation = settings.keys.generation
  }

  /** How many tokens' signatures are remembered. */
  get remembered(): number {
    return this.#proven.size
  }

  /** Looks for keys that are new elsewhere; undefined when there is no point. */
  refreshKeys(): Promise<void> | undefined {
    return this.#settings.keys.refresh?.()
  }

  verifyToken(token: string, options: VerifyOptions): Verification {
    const { generation } = this.#settings.keys
    if (generation !== this.#generation) {
      this.#proven.clear()
      this.#generation = generation
    }
    const key = hash('sha256', token, 'base64')
    let proven = this.#proven.get(key)
    if (proven === undefined) {
      const outcome = this.#prove(token)
      if ('reason' in outcome) return { ok: false, rejection: outcome }
      proven = outcome
      this.#proven.set(key, proven)
    }
    return this.#judge(proven, options)
  }

  /** As `verifyToken`, for a token that the caller knows to be the one proven; undefined: it has to be proven anew. */
  verifyAgain(proof: Proof, options: VerifyOptions): Verification | undefined {
    return proof.generation === this.#settings.keys.generation ? this.#judge(proof, options) : undefined
  }

  #judge(proof: Proof, { nowMs, audiences: wanted }: VerifyOptions): Verification {
    const { claims, apiAudiences } = proof
    const audiences = wanted === undefined ? apiAudiences : intersection(this.#audiencesOf(claims), wanted)
    if (audiences === undefined) {
      return {
        ok: false,
        rejection: { reason: 'AudienceMismatch', audiences: this.#audiencesOf(claims), wanted: wanted ?? this.#settings.apiAudiences },
      }
    }
    const rejection = claims.kind === 'bound' ? checkTimes(claims, nowMs) : undefined
    return rejection === undefined ? { ok: true, claims, audiences, proof } : { ok: false, rejection }
  }

  #prove(token: string): Proof | Rejection {
    try {
      const jws = parseJws(token, this.#headers)
      const payload = parseStrictObject(jws.payload, 'payload')
      const { iss } = payload
      if (typeof iss !== 'string' || !(iss === LEGACY_ISSUER || this.#issuers.has(iss)))
        return { reason: 'NotOurs', detail: 'issuer is not ours' }
      const keys = this.#settings.keys.byKid(jws.header.kid)
      if (keys.length === 0) return { reason: 'UnknownKey' }
      if (!keys.some((key) => verifyJws(jws, key))) return { reason: 'BadSignature', detail: `alg ${jws.header.alg.slice(0, 16)}` }
      const claims = readClaims(iss, payload)
      // The one place where the brand is given: the signature holds and the issuer is accepted; #judge checks the rest on every use.
      if (typeof claims === 'string') return { reason: 'BadClaims', detail: claims }
      return { claims: claims as VerifiedClaims, generation: this.#generation, apiAudiences: this.#apiAudiencesOf(claims.audiences) }
    } catch (error) {
      if (error instanceof MalformedTokenError) return { reason: 'NotOurs', detail: error.message }
      throw error
    }
  }

  #apiAudiencesOf(audiences: readonly string[]): readonly string[] | undefined {
    const { apiAudiences } = this.#settings
    return audiences.length === 0 ? apiAudiences : intersection(audiences, apiAudiences)
  }

  #audiencesOf(claims: CommonClaims): readonly string[] {
    return claims.audiences.length === 0 ? this.#settings.apiAudiences : claims.audiences
  }
}

function checkTimes(claims: BoundClaims, nowMs: number): Rejection | undefined {
  const { notBeforeSeconds, expiresAtSeconds, issuedAtSeconds } = claims
  if (notBeforeSeconds !== undefined && nowMs + LEEWAY_MS < notBeforeSeconds * 1000)
    return { reason: 'NotYetValid', validFromSeconds: notBeforeSeconds }
  if (expiresAtSeconds !== undefined && nowMs - LEEWAY_MS > expiresAtSeconds * 1000)
    return { reason: 'Expired', expiredAtSeconds: expiresAtSeconds }
  if (issuedAtSeconds !== undefined && nowMs + LEEWAY_MS < issuedAtSeconds * 1000) return { reason: 'IssuedInFuture', issuedAtSeconds }
  return undefined
}

/** In the order of `wanted`; undefined when nothing is common. */
function intersection(have: readonly string[], wanted: readonly string[]): readonly string[] | undefined {
  const common = wanted.filter((audience) => have.includes(audience))
  return common.length === 0 ? undefined : common
}

/** The claims, or what is wrong with them. */
function readClaims(issuer: string, payload: Record<string, unknown>): BoundClaims | LegacyClaims | string {
  try {
    const subject = text(payload, 'sub')
    const audiences = audienceList(payload['aud'])
    const times = { expiresAtSeconds: date(payload, 'exp'), notBeforeSeconds: date(payload, 'nbf'), issuedAtSeconds: date(payload, 'iat') }
    const jti = text(payload, 'jti')
    if (issuer === LEGACY_ISSUER) {
      return {
        kind: 'legacy',
        issuer,
        subject,
        audiences,
        namespace: text(payload, 'kubernetes.io/serviceaccount/namespace'),
        secretName: text(payload, 'kubernetes.io/serviceaccount/secret.name'),
        accountName: text(payload, 'kubernetes.io/serviceaccount/service-account.name'),
        accountUid: text(payload, 'kubernetes.io/serviceaccount/service-account.uid'),
      }
    }
    const kubernetes = object(payload, 'kubernetes.io') ?? {}
    return {
      kind: 'bound',
      issuer,
      subject,
      audiences,
      ...times,
      jti,
      namespace: text(kubernetes, 'namespace'),
      account: reference(kubernetes, 'serviceaccount') ?? { name: '', uid: '' },
      pod: reference(kubernetes, 'pod'),
      secret: reference(kubernetes, 'secret'),
      node: reference(kubernetes, 'node'),
      warnAfterSeconds: date(kubernetes, 'warnafter') ?? 0,
    }
  } catch (error) {
    if (error instanceof ClaimError) return error.message
    throw error
  }
}

class ClaimError extends Error {}

type Members = Record<string, unknown>

function member(of: Members, name: string): unknown {
  return Object.hasOwn(of, name) ? (of[name] ?? undefined) : undefined
}

function text(of: Members, name: string): string {
  const value = member(of, name) ?? ''
  if (typeof value !== 'string') throw new ClaimError(`${name} is not a string`)
  return value
}

function object(of: Members, name: string): Members | undefined {
  const value = member(of, name)
  if (value === undefined) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw new ClaimError(`${name} is not an object`)
  // member() has turned null into undefined.
  return value as Members
}

function reference(of: Members, name: string): Ref | undefined {
  const value = object(of, name)
  return value === undefined ? undefined : { name: text(value, 'name'), uid: text(value, 'uid') }
}

/** Seconds; fractions are cut off, as in Kubernetes. Beyond the exact integers nothing is a date. */
function date(of: Members, name: string): number | undefined {
  const value = member(of, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || Math.abs(value) > 253_402_300_799)
    throw new ClaimError(`${name} is not a date`)
  return Math.trunc(value)
}

function audienceList(value: unknown): readonly string[] {
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
    throw new ClaimError('aud is not a string or a list of strings')
  return value
}

/** Keeps the entries used last: a new generation begins when one is full, and the one before the last goes. */
class RecentMap<V> {
  readonly #limit: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(limit: number) {
    this.#limit = Math.max(1, Math.ceil(limit / 2))
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const older = this.#old.get(key)
    if (older !== undefined) {
      this.#old.delete(key)
      this.set(key, older)
    }
    return older
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
