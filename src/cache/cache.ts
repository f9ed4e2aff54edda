/**
 * The live copy that every request reads: per resource an ordered map of encoded objects, a ring of recent events, O(1) snapshots.
 *
 * Contract only; `resource-cache.ts` and its neighbours fulfil it.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'

/**
 * One state of one object. `bytes` is its JSON as served, in this layout, on which everybody relies:
 * `{"kind":K,"apiVersion":V,"metadata":{…,"resourceVersion":"N",…},…}` without a newline at the end.
 */
export interface CachedObject {
  /** `namespace/name`, or `name` for cluster-scoped resources. */
  readonly key: string
  readonly revision: number
  readonly bytes: Uint8Array
  /** Where `"metadata":{` starts in `bytes`: a list item is `{` and what follows from there. Absent: `metadataOffset` of layout.ts finds it. */
  readonly metadataAt?: number
  /** Parsed anew at each call: the caller owns the answer. */
  decode(): KubeObject
  /** Parsed once and shared, frozen by convention: for indexes, selectors and controllers. May be dropped and made again. */
  readonly object: KubeObject
}

export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  /** The new state; of a deletion the last state, with the revision of the deletion. */
  readonly object: CachedObject
  /** The state before; undefined for ADDED. */
  readonly previous: CachedObject | undefined
  /** Encodings made once for all watchers, by encoding name. */
  readonly frames: Map<string, Uint8Array>
}

/** One moment of a resource, unaffected by later writes. O(1) to take. */
export interface Snapshot {
  readonly revision: number
  get(key: string): CachedObject | undefined
  /** Objects whose key starts with `prefix` (`''` for all, `ns/` for a namespace), in byte order, from `start` (a full key, inclusive) on. */
  scan(prefix: string, start?: string): Iterable<CachedObject>
  /** How many such objects; O(log n). */
  count(prefix: string, start?: string): number
}

export interface Subscription {
  close(): void
}

export interface ResourceCache {
  /** `v1/configmaps`, `apps/v1/deployments`: the id given at registration. */
  readonly id: string
  /** The newest revision this resource has been brought up to; moves with every write of any resource. */
  readonly revision: number
  get(key: string): CachedObject | undefined
  snapshot(): Snapshot
  /** The moment after `revision`, if still kept; undefined when compacted or not reached yet. Revisions between kept moments work. */
  snapshotAt(revision: number): Snapshot | undefined
  /**
   * Calls `listener` synchronously for every event with a revision > `afterRevision`, past ones first, then live.
   * Answers undefined when the ring does not reach back so far (410 Expired).
   */
  subscribe(afterRevision: number, listener: (event: CacheEvent) => void): Subscription | undefined
  /** Like `subscribe` from now on, but first `listener` for all that is there (as ADDED), at one moment. For indexes and controllers. */
  follow(listener: (event: CacheEvent) => void): Subscription
}

/** How stored bytes of one resource become the canonical layout above. */
export interface CacheCodec {
  /** Value as written by us (JSON without resourceVersion), or kube-apiserver's JSON or protobuf. */
  canonical(value: Uint8Array, revision: number): Uint8Array
}

export interface Cache {
  /** Adds a resource kept under `prefix` (`/registry/configmaps/`); loads it when the cache already runs. */
  register(id: string, prefix: string, codec: CacheCodec): Promise<ResourceCache>
  remove(id: string): void
  resource(id: string): ResourceCache | undefined
  /** Revision of the newest event applied. */
  readonly revision: number
  /** History before this was forgotten for all resources. Single ones may have had to forget more: their `subscribe` and `snapshotAt` tell. */
  readonly compactedRevision: number
  /** Resolves when the cache is not older than any write acknowledged anywhere before the call. Undefined on an embedded store, where it never has to wait. */
  fresh(): Promise<void> | undefined
  /** Resolves when the cache has reached `revision`; rejects with a RevisionTimeoutError after `timeoutMs`. */
  reach(revision: number, timeoutMs: number): Promise<void>
  /** False while the store has been out of touch for too long to trust liveness (etcd: 10 s). */
  readonly trustworthy: boolean
  close(): Promise<void>
}
