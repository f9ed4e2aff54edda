/**
 * The storage contract: etcd's, in small. An ordered log of revisions over byte keys.
 *
 * Every revision is an integer greater than all before it, over all keys. A write resolves only when it is durable AND its event
 * has been handed to every listener, so whoever sees the answer finds the effect in the caches.
 *
 * @module
 */

/** The first and only event of its revision for `key` (a transaction of many keys shares one revision). */
export interface StoreEvent {
  type: 'put' | 'delete'
  key: string
  /** The new value; of a delete the last value. */
  value: Uint8Array
  revision: number
  /** The revision that created this incarnation of the key. */
  createRevision: number
}

export interface StoredValue {
  key: string
  value: Uint8Array
  /** Revision of its last write. */
  revision: number
  createRevision: number
}

export type WriteOutcome =
  | { ok: true; revision: number }
  /** The key was not at the expected revision; `current` is what is there, undefined when nothing is. */
  | { ok: false; current: StoredValue | undefined }

export interface WriteOptions {
  /** The key goes by itself after so many seconds (events). */
  ttlSeconds?: number
}

export interface RangePage {
  values: StoredValue[]
  /** The state the page was read at. */
  revision: number
  more: boolean
}

export interface StoreListener {
  /** Events of one or more whole revisions, in order. Synchronous; must not throw. */
  events(events: readonly StoreEvent[]): void
  /** The listener has seen everything up to `revision`, although nothing of its keys changed. */
  progress?(revision: number): void
  /** Events may have been missed (the store compacted past us while away): read everything again. */
  reset(): void
}

export interface Store {
  /** Creates the key; refused when it exists. */
  create(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteOutcome>
  /** Replaces the key at `expectedRevision`. */
  update(key: string, value: Uint8Array, expectedRevision: number, options?: WriteOptions): Promise<WriteOutcome>
  delete(key: string, expectedRevision: number): Promise<WriteOutcome>
  /** Linearizable. */
  get(key: string): Promise<StoredValue | undefined>
  /** Keys with the prefix, in byte order, from `startKey` on, at most `limit`; at `revision` or now. Linearizable when now. Throws CompactedError. */
  range(prefix: string, options?: { startKey?: string; limit?: number; revision?: number }): Promise<RangePage>
  /** Revision of the newest write that is visible here. */
  readonly revision: number
  /** Resolves with a revision that is not older than any write acknowledged anywhere before the call, once listeners have seen it. */
  consistentRevision(): Promise<number>
  /**
   * Events with revision > `afterRevision`, until the signal aborts. Resolves when the past has been handed over and the listener hears
   * of every write from now on. Throws CompactedError when history does not reach back so far.
   */
  listen(afterRevision: number, listener: StoreListener, signal: AbortSignal): Promise<void>
  /** Forgets history before `revision`: ranges and listens of older ones throw. */
  compact(revision: number): Promise<void>
  /** Every write acknowledged anywhere is visible here already: `consistentRevision` never waits. */
  readonly alwaysFresh: boolean
  /** Milliseconds since this store last knew that it was up to date; 0 when it always is. */
  readonly outOfTouchMs: number
  /** Bytes used, for metrics; undefined when unknown. */
  sizeBytes(): Promise<number | undefined>
  /** Flushes and lets go. Later calls throw. */
  close(): Promise<void>
}

/** History older than `compactedRevision` is gone. */
export class CompactedError extends Error {
  readonly compactedRevision: number
  constructor(compactedRevision: number) {
    super(`required revision has been compacted (${compactedRevision})`)
    this.name = 'CompactedError'
    this.compactedRevision = compactedRevision
  }
}

/** The store takes no value of this size. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
}

/** The store cannot be used: opened by another process, damaged, read-only, full. `message` is for people. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}
