/**
 * The storage contract over a log of records: revisions, the index of what is live, history, group commit, expiry.
 *
 * The index (key to revision) is in memory, values are in the log. A write is checked against the index, gets its revision, and joins the
 * next batch; one batch is under way at a time. Only when the log says that it is durable does the index change, then the listeners are
 * told, then the writers.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { Expiry } from './expiry.ts'
import { History, type IndexEntry } from './history.ts'
import { OrderedMap } from './ordered-map.ts'
import type { LoadedRecord, LogRecord, RevisionLog } from './revision-log.ts'
import {
  CompactedError,
  type RangePage,
  type Store,
  type StoredValue,
  type StoreEvent,
  type StoreListener,
  StoreUnavailableError,
  type WriteOptions,
  type WriteOutcome,
} from './store.ts'

/** One batch is at most so many records … */
const BATCH_RECORDS = 1000
/** … or so many bytes of values. */
const BATCH_BYTES = 4 << 20
/** Past events are read from the log in portions of so many. */
const REPLAY_EVENTS = 1000

export interface RevisionStoreOptions {
  log: RevisionLog
  clock: Clock
  /** What the log held when it was opened, in order of revision. */
  records: Iterable<LoadedRecord>
  compactedRevision: number
  /** Events kept for late listeners; the oldest are compacted away beyond that. */
  historyLimit?: number
}

interface Write {
  readonly key: string
  readonly value: Uint8Array | undefined
  /** 0: must not exist. */
  readonly expectedRevision: number
  readonly expiresMs: number
  readonly resolve: (outcome: WriteOutcome) => void
  readonly reject: (error: Error) => void
}

type Admitted = Write & LogRecord

interface Attached {
  readonly listener: StoreListener
  readonly afterRevision: number
}

export class RevisionStore implements Store {
  readonly outOfTouchMs = 0
  readonly alwaysFresh = true
  readonly #log: RevisionLog
  readonly #clock: Clock
  readonly #index = new OrderedMap<IndexEntry>()
  readonly #history: History
  readonly #historyLimit: number
  readonly #expiry: Expiry
  /** Newest visible revision. */
  #revision: number
  /** Newest revision ever given to a write, visible or not. */
  #assigned: number
  #queue: Admitted[] = []
  /** Keys with a write under way, and the writes that wait for it. */
  readonly #busy = new Map<string, Write[] | undefined>()
  #committing: Promise<void> | undefined
  #listeners: readonly Attached[] = []
  /** Why the log failed, while it has not been opened again since: until then nobody knows what is there. */
  #broken: Error | undefined
  /** Writes that arrived since the log failed. */
  #held: Write[] = []
  #closing: Promise<void> | undefined

  constructor({ log, clock, records, compactedRevision, historyLimit = 100_000 }: RevisionStoreOptions) {
    this.#log = log
    this.#clock = clock
    this.#history = new History(compactedRevision)
    this.#historyLimit = historyLimit
    this.#expiry = new Expiry(clock, (key, revision) => this.#expire(key, revision))
    this.#revision = Math.max(compactedRevision, 1)
    const superfluous: number[] = []
    for (const record of records) {
      const before = this.#index.get(record.key)
      // A compaction was cut short.
      if (record.revision <= compactedRevision && before !== undefined) superfluous.push(before.revision)
      this.#apply(record)
    }
    if (superfluous.length > 0) log.forget(compactedRevision, superfluous).catch(() => {})
    this.#assigned = this.#revision
  }

  get revision(): number {
    return this.#revision
  }

  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteOutcome> {
    return this.#write(key, value, 0, options)
  }

  update(key: string, value: Uint8Array, expectedRevision: number, options?: WriteOptions): Promise<WriteOutcome> {
    return this.#write(key, value, expectedRevision, options)
  }

  delete(key: string, expectedRevision: number): Promise<WriteOutcome> {
    return this.#write(key, undefined, expectedRevision)
  }

  async get(key: string): Promise<StoredValue | undefined> {
    this.#checkOpen()
    const entry = this.#index.get(key)
    if (entry === undefined) return undefined
    const [value] = await this.#log.values([entry.revision])
    return { key, value: value!, revision: entry.revision, createRevision: entry.createRevision }
  }

  async range(
    prefix: string,
    { startKey = '', limit = 0, revision = this.#revision }: { startKey?: string; limit?: number; revision?: number } = {},
  ): Promise<RangePage> {
    this.#checkOpen()
    if (revision < this.#history.compactedRevision) throw new CompactedError(this.#history.compactedRevision)
    if (revision > this.#revision) throw new RangeError(`revision ${revision} is in the future, the newest is ${this.#revision}`)
    const index = revision === this.#revision ? this.#index : this.#history.rewind(this.#index.fork(), revision)
    const found: { key: string; entry: IndexEntry }[] = []
    let more = false
    index.visit(prefix, startKey, (key, entry) => {
      if (limit > 0 && found.length === limit) {
        more = true
        return false
      }
      found.push({ key, entry })
      return true
    })
    const values = await this.#log.values(found.map(({ entry }) => entry.revision))
    return {
      values: found.map(({ key, entry }, at) => ({
        key,
        value: values[at]!,
        revision: entry.revision,
        createRevision: entry.createRevision,
      })),
      revision,
      more,
    }
  }

  async consistentRevision(): Promise<number> {
    this.#checkOpen()
    return this.#revision
  }

  async listen(afterRevision: number, listener: StoreListener, signal: AbortSignal): Promise<void> {
    this.#checkOpen()
    let seen = afterRevision
    for (;;) {
      if (signal.aborted) return
      if (seen < this.#history.compactedRevision) throw new CompactedError(this.#history.compactedRevision)
      const past = this.#history.after(seen, REPLAY_EVENTS)
      const newest = past.at(-1)
      if (newest === undefined) break
      // A deletion shows what was there before it.
      const values = await this.#log.values(past.map(({ revision, deleted, previousRevision }) => (deleted ? previousRevision : revision)))
      if (signal.aborted) return
      listener.events(
        past.map(({ key, deleted, revision, createRevision }, at) => ({
          type: deleted ? 'delete' : 'put',
          key,
          value: values[at]!,
          revision,
          createRevision,
        })),
      )
      seen = newest.revision
    }
    const attached: Attached = { listener, afterRevision }
    this.#listeners = [...this.#listeners, attached]
    signal.addEventListener('abort', () => {
      this.#listeners = this.#listeners.filter((other) => other !== attached)
    })
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen()
    const upTo = Math.min(revision, this.#revision)
    if (upTo <= this.#history.compactedRevision) return
    await this.#log.forget(upTo, this.#history.compact(upTo))
  }

  async sizeBytes(): Promise<number | undefined> {
    this.#checkOpen()
    return this.#log.sizeBytes()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#expiry.close()
    while (this.#committing !== undefined) await this.#committing
    this.#listeners = []
    await this.#log.close()
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new StoreUnavailableError('the store is closed')
  }

  #write(key: string, value: Uint8Array | undefined, expectedRevision: number, options: WriteOptions = {}): Promise<WriteOutcome> {
    return new Promise((resolve, reject) => {
      this.#checkOpen()
      const { ttlSeconds = 0 } = options
      const expiresMs = ttlSeconds > 0 ? this.#clock.nowMs() + ttlSeconds * 1000 : 0
      const write: Write = { key, value, expectedRevision, expiresMs, resolve, reject }
      if (this.#broken === undefined) this.#enqueue(write)
      else {
        this.#held.push(write)
        this.#committing ??= this.#commitAll()
      }
    })
  }

  #enqueue(write: Write): void {
    if (!this.#busy.has(write.key)) {
      this.#admit(write)
      return
    }
    const waiting = this.#busy.get(write.key)
    if (waiting === undefined) this.#busy.set(write.key, [write])
    else waiting.push(write)
  }

  /** Nothing else is under way for the key: the index tells whether the write may go. */
  #admit(write: Write): boolean {
    const entry = this.#index.get(write.key)
    if ((entry?.revision ?? 0) !== write.expectedRevision) {
      this.#refuse(write, entry)
      return false
    }
    if (entry === undefined && write.value === undefined) {
      write.resolve({ ok: false, current: undefined })
      return false
    }
    const revision = ++this.#assigned
    if (!this.#busy.has(write.key)) this.#busy.set(write.key, undefined)
    const { key, value, expectedRevision, expiresMs, resolve, reject } = write
    this.#queue.push({
      key,
      value,
      expectedRevision,
      expiresMs,
      resolve,
      reject,
      revision,
      createRevision: entry?.createRevision ?? revision,
      previousRevision: entry?.revision ?? 0,
    })
    this.#committing ??= this.#commitAll()
    return true
  }

  #refuse({ key, resolve, reject }: Write, entry: IndexEntry | undefined): void {
    if (entry === undefined) {
      resolve({ ok: false, current: undefined })
      return
    }
    const { revision, createRevision } = entry
    this.#log
      .values([revision])
      .then(([value]) => resolve({ ok: false, current: { key, value: value!, revision, createRevision } }), reject)
  }

  async #commitAll(): Promise<void> {
    // Writes of the same turn of the event loop share the first batch.
    await undefined
    while (this.#queue.length > 0 || this.#held.length > 0) {
      if (this.#broken !== undefined) {
        await this.#reopen()
        continue
      }
      const batch = this.#takeBatch()
      let lastValues: Uint8Array[]
      try {
        lastValues = await this.#log.append(batch)
      } catch (error) {
        this.#broken = error as Error
        this.#rejectAll(batch, error as Error)
        await this.#reopen()
        continue
      }
      this.#publish(batch, lastValues)
      for (const write of batch) write.resolve({ ok: true, revision: write.revision })
      for (const write of batch) this.#release(write.key)
    }
    this.#committing = undefined
  }

  #takeBatch(): Admitted[] {
    let bytes = 0
    let count = 0
    for (const { value } of this.#queue) {
      if (count === BATCH_RECORDS || bytes > BATCH_BYTES) break
      bytes += value?.length ?? 0
      count++
    }
    if (count === this.#queue.length) {
      const batch = this.#queue
      this.#queue = []
      return batch
    }
    return this.#queue.splice(0, count)
  }

  /** Makes durable records visible, and tells the listeners. */
  #publish(
    records: readonly Pick<LogRecord, 'key' | 'value' | 'revision' | 'createRevision' | 'expiresMs'>[],
    lastValues: readonly Uint8Array[],
  ): void {
    const events: StoreEvent[] = []
    let deletions = 0
    for (const { key, value, revision, createRevision, expiresMs } of records) {
      const deleted = value === undefined
      this.#apply({ key, revision, createRevision, expiresMs, deleted })
      events.push({ type: deleted ? 'delete' : 'put', key, value: deleted ? lastValues[deletions++]! : value, revision, createRevision })
    }
    for (const { listener, afterRevision } of this.#listeners) {
      const wanted = events[0]!.revision > afterRevision ? events : events.filter(({ revision }) => revision > afterRevision)
      if (wanted.length > 0) listener.events(wanted)
    }
    if (this.#history.length > this.#historyLimit) this.#shortenHistory()
  }

  #apply({ key, revision, createRevision, expiresMs, deleted }: LoadedRecord): void {
    const previous = deleted ? this.#index.delete(key) : this.#index.set(key, { revision, createRevision })
    this.#history.push({ revision, key, deleted, createRevision, previousRevision: previous?.revision ?? 0 })
    if (expiresMs > 0) this.#expiry.add(key, revision, expiresMs)
    this.#revision = revision
  }

  #shortenHistory(): void {
    const upTo = this.#history.revisionAt(Math.floor(this.#historyLimit / 10))
    // Should this fail, the records are found again when the log is next opened.
    this.#log.forget(upTo, this.#history.compact(upTo)).catch(() => {})
  }

  /** The write under way for the key is over: the next that waits may go, those that may not are answered. */
  #release(key: string): void {
    const waiting = this.#busy.get(key)
    if (waiting === undefined) {
      this.#busy.delete(key)
      return
    }
    let next = waiting.shift()
    while (next !== undefined) {
      if (this.#admit(next)) {
        if (waiting.length === 0) this.#busy.set(key, undefined)
        return
      }
      next = waiting.shift()
    }
    this.#busy.delete(key)
  }

  /** Those under way and those that wait for them. */
  #rejectAll(batch: readonly Admitted[], error: Error): void {
    const writes: Write[] = [...batch, ...this.#queue]
    this.#queue = []
    for (const waiting of this.#busy.values()) if (waiting !== undefined) writes.push(...waiting)
    this.#busy.clear()
    for (const { reject } of writes) reject(error)
  }

  /** What became of the failed batch shows when the log is opened again; revisions that were given away stay so. */
  async #reopen(): Promise<void> {
    try {
      const records = await this.#log.reopen(this.#revision)
      if (records.length > 0) await this.#catchUp(records)
      this.#broken = undefined
    } catch (error) {
      this.#broken = error as Error
    }
    const held = this.#held
    this.#held = []
    if (this.#broken === undefined) for (const write of held) this.#enqueue(write)
    else for (const { reject } of held) reject(this.#broken)
  }

  /** Makes records visible that nobody was told of. */
  async #catchUp(records: readonly LoadedRecord[]): Promise<void> {
    const latest = new Map<string, number>()
    const wanted = records.map(({ key, revision, deleted }) => {
      const previous = latest.get(key) ?? this.#index.get(key)?.revision ?? 0
      latest.set(key, revision)
      return deleted ? previous : revision
    })
    const values = await this.#log.values(wanted)
    this.#assigned = Math.max(this.#assigned, records.at(-1)!.revision)
    this.#publish(
      records.map((record, at) => ({ ...record, value: record.deleted ? undefined : values[at]! })),
      values.filter((_, at) => records[at]!.deleted) as Uint8Array[],
    )
  }

  /** Answers false when the key has to be tried again. */
  async #expire(key: string, revision: number): Promise<boolean> {
    if (this.#index.get(key)?.revision !== revision) return true
    try {
      await this.delete(key, revision)
      return true
    } catch {
      return this.#closing !== undefined
    }
  }
}
