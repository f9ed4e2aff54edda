/**
 * A day in the life of 100 accounts under a virtual clock: every token is replaced when the kubelet would replace it, and the signing key
 * changes three times. What is current is never refused, what is dead never accepted, by the server or by those who only know its keys.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { tokenClaims } from '../token/claims.ts'
import { KeyFolder } from '../token/key-folder.ts'
import { staticKeySource } from '../token/keys.ts'
import { refreshAtSeconds } from '../token/refresh.ts'
import { LEEWAY_MS, TokenVerifier } from '../token/verify.ts'
import { VirtualClock } from './virtual-clock.ts'

const ISSUER = 'https://kubernetes.default.svc'
const ACCOUNTS = 100
const LIFE_SECONDS = 3607
const HOUR_MS = 3_600_000
const CHECK_MS = 5 * 60_000
const folder = mkdtempSync(join(tmpdir(), 'podpass-day-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('S108: in a day with three rotations no current token is refused and no dead one accepted', async () => {
  const clock = new VirtualClock({ startMs: 1_750_000_000_000 })
  const seconds = () => Math.floor(clock.nowMs() / 1000)
  const firstKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const keys = await KeyFolder.open(folder, { clock, firstKey })
  const server = new TokenVerifier({ keys: keys.ring, issuers: [ISSUER], apiAudiences: [ISSUER] })
  /** Keeps the list of keys for as long as it is told that it may. */
  let cached = { verifier: server, untilMs: Number.NEGATIVE_INFINITY }
  const relyingParty = () => {
    if (clock.nowMs() >= cached.untilMs) {
      const verifier = new TokenVerifier({ keys: staticKeySource([...keys.ring.all()]), issuers: [ISSUER], apiAudiences: [ISSUER] })
      cached = { verifier, untilMs: clock.nowMs() + keys.ring.maxAgeSeconds * 1000 }
    }
    return cached.verifier
  }

  let issued = 0
  const current = new Map<number, string>()
  const dead: { token: string; expiresAtMs: number }[] = []
  const project = async (account: number): Promise<void> => {
    const claims = tokenClaims({
      issuer: ISSUER,
      account: { namespace: 'ns', name: `robot-${account}`, uid: `uid-${account}` },
      binding: { kind: 'None' },
      audiences: [ISSUER],
      expirationSeconds: LIFE_SECONDS,
      nowSeconds: seconds(),
      jti: `jti-${issued++}`,
    })
    const token = await keys.sign(claims)
    current.set(account, token)
    dead.push({ token, expiresAtMs: claims.exp * 1000 + LEEWAY_MS })
    const dueMs = refreshAtSeconds({ expiresAtSeconds: claims.exp, expirationSeconds: LIFE_SECONDS }, account % 10) * 1000
    clock.after(dueMs - clock.nowMs(), () => void project(account))
  }

  const outcomes = { refusedCurrent: 0, acceptedDead: 0, checked: 0 }
  const kids = new Set<string>()
  const check = () => {
    const options = { nowMs: clock.nowMs(), audiences: [ISSUER] }
    for (const verifier of [server, relyingParty()]) {
      for (const token of current.values()) if (!verifier.verifyToken(token, options).ok) outcomes.refusedCurrent++
      for (const { token, expiresAtMs } of dead)
        if (clock.nowMs() > expiresAtMs && verifier.verifyToken(token, options).ok) outcomes.acceptedDead++
    }
    outcomes.checked++
    kids.add(keys.ring.active().kid)
    // Those dead for an hour have been refused often enough.
    while (dead[0] !== undefined && dead[0].expiresAtMs + HOUR_MS < clock.nowMs()) dead.shift()
    clock.after(CHECK_MS, check)
  }

  await Promise.all(Array.from({ length: ACCOUNTS }, (_, account) => project(account)))
  check()
  for (let hour = 0; hour < 24; hour++) {
    if ([2, 9, 16].includes(hour)) await keys.rotate('ES256', LIFE_SECONDS)
    await clock.advance(HOUR_MS)
  }
  await keys.close()
  expect(outcomes).toEqual({ refusedCurrent: 0, acceptedDead: 0, checked: 289 })
  expect(issued).toBeGreaterThan(ACCOUNTS * 24)
  expect(kids.size).toBe(4)
})
