import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { openEtcdStore } from '../storage/etcd/etcd-store.ts'
import { type EtcdProcess, etcdMissing, startEtcd } from '../storage/etcd/testdata/etcd-process.ts'
import { done, until } from '../storage/store.conformance.ts'
import type { Store } from '../storage/store.ts'
import type { Cache, CacheEvent } from './cache.ts'
import { layoutCodec, storedBytes } from './layout.ts'
import { openCache } from './live-cache.ts'

const PREFIX = '/registry/configmaps/'
const missing = etcdMissing()
if (missing !== undefined) console.warn(`SKIPPED, the cache over etcd: ${missing}`)

describe.skipIf(missing !== undefined)('caches of two replicas over one etcd', () => {
  let etcd: EtcdProcess
  let stores: Store[]
  let caches: Cache[]
  beforeAll(async () => {
    etcd = await startEtcd()
    const open = () => openEtcdStore({ servers: [etcd.url], clock: systemClock })
    stores = [await open(), await open()]
    caches = [await openCache(stores[0]!, systemClock), await openCache(stores[1]!, systemClock)]
    for (const cache of caches) await cache.register('v1/configmaps', PREFIX, layoutCodec())
  })
  afterAll(async () => {
    for (const cache of caches) await cache.close()
    for (const store of stores) await store.close()
    await etcd.dispose()
  })
  const value = (name: string) => storedBytes({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name } })
  const configMaps = (replica: number) => caches[replica]!.resource('v1/configmaps')!

  test('a write is in effect on the replica that acknowledged it, and on the other once that is fresh', async () => {
    // Many at once: each must get an answer from after its own write, although they share the questions to etcd.
    const writer = async (writer: number) => {
      for (let n = 0; n < 40; n++) {
        const key = `ns/a${writer}-${n}`
        const revision = done(await stores[0]!.create(PREFIX + key, value(key)))
        expect(configMaps(0).get(key)!.revision).toBe(revision)
        await caches[1]!.fresh()
        expect(configMaps(1).get(key)?.revision).toBe(revision)
      }
    }
    await Promise.all(Array.from({ length: 16 }, (_, n) => writer(n)))
    expect(caches.map(({ trustworthy }) => trustworthy)).toEqual([true, true])
  })

  test('keys of nobody move the revision of both', async () => {
    const revision = done(await stores[0]!.create('/registry/nobody/x', value('x')))
    await caches[1]!.reach(revision, 10_000)
    expect(configMaps(1).revision).toBe(revision)
  })

  test('writes of both arrive at both in the same order, through a restart of etcd', async () => {
    const heard: CacheEvent[][] = [[], []]
    caches.forEach((_, replica) => {
      configMaps(replica).subscribe(configMaps(replica).revision, (event) => heard[replica]!.push(event))
    })
    let acknowledged = 0
    let writing = true
    const writers = stores.flatMap((store, replica) =>
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; writing; n++) {
          try {
            done(await store.create(`${PREFIX}ns/b${replica}-${writer}-${n}`, value('b')))
            acknowledged++
          } catch {
            // Away: the outcome is not known.
          }
        }
      }),
    )
    await until(() => acknowledged > 100)
    await etcd.kill()
    await etcd.start()
    const then = acknowledged
    await until(() => acknowledged > then + 100)
    writing = false
    await Promise.all(writers)
    await Promise.all(caches.map((cache) => cache.fresh()))
    const shown = heard.map((events) => events.map(({ type, revision, object }) => `${type} ${revision} ${object.key}`))
    expect(shown[0]).toEqual(shown[1])
    expect(shown[0]!.length).toBeGreaterThanOrEqual(acknowledged)
    const objects = [0, 1].map((replica) => [...configMaps(replica).snapshot().scan('')].map(({ key, revision }) => `${key}@${revision}`))
    expect(objects[0]).toEqual(objects[1])
  }, 60_000)

  test('a replica that is registered late, while others write, has everything', async () => {
    let writing = true
    let written = 0
    const writer = (async () => {
      for (; writing; written++) done(await stores[0]!.create(`${PREFIX}late/${written}`, value('late')))
    })()
    await until(() => written > 20)
    const late = await openCache(stores[1]!, systemClock)
    const resource = await late.register('v1/configmaps', PREFIX, layoutCodec())
    const then = written
    await until(() => written > then + 20)
    writing = false
    await writer
    await late.fresh()
    expect(resource.snapshot().count('late/')).toBe(written)
    await late.close()
  }, 60_000)
})
