/**
 * The generic verbs for callers inside the process: no HTTP, no authentication, no authorization.
 *
 * @module
 */
import type { KubeObject, NamespacedName } from '../api/object.ts'
import { notFound } from '../api/status.ts'
import type { UserInfo } from '../authentication/user.ts'
import { decodeAt, type Endpoint, objectKey, subresourceOf } from './endpoint.ts'
import type { ObjectSubresource, RegistryAccess } from './resource.ts'
import type { ObjectResult, VerbContext, Verbs } from './verbs/context.ts'
import { deleteObject } from './verbs/delete.ts'
import { deleteOptions, writeOptions } from './verbs/options.ts'
import { applyDefaults, createObject, encodeStored, track, updateObject } from './verbs/write.ts'

const SYSTEM: UserInfo = { username: 'system:apiserver', groups: ['system:masters'] }
const NEVER = new AbortController().signal
const USER_AGENT = 'kube-apiserver'

interface Origin {
  user?: UserInfo | undefined
  dryRun?: boolean | undefined
  fieldManager?: string | undefined
}

/** `verbs` is given later, as it holds this access itself. */
export function registryAccess(verbs: () => Verbs): RegistryAccess {
  const endpointOf = (resource: string): Endpoint => {
    const parts = resource.split('/')
    const name = parts.pop() as string
    const version = parts.pop() as string
    const endpoint = verbs().registry.endpoint(parts.pop() ?? '', version, name)
    if (endpoint === undefined) throw new TypeError(`no resource ${resource}`)
    return endpoint
  }
  const contextOf = (key: NamespacedName, origin: Origin, subresource = ''): VerbContext => {
    const query = new URLSearchParams()
    if (origin.dryRun === true) query.set('dryRun', 'All')
    if (origin.fieldManager !== undefined) query.set('fieldManager', origin.fieldManager)
    return {
      verbs: verbs(),
      user: origin.user ?? SYSTEM,
      namespace: key.namespace,
      name: key.name,
      subresource,
      query,
      contentType: '',
      userAgent: USER_AGENT,
      remoteAddress: '',
      body: () => Promise.resolve(Buffer.alloc(0)),
      nowMs: verbs().world.clock.nowMs(),
      warn: () => {},
      annotate: () => {},
      signal: () => NEVER,
    }
  }
  return {
    get(resource, key) {
      const endpoint = endpointOf(resource)
      const cached = endpoint.cache?.get(objectKey(key.namespace, key.name))
      return cached === undefined ? undefined : decodeAt(endpoint, cached)
    },
    async create(resource, object, options = {}) {
      const endpoint = endpointOf(resource)
      const context = contextOf({ namespace: object.metadata?.namespace ?? '', name: '' }, options)
      const wanted = structuredClone(object)
      applyDefaults(endpoint, wanted)
      return objectOf(await createObject(context, endpoint, wanted, writeOptions(context.query, 'CreateOptions')))
    },
    async update(resource, key, change, options = {}) {
      const endpoint = endpointOf(resource)
      const context = contextOf(key, options, options.subresource ?? '')
      if (options.direct === true) return updateDirectly(context, endpoint, change, options.dryRun === true)
      const sub = options.subresource === undefined ? undefined : (subresourceOf(endpoint, options.subresource) as ObjectSubresource)
      const writing = writeOptions(context.query, 'UpdateOptions')
      return objectOf(
        await updateObject(context, endpoint, {
          verb: 'update',
          options: writing,
          strategy: sub?.strategy ?? endpoint.definition.strategy,
          createWhenMissing: false,
          change(current) {
            const before = current as KubeObject
            const after = structuredClone(before)
            change(after)
            track(context, endpoint, before, after, writing, sub?.strategy.resetFields)
            return after
          },
        }),
      )
    },
    async delete(resource, key, options = {}) {
      const endpoint = endpointOf(resource)
      const context = contextOf(key, options)
      const { gracePeriodSeconds, preconditions, propagationPolicy, dryRun } = options
      const body: KubeObject = {
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
        ...(preconditions === undefined ? {} : { preconditions }),
        ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
        ...(dryRun === true ? { dryRun: ['All'] } : {}),
      }
      await deleteObject(context, endpoint, deleteOptions(body, context.query))
    },
  }
}

/** Past strategy, admission and validation, as `pods/binding` writes. */
function updateDirectly(
  context: VerbContext,
  endpoint: Endpoint,
  change: (object: KubeObject) => void,
  dryRun: boolean,
): Promise<KubeObject> {
  const key = objectKey(context.namespace, context.name)
  return context.verbs.queue.run(endpoint.prefix + key, async () => {
    for (;;) {
      const cached = endpoint.cache?.get(key)
      if (cached === undefined) throw notFound(endpoint.gr, context.name)
      const object = decodeAt(endpoint, cached)
      change(object)
      if (dryRun) return object
      const outcome = await context.verbs.store.update(endpoint.prefix + key, encodeStored(endpoint, object), cached.revision)
      if (outcome.ok) {
        if (object.metadata !== undefined) object.metadata.resourceVersion = String(outcome.revision)
        return object
      }
    }
  })
}

function objectOf(result: ObjectResult): KubeObject {
  return result.object ?? (result.cached === undefined ? {} : decodeAt(result.endpoint, result.cached))
}
