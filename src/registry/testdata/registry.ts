/**
 * The whole registry on a store in memory, without admission.
 *
 * @module
 */
import { builtinSchemas } from '../../api/schemas.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { ResourceCache } from '../../cache/cache.ts'
import { layoutCodec } from '../../cache/layout.ts'
import { openCache } from '../../cache/live-cache.ts'
import { memoryStore } from '../../storage/memory.ts'
import { manualClock } from '../../storage/store.conformance.ts'
import { registryAccess } from '../access.ts'
import { definitions } from '../definitions.ts'
import { Registry } from '../endpoint.ts'
import type { World } from '../resource.ts'
import type { Verbs } from '../verbs/context.ts'
import { KeyedQueue } from '../verbs/keyed-queue.ts'

const everything: Authorizer = { name: 'Everything', authorize: () => ({ decision: 'allow', reason: '' }) }

export async function registry(features: Partial<World['features']> = {}): Promise<Verbs> {
  const clock = manualClock()
  const store = memoryStore({ clock })
  const cache = await openCache(store, clock)
  const served = new Registry(builtinSchemas)
  const caches = new Map<string, ResourceCache>()
  for (const definition of definitions) {
    const prefix = definition.storage?.prefix
    if (prefix === undefined) continue
    const { group, version, resource } = definition
    const id = group === '' ? `v1/${resource}` : `${group}/${version}/${resource}`
    const found = caches.get(prefix) ?? (await cache.register(id, prefix, layoutCodec()))
    caches.set(prefix, found)
    served.add(definition, found)
  }
  let uids = 0
  const world: World = {
    cache,
    clock,
    newUid: () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`,
    randomSuffix: (length) => String(++uids).padStart(length, 'b'),
    authorizer: everything,
    emulatedMinor: 36,
    features: {
      serviceClusterIPRanges: ['10.0.0.0/24'],
      nodePortRange: { from: 30000, to: 32767 },
      allowPrivileged: false,
      eventTTLSeconds: 3600,
      ...features,
    },
  }
  const access = registryAccess(() => verbs)
  world.registry = access
  const verbs: Verbs = {
    registry: served,
    store,
    world,
    admission: { admit: () => {}, validate: () => {} },
    queue: new KeyedQueue(),
    access,
  }
  await access.create('v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
  return verbs
}
