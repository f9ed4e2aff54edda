/**
 * What a write, a read and a list cost in the cache and the embedded store with 100,000 objects: `npx vitest bench src/cache`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bench, describe } from 'vitest'
import { systemClock } from '../clock.ts'
import { openEmbeddedStore } from '../storage/embedded/embedded-store.ts'
import { memoryStore } from '../storage/memory.ts'
import { layoutCodec, storedBytes } from './layout.ts'
import { openCache } from './live-cache.ts'

const OBJECTS = 100_000
const PREFIX = '/registry/configmaps/'

function value(n: number): Uint8Array {
  return storedBytes({
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: `settings-${n}`, namespace: `ns-${n % 100}` },
    data: { text: 'x'.repeat(500) },
  })
}
const key = (n: number) => `ns-${n % 100}/settings-${n}`

const dir = mkdtempSync(join(tmpdir(), 'podpass-bench-'))
process.once('exit', () => rmSync(dir, { recursive: true }))
let next = 0

for (const [name, store] of [
  ['memory store', memoryStore({ clock: systemClock })],
  ['embedded store', await openEmbeddedStore({ dir, clock: systemClock })],
] as const) {
  const cache = await openCache(store, systemClock)
  const configMaps = await cache.register('v1/configmaps', PREFIX, layoutCodec())
  const write = async () => {
    const n = next++
    await store.create(PREFIX + key(n), value(n))
  }
  for (let n = 0; n < OBJECTS; n += 1000) await Promise.all(Array.from({ length: 1000 }, write))

  describe(name, () => {
    bench('create, 1 writer', write)
    bench('create, 128 writers, all of them', async () => {
      await Promise.all(Array.from({ length: 128 }, write))
    })
    bench('get', () => {
      configMaps.get('ns-42/settings-42')
    })
    bench('list a namespace of 1,000', () => {
      let bytes = 0
      for (const object of configMaps.snapshot().scan('ns-42/')) bytes += object.bytes.length
      if (bytes === 0) throw new Error('nothing there')
    })
    bench('count all', () => {
      configMaps.snapshot().count('')
    })
    bench('a moment up to 1,000 events ago', () => {
      configMaps.snapshotAt(configMaps.revision - (next++ % 1000))
    })
  })
}
