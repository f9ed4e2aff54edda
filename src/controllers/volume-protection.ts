/**
 * Claims, volumes and their attribute classes stay until nobody uses them: `persistentvolumeclaim-protection-controller`,
 * `persistentvolume-protection-controller`, `volumeattributesclass-protection-controller`.
 *
 * @see pkg/controller/volume/{pvcprotection,pvprotection,vacprotection}
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { isStatusError } from '../api/status.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/types/core/v1.ts'
import type { ObjectMeta } from '../api/types/meta/v1.ts'
import type { CacheEvent, ResourceCache } from '../cache/cache.ts'
import { type Controller, type ControllerContext, clientOf, closeWith, required } from './controller.ts'
import { pathOf } from './served-resources.ts'
import { WorkQueue } from './work-queue.ts'

interface Protection {
  name: string
  account: string
  /** Of the cache of what is protected. */
  resource: string
  finalizer: string
  /** Caches of those who use it: when something leaves or changes there, what waits is looked at again. */
  users: readonly string[]
  isUsed(object: KubeObject, cache: (id: string) => ResourceCache): boolean
}

const PODS = 'v1/pods'
const CLAIMS = 'v1/persistentvolumeclaims'
const VOLUMES = 'v1/persistentvolumes'

export const claimProtection = protection({
  name: 'persistentvolumeclaim-protection-controller',
  account: 'pvc-protection-controller',
  resource: CLAIMS,
  finalizer: 'kubernetes.io/pvc-protection',
  users: [PODS],
  isUsed(claim, cache) {
    for (const { object } of cache(PODS).snapshot().scan(`${claim.metadata?.namespace}/`)) if (usesClaim(object as Pod, claim)) return true
    return false
  },
})

export const volumeProtection = protection({
  name: 'persistentvolume-protection-controller',
  account: 'pv-protection-controller',
  resource: VOLUMES,
  finalizer: 'kubernetes.io/pv-protection',
  users: [],
  isUsed: (volume) => (volume as PersistentVolume).status?.phase === 'Bound',
})

export const attributesClassProtection = protection({
  name: 'volumeattributesclass-protection-controller',
  account: 'volumeattributesclass-protection-controller',
  resource: 'storage.k8s.io/v1/volumeattributesclasses',
  finalizer: 'kubernetes.io/vac-protection',
  users: [VOLUMES, CLAIMS],
  isUsed({ metadata }, cache) {
    const name = metadata?.name
    for (const { object } of cache(VOLUMES).snapshot().scan(''))
      if ((object as PersistentVolume).spec?.volumeAttributesClassName === name) return true
    for (const { object } of cache(CLAIMS).snapshot().scan('')) {
      const { spec, status } = object as PersistentVolumeClaim
      const named = [
        spec?.volumeAttributesClassName,
        status?.currentVolumeAttributesClassName,
        status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
      ]
      if (named.includes(name)) return true
    }
    return false
  },
})

/** A pod that has no node yet will not be started with a claim that is going away. */
export function usesClaim(pod: Pod, claim: KubeObject): boolean {
  const { spec, metadata = {} } = pod
  if ((spec?.nodeName ?? '') === '') return false
  const name = claim.metadata?.name
  return (
    spec?.volumes?.some(
      (volume) =>
        volume.persistentVolumeClaim?.claimName === name ||
        (volume.ephemeral !== undefined &&
          !isShutDown(metadata) &&
          `${metadata.name}-${volume.name}` === name &&
          claim.metadata?.ownerReferences?.some(({ controller, uid }) => controller === true && uid === metadata.uid)),
    ) === true
  )
}

/** Its volumes are given back, and only finalizers hold it, which may wait for the claim. */
function isShutDown({ deletionTimestamp, deletionGracePeriodSeconds }: ObjectMeta): boolean {
  return deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0
}

function protection({ name, account, resource, finalizer, users, isUsed }: Protection): Controller {
  return {
    name,
    async start(context, signal) {
      const client = clientOf(context, account)
      const objects = required(context, resource)
      /** Keys of those that would go and are still used. */
      const held = new Set<string>()
      const queue = new WorkQueue({
        clock: context.clock,
        concurrency: 1,
        async reconcile(key) {
          await context.cache.fresh()
          const object = objects.get(key)?.object
          const metadata = object?.metadata
          held.delete(key)
          if (object === undefined || metadata === undefined) return
          const has = metadata.finalizers?.includes(finalizer) === true
          const ends = metadata.deletionTimestamp !== undefined
          if (has !== ends) return
          if (ends && isUsed(object, (id) => required(context, id))) {
            held.add(key)
            return
          }
          const others = (metadata.finalizers ?? []).filter((one) => one !== finalizer)
          const finalizers = ends ? others : [...others, finalizer]
          await put(context, client, resource, { ...object, metadata: { ...metadata, finalizers } })
        },
        onError: (key, err, failures) =>
          context.log[isStatusError(err, 'Conflict') ? 'debug' : 'warn']({ object: key, err, failures }, 'protection not settled'),
      })
      const lookAgain = ({ type }: CacheEvent) => {
        if (held.size > 0 && type !== 'ADDED') for (const key of held) queue.add(key)
      }
      const following = [
        objects.follow(({ type, object }) => {
          if (type !== 'DELETED') queue.add(object.key)
          else held.delete(object.key)
        }),
        ...users.map((id) => {
          const cache = required(context, id)
          return cache.subscribe(cache.revision, lookAgain) ?? cache.follow(lookAgain)
        }),
      ]
      closeWith(signal, ...following, queue)
    },
  }
}

async function put(context: ControllerContext, client: ReturnType<typeof clientOf>, resource: string, object: KubeObject): Promise<void> {
  const served = context.resources.byCache(resource)
  if (served === undefined) return
  const { namespace = '', name = '' } = object.metadata ?? {}
  try {
    await client.call({ method: 'PUT', path: pathOf(served, namespace, name), body: object })
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error
  }
}
