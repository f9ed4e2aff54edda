import { describe, expect, test } from 'vitest'
import { conflict } from '../api/status.ts'
import type { Lease } from '../api/types/coordination/v1.ts'
import type { CachedObject, CacheEvent, ResourceCache } from '../cache/cache.ts'
import type { Client } from '../client/client.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { leadByLease } from './leader.ts'

const START_MS = Date.UTC(2026, 0, 1)

/** One Lease of a shared store, as its replicas see it. */
class SharedLease {
  lease: Lease | undefined
  writes = 0
  readonly #followers = new Set<(event: CacheEvent) => void>()

  /** The cache and the client of one replica; `cut` makes its writes fail. */
  replica(): { leases: ResourceCache; client: Client; link: { cut: boolean } } {
    const link = { cut: false }
    const cached = () => ({ key: 'kube-system/kube-controller-manager', object: this.lease }) as unknown as CachedObject
    const leases = {
      get: () => (this.lease === undefined ? undefined : cached()),
      follow: (listener: (event: CacheEvent) => void) => {
        if (this.lease !== undefined) listener({ type: 'ADDED', object: cached() } as CacheEvent)
        this.#followers.add(listener)
        return { close: () => this.#followers.delete(listener) }
      },
    } as unknown as ResourceCache
    const call = async ({ body }: { body?: unknown }) => {
      if (link.cut) throw new Error('out of touch')
      const wanted = body as Lease
      if (this.lease?.metadata?.resourceVersion !== wanted.metadata?.resourceVersion)
        throw conflict({ group: '', resource: 'leases' }, '', '')
      this.writes++
      this.lease = { ...wanted, metadata: { ...wanted.metadata, resourceVersion: String(this.writes) } }
      for (const listener of this.#followers) listener({ type: 'MODIFIED', object: cached() } as CacheEvent)
      return this.lease
    }
    return { leases, client: { call } as unknown as Client, link }
  }
}

function world() {
  const clock = new VirtualClock({ startMs: START_MS })
  const shared = new SharedLease()
  const leading = new Set<string>()
  let most = 0
  const member = (identity: string) => {
    const { leases, client, link } = shared.replica()
    const ended = new AbortController()
    leadByLease(
      {
        client,
        leases,
        identity,
        clock,
        waitingClock: clock,
        monotonicMs: () => clock.nowMs(),
        random: () => 0.5,
        log: { info: () => {}, warn: () => {} },
      },
      async (signal) => {
        leading.add(identity)
        most = Math.max(most, leading.size)
        signal.addEventListener('abort', () => leading.delete(identity))
      },
      ended.signal,
    )
    return { link, ended }
  }
  return { clock, shared, leading, member, most: () => most }
}

describe('leadByLease()', () => {
  test('lets exactly one of several lead, and keeps it', async () => {
    const { clock, leading, member, most, shared } = world()
    for (const name of ['a', 'b', 'c']) member(name)
    await clock.advance(1000)
    expect(leading.size).toBe(1)
    const [first] = leading
    await clock.advance(120_000)
    expect([...leading]).toEqual([first])
    expect(most()).toBe(1)
    expect(shared.lease?.spec).toMatchObject({ holderIdentity: first, leaseTransitions: 0, leaseDurationSeconds: 12 })
    expect(shared.lease?.spec?.acquireTime).toBe('2026-01-01T00:00:00.000000Z')
  })

  test('stops a leader that cannot renew, before another begins, within 15 seconds', async () => {
    const { clock, leading, member, most, shared } = world()
    const a = member('a')
    await clock.advance(1000)
    member('b')
    await clock.advance(10_000)
    expect([...leading]).toEqual(['a'])
    a.link.cut = true
    await clock.advance(9000)
    expect([...leading]).toEqual([])
    await clock.advance(6000)
    expect([...leading]).toEqual(['b'])
    expect(most()).toBe(1)
    expect(shared.lease?.spec?.leaseTransitions).toBe(1)
    a.link.cut = false
    await clock.advance(60_000)
    expect([...leading]).toEqual(['b'])
  })

  test('hands over at once when a leader ends', async () => {
    const { clock, leading, member } = world()
    const a = member('a')
    await clock.advance(1000)
    member('b')
    await clock.advance(5000)
    a.ended.abort()
    await clock.advance(200)
    expect([...leading]).toEqual(['b'])
  })

  test('respects a lease that somebody else renews', async () => {
    const { clock, leading, member, shared } = world()
    const { client } = shared.replica()
    const hold = () =>
      client.call({
        method: 'PUT',
        path: '',
        body: { ...shared.lease, spec: { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: String(clock.nowMs()) } },
      })
    await hold()
    member('a')
    for (let n = 0; n < 10; n++) {
      await clock.advance(10_000)
      await hold()
    }
    expect(leading.size).toBe(0)
    await clock.advance(14_000)
    expect(leading.size).toBe(0)
    await clock.advance(2000)
    expect([...leading]).toEqual(['a'])
  })

  test('writes no more often than it has to', async () => {
    const { clock, member, shared } = world()
    member('a')
    member('b')
    await clock.advance(60_000)
    expect(shared.writes).toBeLessThanOrEqual(22)
  })
})
