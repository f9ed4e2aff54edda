/**
 * The life of a signing key: prepared, published, active, retired. No verifier ever sees a key id it could not have known.
 *
 * A new key is published for as long as relying parties may keep the old list, and signs only then. The key before it is accepted until the
 * last token it signed is over. All of it follows from times, so that lives read the same on every server that has them.
 *
 * @see pkg/serviceaccount/jwt.go, GetCacheAgeMaxSeconds: a key has to be published that long before it signs
 * @module
 */
import { EXTENDED_EXPIRATION_SECONDS } from './claims.ts'
import { JWKS_MAX_AGE_SECONDS } from './keys.ts'
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
  /** SubjectPublicKeyInfo, DER in base64: who lacks the key itself verifies by this. */
  publicKey?: string
  publishedAtMs?: number
  activeAtMs?: number
  retiredAtMs?: number
  /** Somebody ended it: nothing gives it time back. */
  endedEarly?: true
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
  return livesByTurn(lives, nowMs)[0]
}

/**
 * Keys that have had their turn by a time and are still accepted (by the same time when no other is given), the last first: whatever they sign
 * every verifier knows.
 */
export function livesByTurn(lives: readonly KeyLife[], turnMs: number, nowMs = turnMs): KeyLife[] {
  return lives
    .filter(({ activeAtMs, retiredAtMs }) => reached(activeAtMs, turnMs) && !reached(retiredAtMs, nowMs))
    .reverse()
    .sort((one, other) => other.activeAtMs! - one.activeAtMs!) // reached, so there
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
  const left = lives.map((one): KeyLife => (one.kid === kid ? { ...one, retiredAtMs: nowMs, endedEarly: true } : one))
  // Where it was to take over, the key before it goes on: that one was to go for its sake.
  const last = livesByTurn(left, Number.POSITIVE_INFINITY, nowMs)[0]
  return left.map((one) => {
    if (one !== last) return one
    const { retiredAtMs: _, ...rest } = one
    return rest
  })
}

/**
 * The lives after key `kid` has signed a token that is good until then: the key is kept as long. Rounded up to days, so that there are a few
 * changes a day at most; the same lives when nothing changes.
 */
export function noted(lives: readonly KeyLife[], kid: string, expiresAtSeconds: number): readonly KeyLife[] {
  const life = lives.find((one) => one.kid === kid)
  if (life === undefined || life.endedEarly || expiresAtSeconds * 1000 <= life.lastExpiryMs) return lives
  const lastExpiryMs = (Math.floor(expiresAtSeconds / DAY_SECONDS) + 2) * DAY_SECONDS * 1000
  const kept = life.retiredAtMs === undefined ? {} : { retiredAtMs: Math.max(life.retiredAtMs, lastExpiryMs + LEEWAY_MS) }
  return lives.map((one) => (one.kid === kid ? { ...one, lastExpiryMs, ...kept } : one))
}

/** The next moment at which a state changes by itself. */
export function nextChangeMs(lives: readonly KeyLife[], nowMs: number): number {
  const times = lives.flatMap(({ publishedAtMs, activeAtMs, retiredAtMs }) => [publishedAtMs, activeAtMs, retiredAtMs])
  return Math.min(...times.filter((atMs): atMs is number => atMs !== undefined && atMs > nowMs), Number.POSITIVE_INFINITY)
}

/** Reads what `livesText` wrote. Throws TypeError, with `where` it was found, for anything else. */
export function parseLives(text: string, where: string): KeyLife[] {
  const keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw new TypeError(`${where} holds no list of keys`)
  return keys.map((key: unknown) => {
    const { kid, publicKey, publishedAtMs, activeAtMs, retiredAtMs, lastExpiryMs } = (key ?? {}) as Record<string, unknown>
    const isTime = (at: unknown) => at === undefined || (typeof at === 'number' && Number.isFinite(at))
    if (typeof kid !== 'string' || typeof lastExpiryMs !== 'number' || ![publishedAtMs, activeAtMs, retiredAtMs].every(isTime))
      throw new TypeError(`${where} holds a key without kid or times`)
    if (publicKey !== undefined && typeof publicKey !== 'string') throw new TypeError(`${where} holds a public key that is no text`)
    return key as KeyLife // all of its members were looked at
  })
}

export function livesText(lives: readonly KeyLife[]): string {
  return `${JSON.stringify({ keys: lives }, undefined, 2)}\n`
}

export function reached(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && nowMs >= atMs
}

const DAY_SECONDS = 24 * 60 * 60
