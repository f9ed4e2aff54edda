/**
 * Which resources there are, as controllers that work on all of them see it: their names, their kinds and their caches.
 *
 * @see client-go/discovery, ServerPreferredResources; client-go/restmapper
 * @module
 */
import { groupVersion } from '../api/object.ts'
import type { ResourceCache } from '../cache/cache.ts'
import type { Registry } from '../registry/endpoint.ts'
import type { Verb } from '../registry/resource.ts'

export interface ServedResource {
  group: string
  version: string
  /** `apps/v1`. */
  apiVersion: string
  /** Plural: `deployments`. */
  resource: string
  kind: string
  namespaced: boolean
  verbs: readonly Verb[]
  /** Versions of one object share one. */
  cache: ResourceCache
}

export interface ServedResources {
  /** Grows with every change of what is served. */
  readonly generation: number
  /** All that are kept, one version of each: the group's first. */
  preferred(): readonly ServedResource[]
  /** Any version; undefined when no such kind is kept. */
  byKind(apiVersion: string, kind: string): ServedResource | undefined
  /** The preferred of those that share a cache. */
  byCache(id: string): ServedResource | undefined
}

/** The registry's resources, looked up anew when they have changed. */
export function servedResources(registry: Registry): ServedResources {
  let generation = -1
  let preferred: ServedResource[] = []
  const kinds = new Map<string, ServedResource>()
  const caches = new Map<string, ServedResource>()
  const current = () => {
    if (generation === registry.generation) return
    generation = registry.generation
    preferred = []
    kinds.clear()
    caches.clear()
    const seen = new Set<string>()
    for (const { definition, gvk, gr, cache } of registry.endpoints()) {
      if (cache === undefined) continue
      const { group, version, kind } = gvk
      const { namespaced, verbs } = definition
      const served = { group, version, apiVersion: groupVersion(group, version), resource: gr.resource, kind, namespaced, verbs, cache }
      kinds.set(`${served.apiVersion} ${kind}`, served)
      if (!caches.has(cache.id)) caches.set(cache.id, served)
      const name = `${gr.resource}.${group}`
      if (seen.has(name)) continue
      seen.add(name)
      preferred.push(served)
    }
  }
  return {
    get generation() {
      return registry.generation
    },
    preferred() {
      current()
      return preferred
    },
    byKind(apiVersion, kind) {
      current()
      return kinds.get(`${apiVersion} ${kind}`)
    },
    byCache(id) {
      current()
      return caches.get(id)
    },
  }
}

/** `/apis/apps/v1/namespaces/x/deployments/y`; without a name the collection. */
export function pathOf({ group, apiVersion, namespaced, resource }: ServedResource, namespace: string, name?: string): string {
  const base = group === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`
  const collection = namespaced ? `${base}/namespaces/${namespace}/${resource}` : `${base}/${resource}`
  return name === undefined ? collection : `${collection}/${encodeURIComponent(name)}`
}
