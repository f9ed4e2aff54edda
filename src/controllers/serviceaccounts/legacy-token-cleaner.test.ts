import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Secret } from '../../api/types/core/v1.ts'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { type TestServer, testServer } from '../testdata/server.ts'
import { type CleanUp, type CleanUpView, cleanUpOf, isTrackedLongEnough } from './legacy-token-cleaner.ts'

const DAY_MS = 24 * 60 * 60_000
const NOW_MS = Date.UTC(2026, 5, 15, 12)
const PERIOD_MS = 30 * DAY_MS
/** 2026-05-16. */
const OLD = '2026-05-15'
const RECENT = '2026-05-16'
const view: CleanUpView = {
  nowMs: NOW_MS,
  periodMs: PERIOD_MS,
  account: (_, name) => (name === 'robot' ? { metadata: { uid: 'u' }, secrets: [{ name: 's' }, { name: 'mounted' }] } : undefined),
  isUsedByPod: (_, name) => name === 'mounted',
}
const annotations = { 'kubernetes.io/service-account.name': 'robot', 'kubernetes.io/service-account.uid': 'u' }
const metadata = { namespace: 'x', name: 's', creationTimestamp: '2026-01-01T00:00:00Z', annotations }
const secret: Secret = { type: 'kubernetes.io/service-account-token', metadata }
const used = (date: string) => ({ 'kubernetes.io/legacy-token-last-used': date })
const invalid = (date: string) => ({ 'kubernetes.io/legacy-token-invalid-since': date })
const cases: [name: string, change: Secret['metadata'] & object, want: CleanUp][] = [
  ['marks one that was never used', {}, 'invalidate'],
  ['marks one that was used long ago', { labels: used(OLD) }, 'invalidate'],
  ['keeps one that was used lately', { labels: used(RECENT) }, 'keep'],
  ['keeps one whose last use is no date', { labels: used('yesterday') }, 'keep'],
  ['keeps a young one', { creationTimestamp: '2026-06-01T00:00:00Z' }, 'keep'],
  ['keeps one that is being deleted', { deletionTimestamp: '2026-06-01T00:00:00Z' }, 'keep'],
  ['keeps one without an account', { annotations: {} }, 'keep'],
  ['keeps one of another account of that name', { annotations: { ...annotations, 'kubernetes.io/service-account.uid': 'v' } }, 'keep'],
  ['keeps one that the account does not list', { name: 'manual' }, 'keep'],
  ['keeps one that a pod uses', { name: 'mounted' }, 'keep'],
  ['marks again what is no date', { labels: invalid('x') }, 'invalidate'],
  ['keeps one that was marked lately', { labels: invalid(RECENT) }, 'keep'],
  ['removes one that was marked long ago', { labels: invalid(OLD) }, 'delete'],
]
for (const [name, change, want] of cases)
  test(`cleanUpOf() ${name}`, () => expect(cleanUpOf({ ...secret, metadata: { ...metadata, ...change } }, view)).toBe(want))

test('cleanUpOf() keeps Secrets of other types', () => expect(cleanUpOf({ ...secret, type: 'Opaque' }, view)).toBe('keep'))

test('isTrackedLongEnough() counts from the day after the first', () => {
  expect(isTrackedLongEnough('2026-05-14', NOW_MS, PERIOD_MS)).toBe(true)
  expect(isTrackedLongEnough('2026-05-15', Date.UTC(2026, 5, 14, 23), 30 * DAY_MS)).toBe(false)
  expect(isTrackedLongEnough('2026-05-15', Date.UTC(2026, 5, 15), 30 * DAY_MS)).toBe(true)
  expect(isTrackedLongEnough('2026-02-30', NOW_MS, PERIOD_MS)).toBe(false)
  expect(isTrackedLongEnough(undefined, NOW_MS, PERIOD_MS)).toBe(false)
})

describe('the legacy token cleaner', () => {
  let world: TestServer
  const clock = new VirtualClock({ startMs: NOW_MS })
  beforeAll(async () => {
    world = await testServer((options) => ({
      ...options,
      clock,
      controllers: { ...options.controllers, legacyTokenCleanUpSeconds: DAY_MS / 1000 },
    }))
    await world.makeNamespace('g-legacy')
  })
  afterAll(() => world.stop())

  test('marks an unused token after one period and removes it after another', async () => {
    const base = '/api/v1/namespaces/g-legacy'
    const path = `${base}/secrets/s`
    await world.post(`${base}/serviceaccounts`, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'robot' },
      secrets: [{ name: 's' }],
    })
    await world.post(`${base}/secrets`, {
      apiVersion: 'v1',
      kind: 'Secret',
      type: secret.type,
      metadata: { name: 's', annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    })
    await world.until('it is filled', async () => (await world.get(path))?.['data']?.token !== undefined)
    await clock.advance(DAY_MS)
    expect((await world.get(path))?.metadata?.labels).toBeUndefined()
    await clock.advance(DAY_MS)
    await world.until('it is marked', async () => (await world.get(path))?.metadata?.labels !== undefined)
    expect((await world.get(path))?.metadata?.labels).toEqual(invalid('2026-06-17'))
    await clock.advance(DAY_MS)
    expect(await world.get(path)).toBeDefined()
    await clock.advance(DAY_MS)
    await world.gone(path)
  })
})
