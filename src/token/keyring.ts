/**
 * The signing keys of the moment, by their lives: which are accepted, and which one signs here.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { type KeyLife, type KeyState, keyState, livesByTurn, nextChangeMs, reached } from './key-life.ts'
import { JWKS_MAX_AGE_SECONDS, type KeySource, type SigningKey, type VerificationKey, verificationKey } from './keys.ts'

export interface RingKey {
  verification: VerificationKey
  /** Absent: another server has it, or nobody any more. */
  signing?: SigningKey
}

export interface KeyRingOptions {
  clock: Clock
  /** Keys without a life are accepted for good, as files of `--service-account-key-file` are. */
  keys: readonly RingKey[]
  lives: readonly KeyLife[]
  maxAgeSeconds?: number
}

export interface ListedKey {
  kid: string
  algorithm: string
  state: KeyState
  life: KeyLife
  /** Its private part is here. */
  isHere: boolean
  /** This server signs with it: with the active key, or in want of that with the one before it. */
  signsHere: boolean
}

/** Deadlines are looked at when somebody asks, so that none is ever missed. */
export class KeyRing implements KeySource {
  readonly #clock: Clock
  readonly #keys = new Map<string, RingKey>()
  readonly maxAgeSeconds: number
  #lives: readonly KeyLife[] = []
  #generation = 0
  #nextChangeMs = Number.NEGATIVE_INFINITY
  #accepted: readonly VerificationKey[] = []
  #byKid: ReadonlyMap<string, readonly VerificationKey[]> = new Map()
  #signing: SigningKey | undefined

  constructor({ clock, keys, lives, maxAgeSeconds = JWKS_MAX_AGE_SECONDS }: KeyRingOptions) {
    this.#clock = clock
    this.maxAgeSeconds = maxAgeSeconds
    this.replace(lives, keys)
  }

  get lives(): readonly KeyLife[] {
    return this.#lives
  }

  get generation(): number {
    this.#refresh()
    return this.#generation
  }

  all(): readonly VerificationKey[] {
    this.#refresh()
    return this.#accepted
  }

  byKid(kid: string): readonly VerificationKey[] {
    this.#refresh()
    return kid === '' ? this.#accepted : (this.#byKid.get(kid) ?? [])
  }

  /**
   * The key that this server signs with: the active one, or while its private part is elsewhere the last one before it, which every verifier
   * knows too. Throws RangeError when there is none.
   */
  active(): SigningKey {
    this.#refresh()
    if (this.#signing === undefined) throw new RangeError('the private part of no signing key that is in use is on this server')
    return this.#signing
  }

  /** Every key that has a life, in the order of the lives. */
  list(): ListedKey[] {
    this.#refresh()
    const nowMs = this.#clock.nowMs()
    return this.#lives.map((life) => {
      const key = this.#keys.get(life.kid)
      return {
        kid: life.kid,
        algorithm: key?.verification.algorithm ?? '',
        state: keyState(life, this.#lives, nowMs),
        life,
        isHere: key?.signing !== undefined,
        signsHere: this.#signing?.kid === life.kid,
      }
    })
  }

  /** Takes over what was decided, here or by another server, and keys that were found meanwhile. */
  replace(lives: readonly KeyLife[], keys: readonly RingKey[] = []): void {
    for (const key of keys) this.#add(key)
    for (const { kid, publicKey } of lives) if (publicKey !== undefined && !this.#keys.has(kid)) this.#addPublic(kid, publicKey)
    this.#lives = lives
    this.#nextChangeMs = Number.NEGATIVE_INFINITY
  }

  /** A private part is never forgotten because the public one was read after it. */
  #add(key: RingKey): void {
    const { kid } = key.verification
    if (this.#keys.get(kid)?.signing === undefined) this.#keys.set(kid, key)
  }

  #addPublic(kid: string, publicKey: string): void {
    const verification = verificationKey(createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' }))
    if (verification.kid !== kid) throw new TypeError(`the public key of ${kid} is that of ${verification.kid}`)
    this.#add({ verification })
  }

  #refresh(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#nextChangeMs) return
    const withLife = new Set(this.#lives.map(({ kid }) => kid))
    const living = this.#lives
      .filter(({ publishedAtMs, retiredAtMs }) => reached(publishedAtMs, nowMs) && !reached(retiredAtMs, nowMs))
      .flatMap(({ kid }) => this.#keys.get(kid) ?? [])
    const forGood = [...this.#keys.values()].filter(({ verification }) => !withLife.has(verification.kid))
    const before = this.#accepted.map(({ kid }) => kid).join()
    this.#accepted = [...living, ...forGood].map(({ verification }) => verification)
    if (this.#accepted.map(({ kid }) => kid).join() !== before || this.#generation === 0) this.#generation++
    this.#byKid = Map.groupBy(this.#accepted, ({ kid }) => kid)
    this.#signing = livesByTurn(this.#lives, nowMs).flatMap(({ kid }) => this.#keys.get(kid)?.signing ?? [])[0]
    this.#nextChangeMs = nextChangeMs(this.#lives, nowMs)
  }
}
