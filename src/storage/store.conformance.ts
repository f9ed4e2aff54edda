/**
 * Every promise of the storage contract, as one suite that runs on every store.
 *
 * @see store.ts
 * @module
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Clock } from '../clock.ts'
import { CompactedError, type Store, type StoredValue, type StoreEvent, StoreUnavailableError, type WriteOutcome } from './store.ts'

export interface StoreUnderTest {
  store: Store
  /** Lets so many seconds pass for keys with a time to live. */
  passSeconds(seconds: number): Promise<void>
  dispose(): Promise<void>
}

const decoder = new TextDecoder()
const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (value: Uint8Array): string => decoder.decode(value)
const shown = ({ key, value, revision, createRevision }: StoredValue) => ({ key, value: text(value), revision, createRevision })

/** @param make A fresh, empty store for each test. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let under: StoreUnderTest
    let store: Store
    let ended: AbortController
    beforeEach(async () => {
      under = await make()
      store = under.store
      ended = new AbortController()
    })
    afterEach(async () => {
      ended.abort()
      await under.dispose()
    })

    /** Collects what a listener hears. */
    async function listening(afterRevision: number) {
      const events: StoreEvent[] = []
      let resets = 0
      await store.listen(
        afterRevision,
        {
          events: (some) => events.push(...some),
          reset: () => {
            resets++
          },
        },
        ended.signal,
      )
      return { events, resets: () => resets }
    }
    const told = ({ type, key, value, revision, createRevision }: StoreEvent) => ({
      type,
      key,
      value: text(value),
      revision,
      createRevision,
    })

    describe('writes', () => {
      test('a created key is there with its revision', async () => {
        const revision = done(await store.create('/registry/a/x', bytes('one')))
        expect(revision).toBeGreaterThan(0)
        expect(shown((await store.get('/registry/a/x'))!)).toEqual({
          key: '/registry/a/x',
          value: 'one',
          revision,
          createRevision: revision,
        })
      })

      test('a key that exists cannot be created again, and the answer shows what is there', async () => {
        const revision = done(await store.create('/registry/a/x', bytes('one')))
        const outcome = await store.create('/registry/a/x', bytes('two'))
        expect(outcome.ok).toBe(false)
        expect(shown(current(outcome)!)).toEqual({ key: '/registry/a/x', value: 'one', revision, createRevision: revision })
      })

      test('an update at the right revision replaces the value and keeps the creation', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const updated = done(await store.update('/registry/a/x', bytes('two'), created))
        expect(updated).toBeGreaterThan(created)
        expect(shown((await store.get('/registry/a/x'))!)).toEqual({
          key: '/registry/a/x',
          value: 'two',
          revision: updated,
          createRevision: created,
        })
      })

      test('an update or deletion at another revision is refused and shows what is there', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const updated = done(await store.update('/registry/a/x', bytes('two'), created))
        for (const outcome of [
          await store.update('/registry/a/x', bytes('three'), created),
          await store.delete('/registry/a/x', created),
        ]) {
          expect(outcome.ok).toBe(false)
          expect(shown(current(outcome)!)).toEqual({ key: '/registry/a/x', value: 'two', revision: updated, createRevision: created })
        }
      })

      test('what is not there can be neither updated nor deleted', async () => {
        expect(await store.update('/registry/a/x', bytes('one'), 7)).toEqual({ ok: false, current: undefined })
        expect(await store.delete('/registry/a/x', 7)).toEqual({ ok: false, current: undefined })
      })

      test('a deleted key is gone, and a new one of its name is another incarnation', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const deleted = done(await store.delete('/registry/a/x', created))
        expect(deleted).toBeGreaterThan(created)
        expect(await store.get('/registry/a/x')).toBeUndefined()
        const again = done(await store.create('/registry/a/x', bytes('two')))
        expect(again).toBeGreaterThan(deleted)
        expect((await store.get('/registry/a/x'))!.createRevision).toBe(again)
      })

      test('of many that write one key at one revision, one wins', async () => {
        const created = done(await store.create('/registry/a/x', bytes('0')))
        const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => store.update('/registry/a/x', bytes(`${n + 1}`), created)))
        const winners = outcomes.filter(({ ok }) => ok)
        expect(winners).toHaveLength(1)
        const value = await store.get('/registry/a/x')
        expect(value!.revision).toBe(done(winners[0]!))
        for (const outcome of outcomes) if (!outcome.ok) expect(outcome.current!.revision).toBe(value!.revision)
      })

      test('writers who retry on conflict lose no increment', async () => {
        done(await store.create('/registry/a/counter', bytes('0')))
        const increment = async () => {
          for (;;) {
            const before = (await store.get('/registry/a/counter'))!
            const outcome = await store.update('/registry/a/counter', bytes(String(Number(text(before.value)) + 1)), before.revision)
            if (outcome.ok) return
          }
        }
        await Promise.all(Array.from({ length: 10 }, increment))
        expect(text((await store.get('/registry/a/counter'))!.value)).toBe('10')
      })

      test('revisions grow over all keys and are never given twice', async () => {
        const outcomes = await Promise.all(Array.from({ length: 100 }, (_, n) => store.create(`/registry/a/${n}`, bytes('x'))))
        const revisions = outcomes.map(done)
        expect(new Set(revisions).size).toBe(100)
        expect(store.revision).toBe(Math.max(...revisions))
        expect(done(await store.create('/registry/b/last', bytes('x')))).toBeGreaterThan(Math.max(...revisions))
      })

      test('values are bytes: empty, binary and large ones come back as they were', async () => {
        const values = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, n) => n), Buffer.alloc(1_400_000, 'x')]
        for (const [n, value] of values.entries()) {
          done(await store.create(`/registry/a/${n}`, value))
          expect(Buffer.compare((await store.get(`/registry/a/${n}`))!.value, value)).toBe(0)
        }
      })
    })

    describe('range', () => {
      test('answers the keys with the prefix in byte order', async () => {
        const names = ['b', 'a', 'ab', 'B', '-', 'é', '\ufb01', '😀', 'a/b', 'a-b', 'a0']
        for (const name of names) done(await store.create(`/registry/a/${name}`, bytes(name)))
        done(await store.create('/registry/a0', bytes('other')))
        done(await store.create('/registry/Z', bytes('other')))
        const { values, more } = await store.range('/registry/a/')
        const sorted = names.map((name) => Buffer.from(name)).sort(Buffer.compare)
        expect(values.map(({ value }) => text(value))).toEqual(sorted.map(String))
        expect(more).toBe(false)
      })

      test('pages join to the whole, at the revision of the first page', async () => {
        for (let n = 100; n < 125; n++) done(await store.create(`/registry/a/${n}`, bytes(`${n}`)))
        const first = await store.range('/registry/a/', { limit: 10 })
        expect(first.more).toBe(true)
        done(await store.delete('/registry/a/115', (await store.get('/registry/a/115'))!.revision))
        done(await store.update('/registry/a/116', bytes('new'), (await store.get('/registry/a/116'))!.revision))
        done(await store.create('/registry/a/1165', bytes('new')))
        const keys = first.values.map(({ key }) => key)
        let page = first
        while (page.more) {
          page = await store.range('/registry/a/', { limit: 10, startKey: `${keys.at(-1)}\0`, revision: first.revision })
          expect(page.revision).toBe(first.revision)
          for (const { key, value } of page.values) {
            keys.push(key)
            expect(key).toBe(`/registry/a/${text(value)}`)
          }
        }
        expect(keys).toEqual(Array.from({ length: 25 }, (_, n) => `/registry/a/${n + 100}`))
        expect((await store.range('/registry/a/', { limit: 25 })).more).toBe(false)
      })

      test('a start key before the prefix changes nothing, one after it leaves nothing', async () => {
        done(await store.create('/registry/b/x', bytes('x')))
        expect((await store.range('/registry/b/', { startKey: '/registry/a/' })).values).toHaveLength(1)
        expect((await store.range('/registry/b/', { startKey: '/registry/c/' })).values).toHaveLength(0)
      })

      test('an empty range has the present revision', async () => {
        const revision = done(await store.create('/registry/b/x', bytes('x')))
        expect(await store.range('/registry/none/')).toEqual({ values: [], revision, more: false })
      })

      test('at a past revision shows that moment', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const other = done(await store.create('/registry/a/y', bytes('y')))
        const updated = done(await store.update('/registry/a/x', bytes('two'), created))
        const deleted = done(await store.delete('/registry/a/x', updated))
        const at = async (revision: number) => (await store.range('/registry/a/', { revision })).values.map(shown)
        const y = { key: '/registry/a/y', value: 'y', revision: other, createRevision: other }
        expect(await at(created)).toEqual([{ key: '/registry/a/x', value: 'one', revision: created, createRevision: created }])
        expect(await at(updated)).toEqual([{ key: '/registry/a/x', value: 'two', revision: updated, createRevision: created }, y])
        expect(await at(deleted)).toEqual([y])
      })
    })

    describe('compaction', () => {
      test('ranges and listens of older revisions throw, newer ones work', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const updated = done(await store.update('/registry/a/x', bytes('two'), created))
        const last = done(await store.update('/registry/a/x', bytes('three'), updated))
        await store.compact(updated)
        await expect(store.range('/registry/a/', { revision: created })).rejects.toBeInstanceOf(CompactedError)
        await expect(store.listen(created, { events: () => {}, reset: () => {} }, ended.signal)).rejects.toBeInstanceOf(CompactedError)
        expect((await store.range('/registry/a/', { revision: updated })).values.map(({ value }) => text(value))).toEqual(['two'])
        const heard = await listening(updated)
        await until(() => heard.events.length === 1)
        expect(heard.events[0]!.revision).toBe(last)
      })

      test('keeps what is live and never gives a revision again', async () => {
        done(await store.create('/registry/a/kept', bytes('kept')))
        const gone = done(await store.create('/registry/a/gone', bytes('gone')))
        const deleted = done(await store.delete('/registry/a/gone', gone))
        await store.compact(deleted)
        await store.compact(deleted)
        expect((await store.range('/registry/')).values.map(({ value }) => text(value))).toEqual(['kept'])
        expect(done(await store.create('/registry/a/next', bytes('next')))).toBeGreaterThan(deleted)
      })
    })

    describe('listening', () => {
      test('hears of every write in order, with the last value of what was deleted', async () => {
        const heard = await listening(store.revision)
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const updated = done(await store.update('/registry/a/x', bytes('two'), created))
        const deleted = done(await store.delete('/registry/a/x', updated))
        await until(() => heard.events.length === 3)
        expect(heard.events.map(told)).toEqual([
          { type: 'put', key: '/registry/a/x', value: 'one', revision: created, createRevision: created },
          { type: 'put', key: '/registry/a/x', value: 'two', revision: updated, createRevision: created },
          { type: 'delete', key: '/registry/a/x', value: 'two', revision: deleted, createRevision: created },
        ])
      })

      test('whoever sees the answer of a write finds its event already delivered', async () => {
        const heard = await listening(store.revision)
        await Promise.all(
          Array.from({ length: 50 }, async (_, n) => {
            const revision = done(await store.create(`/registry/a/${n}`, bytes('x')))
            expect(heard.events.some((event) => event.revision === revision)).toBe(true)
            expect(store.revision).toBeGreaterThanOrEqual(revision)
          }),
        )
        const revisions = heard.events.map(({ revision }) => revision)
        expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
      })

      test('the past comes first, then the present, nothing twice', async () => {
        const before = store.revision
        const writing = Array.from({ length: 40 }, async (_, n) => {
          const created = done(await store.create(`/registry/a/${n}`, bytes('x')))
          done(await store.update(`/registry/a/${n}`, bytes('y'), created))
        })
        await writing[0]
        const heard = await listening(before)
        await Promise.all(writing)
        await until(() => heard.events.length === 80)
        const revisions = heard.events.map(({ revision }) => revision)
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
      })

      test('a deletion of the past shows the last value', async () => {
        const created = done(await store.create('/registry/a/x', bytes('one')))
        const deleted = done(await store.delete('/registry/a/x', created))
        const heard = await listening(created)
        await until(() => heard.events.length === 1)
        expect(heard.events.map(told)).toEqual([
          { type: 'delete', key: '/registry/a/x', value: 'one', revision: deleted, createRevision: created },
        ])
      })

      test('ends with its signal', async () => {
        const heard = await listening(store.revision)
        done(await store.create('/registry/a/x', bytes('x')))
        ended.abort()
        done(await store.create('/registry/a/y', bytes('y')))
        expect(heard.events).toHaveLength(1)
      })
    })

    test('a consistent revision is not older than any acknowledged write', async () => {
      const revisions = (await Promise.all(Array.from({ length: 10 }, (_, n) => store.create(`/registry/a/${n}`, bytes('x'))))).map(done)
      const consistent = await store.consistentRevision()
      expect(consistent).toBeGreaterThanOrEqual(Math.max(...revisions))
      expect(store.revision).toBeGreaterThanOrEqual(consistent)
    })

    describe('time to live', () => {
      test('the key goes by itself, and listeners are told', async () => {
        const heard = await listening(store.revision)
        done(await store.create('/registry/events/x', bytes('short'), { ttlSeconds: 2 }))
        done(await store.create('/registry/events/y', bytes('long'), { ttlSeconds: 3600 }))
        await under.passSeconds(2)
        await until(() => heard.events.length === 3)
        expect(heard.events[2]).toMatchObject({ type: 'delete', key: '/registry/events/x' })
        expect(text(heard.events[2]!.value)).toBe('short')
        expect((await store.range('/registry/events/')).values.map(({ key }) => key)).toEqual(['/registry/events/y'])
      }, 60_000)

      test('an update without one lets the key stay', async () => {
        const created = done(await store.create('/registry/events/x', bytes('short'), { ttlSeconds: 1 }))
        done(await store.create('/registry/events/y', bytes('short'), { ttlSeconds: 1 }))
        done(await store.update('/registry/events/x', bytes('stays'), created))
        const heard = await listening(store.revision)
        await under.passSeconds(1)
        await until(() => heard.events.length > 0)
        expect((await store.range('/registry/events/')).values.map(({ key }) => key)).toEqual(['/registry/events/x'])
      }, 60_000)
    })

    test('knows how large it is, or says that it does not', async () => {
      done(await store.create('/registry/a/x', Buffer.alloc(10_000)))
      const size = await store.sizeBytes()
      expect(size === undefined || size >= 10_000).toBe(true)
    })

    test('a closed store refuses every call, and closing twice is fine', async () => {
      await store.close()
      await store.close()
      const calls = [
        () => store.create('/registry/a/x', bytes('x')),
        () => store.get('/registry/a/x'),
        () => store.range('/registry/'),
        () => store.consistentRevision(),
        () => store.listen(0, { events: () => {}, reset: () => {} }, ended.signal),
        () => store.compact(1),
      ]
      for (const call of calls) await expect(call()).rejects.toBeInstanceOf(StoreUnavailableError)
    })
  })
}

/** A clock that only moves when told; waiting callbacks run in order of their time. */
export interface ManualClock extends Clock {
  advance(ms: number): void
}

export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let nowMs = startMs
  const alarms = new Set<{ atMs: number; callback: () => void }>()
  return {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const alarm = { atMs: nowMs + Math.max(0, delayMs), callback }
      alarms.add(alarm)
      return () => alarms.delete(alarm)
    },
    advance(ms) {
      const end = nowMs + ms
      for (;;) {
        const next = [...alarms].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        alarms.delete(next)
        nowMs = Math.max(nowMs, next.atMs)
        next.callback()
      }
      nowMs = end
    },
  }
}

/** The revision of a write that must have succeeded. */
export function done(outcome: WriteOutcome): number {
  if (!outcome.ok) throw new Error(`the write was refused; ${outcome.current?.key} is at ${outcome.current?.revision}`)
  return outcome.revision
}

/** Waits for a state, for as long as the test may take. */
export async function until(state: () => boolean): Promise<void> {
  while (!state()) await new Promise((resolve) => setTimeout(resolve, 1))
}

function current(outcome: WriteOutcome): StoredValue | undefined {
  if (outcome.ok) throw new Error('the write should have been refused')
  return outcome.current
}
