/**
 * The keys of an issuer elsewhere: found by its discovery document, kept until a token names one that is not among them.
 *
 * @see OpenID Connect Discovery 1.0; RFC 7517; RFC 7518 section 3
 * @module
 */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { quote } from '../api/quote.ts'
import type { Clock } from '../clock.ts'
import { type Jws, rawToDer } from '../token/jwt.ts'

/** Every algorithm that an AuthenticationConfiguration may name. */
export const SIGNING_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const

export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** GETs a JSON document. Rejects for anything but a 200 with JSON of a decent size. `seen` gets the bytes of a document. */
export type FetchJson = (url: string, seen?: (bytes: Buffer) => void) => Promise<unknown>

export interface RemoteKeysOptions {
  issuer: string
  /** Where the discovery document is, when not under the issuer. */
  discoveryUrl?: string | undefined
  fetchJson: FetchJson
  /** Between two attempts: real time, unless a test turns it. */
  clock: Clock
  /** Hears of each attempt to fetch the keys: what came, or that none did. */
  fetched?(document: Buffer | undefined): void
}

/** Anybody can make up a kid: the issuer is asked again this often at most. */
const MIN_FETCH_MS = 1000

/** Until the issuer has been reached for the first time. */
const RETRY_MS = 10_000

export class RemoteKeys {
  readonly #options: RemoteKeysOptions
  #jwksUri: string | undefined
  #keys: readonly { kid: string; key: KeyObject }[] = []
  #fetching: Promise<void> | undefined
  #fetchedAtMs = Number.NEGATIVE_INFINITY
  #closed = false
  #cancelRetry: (() => void) | undefined
  #failure: unknown
  #looking: Promise<void> | undefined

  constructor(options: RemoteKeysOptions) {
    this.#options = options
  }

  /** Whether the issuer has been found. */
  get initialized(): boolean {
    return this.#jwksUri !== undefined
  }

  /** Why the issuer has not been found; undefined once it has. */
  get failure(): Error | undefined {
    if (this.initialized) return undefined
    const { issuer } = this.#options
    return this.#failure instanceof Error ? this.#failure : new Error(`oidc: authenticator for issuer ${quote(issuer)} is not initialized`)
  }

  /** Looks for the issuer now, and again until it is there. `failed` hears of each attempt in vain. */
  start(failed: (error: unknown) => void): void {
    this.#looking = this.#discover().catch((error) => {
      this.#failure = error
      failed(error)
      if (!this.#closed) this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => this.start(failed))
    })
  }

  /** When the present look for the issuer has come to an end, however. */
  async looked(): Promise<void> {
    await this.#looking
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
  }

  /** Whether one of the issuer's keys signed it; they are fetched anew when none of those known did. Rejects when that fails. */
  async verifies(jws: Jws): Promise<boolean> {
    if (this.#signedByKnown(jws)) return true
    if (this.#fetching === undefined && this.#options.clock.nowMs() - this.#fetchedAtMs < MIN_FETCH_MS) return false
    await this.#fetch()
    return this.#signedByKnown(jws)
  }

  #signedByKnown(jws: Jws): boolean {
    const { kid } = jws.header
    return this.#keys.some((known) => (kid === '' || known.kid === kid) && isSignedBy(jws, known.key))
  }

  async #discover(): Promise<void> {
    const { issuer, discoveryUrl, fetchJson } = this.#options
    const document = await fetchJson(discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { issuer: said, jwks_uri: jwksUri } = (document ?? {}) as { issuer?: unknown; jwks_uri?: unknown }
    if (said !== issuer)
      throw new TypeError(
        `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(said)}`,
      )
    if (typeof jwksUri !== 'string' || !jwksUri.startsWith('https://'))
      throw new TypeError('oidc: the provider names no https address of its keys')
    this.#jwksUri = jwksUri
  }

  #fetch(): Promise<void> {
    const { fetchJson, clock, fetched } = this.#options
    let bytes: Buffer | undefined
    this.#fetching ??= fetchJson(this.#jwksUri ?? '', (seen) => {
      bytes = seen
    })
      .then(
        (document) => {
          this.#keys = readKeys(document)
          fetched?.(bytes)
        },
        (error) => {
          fetched?.(undefined)
          throw error
        },
      )
      .finally(() => {
        this.#fetching = undefined
        this.#fetchedAtMs = clock.nowMs()
      })
    return this.#fetching
  }
}

/** Of an algorithm on the closed list, by a key that fits it. */
export function isSignedBy(jws: Jws, key: KeyObject): boolean {
  const { alg } = jws.header
  if (jws.header.critical || jws.stray || !(SIGNING_ALGORITHMS as readonly string[]).includes(alg)) return false
  const hash = `sha${alg.slice(2)}`
  try {
    if (alg.startsWith('ES')) {
      const { width, curve } = CURVES[alg]!
      if (key.asymmetricKeyDetails?.namedCurve !== curve || jws.signature.length !== 2 * width) return false
      return verify(hash, jws.signingInput, key, rawToDer(jws.signature, width))
    }
    if (key.asymmetricKeyType !== 'rsa') return false
    if (alg.startsWith('RS')) return verify(hash, jws.signingInput, key, jws.signature)
    return verify(
      hash,
      jws.signingInput,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO },
      jws.signature,
    )
  } catch {
    return false
  }
}

const CURVES: Readonly<Record<string, { width: number; curve: string }>> = {
  ES256: { width: 32, curve: 'prime256v1' },
  ES384: { width: 48, curve: 'secp384r1' },
  ES512: { width: 66, curve: 'secp521r1' },
}

/** Keys of other kinds, and for encryption, are passed over. */
function readKeys(document: unknown): { kid: string; key: KeyObject }[] {
  const { keys } = (document ?? {}) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new TypeError('oidc: the provider answers no list of keys')
  return keys.flatMap((jwk: Record<string, unknown> | null) => {
    const { kty, use, kid } = jwk ?? {}
    if ((kty !== 'RSA' && kty !== 'EC') || (use !== undefined && use !== 'sig')) return []
    try {
      // createPublicKey() checks the members itself.
      return [{ kid: typeof kid === 'string' ? kid : '', key: createPublicKey({ key: jwk as never, format: 'jwk' }) }]
    } catch {
      return []
    }
  })
}
