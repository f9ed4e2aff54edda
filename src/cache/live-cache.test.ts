import { describe, expect, test } from 'vitest'
import { memoryStore } from '../storage/memory.ts'
import { done, manualClock } from '../storage/store.conformance.ts'
import type { Store, StoreListener } from '../storage/store.ts'
import type { CacheEvent } from './cache.ts'
import { layoutCodec } from './layout.ts'
import { type CacheOptions, openCache, RevisionTimeoutError } from './live-cache.ts'

const PREFIX = '/registry/configmaps/'
const MINUTE_MS = 60_000

function value(name: string, data = ''): Buffer {
  return Buffer.from(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name }, data: { data } }))
}

async function caching(options: CacheOptions = {}) {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const cache = await openCache(store, clock, options)
  const configMaps = await cache.register('v1/configmaps', PREFIX, layoutCodec())
  const create = async (key: string, data?: string) => done(await store.create(PREFIX + key, value(key, data)))
  const update = async (key: string, data: string) =>
    done(await store.update(PREFIX + key, value(key, data), configMaps.get(key)!.revision))
  const remove = async (key: string) => done(await store.delete(PREFIX + key, configMaps.get(key)!.revision))
  return { clock, store, cache, configMaps, create, update, remove }
}

const shown = ({ type, revision, object, previous }: CacheEvent) => [type, revision, object.key, previous?.revision]

describe('cache', () => {
  test('what a write has acknowledged is there, with its resourceVersion', async () => {
    const { cache, configMaps, create } = await caching()
    const revision = await create('ns/a', 'x')
    const object = configMaps.get('ns/a')!
    expect(String(object.bytes)).toBe(
      `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"ns/a","resourceVersion":"${revision}"},"data":{"data":"x"}}`,
    )
    expect(object.object).toEqual(object.decode())
    expect(object.object).toBe(object.object)
    expect(object.decode()).not.toBe(object.decode())
    expect([object.revision, cache.revision, configMaps.revision]).toEqual([revision, revision, revision])
    expect(cache.fresh()).toBeUndefined()
    expect(cache.trustworthy).toBe(true)
  })

  test('history that nobody is to compact stays, and nothing runs for it', async () => {
    const { clock, cache, create } = await caching({ compactionIntervalMs: 0 })
    const before = cache.compactedRevision
    for (const key of ['ns/a', 'ns/b']) {
      await create(key)
      clock.advance(60 * MINUTE_MS)
    }
    expect(cache.compactedRevision).toBe(before)
  })

  test('objects written before the resource was registered are loaded', async () => {
    const { store, cache } = await caching()
    for (let n = 0; n < 2500; n++) done(await store.create(`/registry/secrets/ns/${n + 10_000}`, value(`${n}`)))
    const registering = cache.register('v1/secrets', '/registry/secrets/', layoutCodec())
    const late = done(await store.create('/registry/secrets/ns/late', value('late')))
    const secrets = await registering
    expect(secrets.snapshot().count('ns/')).toBe(2501)
    expect(secrets.get('ns/late')!.revision).toBe(late)
    expect([...secrets.snapshot().scan('ns/', 'ns/12498')].map(({ key }) => key)).toEqual(['ns/12498', 'ns/12499', 'ns/late'])
  })

  test('an event reaches the resource with its prefix and no other', async () => {
    const { store, cache, configMaps } = await caching()
    const specs = await cache.register('v1/services', '/registry/services/specs/', layoutCodec())
    const endpoints = await cache.register('v1/endpoints', '/registry/services/endpoints/', layoutCodec())
    const groups = await cache.register('g/v1/things', '/registry/g/things/', layoutCodec())
    done(await store.create('/registry/services/specs/ns/a', value('a')))
    done(await store.create('/registry/services/endpoints/ns/b', value('b')))
    done(await store.create('/registry/g/things/c', value('c')))
    done(await store.create('/registry/nobody/d', value('d')))
    const keys = [configMaps, specs, endpoints, groups].map((resource) => [...resource.snapshot().scan('')].map(({ key }) => key))
    expect(keys).toEqual([[], ['ns/a'], ['ns/b'], ['c']])
    expect(configMaps.revision).toBe(store.revision)
  })

  test('two resources may share a prefix', async () => {
    const { cache, configMaps, create } = await caching()
    const other = await cache.register('v2/configmaps', PREFIX, layoutCodec())
    await create('ns/a')
    expect(other.get('ns/a')!.revision).toBe(configMaps.get('ns/a')!.revision)
    cache.remove('v2/configmaps')
    await create('ns/b')
    expect(cache.resource('v2/configmaps')).toBeUndefined()
    expect(other.get('ns/b')).toBeUndefined()
    expect(configMaps.get('ns/b')).toBeDefined()
  })

  test('a snapshot keeps its moment', async () => {
    const { configMaps, create, update, remove } = await caching()
    await create('ns/a', 'old')
    await create('ns/b')
    const snapshot = configMaps.snapshot()
    await update('ns/a', 'new')
    await remove('ns/b')
    await create('ns/c')
    expect([...snapshot.scan('ns/')].map(({ key, object }) => [key, object.data.data])).toEqual([
      ['ns/a', 'old'],
      ['ns/b', ''],
    ])
    expect(snapshot.get('ns/c')).toBeUndefined()
    expect(configMaps.snapshot().count('ns/')).toBe(2)
    expect(configMaps.snapshot()).toBe(configMaps.snapshot())
  })

  test('every past moment that is kept can be seen again', async () => {
    const { configMaps, create, update, remove } = await caching()
    const moments = new Map<number, string[]>()
    const keep = () =>
      moments.set(
        configMaps.revision,
        [...configMaps.snapshot().scan('')].map(({ key, revision }) => `${key}@${revision}`),
      )
    for (let n = 0; n < 700; n++) {
      const key = `ns/${n % 23}`
      if (configMaps.get(key) === undefined) await create(key)
      else if (n % 5 === 0) await remove(key)
      else await update(key, `${n}`)
      keep()
    }
    for (const [revision, expected] of moments) {
      const snapshot = configMaps.snapshotAt(revision)!
      expect(snapshot.revision).toBe(revision)
      expect([...snapshot.scan('')].map(({ key, revision }) => `${key}@${revision}`)).toEqual(expected)
    }
    expect(configMaps.snapshotAt(configMaps.revision + 1)).toBeUndefined()
  })

  test('a subscription hears the past it missed, then the present, and stops when closed', async () => {
    const { configMaps, create, update, remove } = await caching()
    const a = await create('ns/a')
    const b = await create('ns/b')
    const a2 = await update('ns/a', 'new')
    const events: CacheEvent[] = []
    const subscription = configMaps.subscribe(a, (event) => events.push(event))!
    const gone = await remove('ns/b')
    subscription.close()
    await create('ns/c')
    expect(events.map(shown)).toEqual([
      ['ADDED', b, 'ns/b', undefined],
      ['MODIFIED', a2, 'ns/a', a],
      ['DELETED', gone, 'ns/b', b],
    ])
    expect(events[2]!.object.object.metadata!.resourceVersion).toBe(String(gone))
    expect(events[2]!.previous!.object.metadata!.resourceVersion).toBe(String(b))
  })

  test('a subscription from a revision to come hears nothing older', async () => {
    const { configMaps, create } = await caching()
    const first = await create('ns/a')
    const events: CacheEvent[] = []
    configMaps.subscribe(first + 1, (event) => events.push(event))
    await create('ns/b')
    const third = await create('ns/c')
    expect(events.map(({ revision }) => revision)).toEqual([third])
  })

  test('followers get what is there, and hear of every event before subscribers do', async () => {
    const { configMaps, create, update } = await caching()
    const a = await create('ns/a')
    const heard: unknown[] = []
    configMaps.subscribe(a, (event) => heard.push(['subscriber', ...shown(event)]))
    configMaps.follow((event) => heard.push(['follower', ...shown(event)]))
    const a2 = await update('ns/a', 'new')
    expect(heard).toEqual([
      ['follower', 'ADDED', a, 'ns/a', undefined],
      ['follower', 'MODIFIED', a2, 'ns/a', a],
      ['subscriber', 'MODIFIED', a2, 'ns/a', a],
    ])
  })

  test('who subscribes during an event gets that event once', async () => {
    const { configMaps, create } = await caching()
    const before = configMaps.revision
    const inner: number[] = []
    const outer = configMaps.subscribe(before, () => {
      outer!.close()
      configMaps.subscribe(before, ({ revision }) => inner.push(revision))
    })
    const revision = await create('ns/a')
    const next = await create('ns/b')
    expect(inner).toEqual([revision, next])
  })

  test('a listener that throws is reported and harms nobody', async () => {
    const problems: unknown[] = []
    const { configMaps, create } = await caching({ report: (problem) => problems.push(problem) })
    const heard: number[] = []
    configMaps.follow(() => {
      throw new Error('mistake')
    })
    configMaps.follow(({ revision }) => heard.push(revision))
    const revision = await create('ns/a')
    expect(heard).toEqual([revision])
    expect(problems).toHaveLength(1)
  })

  test('a value that cannot be read is reported, and the object counts as gone', async () => {
    const problems: unknown[] = []
    const { store, configMaps, create } = await caching({ report: (problem) => problems.push(problem) })
    const revision = await create('ns/a')
    const events: CacheEvent[] = []
    configMaps.follow((event) => events.push(event))
    done(await store.update(`${PREFIX}ns/a`, Buffer.from('{"kind":'), revision))
    expect(configMaps.get('ns/a')).toBeUndefined()
    expect(events.at(-1)!.type).toBe('DELETED')
    expect(events.at(-1)!.object.object.metadata!.resourceVersion).toBe(String(configMaps.revision))
    expect(String(problems[0])).toContain('/registry/configmaps/ns/a')
  })

  test('five to ten minutes of history are kept, then watches and lists of older moments are refused', async () => {
    const { clock, store, cache, configMaps, create } = await caching()
    const old = await create('ns/a')
    await create('ns/b')
    clock.advance(5 * MINUTE_MS)
    const recent = await create('ns/c')
    expect(configMaps.snapshotAt(old)).toBeDefined()
    clock.advance(5 * MINUTE_MS)
    expect(cache.compactedRevision).toBeGreaterThan(old)
    expect(configMaps.snapshotAt(old)).toBeUndefined()
    expect(configMaps.subscribe(old, () => {})).toBeUndefined()
    expect(configMaps.snapshotAt(recent)!.count('')).toBe(3)
    await expect(store.range('/registry/', { revision: old })).rejects.toThrow('compacted')
  })

  test('the ring stays within its budget and gives up the oldest', async () => {
    const { configMaps, create, update } = await caching({ ringBytes: 100_000 })
    const first = await create('ns/a')
    let last = first
    for (let n = 0; n < 300; n++) last = await update('ns/a', 'x'.repeat(1000))
    expect(configMaps.subscribe(first, () => {})).toBeUndefined()
    const heard: number[] = []
    configMaps.subscribe(last - 20, ({ revision }) => heard.push(revision))
    expect(heard).toHaveLength(20)
  })

  test('encodings are shared by those who look at an event', async () => {
    const { configMaps, create } = await caching()
    const seen: (Uint8Array | undefined)[] = []
    for (let n = 0; n < 2; n++) {
      configMaps.follow(({ frames }) => {
        seen.push(frames.get('json'))
        frames.set('json', Buffer.from('frame'))
      })
    }
    await create('ns/a')
    expect(seen.map(String)).toEqual(['undefined', 'frame'])
  })

  test('reach waits for a revision, or gives up in time', async () => {
    const { clock, cache, create } = await caching()
    const now = await create('ns/a')
    await cache.reach(now, 0)
    const soon = cache.reach(now + 1, 3000)
    await create('ns/b')
    await soon
    const never = cache.reach(now + 100, 3000)
    clock.advance(3000)
    await expect(never).rejects.toBeInstanceOf(RevisionTimeoutError)
  })

  test('after a reset everything is read again and listeners get the differences', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    let listener: StoreListener | undefined
    let deaf = false
    const lossy: Store = {
      ...bound(store),
      get revision() {
        return store.revision
      },
      listen(afterRevision, real, signal) {
        listener = real
        return store.listen(afterRevision, { ...real, events: (events) => !deaf && real.events(events) }, signal)
      },
    }
    const cache = await openCache(lossy, clock)
    const configMaps = await cache.register('v1/configmaps', PREFIX, layoutCodec())
    const a = done(await store.create(`${PREFIX}a`, value('a')))
    const b = done(await store.create(`${PREFIX}b`, value('b')))
    const events: CacheEvent[] = []
    configMaps.subscribe(b, (event) => events.push(event))
    deaf = true
    const c = done(await store.create(`${PREFIX}c`, value('c')))
    const a2 = done(await store.update(`${PREFIX}a`, value('a', 'new'), a))
    const gone = done(await store.delete(`${PREFIX}b`, b))
    deaf = false
    listener!.reset()
    expect(cache.trustworthy).toBe(false)
    const during = done(await store.create(`${PREFIX}d`, value('d')))
    while (!cache.trustworthy) await new Promise((resolve) => setImmediate(resolve))
    expect(events.map(shown)).toEqual([
      ['ADDED', c, 'c', undefined],
      ['MODIFIED', a2, 'a', a],
      ['DELETED', expect.any(Number), 'b', b],
      ['ADDED', during, 'd', undefined],
    ])
    expect(events[2]!.revision).toBeGreaterThanOrEqual(gone)
    expect(configMaps.subscribe(b, () => {})).toBeUndefined()
  })
})

/** The store's calls, to be spread into another one. */
function bound(store: Store): Store {
  return {
    create: (...args) => store.create(...args),
    update: (...args) => store.update(...args),
    delete: (...args) => store.delete(...args),
    get: (...args) => store.get(...args),
    range: (...args) => store.range(...args),
    revision: 0,
    consistentRevision: () => store.consistentRevision(),
    listen: (...args) => store.listen(...args),
    compact: (...args) => store.compact(...args),
    alwaysFresh: store.alwaysFresh,
    outOfTouchMs: store.outOfTouchMs,
    sizeBytes: () => store.sizeBytes(),
    close: () => store.close(),
  }
}
