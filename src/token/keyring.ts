/**
 * The life of signing keys: prepared, published, active, retired. No verifier ever sees a key id it could not have known.
 *
 * A new key is published for as long as relying parties may keep the old list, and signs only then. The key before it is accepted until the
 * last token it signed is over. All of it follows from times, so that a ring reads the same on every server that has it.
 *
 * @see pkg/serviceaccount/jwt.go, GetCacheAgeMaxSeconds: a key has to be published that long before it signs
 * @module
 */
import type { Clock } from '../clock.ts'
import { EXTENDED_EXPIRATION_SECONDS } from './claims.ts'
import { JWKS_MAX_AGE_SECONDS, type KeySource, type SigningKey, type VerificationKey } from './keys.ts'
import { LEEWAY_MS } from './verify.ts'

export type KeyState =
  /** Known here, shown to nobody. */
  | 'prepared'
  /** In the JWKS and accepted: will sign, or has signed. */
  | 'published'
  /** Signs. Exactly one key does. */
  | 'active'
  /** Neither shown nor accepted any more. */
  | 'retired'

/** Times in milliseconds since the epoch; undefined: never, so far. */
export interface KeyLife {
  kid: string
  publishedAtMs?: number
  activeAtMs?: number
  retiredAtMs?: number
  /** The last token signed with it is over then, as far as is known. */
  lastExpiryMs: number
}

export function keyState(life: KeyLife, lives: readonly KeyLife[], nowMs: number): KeyState {
  if (reached(life.retiredAtMs, nowMs)) return 'retired'
  if (!reached(life.publishedAtMs, nowMs)) return 'prepared'
  return activeLife(lives, nowMs)?.kid === life.kid ? 'active' : 'published'
}

/** The key whose turn came last; undefined when none has had it. */
export function activeLife(lives: readonly KeyLife[], nowMs: number): KeyLife | undefined {
  let active: KeyLife | undefined
  for (const life of lives) {
    if (!reached(life.activeAtMs, nowMs) || reached(life.retiredAtMs, nowMs)) continue
    if (active === undefined || life.activeAtMs! >= active.activeAtMs!) active = life
  }
  return active
}

export interface RotateOptions {
  nowMs: number
  /** How long relying parties may keep the list of keys. */
  maxAgeSeconds?: number
  /** The longest life that tokens are given; tokens of more were noted one by one. */
  longestLifeSeconds?: number
}

/**
 * The lives after key `kid` was told to take over: it is published now, signs when every relying party has had the time to hear of it, and
 * the key it takes over from goes when its last token is over. Throws RangeError for an unknown or retired key.
 */
export function rotated(lives: readonly KeyLife[], kid: string, options: RotateOptions): KeyLife[] {
  const { nowMs, maxAgeSeconds = JWKS_MAX_AGE_SECONDS, longestLifeSeconds = EXTENDED_EXPIRATION_SECONDS } = options
  const next = lives.find((life) => life.kid === kid)
  if (next === undefined) throw new RangeError(`no key ${kid}`)
  if (next.retiredAtMs !== undefined) throw new RangeError(`key ${kid} is retired or has had its turn`)
  if (keyState(next, lives, nowMs) === 'active') throw new RangeError(`key ${kid} signs already`)
  const first = activeLife(lives, nowMs) === undefined
  const publishedAtMs = Math.min(next.publishedAtMs ?? nowMs, nowMs)
  // The first key of all surprises nobody: there is no list without it.
  const activeAtMs = first ? nowMs : Math.max(nowMs, publishedAtMs + maxAgeSeconds * 1000)
  const goneAtMs = (life: KeyLife) => Math.max(activeAtMs + longestLifeSeconds * 1000, life.lastExpiryMs) + LEEWAY_MS
  return lives.map((life) => {
    if (life.kid === kid) return { ...life, publishedAtMs, activeAtMs }
    if (life.activeAtMs === undefined || life.retiredAtMs !== undefined) return life
    return { ...life, retiredAtMs: goneAtMs(life) }
  })
}

/** The lives after key `kid` was told to go at once: its tokens die with it. Throws RangeError for the key that signs, or an unknown one. */
export function retired(lives: readonly KeyLife[], kid: string, nowMs: number): KeyLife[] {
  const life = lives.find((one) => one.kid === kid)
  if (life === undefined) throw new RangeError(`no key ${kid}`)
  if (keyState(life, lives, nowMs) === 'active') throw new RangeError(`key ${kid} signs: rotate to another first`)
  return lives.map((one) => (one.kid === kid ? { ...one, retiredAtMs: nowMs } : one))
}

export interface RingKey {
  verification: VerificationKey
  /** Absent: another server has it, or nobody any more. */
  signing?: SigningKey
}

export interface KeyRingOptions {
  clock: Clock
  keys: readonly RingKey[]
  /** Keys without a life here are accepted for good, as files of `--service-account-key-file` are. */
  lives: readonly KeyLife[]
  maxAgeSeconds?: number
  /** Told of every change that has to be kept. */
  changed?(lives: readonly KeyLife[]): void
}

/** The keys of the moment. Deadlines are looked at when somebody asks, so that none is ever missed. */
export class KeyRing implements KeySource {
  readonly #clock: Clock
  readonly #changed: ((lives: readonly KeyLife[]) => void) | undefined
  readonly #keys = new Map<string, RingKey>()
  readonly maxAgeSeconds: number
  #lives: readonly KeyLife[]
  #generation = 0
  #nextChangeMs = Number.NEGATIVE_INFINITY
  #accepted: readonly VerificationKey[] = []
  #byKid: ReadonlyMap<string, readonly VerificationKey[]> = new Map()
  #active: SigningKey | undefined

  constructor({ clock, keys, lives, maxAgeSeconds = JWKS_MAX_AGE_SECONDS, changed }: KeyRingOptions) {
    this.#clock = clock
    this.#changed = changed
    this.#lives = lives
    this.maxAgeSeconds = maxAgeSeconds
    for (const key of keys) this.#keys.set(key.verification.kid, key)
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

  /** The key that signs now. Throws when no key of the ring may, or its private part is elsewhere. */
  active(): SigningKey {
    this.#refresh()
    if (this.#active === undefined) throw new RangeError('no signing key is active here')
    return this.#active
  }

  /** Every key with its state, in the order of the ring. */
  list(): { kid: string; algorithm: string; state: KeyState; life: KeyLife }[] {
    const nowMs = this.#clock.nowMs()
    return this.#lives.map((life) => ({
      kid: life.kid,
      algorithm: this.#keys.get(life.kid)?.verification.algorithm ?? '',
      state: keyState(life, this.#lives, nowMs),
      life,
    }))
  }

  /** Adds a key that nobody has seen yet. */
  prepare(key: RingKey): void {
    const { kid } = key.verification
    this.#keys.set(kid, key)
    if (!this.#lives.some((life) => life.kid === kid)) this.#set([...this.#lives, { kid, lastExpiryMs: 0 }])
  }

  rotate(kid: string, longestLifeSeconds?: number): void {
    const options = {
      nowMs: this.#clock.nowMs(),
      maxAgeSeconds: this.maxAgeSeconds,
      ...(longestLifeSeconds !== undefined && { longestLifeSeconds }),
    }
    this.#set(rotated(this.#lives, kid, options))
  }

  retire(kid: string): void {
    this.#set(retired(this.#lives, kid, this.#clock.nowMs()))
  }

  /** Notes how long a token of the active key is good, so that the key is kept as long. Rounded up to days: a few changes a day at most. */
  noteExpiry(expiresAtSeconds: number): void {
    const nowMs = this.#clock.nowMs()
    const active = activeLife(this.#lives, nowMs)
    if (active === undefined || expiresAtSeconds * 1000 <= active.lastExpiryMs) return
    const lastExpiryMs = (Math.floor(expiresAtSeconds / DAY_SECONDS) + 2) * DAY_SECONDS * 1000
    const kept = (life: KeyLife) =>
      life.retiredAtMs === undefined ? {} : { retiredAtMs: Math.max(life.retiredAtMs, lastExpiryMs + LEEWAY_MS) }
    this.#set(this.#lives.map((life) => (life.kid === active.kid ? { ...life, lastExpiryMs, ...kept(life) } : life)))
  }

  /** Takes over what another server decided. */
  replace(lives: readonly KeyLife[], keys: readonly RingKey[] = []): void {
    for (const key of keys) this.#keys.set(key.verification.kid, key)
    this.#lives = lives
    this.#nextChangeMs = Number.NEGATIVE_INFINITY
  }

  #set(lives: readonly KeyLife[]): void {
    this.replace(lives)
    this.#changed?.(lives)
  }

  #refresh(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#nextChangeMs) return
    const lives = new Map(this.#lives.map((life) => [life.kid, life]))
    const accepted = [...this.#keys.values()].filter(({ verification: { kid } }) => {
      const life = lives.get(kid)
      return life === undefined || (reached(life.publishedAtMs, nowMs) && !reached(life.retiredAtMs, nowMs))
    })
    const before = this.#accepted.map(({ kid }) => kid).join()
    this.#accepted = accepted.map(({ verification }) => verification)
    if (this.#accepted.map(({ kid }) => kid).join() !== before || this.#generation === 0) this.#generation++
    this.#byKid = Map.groupBy(this.#accepted, ({ kid }) => kid)
    const active = activeLife(this.#lives, nowMs)
    this.#active = active === undefined ? undefined : this.#keys.get(active.kid)?.signing
    const deadlines = this.#lives.flatMap(({ publishedAtMs, activeAtMs, retiredAtMs }) => [publishedAtMs, activeAtMs, retiredAtMs])
    this.#nextChangeMs = Math.min(...deadlines.filter((atMs) => atMs !== undefined && atMs > nowMs).map(Number), Number.POSITIVE_INFINITY)
  }
}

const DAY_SECONDS = 24 * 60 * 60

function reached(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && nowMs >= atMs
}
