/**
 * The few objects of a kind that carry a mark (a default class), found without looking at all of them.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { Cache } from '../cache/cache.ts'

/** Answers the marked objects in order of their keys. Follows the cache from the first question on. */
export function markedObjects(cache: Cache, id: string, isMarked: (object: KubeObject) => boolean): () => KubeObject[] {
  const marked = new Map<string, KubeObject>()
  let following = false
  return () => {
    if (!following) {
      const resource = cache.resource(id)
      if (resource === undefined) return []
      following = true
      resource.follow(({ type, object }) => {
        if (type !== 'DELETED' && isMarked(object.object)) marked.set(object.key, object.object)
        else marked.delete(object.key)
      })
    }
    return [...marked.keys()].sort().map((key) => marked.get(key)!) // a key of the map
  }
}

/** Of several defaults the newest; of equally old ones the first by name. */
export function newest(objects: readonly KubeObject[]): KubeObject | undefined {
  const created = (object: KubeObject) => Date.parse(object.metadata?.creationTimestamp ?? '') || 0
  return objects.reduce<KubeObject | undefined>((best, one) => (best === undefined || created(one) > created(best) ? one : best), undefined)
}
