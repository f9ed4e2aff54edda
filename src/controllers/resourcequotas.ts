/**
 * `resourcequota-controller`: counts what quotas limit. What is created is charged by admission; here room is given back, and all is
 * counted again from time to time.
 *
 * @see pkg/controller/resourcequota/{resource_quota_controller,resource_quota_monitor}.go; apiserver/pkg/quota/v1/resources.go
 * @module
 */
import { type QuotaEvaluator, quotaEvaluator, quotaScopes, ZERO } from '../admission/quota-usage.ts'
import { groupResourceName, type KubeObject } from '../api/object.ts'
import { addTo, parseQuantities, type Quantities } from '../api/pod-resources.ts'
import { compareQuantities, formatQuantity, parseQuantity } from '../api/quantity.ts'
import { isStatusError } from '../api/status.ts'
import type { ResourceQuota } from '../api/types/core/v1.ts'
import type { CacheEvent } from '../cache/cache.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from './controller.ts'
import type { ServedResource } from './served-resources.ts'
import { WorkQueue } from './work-queue.ts'

const NAME = 'resourcequota-controller'
/** kube-controller-manager's `--resource-quota-sync-period`. */
const RECOUNT_MS = 5 * 60_000
/** Objects counted before other work gets its turn. */
const SLICE_OBJECTS = 2000

/** Each uses up something of its own; of all others every object counts as one. */
const WEIGHED = new Set(['pods', 'services', 'persistentvolumeclaims', 'resourceclaims.resource.k8s.io'])

interface Counted extends ServedResource {
  evaluator: QuotaEvaluator
}

export const resourceQuotaController: Controller = {
  name: NAME,
  async start(context, signal) {
    const { cache, clock, resources, log } = context
    const client = clientOf(context, NAME)
    const quotas = required(context, 'v1/resourcequotas')
    /** Keys of the quotas of each namespace that has any. */
    const byNamespace = new Map<string, Set<string>>()

    const queue = new WorkQueue({
      clock,
      concurrency: concurrencyOf(context, NAME, 5),
      async reconcile(key) {
        await cache.fresh()
        const quota = quotas.get(key)?.object as ResourceQuota | undefined
        if (quota === undefined) return
        followCounted()
        const used = await usage(quota, counted(resources.preferred()), clock.nowMs())
        const hard = quota.spec?.hard ?? {}
        if (!isSaid(quota, used)) {
          const { namespace, name } = quota.metadata ?? {}
          const body = { ...quota, status: { hard, used } }
          try {
            await client.call({ method: 'PUT', path: `/api/v1/namespaces/${namespace}/resourcequotas/${name}/status`, body })
          } catch (error) {
            if (!isStatusError(error, 'NotFound')) throw error
          }
        }
        queue.addAfter(key, RECOUNT_MS)
      },
      onError: (quota, err, failures) =>
        log[isStatusError(err, 'Conflict') ? 'debug' : 'warn']({ quota, err, failures }, 'usage of a quota not written'),
    })

    const counts = new Map<string, { close(): void } | undefined>()
    let generation = -1
    /** Follows what quotas may limit, from the first quota on. */
    function followCounted(): void {
      if (generation === resources.generation) return
      generation = resources.generation
      for (const resource of counted(resources.preferred())) {
        const { cache: objects } = resource
        if (counts.has(objects.id)) continue
        const listener = (event: CacheEvent) => {
          if (byNamespace.size === 0 || event.type === 'ADDED') return
          const { key } = event.object
          const present = byNamespace.get(key.slice(0, key.indexOf('/')))
          if (present === undefined || !givesBack(resource, event, clock.nowMs())) return
          for (const quota of present) {
            const hard = (quotas.get(quota)?.object as ResourceQuota | undefined)?.status?.hard ?? {}
            if (resource.evaluator.matchingNames(Object.keys(hard)).length > 0) queue.add(quota)
          }
        }
        counts.set(objects.id, objects.subscribe(objects.revision, listener))
      }
    }

    const following = quotas.follow(({ type, object, previous }) => {
      const namespace = object.key.slice(0, object.key.indexOf('/'))
      const keys = byNamespace.get(namespace) ?? new Set()
      if (type === 'DELETED') {
        keys.delete(object.key)
        if (keys.size === 0) byNamespace.delete(namespace)
        return
      }
      byNamespace.set(namespace, keys.add(object.key))
      // Its status is written by admission with every charge: that needs no counting.
      const [before, after] = [previous?.object as ResourceQuota | undefined, object.object as ResourceQuota]
      if (!sameQuantities(before?.spec?.hard, after.spec?.hard)) queue.add(object.key)
    })
    closeWith(signal, following, queue, {
      close: () => {
        for (const one of counts.values()) one?.close()
      },
    })
  },
}

function counted(resources: readonly ServedResource[]): Counted[] {
  return resources.flatMap((resource) => {
    const { namespaced, verbs } = resource
    if (!namespaced || !(['create', 'delete', 'list', 'watch'] as const).every((verb) => verbs.includes(verb))) return []
    const evaluator = quotaEvaluator({ group: resource.group, resource: resource.resource })
    return evaluator === undefined ? [] : [{ ...resource, evaluator }]
  })
}

/** `status.used`: what is known of every name that the quota limits. */
async function usage(quota: ResourceQuota, resources: readonly Counted[], nowMs: number): Promise<Record<string, string>> {
  const names = Object.keys(quota.spec?.hard ?? {})
  const used = parseQuantities(quota.status?.used)
  const observed: Quantities = new Map()
  for (const resource of resources) {
    const matched = resource.evaluator.matchingNames(names)
    if (matched.length === 0) continue
    for (const name of matched) if (!observed.has(name)) observed.set(name, ZERO)
    addTo(observed, await usageOf(resource, quota, nowMs))
  }
  for (const [name, quantity] of observed) used.set(name, quantity)
  return Object.fromEntries(names.flatMap((name) => (used.has(name) ? [[name, formatQuantity(used.get(name) ?? ZERO)]] : [])))
}

async function usageOf({ evaluator, cache, group, resource }: Counted, quota: ResourceQuota, nowMs: number): Promise<Quantities> {
  const sum: Quantities = new Map()
  const prefix = `${quota.metadata?.namespace}/`
  const scopes = quotaScopes(quota)
  if (!WEIGHED.has(groupResourceName({ group, resource }))) {
    const count = cache.snapshot().count(prefix)
    // Scopes are of pods and claims only.
    if (count > 0 && scopes.length === 0)
      for (const [name, one] of evaluator.usage({}, nowMs)) sum.set(name, { ...one, unscaled: one.unscaled * BigInt(count) })
    return sum
  }
  let seen = 0
  for (const { object } of cache.snapshot().scan(prefix)) {
    if (++seen % SLICE_OBJECTS === 0) await new Promise((resolve) => setImmediate(resolve))
    if (scopes.every((scope) => evaluator.matchesScope(scope, object))) addTo(sum, evaluator.usage(object, nowMs))
  }
  return sum
}

/** Whether the event may have left room that no admission has seen. */
function givesBack({ evaluator, group, resource }: Counted, { type, object, previous }: CacheEvent, nowMs: number): boolean {
  if (type === 'DELETED') return true
  if (!WEIGHED.has(groupResourceName({ group, resource })) || previous === undefined) return false
  const [before, after] = [previous.object, object.object]
  return differ(evaluator.usage(before, nowMs), evaluator.usage(after, nowMs)) || deadline(before) !== deadline(after)
}

/** Moves a pod between the scopes Terminating and NotTerminating. */
function deadline(object: KubeObject): boolean {
  return object['spec']?.activeDeadlineSeconds !== undefined
}

function isSaid({ spec, status }: ResourceQuota, used: Readonly<Record<string, string>>): boolean {
  return (
    status?.hard !== undefined && status.used !== undefined && sameQuantities(spec?.hard, status.hard) && sameQuantities(used, status.used)
  )
}

type Texts = Readonly<Record<string, string>> | undefined

function sameQuantities(a: Texts, b: Texts): boolean {
  if (a === undefined || b === undefined) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const [one, other] = [a[name], b[name]]
      return one !== undefined && other !== undefined && compareQuantities(parseQuantity(one), parseQuantity(other)) === 0
    })
  )
}

function differ(a: Quantities, b: Quantities): boolean {
  return a.size !== b.size || [...a].some(([name, quantity]) => compareQuantities(quantity, b.get(name) ?? ZERO) !== 0)
}
