/**
 * A live copy for tests: objects by resource and key, each state with a revision of its own.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { Cache, CachedObject, ResourceCache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'

export class TestCache implements Cache {
  revision = 0
  readonly compactedRevision = 0
  trustworthy = true
  readonly #resources = new Map<string, Map<string, CachedObject>>()
  /** Replaced by tests of shared stores. */
  catchUp: (() => Promise<void>) | undefined

  /** Keeps the object under its namespace and name. */
  put(id: string, object: KubeObject): void {
    const { namespace = '', name = '' } = object.metadata ?? {}
    const key = namespace === '' ? name : `${namespace}/${name}`
    const bytes = Buffer.from(JSON.stringify(object))
    this.revision++
    this.#objects(id).set(key, { key, revision: this.revision, bytes, object, decode: () => structuredClone(object) })
  }

  drop(id: string, key: string): void {
    this.revision++
    this.#objects(id).delete(key)
  }

  resource(id: string): ResourceCache {
    const objects = this.#objects(id)
    // Authentication only ever gets.
    return { id, revision: this.revision, get: (key: string) => objects.get(key) } as unknown as ResourceCache
  }

  async register(id: string): Promise<ResourceCache> {
    return this.resource(id)
  }

  fresh(): Promise<void> | undefined {
    return this.catchUp?.()
  }

  remove(id: string): void {
    this.#resources.delete(id)
  }

  async reach(): Promise<void> {}

  async close(): Promise<void> {}

  #objects(id: string): Map<string, CachedObject> {
    let objects = this.#resources.get(id)
    if (objects === undefined) {
      objects = new Map()
      this.#resources.set(id, objects)
    }
    return objects
  }
}

/** A clock that stands still until it is set. */
export class TestClock implements Clock {
  ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  nowMs(): number {
    return this.ms
  }
  after(): () => void {
    return () => {}
  }
}
