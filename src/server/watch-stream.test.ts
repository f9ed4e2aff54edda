import { expect, test } from 'vitest'
import { builtinSchemas } from '../api/schemas.ts'
import { layoutCodec } from '../cache/layout.ts'
import { openCache } from '../cache/live-cache.ts'
import { definitionOf } from '../registry/definitions.ts'
import { Registry } from '../registry/endpoint.ts'
import { memoryStore } from '../storage/memory.ts'
import { manualClock } from '../storage/store.conformance.ts'
import type { BodyStream } from './exchange.ts'
import { PLAIN_JSON } from './negotiate.ts'
import { startWatchStream } from './watch-stream.ts'

/** A server's parts as far as a watch needs them, and a peer that takes everything or nothing. */
async function setUp({ takes = true } = {}) {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const cache = await openCache(store, clock)
  const definition = definitionOf('', 'v1', 'configmaps')
  if (definition === undefined) throw new Error('no config maps')
  const resource = await cache.register('v1/configmaps', '/registry/configmaps/', layoutCodec())
  const endpoint = new Registry(builtinSchemas).add(definition, resource)
  const chunks: Buffer[] = []
  let ended = 0
  const stream: BodyStream = {
    write(chunk) {
      chunks.push(Buffer.from(chunk))
      return takes
    },
    end: () => ended++,
    onDrain: () => {},
    get pendingBytes() {
      return takes ? 0 : chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    },
  }
  const put = (name: string, payload = '') =>
    store.create(
      `/registry/configmaps/x/${name}`,
      Buffer.from(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"${name}","namespace":"x"},"data":{"payload":"${payload}"}}`),
    )
  const events = () =>
    Buffer.concat(chunks)
      .toString()
      .split('\n')
      .filter((line) => line !== '')
      .map(
        (line) =>
          JSON.parse(line) as { type: string; object: { metadata: { name?: string; resourceVersion: string; annotations?: object } } },
      )
  const watch = (options: { initial: boolean; timeoutMs?: number; bookmarks?: boolean }) => {
    const snapshot = resource.snapshot()
    return startWatchStream({
      watch: {
        options: {
          resourceVersion: '',
          resourceVersionMatch: 'NotOlderThan',
          limit: 0,
          continueToken: '',
          sendInitialEvents: options.initial,
          allowWatchBookmarks: options.bookmarks ?? true,
          timeoutSeconds: undefined,
          watch: true,
        },
        initial: options.initial ? snapshot.scan('') : undefined,
        revision: snapshot.revision,
        follow: (listener) => resource.subscribe(snapshot.revision, (event) => listener({ type: event.type, cached: event.object, event })),
      },
      endpoint,
      context: { format: PLAIN_JSON, query: new URLSearchParams(), schemas: builtinSchemas, world: { clock, cache } as never },
      timeoutMs: options.timeoutMs ?? 3_600_000,
      stream,
      onEnd: () => {},
      onEvent: () => {},
    })
  }
  return { clock, put, events, watch, ended: () => ended }
}

test('a watch begins with what is there, marks the end of it, and goes on with what happens', async () => {
  const { put, events, watch } = await setUp()
  await put('a')
  watch({ initial: true })
  await put('b')
  await new Promise((resolve) => setImmediate(resolve))
  expect(events().map(({ type, object }) => [type, object.metadata.name])).toEqual([
    ['ADDED', 'a'],
    ['BOOKMARK', undefined],
    ['ADDED', 'b'],
  ])
  expect(events()[1]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
})

test('bookmarks come each minute and shortly before the end, which comes in time', async () => {
  const { clock, put, events, watch, ended } = await setUp()
  watch({ initial: false, timeoutMs: 90_000 })
  await put('a')
  clock.advance(60_000)
  await Promise.resolve()
  clock.advance(28_000)
  await Promise.resolve()
  expect(events().map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'BOOKMARK'])
  expect(ended()).toBe(0)
  clock.advance(2000)
  expect(ended()).toBe(1)
})

test('a watcher that takes nothing is closed, and costs nothing more', async () => {
  const { put, watch, events, ended } = await setUp({ takes: false })
  const stream = watch({ initial: false })
  const payload = 'x'.repeat(1 << 20)
  for (let i = 0; i < 40; i++) await put(`cm-${i}`, payload)
  expect(stream.closed).toBe(true)
  expect(ended()).toBe(1)
  expect(events().length).toBeLessThan(20)
})
