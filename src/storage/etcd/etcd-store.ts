/**
 * The store in an etcd cluster, under kube-apiserver's own keys: others may read and write beside us.
 *
 * A write is acknowledged when etcd has it and our own watch has shown it to the listeners. A linearizable read of etcd's revision,
 * shared by all who wait for it, tells how far the watch has to be for a consistent answer; done every few seconds it also tells
 * whether we are in touch. All waiting here is for etcd and the network, hence in real time.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, systemClock } from '../../clock.ts'
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
} from '../store.ts'
import { Leases } from './leases.ts'
import { LogWatch } from './log-watch.ts'
import { compact, guardedWrite, type KeyValue, range, status, type WatchResponse, writeAll } from './messages.ts'
import { type EtcdServers, EtcdTransport } from './transport.ts'

/** How long a write or a consistent read waits for our watch. */
const WATCH_TIMEOUT_MS = 10_000
/** Until a question that etcd did not answer is asked again. */
const PAUSE_MS = 100
/** How often etcd is asked where it stands when nobody else asks. */
const PROBE_MS = 2000
/** A watch that has not shown by then what etcd says is there has a dead connection. */
const WATCH_LAG_MS = 1500

/** What keys start with on our side; `prefix` replaces it on etcd's. */
const OUR_PREFIX = '/registry/'

export interface EtcdStoreOptions extends EtcdServers {
  /** As in `--etcd-prefix`. */
  prefix?: string
  clock: Clock
  /** How long to wait for a first answer. */
  openTimeoutMs?: number
  /** Keys read at once where the caller sets no limit; small pages are expensive for etcd. */
  pageKeys?: number
}

interface Attached {
  readonly listener: StoreListener
  /** Events up to here are not for it. */
  afterRevision: number
}

/** Keys beside the objects, under a prefix of their own: nothing waits for the watch. */
export interface KeysBeside {
  /** Everything that is there now. */
  all(): Promise<{ key: string; value: Uint8Array; revision: number }[]>
  /** Resolves when etcd has them: the last write wins. An undefined value deletes. */
  write(writes: readonly { key: string; value: Uint8Array | undefined }[]): Promise<void>
  /** Writes the key where it is at `expectedRevision`, or at 0 is not there; else answers what is there. */
  replace(key: string, value: Uint8Array, expectedRevision: number): Promise<ReplaceOutcome>
  /** Every write from now on, also our own. `lost`: some may have been missed. */
  follow(listener: {
    written(writes: readonly { key: string; value: Uint8Array | undefined; revision: number }[]): void
    lost(): void
  }): () => void
}

export type ReplaceOutcome = { ok: true; revision: number } | { ok: false; current: { value: Uint8Array; revision: number } | undefined }

export interface EtcdBackedStore extends Store {
  beside(prefix: string): KeysBeside
}

/** Throws StoreUnavailableError when no server answers. */
export async function openEtcdStore({
  prefix = '/registry',
  openTimeoutMs = 10_000,
  pageKeys = 10_000,
  ...servers
}: EtcdStoreOptions): Promise<EtcdBackedStore> {
  const transport = await EtcdTransport.open(servers)
  try {
    const { revision } = await transport.read(range, { key: Buffer.from(prefix), countOnly: true }, openTimeoutMs)
    return new EtcdStore(transport, `/${prefix.replace(/^\/+|\/+$/g, '')}/`, revision, pageKeys)
  } catch (error) {
    transport.close()
    throw error
  }
}

/** What etcd takes in one transaction. */
const MAX_WRITES = 128

interface Follower {
  prefix: Buffer
  listener: Parameters<KeysBeside['follow']>[0]
}

class EtcdStore implements EtcdBackedStore {
  readonly alwaysFresh = false
  readonly #transport: EtcdTransport
  readonly #prefix: string
  readonly #pageKeys: number
  readonly #leases: Leases
  readonly #watch: LogWatch
  readonly #watching: Promise<void>
  readonly #ended = new AbortController()
  #revision: number
  #listeners: readonly Attached[] = []
  #followers: readonly Follower[] = []
  #waiting: { revision: number; resolve: () => void }[] = []
  /** The read of etcd's revision under way, and the one that follows it. */
  #asking: Promise<number> | undefined
  #askingNext: Promise<number> | undefined
  /** When the last read began that found us up to date; by a clock that only goes forward. */
  #inTouchMs = performance.now()
  #cancelProbe: () => void = () => {}

  constructor(transport: EtcdTransport, prefix: string, revision: number, pageKeys: number) {
    this.#pageKeys = pageKeys
    this.#transport = transport
    this.#prefix = prefix
    this.#leases = new Leases(transport)
    this.#revision = revision
    const listener = { response: (response: WatchResponse) => this.#seen(response), compacted: () => this.#missed() }
    this.#watch = new LogWatch(transport, revision, listener, this.#ended.signal)
    this.#watching = this.#watch.run()
    this.#armProbe()
  }

  get revision(): number {
    return this.#revision
  }

  get outOfTouchMs(): number {
    return performance.now() - this.#inTouchMs
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
    const { kvs } = await this.#transport.read(range, { key: this.#theirs(key) })
    return kvs[0] && this.#stored(kvs[0])
  }

  async range(
    prefix: string,
    { startKey = '', limit = 0, revision = 0 }: { startKey?: string; limit?: number; revision?: number } = {},
  ): Promise<RangePage> {
    const from = this.#theirs(prefix)
    const start = startKey.startsWith(OUR_PREFIX) ? this.#theirs(startKey) : from
    const rangeEnd = keyAfter(from)
    const page: RangePage = { values: [], revision, more: false }
    let key = Buffer.compare(start, from) > 0 ? start : from
    for (;;) {
      const wanted = limit > 0 ? limit - page.values.length : this.#pageKeys
      const response = await this.#rangeOnce({ key, rangeEnd, limit: wanted, revision: page.revision })
      // All further pages are of the same moment.
      if (page.revision === 0) page.revision = response.revision
      for (const kv of response.kvs) page.values.push(this.#stored(kv))
      page.more = response.more
      const last = response.kvs.at(-1)
      if (!response.more || last === undefined || limit > 0) return page
      key = Buffer.concat([last.key, Buffer.from([0])])
    }
  }

  consistentRevision(): Promise<number> {
    if (this.#ended.signal.aborted) return Promise.reject(new StoreUnavailableError('the store is closed'))
    // A read that began before this call may be older than a write acknowledged before it.
    if (this.#asking === undefined) return this.#ask()
    this.#askingNext ??= this.#asking.then(
      () => this.#ask(),
      () => this.#ask(),
    )
    return this.#askingNext
  }

  async listen(afterRevision: number, listener: StoreListener, signal: AbortSignal): Promise<void> {
    if (this.#ended.signal.aborted) throw new StoreUnavailableError('the store is closed')
    if (signal.aborted) return
    const attached: Attached = { listener, afterRevision }
    const attach = () => {
      this.#listeners = [...this.#listeners, attached]
      signal.addEventListener('abort', () => {
        this.#listeners = this.#listeners.filter((other) => other !== attached)
      })
    }
    if (afterRevision >= this.#revision) attach()
    else await this.#replay(attached, attach, signal)
  }

  beside(prefix: string): KeysBeside {
    const from = Buffer.from(prefix)
    return {
      all: async () => {
        const { kvs } = await this.#rangeOnce({ key: from, rangeEnd: keyAfter(from), limit: 0, revision: 0 })
        return kvs.map(({ key, value, modRevision }) => ({ key: key.subarray(from.length).toString(), value, revision: modRevision }))
      },
      write: async (writes) => {
        for (let at = 0; at < writes.length; at += MAX_WRITES) {
          const part = writes.slice(at, at + MAX_WRITES).map(({ key, value }) => ({ key: Buffer.from(prefix + key), value }))
          await this.#transport.write(writeAll, part)
        }
      },
      replace: async (key, value, expectedRevision) => {
        const { succeeded, revision, current } = await this.#transport.write(guardedWrite, {
          key: Buffer.from(prefix + key),
          value,
          expectedRevision,
        })
        if (succeeded) return { ok: true, revision }
        return { ok: false, current: current && { value: current.value, revision: current.modRevision } }
      },
      follow: (listener) => {
        const follower: Follower = { prefix: from, listener }
        this.#followers = [...this.#followers, follower]
        return () => {
          this.#followers = this.#followers.filter((other) => other !== follower)
        }
      },
    }
  }

  async compact(revision: number): Promise<void> {
    try {
      await this.#transport.read(compact, { revision: Math.min(revision, this.#revision) })
    } catch (error) {
      // Another replica was faster.
      if (!(error instanceof CompactedError)) throw error
    }
  }

  async sizeBytes(): Promise<number | undefined> {
    return (await this.#transport.read(status, undefined)).sizeBytes
  }

  async close(): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.#ended.abort()
    this.#cancelProbe()
    this.#listeners = []
    this.#transport.close()
    await this.#watching
  }

  async #write(
    key: string,
    value: Uint8Array | undefined,
    expectedRevision: number,
    { ttlSeconds = 0 }: WriteOptions = {},
  ): Promise<WriteOutcome> {
    const theirs = this.#theirs(key)
    // A deletion of nothing would succeed in etcd.
    if (value === undefined && expectedRevision === 0) return this.#refusal((await this.#transport.read(range, { key: theirs })).kvs[0])
    const lease = ttlSeconds > 0 ? await this.#leases.lease(ttlSeconds) : 0
    const { succeeded, revision, current } = await this.#transport.write(guardedWrite, { key: theirs, value, expectedRevision, lease })
    if (!succeeded) return this.#refusal(current)
    if (!(await this.#reach(revision, WATCH_TIMEOUT_MS))) {
      throw new StoreUnavailableError(`etcd has taken the write of ${key} at revision ${revision}, but our watch does not show it`)
    }
    return { ok: true, revision }
  }

  #refusal(current: KeyValue | undefined): WriteOutcome {
    return { ok: false, current: current && this.#stored(current) }
  }

  async #rangeOnce(request: { key: Buffer; rangeEnd: Buffer; limit: number; revision: number }) {
    try {
      return await this.#transport.read(range, request, 60_000)
    } catch (error) {
      throw error instanceof CompactedError ? new CompactedError(await this.#compactRevision()) : error
    }
  }

  #ask(): Promise<number> {
    const asking = this.#askEtcd().finally(() => {
      if (this.#asking === asking) this.#asking = undefined
    })
    this.#asking = asking
    this.#askingNext = undefined
    return asking
  }

  async #askEtcd(): Promise<number> {
    const beganMs = performance.now()
    const { revision } = await this.#transport.read(range, { key: Buffer.from(this.#prefix), countOnly: true })
    if (!(await this.#reach(revision, WATCH_LAG_MS))) {
      this.#watch.restart()
      if (!(await this.#reach(revision, WATCH_TIMEOUT_MS)))
        throw new StoreUnavailableError(`our watch of etcd does not reach revision ${revision}`)
    }
    this.#inTouchMs = beganMs
    return revision
  }

  #armProbe(): void {
    this.#cancelProbe = systemClock.after(PROBE_MS / 2, () => {
      if (this.#asking === undefined && this.outOfTouchMs >= PROBE_MS / 2) this.consistentRevision().catch(() => {})
      this.#armProbe()
    })
  }

  /** Whether the watch has reached the revision, in time. */
  #reach(revision: number, timeoutMs: number): Promise<boolean> {
    if (revision <= this.#revision) return Promise.resolve(true)
    return new Promise((resolve) => {
      const cancel = systemClock.after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        resolve(false)
      })
      const waiting = {
        revision,
        resolve: () => {
          cancel()
          resolve(true)
        },
      }
      this.#waiting.push(waiting)
    })
  }

  #seen(response: WatchResponse): void {
    const events = this.#events(response)
    for (const { prefix, listener } of this.#followers) {
      const written = response.events.flatMap(({ type, kv: { key, value, modRevision } }) =>
        prefix.equals(key.subarray(0, prefix.length))
          ? [{ key: key.subarray(prefix.length).toString(), value: type === 'put' ? value : undefined, revision: modRevision }]
          : [],
      )
      if (written.length > 0) listener.written(written)
    }
    this.#moveTo(response.events.at(-1)!.kv.modRevision, (attached) => this.#tell(attached, events))
  }

  #moveTo(revision: number, tell: (attached: Attached) => void): void {
    this.#revision = revision
    for (const attached of this.#listeners) {
      tell(attached)
      attached.listener.progress?.(revision)
    }
    if (this.#waiting.length === 0) return
    const reached = this.#waiting.filter((waiting) => waiting.revision <= revision)
    this.#waiting = this.#waiting.filter((waiting) => waiting.revision > revision)
    for (const { resolve } of reached) resolve()
  }

  #tell({ listener, afterRevision }: Attached, events: readonly StoreEvent[]): void {
    const first = events[0]
    if (first === undefined) return
    const wanted = first.revision > afterRevision ? events : events.filter(({ revision }) => revision > afterRevision)
    if (wanted.length > 0) listener.events(wanted)
  }

  #events({ events }: WatchResponse): StoreEvent[] {
    const ours: StoreEvent[] = []
    for (const { type, kv, previous } of events) {
      const key = this.#ours(kv.key)
      if (key === undefined) continue
      const { createRevision } = type === 'put' ? kv : (previous ?? kv)
      ours.push({ type, key, value: type === 'put' ? kv.value : (previous?.value ?? kv.value), revision: kv.modRevision, createRevision })
    }
    return ours
  }

  /** Compacted while we were away: on from now, and everybody reads again. */
  async #missed(): Promise<number> {
    for (;;) {
      try {
        const { revision } = await this.#transport.read(range, { key: Buffer.from(this.#prefix), countOnly: true })
        for (const { listener } of this.#followers) listener.lost()
        this.#moveTo(revision, ({ listener }) => listener.reset())
        return revision
      } catch (error) {
        if (this.#ended.signal.aborted) return this.#revision
        if (!(error instanceof StoreUnavailableError)) throw error
        await pause(PAUSE_MS, undefined, { ref: false })
      }
    }
  }

  /** Hands over the past from a watch of its own; attaches at the very event with which that one is as far as the shared one. */
  async #replay(attached: Attached, attach: () => void, signal: AbortSignal): Promise<void> {
    await this.#rangeOnce({
      key: Buffer.from(this.#prefix),
      rangeEnd: Buffer.from(this.#prefix),
      limit: 1,
      revision: Math.max(attached.afterRevision, 1),
    })
    const caughtUp = new AbortController()
    const past = AbortSignal.any([caughtUp.signal, signal, this.#ended.signal])
    let failure: CompactedError | undefined
    const watch = new LogWatch(
      this.#transport,
      attached.afterRevision,
      {
        response: (response) => {
          this.#tell(attached, this.#events(response))
          attached.afterRevision = response.events.at(-1)!.kv.modRevision
          if (attached.afterRevision < this.#revision) return
          attach()
          caughtUp.abort()
        },
        compacted: async (compactRevision) => {
          failure = new CompactedError(compactRevision)
          caughtUp.abort()
          return compactRevision
        },
      },
      past,
    )
    await watch.run()
    if (failure !== undefined) throw failure
  }

  /** Where history starts; etcd says so only to those who ask for older. */
  #compactRevision(): Promise<number> {
    return new Promise((resolve) => {
      const ended = new AbortController()
      const over = (revision: number) => {
        ended.abort()
        resolve(revision)
      }
      const listener = {
        response: () => over(0),
        compacted: async (revision: number) => {
          over(revision)
          return revision
        },
      }
      new LogWatch(this.#transport, 0, listener, AbortSignal.any([ended.signal, this.#ended.signal])).run().then(() => over(0))
    })
  }

  #theirs(key: string): Buffer {
    if (!key.startsWith(OUR_PREFIX)) throw new TypeError(`the key ${key} does not start with ${OUR_PREFIX}`)
    return Buffer.from(this.#prefix + key.slice(OUR_PREFIX.length))
  }

  #ours(key: Buffer): string | undefined {
    const text = key.toString()
    if (!text.startsWith(this.#prefix)) return undefined
    return this.#prefix === OUR_PREFIX ? text : OUR_PREFIX + text.slice(this.#prefix.length)
  }

  #stored({ key, value, createRevision, modRevision }: KeyValue): StoredValue {
    return { key: this.#ours(key)!, value, revision: modRevision, createRevision }
  }
}

/** The first key after all that start with these bytes, which end with a slash or a letter. */
function keyAfter(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1]!++
  return end
}
