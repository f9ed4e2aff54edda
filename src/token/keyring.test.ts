import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { tokenClaims } from './claims.ts'
import { localSigner } from './issuer.ts'
import { type KeyLife, noted, retired, rotated } from './key-life.ts'
import { KeyRing, type RingKey } from './keyring.ts'
import { signingKey, verificationKey } from './keys.ts'
import { TokenVerifier } from './verify.ts'

const ISSUER = 'https://kubernetes.default.svc'
const START_MS = 1_750_000_000_000
const HOUR_MS = 3_600_000

function newKey(): RingKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { verification: verificationKey(createPublicKey(privateKey)), signing: signingKey(privateKey) }
}

interface TurnedClock extends Clock {
  ms: number
}
const clockAt = (ms: number): TurnedClock => {
  const clock: TurnedClock = { ms, nowMs: () => clock.ms, after: () => () => {} }
  return clock
}

const unborn = (keys: RingKey[]): KeyLife[] => keys.map(({ verification: { kid } }) => ({ kid, lastExpiryMs: 0 }))

function rotate(ring: KeyRing, clock: Clock, kid: string, longestLifeSeconds?: number): void {
  ring.replace(rotated(ring.lives, kid, { nowMs: clock.nowMs(), ...(longestLifeSeconds !== undefined && { longestLifeSeconds }) }))
}

function ringOf(clock: Clock, keys: RingKey[]): KeyRing {
  const ring = new KeyRing({ clock, keys, lives: unborn(keys) })
  rotate(ring, clock, keys[0]!.verification.kid)
  return ring
}

const states = (ring: KeyRing) => ring.list().map(({ state }) => state)

describe('a key', () => {
  const [first, second] = [newKey(), newKey()]
  const kid = second.verification.kid

  test('is prepared, published, active and retired in its time', () => {
    const clock = clockAt(START_MS)
    const ring = ringOf(clock, [first, second])
    expect(states(ring)).toEqual(['active', 'prepared'])
    expect(ring.all().length).toBe(1)
    rotate(ring, clock, kid, 2 * 3600)
    expect(states(ring)).toEqual(['active', 'published'])
    expect(ring.all().length).toBe(2)
    clock.ms += HOUR_MS - 1
    expect(ring.active().kid).toBe(first.verification.kid)
    clock.ms += 1
    expect(ring.active().kid).toBe(kid)
    expect(states(ring)).toEqual(['published', 'active'])
    clock.ms += 2 * HOUR_MS + 59_999
    expect(ring.all().length).toBe(2)
    clock.ms += 1
    expect(states(ring)).toEqual(['retired', 'active'])
    expect(ring.all().map((key) => key.kid)).toEqual([kid])
  })

  test('is kept as long as the longest token that it signed, even one signed after the rotation began', () => {
    const clock = clockAt(START_MS)
    const ring = ringOf(clock, [first, second])
    rotate(ring, clock, kid, 3600)
    ring.replace(noted(ring.lives, first.verification.kid, START_MS / 1000 + 30 * 86_400))
    clock.ms += 30 * 86_400_000
    expect(ring.all().length).toBe(2)
    clock.ms += 3 * 86_400_000
    expect(ring.all().length).toBe(1)
  })

  test('that signs is not retired, and one that has had its turn does not come again', () => {
    const clock = clockAt(START_MS)
    const ring = ringOf(clock, [first, second])
    expect(() => ring.replace(retired(ring.lives, first.verification.kid, clock.ms))).toThrow('signs: rotate to another first')
    rotate(ring, clock, kid)
    clock.ms += HOUR_MS
    expect(ring.active().kid).toBe(kid)
    expect(() => rotate(ring, clock, first.verification.kid)).toThrow('is retired or has had its turn')
    expect(() => rotate(ring, clock, 'x')).toThrow('no key x')
  })

  test('that is retired by hand takes its tokens with it at once', async () => {
    const clock = clockAt(START_MS)
    const ring = ringOf(clock, [first, second])
    const verifier = new TokenVerifier({ keys: ring, issuers: [ISSUER], apiAudiences: [ISSUER] })
    const token = await localSigner(() => ring.active()).sign(claims(clock.ms, 'j'))
    expect(verifier.verifyToken(token, { nowMs: clock.ms }).ok).toBe(true)
    rotate(ring, clock, kid)
    clock.ms += HOUR_MS
    expect(verifier.verifyToken(token, { nowMs: clock.ms }).ok).toBe(true)
    ring.replace(retired(ring.lives, first.verification.kid, clock.ms))
    expect(verifier.verifyToken(token, { nowMs: clock.ms })).toEqual({ ok: false, rejection: { reason: 'UnknownKey' } })
  })
})

function claims(nowMs: number, jti: string) {
  return tokenClaims({
    issuer: ISSUER,
    account: { namespace: 'n', name: 'a', uid: 'u' },
    binding: { kind: 'None' },
    audiences: [ISSUER],
    expirationSeconds: 2 * 3600,
    nowSeconds: nowMs / 1000,
    jti,
  })
}

test('when the next key is retired before its turn, the key that signs goes on for good', () => {
  const keys = [newKey(), newKey(), newKey()]
  const [first, second, third] = keys.map(({ verification }) => verification.kid) as [string, string, string]
  const clock = clockAt(START_MS)
  const ring = ringOf(clock, keys)
  rotate(ring, clock, second)
  rotate(ring, clock, third)
  ring.replace(retired(ring.lives, third, clock.nowMs()))
  expect(ring.lives.map(({ retiredAtMs }) => retiredAtMs !== undefined)).toEqual([true, false, true])
  ring.replace(retired(ring.lives, second, clock.nowMs()))
  clock.ms += 50 * 365 * 24 * HOUR_MS
  expect(ring.active().kid).toBe(first)
  expect(states(ring)).toEqual(['active', 'retired', 'retired'])
})

test('a relying party that keeps the keys as long as it may knows every key it meets, through three rotations', async () => {
  const clock = clockAt(START_MS)
  const keys = [newKey(), newKey(), newKey(), newKey()]
  const ring = ringOf(clock, keys)
  const verifier = new TokenVerifier({ keys: ring, issuers: [ISSUER], apiAudiences: [ISSUER] })
  const jwks = () => createLocalJWKSet({ keys: ring.all().map(({ jwk }) => ({ ...jwk })) })
  let known = jwks()
  let fetchedMs = clock.ms
  const alive: { token: string; endsMs: number }[] = []
  for (let minute = 0; minute < 24 * 60; minute += 10) {
    clock.ms = START_MS + minute * 60_000
    const next = keys[Math.floor(minute / 360) + 1]
    if (minute % 360 === 120 && next !== undefined) rotate(ring, clock, next.verification.kid, 2 * 3600)
    // As late as it may.
    if (clock.ms - fetchedMs >= HOUR_MS) {
      known = jwks()
      fetchedMs = clock.ms
    }
    alive.push({ token: await localSigner(() => ring.active()).sign(claims(clock.ms, `${minute}`)), endsMs: clock.ms + 2 * HOUR_MS })
    for (const { token } of alive.filter(({ endsMs }) => endsMs > clock.ms)) {
      expect(verifier.verifyToken(token, { nowMs: clock.ms }).ok).toBe(true)
      await jwtVerify(token, known, { issuer: ISSUER, currentDate: new Date(clock.ms) })
    }
  }
  expect(states(ring)).toEqual(['retired', 'retired', 'retired', 'active'])
})

test('lives are plain data: what one server decided reads the same on another', () => {
  const keys = [newKey(), newKey()]
  const clock = clockAt(START_MS)
  const ring = ringOf(clock, keys)
  rotate(ring, clock, keys[1]!.verification.kid)
  const other = new KeyRing({ clock, keys, lives: JSON.parse(JSON.stringify(ring.lives)) })
  clock.ms += HOUR_MS
  expect(other.active().kid).toBe(ring.active().kid)
  expect(other.list().map(({ state }) => state)).toEqual(ring.list().map(({ state }) => state))
})

test('keys without a life, out of files, are accepted for good', () => {
  const [file, own] = [newKey(), newKey()]
  const clock = clockAt(START_MS)
  const ring = new KeyRing({ clock, keys: [{ verification: file.verification }, own], lives: unborn([own]) })
  rotate(ring, clock, own.verification.kid)
  expect(ring.all().map(({ kid }) => kid)).toEqual([own.verification.kid, file.verification.kid])
  expect(ring.active().kid).toBe(own.verification.kid)
})

test('rotated() and retired() change nothing in place', () => {
  const lives: KeyLife[] = [
    { kid: 'a', publishedAtMs: 0, activeAtMs: 0, lastExpiryMs: 0 },
    { kid: 'b', lastExpiryMs: 0 },
  ]
  const before = structuredClone(lives)
  retired(rotated(lives, 'b', { nowMs: 1 }), 'b', 2)
  expect(lives).toEqual(before)
})

describe('a ring that lacks the private part of the active key', () => {
  const [first, second] = [newKey(), newKey()]
  const publicOnly = ({ verification }: RingKey): KeyLife => ({
    kid: verification.kid,
    publicKey: verification.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    lastExpiryMs: 0,
  })
  const clock = clockAt(START_MS)
  const ring = new KeyRing({ clock, keys: [first], lives: [publicOnly(first), publicOnly(second)] })
  rotate(ring, clock, first.verification.kid)
  rotate(ring, clock, second.verification.kid)

  test('publishes it, accepts it, and signs with the one before it', () => {
    expect(ring.all().map(({ kid }) => kid)).toEqual([first.verification.kid, second.verification.kid])
    clock.ms += HOUR_MS
    expect(ring.list().map(({ state, isHere, signsHere }) => [state, isHere, signsHere])).toEqual([
      ['published', true, true],
      ['active', false, false],
    ])
    expect(ring.active().kid).toBe(first.verification.kid)
  })

  test('signs with nothing once the one before it is retired, and with the active one when that has come', () => {
    ring.replace(retired(ring.lives, first.verification.kid, clock.ms))
    expect(() => ring.active()).toThrow('the private part of no signing key that is in use is on this server')
    ring.replace(ring.lives, [second])
    expect(ring.active().kid).toBe(second.verification.kid)
  })

  test('refuses a public key under the name of another', () => {
    const forged = { ...publicOnly(newKey()), kid: 'x' }
    expect(() => ring.replace([...ring.lives, forged])).toThrow('the public key of x is that of')
  })
})

test('noted() gives no time back to a key that somebody ended', () => {
  const lives: KeyLife[] = [
    { kid: 'a', publishedAtMs: 0, activeAtMs: 0, lastExpiryMs: 0 },
    { kid: 'b', publishedAtMs: 0, activeAtMs: 1, lastExpiryMs: 0 },
  ]
  const ended = retired(lives, 'a', 2)
  expect(noted(ended, 'a', 1_000_000)).toBe(ended)
  expect(noted(lives, 'a', 1_000_000)).not.toBe(lives)
})
