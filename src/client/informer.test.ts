import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { ClientRequest } from './client.ts'
import { informer } from './informer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const object = (name: string, resourceVersion: string, text = ''): KubeObject => ({ metadata: { name, resourceVersion }, data: { text } })
const line = (type: string, of: KubeObject) => Buffer.from(`${JSON.stringify({ type, object: of })}\n`)

/** A server that answers from `lists`, and whose watches the test drives. */
function world(lists: (KubeObject[] | Error)[]) {
  const watches: { path: string; chunk(bytes: Buffer): void; end(status: number): void; stopped: boolean }[] = []
  const seen: string[] = []
  let listed = 0
  const transport = {
    async call() {
      const items = lists[Math.min(listed++, lists.length - 1)]
      if (items instanceof Error) throw items
      return { metadata: { resourceVersion: String(listed * 10) }, items }
    },
    stream({ path }: ClientRequest, chunk: (bytes: Buffer) => void, end: (status: number) => void) {
      const watch = { path, chunk, end, stopped: false }
      watches.push(watch)
      return () => {
        watch.stopped = true
      }
    },
  }
  const handle = informer(transport, '/api/v1/things', ({ type, object: of }) => {
    seen.push(`${type} ${of.metadata?.name}@${of.metadata?.resourceVersion}${of['data'].text}`)
  })
  return { watches, seen, handle, turns: () => vi.advanceTimersByTimeAsync(0) }
}

describe('informer()', () => {
  test('tells what is there and then what happens', async () => {
    const { watches, seen, turns } = world([[object('a', '1')]])
    await turns()
    watches[0]?.chunk(Buffer.concat([line('ADDED', object('b', '11')), line('DELETED', object('a', '12'))]))
    expect(seen).toEqual(['ADDED a@1', 'ADDED b@11', 'DELETED a@12'])
    expect(watches[0]?.path).toBe('/api/v1/things?watch=true&allowWatchBookmarks=true&resourceVersion=10')
  })

  test('reads events whose chunks end inside a character', async () => {
    const { watches, seen, turns } = world([[]])
    await turns()
    for (const byte of line('ADDED', object('a', '11', 'ü€'))) watches[0]?.chunk(Buffer.of(byte))
    expect(seen).toEqual(['ADDED a@11ü€'])
  })

  test('goes on from the last revision, a bookmark too, when a watch ends', async () => {
    const { watches, turns } = world([[]])
    await turns()
    watches[0]?.chunk(line('BOOKMARK', object('', '17')))
    await vi.advanceTimersByTimeAsync(60_000)
    watches[0]?.end(200)
    expect(watches[1]?.path).toContain('resourceVersion=17')
  })

  test('lists again when history is lost, and tells the differences', async () => {
    const { watches, seen, turns } = world([
      [object('a', '1'), object('b', '1')],
      [object('a', '2'), object('c', '2')],
    ])
    await turns()
    await vi.advanceTimersByTimeAsync(60_000)
    watches[0]?.chunk(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410 } })}\n`))
    watches[0]?.end(200)
    await turns()
    expect(seen.slice(2)).toEqual(['MODIFIED a@2', 'ADDED c@2', 'DELETED b@1'])
    expect(watches[1]?.path).toContain('resourceVersion=20')
  })

  test('waits longer and longer while the server is away, and when it ends watches at once', async () => {
    const { watches, turns } = world([new Error('away'), new Error('away'), []])
    await turns()
    await vi.advanceTimersByTimeAsync(99)
    expect(watches).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(201)
    expect(watches).toHaveLength(1)
    const waitsMs: number[] = []
    for (let n = 1; n <= 4; n++) {
      watches.at(-1)?.end(200)
      const beganMs = performance.now()
      await vi.advanceTimersToNextTimerAsync()
      expect(watches).toHaveLength(n + 1)
      waitsMs.push(Math.round(performance.now() - beganMs))
    }
    expect(waitsMs).toEqual([400, 800, 1600, 3200])
  })

  test('is silent when closed', async () => {
    const { watches, seen, handle, turns } = world([[]])
    await turns()
    handle.close()
    expect(watches[0]?.stopped).toBe(true)
    watches[0]?.chunk(line('ADDED', object('a', '11')))
    watches[0]?.end(0)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(seen).toEqual([])
    expect(watches).toHaveLength(1)
  })
})
