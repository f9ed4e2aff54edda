/**
 * One resource's live copy: the ordered map of its objects and the ring of its recent events.
 *
 * A past moment is the nearest kept later moment with the events in between undone; moments are kept every so many events.
 *
 * @module
 */

import { OrderedMap, type OrderedView } from '../storage/ordered-map.ts'
import type { StoreEvent } from '../storage/store.ts'
import type { CacheCodec, CachedObject, CacheEvent, ResourceCache, Snapshot, Subscription } from './cache.ts'
import { CacheEntry, type ObjectMemo, RecentEvent } from './cached-object.ts'
import { canonicalBytes } from './layout.ts'

/** A moment is kept after so many events. */
const MOMENT_EVERY = 1024
/** Encodings of the last so many events are kept for watchers that are a little behind. */
const FRAMES_KEPT = 64
/** Rewound moments kept for lists read page by page. */
const REWOUND_KEPT = 8
/** Memory of an event besides the bytes it keeps alive: itself and its share of the kept moments. */
const EVENT_OVERHEAD_BYTES = 400

export type CacheListener = (event: CacheEvent) => void

export interface ResourceCacheHost {
  /** Newest revision that the cache has been brought up to. */
  readonly revision: number
  readonly memo: ObjectMemo
  /** A listener or a codec threw. */
  report(problem: unknown): void
  /** The memory of the ring changed by so many bytes. */
  ringGrew(bytes: number): void
}

interface KeptMoment {
  readonly revision: number
  readonly view: OrderedView<CachedObject>
}

export class LiveResource implements ResourceCache {
  readonly id: string
  readonly prefix: string
  readonly #codec: CacheCodec
  readonly #host: ResourceCacheHost
  #objects = new OrderedMap<CachedObject>()
  /** Revision the objects were read at. */
  #loadedRevision = 0
  /** The ring: everything after `#floor` that happened to this resource, oldest first, from `#head` on. */
  #events: RecentEvent[] = []
  #head = 0
  #floor = 0
  #ringBytes = 0
  #moments: KeptMoment[] = []
  readonly #rewound = new Map<number, OrderedView<CachedObject>>()
  #latest: Moment | undefined
  #followers: readonly CacheListener[] = []
  #subscribers: readonly CacheListener[] = []
  /** Events that arrive while the objects are being read; undefined when nothing is being read. */
  #held: StoreEvent[] | undefined = []

  constructor(id: string, prefix: string, codec: CacheCodec, host: ResourceCacheHost) {
    this.id = id
    this.prefix = prefix
    this.#codec = codec
    this.#host = host
  }

  get revision(): number {
    return Math.max(this.#host.revision, this.#loadedRevision)
  }

  /** Memory held by the ring only. */
  get ringBytes(): number {
    return this.#ringBytes
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): CachedObject | undefined {
    return this.#objects.get(key)
  }

  snapshot(): Snapshot {
    const revision = this.revision
    if (this.#latest?.revision !== revision) this.#latest = new Moment(revision, this.#latest?.view ?? this.#objects.snapshot())
    return this.#latest
  }

  snapshotAt(revision: number): Snapshot | undefined {
    if (revision < this.#floor || revision > this.revision) return undefined
    const last = this.#events.at(-1)
    if (last === undefined || last.revision <= revision) return new Moment(revision, this.#snapshotView())
    return new Moment(revision, this.#rewind(revision))
  }

  subscribe(afterRevision: number, listener: CacheListener): Subscription | undefined {
    if (afterRevision < this.#floor) return undefined
    for (let at = this.#firstAfter(afterRevision); at < this.#events.length; at++) this.#tell(listener, this.#events[at]!)
    const live: CacheListener =
      afterRevision <= this.revision
        ? (event) => listener(event)
        : (event) => {
            if (event.revision > afterRevision) listener(event)
          }
    this.#subscribers = [...this.#subscribers, live]
    return {
      close: () => {
        this.#subscribers = this.#subscribers.filter((other) => other !== live)
      },
    }
  }

  follow(listener: CacheListener): Subscription {
    for (const object of this.#objects.scan('')) this.#tell(listener, new RecentEvent('ADDED', object.revision, object, undefined))
    const live: CacheListener = (event) => listener(event)
    this.#followers = [...this.#followers, live]
    return {
      close: () => {
        this.#followers = this.#followers.filter((other) => other !== live)
      },
    }
  }

  /** An event of this resource's prefix. */
  apply(event: StoreEvent): void {
    if (this.#held !== undefined) this.#held.push(event)
    else if (event.revision > this.#loadedRevision) this.#applyNow(event)
  }

  /** From here to `loaded` events are held back. */
  loading(): void {
    this.#held ??= []
  }

  /** An object as read from the store; undefined when its bytes make no sense. */
  entry(key: string, revision: number, value: Uint8Array): CachedObject | undefined {
    try {
      return new CacheEntry(key, revision, this.#codec.canonical(value, revision), this.#host.memo)
    } catch (error) {
      this.#host.report(new Error(`the stored value of ${this.prefix}${key} cannot be read`, { cause: error }))
      return undefined
    }
  }

  /** Takes over what was read, in byte order, at `revision`. Of a repeated reading listeners get the differences. */
  loaded(revision: number, objects: readonly CachedObject[]): void {
    const before = this.#objects
    const first = this.#loadedRevision === 0
    this.#objects = OrderedMap.fromSorted(
      objects.map(({ key }) => key),
      objects,
    )
    this.#loadedRevision = revision
    this.#latest = undefined
    this.forget(Number.POSITIVE_INFINITY)
    this.#floor = revision
    if (!first || this.#followers.length > 0) for (const event of this.#differences(before, revision)) this.#deliver(event)
    const held = this.#held ?? []
    this.#held = undefined
    for (const event of held) this.apply(event)
  }

  /** Drops the events up to `revision`: watches and lists of older moments are refused. */
  forget(revision: number): void {
    const end = this.#firstAfter(revision)
    let freed = 0
    for (let at = this.#head; at < end; at++) freed += eventBytes(this.#events[at]!)
    this.#head = end
    if (this.#head > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
    this.#floor = Math.max(this.#floor, Math.min(revision, this.revision))
    this.#moments = this.#moments.filter((moment) => moment.revision > this.#floor)
    for (const rewound of this.#rewound.keys()) if (rewound < this.#floor) this.#rewound.delete(rewound)
    this.#ringBytes -= freed
    if (freed > 0) this.#host.ringGrew(-freed)
  }

  /** Drops the oldest tenth of the ring. */
  shorten(): void {
    const count = this.#events.length - this.#head
    if (count > 0) this.forget(this.#events[this.#head + Math.floor(count / 10)]!.revision)
  }

  #snapshotView(): OrderedView<CachedObject> {
    this.snapshot()
    return this.#latest!.view
  }

  #applyNow(event: StoreEvent): void {
    const key = event.key.slice(this.prefix.length)
    const { revision } = event
    const object = event.type === 'put' || event.value.length > 0 ? this.entry(key, revision, event.value) : undefined
    this.#latest = undefined
    if (event.type === 'put' && object !== undefined) {
      const previous = this.#objects.set(key, object)
      this.#keep(new RecentEvent(previous === undefined ? 'ADDED' : 'MODIFIED', revision, object, previous))
      return
    }
    const previous = this.#objects.delete(key)
    // An object that became unreadable is as good as gone; of one deleted long ago etcd may not know the last value.
    if (previous !== undefined) this.#keep(new RecentEvent('DELETED', revision, object ?? this.#deletedAt(previous, revision), previous))
  }

  #keep(event: RecentEvent): void {
    this.#events.push(event)
    const count = this.#events.length
    if (count - FRAMES_KEPT > this.#head) this.#events[count - FRAMES_KEPT - 1]!.forgetFrames()
    if (count % MOMENT_EVERY === 0) this.#moments.push({ revision: event.revision, view: this.#objects.snapshot() })
    const bytes = eventBytes(event)
    this.#ringBytes += bytes
    this.#deliver(event)
    this.#host.ringGrew(bytes)
  }

  #deliver(event: RecentEvent): void {
    // Indexes first: who hears of an event as a watcher finds the indexes in agreement.
    for (const listener of this.#followers) this.#tell(listener, event)
    for (const listener of this.#subscribers) this.#tell(listener, event)
  }

  #tell(listener: CacheListener, event: CacheEvent): void {
    try {
      listener(event)
    } catch (error) {
      this.#host.report(error)
    }
  }

  /** Events that lead from another state to the present one, in order of revision. */
  #differences(before: OrderedView<CachedObject>, revision: number): RecentEvent[] {
    const events: RecentEvent[] = []
    for (const object of this.#objects.scan('')) {
      const previous = before.get(object.key)
      if (previous?.revision === object.revision) continue
      events.push(new RecentEvent(previous === undefined ? 'ADDED' : 'MODIFIED', object.revision, object, previous))
    }
    events.sort((a, b) => a.revision - b.revision)
    for (const previous of before.scan('')) {
      if (this.#objects.get(previous.key) !== undefined) continue
      events.push(new RecentEvent('DELETED', revision, this.#deletedAt(previous, revision), previous))
    }
    return events
  }

  /** A last state with the revision of its deletion. */
  #deletedAt(previous: CachedObject, revision: number): CachedObject {
    return new CacheEntry(previous.key, revision, canonicalBytes(previous.decode(), revision), this.#host.memo)
  }

  #rewind(revision: number): OrderedView<CachedObject> {
    const known = this.#rewound.get(revision)
    if (known !== undefined) return known
    const moment = this.#moments.find((kept) => kept.revision >= revision)
    const objects = (moment?.view ?? this.#objects).fork()
    const from = this.#firstAfter(revision)
    const to = moment === undefined ? this.#events.length : this.#firstAfter(moment.revision)
    for (let at = to - 1; at >= from; at--) {
      const { object, previous } = this.#events[at]!
      if (previous === undefined) objects.delete(object.key)
      else objects.set(object.key, previous)
    }
    const view = objects.snapshot()
    if (this.#rewound.size === REWOUND_KEPT) this.#rewound.delete(this.#rewound.keys().next().value!)
    this.#rewound.set(revision, view)
    return view
  }

  #firstAfter(revision: number): number {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }
}

class Moment implements Snapshot {
  readonly revision: number
  readonly view: OrderedView<CachedObject>

  constructor(revision: number, view: OrderedView<CachedObject>) {
    this.revision = revision
    this.view = view
  }

  get(key: string): CachedObject | undefined {
    return this.view.get(key)
  }

  scan(prefix: string, start?: string): Iterable<CachedObject> {
    return this.view.scan(prefix, start)
  }

  count(prefix: string, start?: string): number {
    return this.view.count(prefix, start)
  }
}

/** What an event keeps in memory that would be free without it. */
function eventBytes({ type, object, previous }: CacheEvent): number {
  return EVENT_OVERHEAD_BYTES + (previous?.bytes.length ?? 0) + (type === 'DELETED' ? object.bytes.length : 0)
}
