/**
 * What those who keep the server's own objects work with.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import type { Cache, ResourceCache } from '../../cache/cache.ts'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../clock.ts'
import type { RegistryAccess } from '../../registry/resource.ts'
import type { ServerLog } from '../options.ts'

export interface System {
  registry: RegistryAccess
  cache: Cache
  /** This very server as `system:apiserver`, for what has no in-process form (server-side apply). */
  client: Client
  clock: Clock
  log: ServerLog
  signal: AbortSignal
}

/** Creates what is not there; another replica may be faster. */
export async function ensure(registry: RegistryAccess, resource: string, object: KubeObject, fieldManager?: string): Promise<void> {
  const key = { namespace: object.metadata?.namespace ?? '', name: object.metadata?.name ?? '' }
  if (registry.get(resource, key) === undefined) await create(registry, resource, object, fieldManager)
}

export async function create(registry: RegistryAccess, resource: string, object: KubeObject, fieldManager?: string): Promise<void> {
  try {
    await registry.create(resource, object, fieldManager === undefined ? {} : { fieldManager })
  } catch (error) {
    if (!isStatusError(error, 'AlreadyExists')) throw error
  }
}

/** Removes what may be gone already. */
export async function remove(registry: RegistryAccess, resource: string, key: { namespace: string; name: string }): Promise<void> {
  try {
    await registry.delete(resource, key)
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error
  }
}

export function cached(cache: Cache, id: string): ResourceCache {
  const resource = cache.resource(id)
  if (resource === undefined) throw new TypeError(`the cache keeps no ${id}`)
  return resource
}
