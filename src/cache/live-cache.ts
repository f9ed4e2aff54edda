/**
 * The cache of all resources over one store: reads what is there, then follows the log of revisions.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Store, StoreEvent } from '../storage/store.ts'
import type { Cache, CacheCodec, CachedObject, ResourceCache } from './cache.ts'
import { ObjectMemo } from './cached-object.ts'
import { LiveResource, type ResourceCacheHost } from './resource-cache.ts'

/** Objects read from the store at once: etcd is slow with small pages. */
const PAGE_OBJECTS = 10_000
/** Objects taken over before other work gets its turn. */
const SLICE_OBJECTS = 1000
/** Longer out of touch with the store, and liveness of identities cannot be vouched for. */
const TRUSTED_MS = 10_000

export interface CacheOptions {
  /** How often history is compacted, as kube-apiserver's --etcd-compaction-interval: each time to where the time before stood. 0: never. */
  compactionIntervalMs?: number
  /** Memory that recent events may keep alive, over all resources. */
  ringBytes?: number
  /** JSON bytes of objects kept parsed. */
  memoBytes?: number
  /** A listener threw, or a stored value cannot be read. By default the process hears of it as of an uncaught exception. */
  report?: (problem: unknown) => void
}

/** The cache did not reach a revision in time. */
export class RevisionTimeoutError extends Error {
  override readonly name = 'RevisionTimeoutError'
  readonly revision: number
  readonly currentRevision: number
  constructor(revision: number, currentRevision: number) {
    super(`revision ${revision} was not reached, the newest is ${currentRevision}`)
    this.revision = revision
    this.currentRevision = currentRevision
  }
}

/** Starts to follow the store; resources are registered on the answer. The store stays the caller's to close. */
export async function openCache(store: Store, clock: Clock, options: CacheOptions = {}): Promise<Cache> {
  const cache = new LiveCache(store, clock, options)
  await cache.start()
  return cache
}

class LiveCache implements Cache, ResourceCacheHost {
  readonly memo: ObjectMemo
  readonly report: (problem: unknown) => void
  readonly #store: Store
  readonly #clock: Clock
  readonly #compactionIntervalMs: number
  readonly #ringBudgetBytes: number
  readonly #ended = new AbortController()
  readonly #byId = new Map<string, LiveResource>()
  readonly #byPrefix = new Map<string, LiveResource[]>()
  /** At which slashes of a key a prefix may end: 3 for `/registry/pods/`. Ascending. */
  #depths: number[] = []
  #revision = 0
  #compactedRevision = 0
  /** Where the cache stood at the last compaction; the next one compacts to there. */
  #markedRevision = 0
  #cancelCompaction: () => void = () => {}
  #ringBytes = 0
  #waiting: { revision: number; resolve: () => void }[] = []
  /** Resources that are being read again because events were missed. */
  #rereading = 0

  constructor(store: Store, clock: Clock, options: CacheOptions) {
    const { compactionIntervalMs = 5 * 60_000, ringBytes = 48 << 20, memoBytes = 8 << 20, report } = options
    this.#store = store
    this.#clock = clock
    this.#compactionIntervalMs = compactionIntervalMs
    this.#ringBudgetBytes = ringBytes
    this.memo = new ObjectMemo(memoBytes)
    this.report =
      report ??
      ((problem) =>
        queueMicrotask(() => {
          throw problem
        }))
  }

  async start(): Promise<void> {
    this.#revision = await this.#store.consistentRevision()
    this.#compactedRevision = this.#revision
    this.#markedRevision = this.#revision
    await this.#store.listen(
      this.#revision,
      {
        events: (events) => this.#events(events),
        progress: (revision) => this.#reached(revision),
        reset: () => this.#reset(),
      },
      this.#ended.signal,
    )
    this.#armCompaction()
  }

  get revision(): number {
    return this.#revision
  }

  get compactedRevision(): number {
    return this.#compactedRevision
  }

  get trustworthy(): boolean {
    return this.#rereading === 0 && this.#store.outOfTouchMs < TRUSTED_MS
  }

  async register(id: string, prefix: string, codec: CacheCodec): Promise<ResourceCache> {
    if (this.#byId.has(id)) throw new TypeError(`${id} is registered already`)
    if (!prefix.endsWith('/')) throw new TypeError(`the prefix ${prefix} must end with a slash`)
    const resource = new LiveResource(id, prefix, codec, this)
    this.#byId.set(id, resource)
    this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), resource])
    this.#updateDepths()
    try {
      await this.#load(resource)
    } catch (error) {
      this.remove(id)
      throw error
    }
    return resource
  }

  remove(id: string): void {
    const resource = this.#byId.get(id)
    if (resource === undefined) return
    resource.forget(Number.POSITIVE_INFINITY)
    this.#byId.delete(id)
    const left = this.#byPrefix.get(resource.prefix)!.filter((other) => other !== resource)
    if (left.length > 0) this.#byPrefix.set(resource.prefix, left)
    else this.#byPrefix.delete(resource.prefix)
    this.#updateDepths()
  }

  resource(id: string): ResourceCache | undefined {
    return this.#byId.get(id)
  }

  fresh(): Promise<void> | undefined {
    if (this.#store.alwaysFresh) return undefined
    // The store answers when its listeners, this cache among them, have seen the revision.
    return this.#store.consistentRevision().then(() => {})
  }

  reach(revision: number, timeoutMs: number): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiting = {
        revision,
        resolve: () => {
          cancel()
          resolve()
        },
      }
      this.#waiting.push(waiting)
      const cancel = this.#clock.after(timeoutMs, () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting)
        reject(new RevisionTimeoutError(revision, this.#revision))
      })
    })
  }

  async close(): Promise<void> {
    this.#ended.abort()
    this.#cancelCompaction()
  }

  ringGrew(bytes: number): void {
    this.#ringBytes += bytes
    if (this.#ringBytes <= this.#ringBudgetBytes || bytes <= 0) return
    let largest: LiveResource | undefined
    for (const resource of this.#byId.values()) if (resource.ringBytes > (largest?.ringBytes ?? 0)) largest = resource
    largest?.shorten()
  }

  #events(events: readonly StoreEvent[]): void {
    for (const event of events) {
      // Moved first: at a listener's call the resource is at the event's revision.
      this.#revision = event.revision
      const resources = this.#resourcesOf(event.key)
      if (resources !== undefined) for (const resource of resources) resource.apply(event)
    }
    this.#wake()
  }

  #reached(revision: number): void {
    if (revision <= this.#revision) return
    this.#revision = revision
    this.#wake()
  }

  #wake(): void {
    if (this.#waiting.length === 0) return
    const reached = this.#waiting.filter(({ revision }) => revision <= this.#revision)
    if (reached.length === 0) return
    this.#waiting = this.#waiting.filter(({ revision }) => revision > this.#revision)
    for (const { resolve } of reached) resolve()
  }

  #resourcesOf(key: string): LiveResource[] | undefined {
    let at = -1
    let slashes = 0
    for (const depth of this.#depths) {
      while (slashes < depth) {
        at = key.indexOf('/', at + 1)
        if (at < 0) return undefined
        slashes++
      }
      const resources = this.#byPrefix.get(key.slice(0, at + 1))
      if (resources !== undefined) return resources
    }
    return undefined
  }

  #updateDepths(): void {
    const depths = new Set<number>()
    for (const prefix of this.#byPrefix.keys()) depths.add(prefix.split('/').length - 1)
    this.#depths = [...depths].sort((a, b) => a - b)
  }

  /** Events missed: everything is read again, and listeners get the differences. */
  #reset(): void {
    for (const resource of this.#byId.values()) {
      this.#rereading++
      resource.loading()
      this.#reread(resource)
    }
  }

  /** Again and again until it works or the resource or the cache is gone; nobody trusts the cache meanwhile. */
  async #reread(resource: LiveResource): Promise<void> {
    while (!this.#ended.signal.aborted && this.#byId.get(resource.id) === resource) {
      try {
        await this.#load(resource)
        break
      } catch (error) {
        this.report(error)
        await new Promise<void>((resolve) => this.#clock.after(1000, resolve))
      }
    }
    this.#rereading--
    if (this.#rereading === 0) this.#compactedRevision = Math.max(this.#compactedRevision, this.#revision)
  }

  async #load(resource: LiveResource): Promise<void> {
    const { prefix } = resource
    const objects: CachedObject[] = []
    let revision: number | undefined
    let startKey = ''
    for (;;) {
      const page = await this.#store.range(prefix, { limit: PAGE_OBJECTS, startKey, ...(revision === undefined ? {} : { revision }) })
      revision = page.revision
      for (const [n, { key, value, revision }] of page.values.entries()) {
        const object = resource.entry(key.slice(prefix.length), revision, value)
        if (object !== undefined) objects.push(object)
        if (n % SLICE_OBJECTS === SLICE_OBJECTS - 1) await new Promise((resolve) => setImmediate(resolve))
      }
      const last = page.values.at(-1)
      if (!page.more || last === undefined) break
      startKey = `${last.key}\0`
    }
    resource.loaded(revision, objects)
    // On etcd the range may be ahead of the watch.
    if (revision > this.#revision) await this.reach(revision, 60_000)
  }

  #armCompaction(): void {
    if (this.#compactionIntervalMs === 0) return
    this.#cancelCompaction = this.#clock.after(this.#compactionIntervalMs, () => {
      this.#compactTo(this.#markedRevision)
      this.#markedRevision = this.#revision
      this.#armCompaction()
    })
  }

  #compactTo(revision: number): void {
    if (revision > this.#compactedRevision) {
      this.#compactedRevision = revision
      for (const resource of this.#byId.values()) resource.forget(revision)
    }
    // A store that is out of touch is compacted next time.
    this.#store.compact(revision).catch(() => {})
  }
}
