/**
 * One state of one object, and the parsed forms that are kept for a while.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { CachedObject, CacheEvent } from './cache.ts'
import { metadataOffset } from './layout.ts'

export class CacheEntry implements CachedObject {
  readonly key: string
  readonly revision: number
  readonly bytes: Uint8Array
  readonly metadataAt: number
  readonly #memo: ObjectMemo
  #object: KubeObject | undefined

  constructor(key: string, revision: number, bytes: Uint8Array, memo: ObjectMemo) {
    this.key = key
    this.revision = revision
    this.bytes = bytes
    this.metadataAt = metadataOffset(bytes)
    this.#memo = memo
  }

  decode(): KubeObject {
    const { buffer, byteOffset, length } = this.bytes
    return JSON.parse(Buffer.from(buffer, byteOffset, length).toString()) as KubeObject
  }

  get object(): KubeObject {
    if (this.#object === undefined) {
      this.#object = this.decode()
      this.#memo.remember(this)
    }
    return this.#object
  }

  forgetObject(): void {
    this.#object = undefined
  }
}

/** Bounds the parsed objects kept: beyond the budget the oldest parsed are parsed again when next needed. */
export class ObjectMemo {
  readonly #budgetBytes: number
  #entries: CacheEntry[] = []
  #head = 0
  #bytes = 0

  /** @param budgetBytes JSON bytes of what is kept parsed; the objects take about four times as much. */
  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
  }

  remember(entry: CacheEntry): void {
    this.#entries.push(entry)
    this.#bytes += entry.bytes.length
    // The newest always stays, or a large object would be parsed at every look.
    while (this.#bytes > this.#budgetBytes && this.#head < this.#entries.length - 1) {
      const oldest = this.#entries[this.#head++]!
      this.#bytes -= oldest.bytes.length
      oldest.forgetObject()
    }
    if (this.#head > 1000 && this.#head > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}

export class RecentEvent implements CacheEvent {
  readonly type: CacheEvent['type']
  readonly revision: number
  readonly object: CachedObject
  readonly previous: CachedObject | undefined
  #frames: Map<string, Uint8Array> | undefined

  constructor(type: CacheEvent['type'], revision: number, object: CachedObject, previous: CachedObject | undefined) {
    this.type = type
    this.revision = revision
    this.object = object
    this.previous = previous
  }

  get frames(): Map<string, Uint8Array> {
    this.#frames ??= new Map()
    return this.#frames
  }

  /** All that watch now have it; who comes later makes it again. */
  forgetFrames(): void {
    this.#frames = undefined
  }
}
