/**
 * Tokens signed by a program beside the server, over gRPC on a Unix socket: the private key never comes here.
 *
 * @see KEP-740; staging/src/k8s.io/externaljwt/apis/v1/api.proto; pkg/serviceaccount/externaljwt/plugin
 * @module
 */
import { createPublicKey } from 'node:crypto'
import type { Client, ServiceError } from '@grpc/grpc-js'
import { quote } from '../api/status.ts'
import { type Clock, systemClock } from '../clock.ts'
import { bytesField, FieldReader } from '../storage/etcd/protobuf.ts'
import { EXTENDED_EXPIRATION_SECONDS, encodeClaims, type LegacyTokenClaims, type TokenClaims } from './claims.ts'
import type { TokenSigner } from './issuer.ts'
import { parseStrictObject } from './jwt.ts'
import { type KeySource, type VerificationKey, verificationKey } from './keys.ts'

const FETCH_TIMEOUT_MS = 60_000
const METADATA_TIMEOUT_MS = 10_000
/** After a failed refresh; the old keys stay in use. */
const RETRY_MS = 10_000
/** An unknown kid asks for new keys, no more often than this: anybody can make up a kid. */
const MIN_REFRESH_MS = 1000
const MIN_LIFE_SECONDS = 600
const MAX_KEY_ID_LENGTH = 1024
const ALGORITHMS: ReadonlySet<unknown> = new Set(['RS256', 'ES256', 'ES384', 'ES512'])

export interface ExternalSignerOptions {
  /** `--service-account-signing-endpoint`: the path of a socket, or `@name` of an abstract one. */
  endpoint: string
  /** For the refresh of keys. Calls themselves are waited for in real time. */
  clock: Clock
  /** Keys could not be refreshed; those known stay in use. */
  failed?(error: unknown): void
  /** Of each call: its name, its gRPC code, and how long it took. */
  observed?(call: { method: Method; code: string; seconds: number }): void
}

type Method = 'Sign' | 'FetchKeys' | 'Metadata'

interface Keys {
  keys: readonly VerificationKey[]
  dataTimestamp: string
  refreshAtMs: number
}

export class ExternalSigner implements TokenSigner, KeySource {
  /** The longest life that the signer gives. */
  readonly maxExpirationSeconds: number
  readonly #client: Client
  readonly #options: ExternalSignerOptions
  #keys: Keys = { keys: [], dataTimestamp: '', refreshAtMs: 0 }
  #generation = 0
  #fetching: Promise<void> | undefined
  #fetchedAtMs = Number.NEGATIVE_INFINITY
  #cancelRefresh: (() => void) | undefined
  #closed = false

  private constructor(client: Client, options: ExternalSignerOptions, maxExpirationSeconds: number) {
    this.#client = client
    this.#options = options
    this.maxExpirationSeconds = maxExpirationSeconds
  }

  /** Waits for the signer, its keys and its limits. Throws with upstream's words for what is wrong with them. */
  static async open(options: ExternalSignerOptions): Promise<ExternalSigner> {
    const { Client, ChannelCredentials } = await import('@grpc/grpc-js')
    const path = options.endpoint.startsWith('@') ? `\0${options.endpoint.slice(1)}` : options.endpoint
    const client = new Client(`unix:${path}`, ChannelCredentials.createInsecure(), {
      'grpc.default_authority': 'localhost',
      'grpc.use_local_subchannel_pool': 1,
    })
    try {
      const first = new ExternalSigner(client, options, 0)
      const keys = await first.#fetch()
      const maxSeconds = await first.#metadata()
      const signer = new ExternalSigner(client, options, maxSeconds)
      signer.#take(keys)
      signer.#schedule()
      return signer
    } catch (error) {
      client.close()
      throw new Error(`while setting up external-jwt-signer: ${(error as Error).message}`, { cause: error })
    }
  }

  /** For `maxExtendedExpirationSeconds` of the issuer. */
  get maxExtendedExpirationSeconds(): number {
    return Math.min(this.maxExpirationSeconds, EXTENDED_EXPIRATION_SECONDS)
  }

  get generation(): number {
    return this.#generation
  }

  /** Seconds until the keys are asked for again. */
  get maxAgeSeconds(): number {
    return Math.max(0, Math.floor((this.#keys.refreshAtMs - this.#options.clock.nowMs()) / 1000))
  }

  all(): readonly VerificationKey[] {
    return this.#keys.keys
  }

  byKid(kid: string): readonly VerificationKey[] {
    return kid === '' ? this.#keys.keys : this.#keys.keys.filter((key) => key.kid === kid)
  }

  /** Asks for the keys again because one was not among them; undefined when that was done a moment ago. One call serves all who wait. */
  refresh(): Promise<void> | undefined {
    if (this.#fetching === undefined && this.#options.clock.nowMs() - this.#fetchedAtMs < MIN_REFRESH_MS) return undefined
    return this.#sync().catch((error) => this.#options.failed?.(error))
  }

  async sign(claims: TokenClaims | LegacyTokenClaims): Promise<string> {
    const payload = Buffer.from(encodeClaims(claims)).toString('base64url')
    const answer = await this.#call('Sign', bytesField(1, Buffer.from(payload)), METADATA_TIMEOUT_MS).catch((error: unknown) => {
      throw new Error(`while signing jwt: ${(error as Error).message}`, { cause: error })
    })
    let header = ''
    let signature = ''
    for (const reader = new FieldReader(answer); reader.next(); ) {
      if (reader.field === 1) header = reader.text()
      else if (reader.field === 2) signature = reader.text()
    }
    const problem = await this.#headerProblem(header)
    if (problem !== undefined) throw new Error(`while validating header: ${problem}`)
    if (signature === '') throw new Error('empty signature returned')
    return `${header}.${payload}.${signature}`
  }

  close(): void {
    this.#closed = true
    this.#cancelRefresh?.()
    this.#client.close()
  }

  async #headerProblem(encoded: string): Promise<string | undefined> {
    let header: Record<string, unknown>
    try {
      header = parseStrictObject(Buffer.from(encoded, 'base64url').toString(), 'header')
    } catch (error) {
      return `while parsing header JSON: ${(error as Error).message}`
    }
    const odd = Object.keys(header).find((member) => !['alg', 'kid', 'typ'].includes(member))
    if (odd !== undefined) return `while parsing header JSON: json: unknown field ${quote(odd)}`
    const { alg, kid, typ } = header
    if (typ !== 'JWT') return 'bad type'
    if (typeof kid !== 'string' || kid === '') return 'key id missing'
    if (kid.length > MAX_KEY_ID_LENGTH) return 'key id longer than 1 kb'
    if (!ALGORITHMS.has(alg)) return `bad signing algorithm ${quote(String(alg ?? ''))}`
    if (this.byKid(kid).length === 0) await this.refresh()
    const hidden = this.byKid(kid).some((key) => key.excludeFromDiscovery === true)
    return hidden ? `key used for signing JWT (kid: ${kid}) is excluded from OIDC discovery docs` : undefined
  }

  #sync(): Promise<void> {
    this.#fetching ??= this.#fetch()
      .then((keys) => this.#take(keys))
      .finally(() => {
        this.#fetching = undefined
        this.#fetchedAtMs = this.#options.clock.nowMs()
      })
    return this.#fetching
  }

  #take(keys: Keys): void {
    const before = this.#keys
    this.#keys = keys
    const same =
      before.dataTimestamp === keys.dataTimestamp &&
      before.keys.length === keys.keys.length &&
      before.keys.every((key, index) => isSame(key, keys.keys[index]!)) // as many
    if (!same) this.#generation++
  }

  #schedule(delayMs = this.#keys.refreshAtMs - this.#options.clock.nowMs()): void {
    if (this.#closed) return
    this.#cancelRefresh = this.#options.clock.after(delayMs, () => {
      this.#sync().then(
        () => this.#schedule(),
        (error) => {
          this.#options.failed?.(error)
          this.#schedule(RETRY_MS)
        },
      )
    })
  }

  async #fetch(): Promise<Keys> {
    const answer = await this.#call('FetchKeys', Buffer.alloc(0), FETCH_TIMEOUT_MS).catch((error: unknown) => {
      throw new Error(`while getting externally supported jwt signing keys: ${(error as Error).message}`, { cause: error })
    })
    const keys: VerificationKey[] = []
    let dataTimestamp = ''
    let refreshHintSeconds = 0
    const encoded: Buffer[] = []
    for (const reader = new FieldReader(answer); reader.next(); ) {
      if (reader.field === 1) encoded.push(reader.bytes())
      else if (reader.field === 2) dataTimestamp = `t${reader.bytes().toString('hex')}`
      else if (reader.field === 3) refreshHintSeconds = reader.number()
    }
    if (refreshHintSeconds <= 0) throw new RangeError(`found invalid refresh hint (${refreshHintSeconds}s)`)
    if (encoded.length === 0) throw new RangeError('found no keys')
    if (dataTimestamp === '') throw new RangeError('invalid data timestamp: proto: invalid nil Timestamp')
    for (const key of encoded) keys.push(publicKey(key))
    return { keys, dataTimestamp, refreshAtMs: this.#options.clock.nowMs() + refreshHintSeconds * 1000 }
  }

  async #metadata(): Promise<number> {
    const answer = await this.#call('Metadata', Buffer.alloc(0), METADATA_TIMEOUT_MS)
    let seconds = 0
    for (const reader = new FieldReader(answer); reader.next(); ) if (reader.field === 1) seconds = reader.number()
    if (seconds < MIN_LIFE_SECONDS) {
      throw new RangeError(
        `max token life supported by external-jwt-signer (${seconds}s) is less than acceptable (min ${MIN_LIFE_SECONDS}s)`,
      )
    }
    return seconds
  }

  #call(method: Method, request: Buffer, timeoutMs: number): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const startMs = systemClock.nowMs()
    const same = (bytes: Buffer) => bytes
    const done = (error: ServiceError | null, answer: Buffer | undefined) => {
      const code = error === null ? 'OK' : (CODES[error.code] ?? 'unknown-non-grpc')
      this.#options.observed?.({ method, code, seconds: (systemClock.nowMs() - startMs) / 1000 })
      if (error === null && answer !== undefined) resolve(answer)
      else reject(new Error(`rpc error: code = ${code} desc = ${error?.details ?? ''}`, { cause: error }))
    }
    const deadlineMs = startMs + timeoutMs
    this.#client.waitForReady(deadlineMs, (error) => {
      if (error !== undefined)
        return reject(
          new Error('rpc error: code = DeadlineExceeded desc = latest balancer error: the signer does not answer', { cause: error }),
        )
      this.#client.makeUnaryRequest(`/v1.ExternalJWTSigner/${method}`, same, same, request, { deadline: deadlineMs }, done)
    })
    return promise
  }
}

/** A name may have got another key: what the one before it signed is no good any more. */
function isSame(one: VerificationKey, other: VerificationKey): boolean {
  return one.kid === other.kid && one.excludeFromDiscovery === other.excludeFromDiscovery && one.publicKey.equals(other.publicKey)
}

/** gRPC's codes by number, as Go prints them. */
const CODES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]

function publicKey(encoded: Buffer): VerificationKey {
  let kid = ''
  let der: Buffer = Buffer.alloc(0)
  let excludeFromDiscovery = false
  for (const reader = new FieldReader(encoded); reader.next(); ) {
    if (reader.field === 1) kid = reader.text()
    else if (reader.field === 2) der = reader.bytes()
    else if (reader.field === 3) excludeFromDiscovery = reader.boolean()
  }
  if (kid === '' || kid.length > MAX_KEY_ID_LENGTH) throw new RangeError(`found invalid public key id ${quote(kid)}`)
  if (der.length === 0) throw new RangeError('found empty public key')
  try {
    const key = verificationKey(createPublicKey({ key: der, format: 'der', type: 'spki' }))
    return { ...key, kid, jwk: { ...key.jwk, kid }, excludeFromDiscovery }
  } catch (error) {
    throw new TypeError(`while parsing external public keys: ${(error as Error).message}`, { cause: error })
  }
}
