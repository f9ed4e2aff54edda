import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LoadedRecord, LogRecord, RevisionLog } from './revision-log.ts'
import { RevisionStore } from './revision-store.ts'
import { manualClock } from './store.conformance.ts'
import { type StoreEvent, StoreUnavailableError } from './store.ts'

type Fate = 'kept' | 'lost, and said so' | 'kept, but said to be lost' | 'lost, and not to be opened again at once'

/** A log on a disk that fails as told, append by append. */
class FaultyLog implements RevisionLog {
  readonly records = new Map<number, LogRecord>()
  readonly #fates: readonly Fate[]
  #appends = 0
  #refusals = 0

  constructor(fates: readonly Fate[]) {
    this.#fates = fates
  }

  async append(records: readonly LogRecord[]): Promise<Uint8Array[]> {
    await turn()
    const fate = this.#fates[this.#appends++ % this.#fates.length]!
    const last = records
      .filter(({ value }) => value === undefined)
      .map(({ previousRevision }) => this.records.get(previousRevision)!.value!)
    if (fate.startsWith('kept')) {
      for (const record of records) {
        if (this.records.has(record.revision)) throw new Error(`revision ${record.revision} is given twice`)
        this.records.set(record.revision, record)
      }
    }
    if (fate.endsWith('at once')) this.#refusals = 2
    if (fate !== 'kept') throw new StoreUnavailableError('the disk failed')
    return last
  }

  async values(revisions: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const values = revisions.map((revision) => this.records.get(revision)?.value)
    await turn()
    return values
  }

  async forget(_compactedRevision: number, revisions: readonly number[]): Promise<void> {
    for (const revision of revisions) this.records.delete(revision)
  }

  async reopen(revision: number): Promise<LoadedRecord[]> {
    await turn()
    if (this.#refusals-- > 0) throw new StoreUnavailableError('the disk is still away')
    return this.loaded().filter((record) => record.revision > revision)
  }

  loaded(): LoadedRecord[] {
    const records = [...this.records.values()].sort((a, b) => a.revision - b.revision)
    return records.map(({ revision, key, createRevision, expiresMs, value }) => ({
      revision,
      key,
      createRevision,
      expiresMs,
      deleted: value === undefined,
    }))
  }

  async sizeBytes(): Promise<undefined> {}

  async close(): Promise<void> {}
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const fates = fc.array(
  fc.constantFrom<Fate>(
    'kept',
    'kept',
    'kept',
    'lost, and said so',
    'kept, but said to be lost',
    'lost, and not to be opened again at once',
  ),
  { minLength: 1, maxLength: 12 },
)
const plans = fc.array(
  fc.array(fc.record({ key: fc.nat(4), deletes: fc.boolean(), guesses: fc.boolean() }), { minLength: 1, maxLength: 12 }),
  {
    minLength: 1,
    maxLength: 8,
  },
)

describe('a revision store on a failing disk', () => {
  test('acknowledges only what is kept, shows all that is kept, gives no revision twice, and tells listeners everything in order', async () => {
    await fc.assert(
      fc.asyncProperty(fates, plans, async (fates, plans) => {
        const log = new FaultyLog([...fates, 'kept'])
        const store = new RevisionStore({ log, clock: manualClock(), records: [], compactedRevision: 0 })
        const events: StoreEvent[] = []
        await store.listen(0, { events: (some) => events.push(...some), reset: () => {} }, new AbortController().signal)
        const acknowledged: number[] = []
        await Promise.all(
          plans.map(async (plan, writer) => {
            for (const [n, { key, deletes, guesses }] of plan.entries()) {
              const path = `/registry/a/${key}`
              try {
                const before = guesses ? undefined : await store.get(path)
                const value = Buffer.from(`${writer} ${n}`)
                const outcome =
                  before === undefined
                    ? await store.create(path, value)
                    : deletes
                      ? await store.delete(path, before.revision)
                      : await store.update(path, value, before.revision)
                if (!outcome.ok) continue
                acknowledged.push(outcome.revision)
                expect(log.records.has(outcome.revision)).toBe(true)
                expect(events.some(({ revision }) => revision === outcome.revision)).toBe(true)
              } catch (error) {
                expect(error).toBeInstanceOf(StoreUnavailableError)
              }
            }
          }),
        )
        // Writes again until the disk lets the store find out what became of the last one.
        for (let settled = false; !settled; ) {
          settled = await store.create('/registry/b/last', Buffer.from('x')).then(
            () => true,
            () => false,
          )
        }
        expect(new Set(acknowledged).size).toBe(acknowledged.length)
        const revisions = events.map(({ revision }) => revision)
        expect(revisions).toEqual([...log.records.keys()].sort((a, b) => a - b))
        const model = new Map<string, string>()
        for (const { type, key, value, revision, createRevision } of events) {
          const text = `${key} ${Buffer.from(value)}`
          if (type === 'delete') {
            expect(model.get(key)).toContain(text)
            model.delete(key)
          } else model.set(key, `${text} ${revision} ${createRevision}`)
        }
        const shown = async (of: RevisionStore) =>
          (await of.range('/registry/')).values.map(
            ({ key, value, revision, createRevision }) => `${key} ${Buffer.from(value)} ${revision} ${createRevision}`,
          )
        expect(await shown(store)).toEqual([...model.values()].sort())
        await store.close()
        const reopened = new RevisionStore({ log, clock: manualClock(), records: log.loaded(), compactedRevision: 0 })
        expect(await shown(reopened)).toEqual([...model.values()].sort())
        await reopened.close()
      }),
      { numRuns: 150 },
    )
  }, 60_000)
})
