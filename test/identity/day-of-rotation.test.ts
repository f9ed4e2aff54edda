/**
 * A day of 100 accounts on the built server under a virtual clock: every token is replaced when the kubelet would replace it, and the signing
 * key changes three times.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { refreshAtSeconds } from '../../src/token/refresh.ts'
import { LEEWAY_MS } from '../../src/token/verify.ts'
import { claimsOf, kidOf } from './account-server.ts'
import { startWorld, type World } from './kubectl.ts'

const ACCOUNTS = 100
const LIFE_SECONDS = 3600
const STEP_SECONDS = 900
const STEPS = (24 * 3600) / STEP_SECONDS
/** Steps at which the key is told to change: at 2, 9 and 16 o’clock. */
const ROTATIONS = [8, 36, 64]

let world: World
beforeAll(async () => {
  world = await startWorld('--clock=virtual')
})
afterAll(() => world?.stop())

test('S108: in a day with three rotations no request with a current token is refused, and none with a dead one accepted', async () => {
  const { admin, createAccount, tokenOf, statusOf } = world.server
  const post = (resource: string, kind: string, spec: object) => {
    const body = { apiVersion: 'podpass.dev/v1', kind, spec }
    return admin.call<{ status: { time: string } }>({ method: 'POST', path: `/apis/podpass.dev/v1/${resource}`, body })
  }
  const turn = async (seconds: number) => Date.parse((await post('clockadvances', 'ClockAdvance', { seconds })).status.time) / 1000
  const robots = Array.from({ length: ACCOUNTS }, (_, at) => `robot-${at}`)
  await Promise.all(robots.map((name) => createAccount('default', name)))

  const startedAt = performance.now()
  const current = new Map<string, { token: string; dueSeconds: number }>()
  const kids = new Set<string>()
  /** By what time they are over, to be tried once they are and an hour later. */
  let passing: { token: string; tryAfterSeconds: number; isLastTry: boolean }[] = []
  const requests = { current: 0, currentRefused: 0, dead: 0, deadAccepted: 0 }
  const project = async (name: string, at: number) => {
    const token = await tokenOf('default', name, { expirationSeconds: LIFE_SECONDS })
    const { exp } = claimsOf(token)
    kids.add(kidOf(token))
    const dueSeconds = refreshAtSeconds({ expiresAtSeconds: exp, expirationSeconds: LIFE_SECONDS }, at % 10)
    current.set(name, { token, dueSeconds })
    passing.push({ token, tryAfterSeconds: exp + LEEWAY_MS / 1000, isLastTry: false })
  }

  let nowSeconds = await turn(0)
  await Promise.all(robots.map(project))
  for (let step = 1; step <= STEPS; step++) {
    if (ROTATIONS.includes(step)) await post('signingkeyrotations', 'SigningKeyRotation', { algorithm: 'ES256' })
    nowSeconds = await turn(STEP_SECONDS)
    // A token that falls due during the next step is replaced before it.
    const due = robots.filter((name) => (current.get(name)?.dueSeconds ?? 0) < nowSeconds + STEP_SECONDS)
    const before = due.map((name) => current.get(name)?.token ?? '')
    await Promise.all(due.map(project))
    // The one before is good for a while yet: whoever has not read the file again may still use it.
    const alive = [...before, ...[...current.values()].map(({ token }) => token)]
    const over = passing.filter(({ tryAfterSeconds }) => tryAfterSeconds < nowSeconds)
    passing = passing.filter(({ tryAfterSeconds }) => tryAfterSeconds >= nowSeconds)
    for (const one of over) if (!one.isLastTry) passing.push({ ...one, tryAfterSeconds: nowSeconds + 3600, isLastTry: true })
    const [good, bad] = await Promise.all([Promise.all(alive.map(statusOf)), Promise.all(over.map(({ token }) => statusOf(token)))])
    requests.current += good.length
    requests.currentRefused += good.filter((status) => status !== 200).length
    requests.dead += bad.length
    requests.deadAccepted += bad.filter((status) => status !== 401).length
  }
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`a day of ${ACCOUNTS} accounts, ${requests.current + requests.dead} requests: ${seconds.toFixed(1)} s`)
  expect(requests).toMatchObject({ currentRefused: 0, deadAccepted: 0 })
  expect(requests.current).toBeGreaterThan(STEPS * ACCOUNTS)
  expect(requests.dead).toBeGreaterThan(20 * ACCOUNTS)
  expect(kids.size).toBe(ROTATIONS.length + 1)
})
