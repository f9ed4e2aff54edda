import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts'

const turns = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function queueWith(reconcile: WorkQueueOptions['reconcile'], more: Partial<WorkQueueOptions> = {}) {
  const clock = new VirtualClock({ startMs: 0 })
  const failed: string[] = []
  const onError: WorkQueueOptions['onError'] = (key, error, failures) => failed.push(`${key} ${(error as Error).message} ${failures}`)
  return { clock, failed, queue: new WorkQueue({ clock, retryClock: clock, concurrency: 2, reconcile, onError, ...more }) }
}

describe('WorkQueue', () => {
  test('looks at a key once however often it is added before its turn', async () => {
    const seen: string[] = []
    const { queue } = queueWith(async (key) => void seen.push(key))
    for (const key of ['a', 'a', 'b', 'a']) queue.add(key)
    await turns()
    expect(seen).toEqual(['a', 'b'])
  })

  test('looks again, and never twice at once, when a key is added during its turn', async () => {
    const ends: (() => void)[] = []
    const { queue } = queueWith(() => new Promise<void>((resolve) => ends.push(resolve)))
    queue.add('a')
    await turns()
    queue.add('a')
    await turns()
    expect(ends).toHaveLength(1)
    ends[0]?.()
    await turns()
    expect(ends).toHaveLength(2)
  })

  test('works at no more keys at once than it may', async () => {
    const ends: (() => void)[] = []
    const { queue } = queueWith(() => new Promise<void>((resolve) => ends.push(resolve)))
    for (const key of ['a', 'b', 'c']) queue.add(key)
    await turns()
    expect(ends).toHaveLength(2)
    ends[0]?.()
    await turns()
    expect(ends).toHaveLength(3)
  })

  test('tries again with doubled waits, and forgets failures after a success', async () => {
    const times: number[] = []
    let fail = true
    const { clock, queue, failed } = queueWith(async () => {
      times.push(clock.nowMs())
      if (fail) throw new Error('no')
    })
    queue.add('a')
    await clock.advance(5 + 10 + 20)
    expect(times).toEqual([0, 5, 15, 35])
    fail = false
    await clock.advance(40)
    fail = true
    queue.add('a')
    await clock.advance(0)
    expect(failed.at(-1)).toBe('a no 1')
  })

  test('gives up after so many retries, until the next event', async () => {
    let tries = 0
    const { clock, queue } = queueWith(
      async () => {
        tries++
        throw new Error('no')
      },
      { maxRetries: 2 },
    )
    queue.add('a')
    await clock.advance(1_000_000)
    expect(tries).toBe(3)
    expect(queue.size).toBe(0)
    queue.add('a')
    await clock.advance(1_000_000)
    expect(tries).toBe(6)
  })

  test('keeps the earliest of several deadlines', async () => {
    const times: number[] = []
    const { clock, queue } = queueWith(async () => void times.push(clock.nowMs()))
    queue.addAfter('a', 100)
    queue.addAfter('a', 50)
    queue.addAfter('a', 80)
    await clock.advance(200)
    expect(times).toEqual([50])
  })

  test('does nothing any more when closed', async () => {
    const seen: string[] = []
    const { clock, queue } = queueWith(async (key) => void seen.push(key))
    queue.addAfter('a', 10)
    queue.close()
    queue.add('b')
    await clock.advance(100)
    expect(seen).toEqual([])
  })
})
