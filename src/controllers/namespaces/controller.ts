/**
 * `namespace-controller`: namespaces that are being deleted are emptied, and let go when nothing is left.
 *
 * @see pkg/controller/namespace/namespace_controller.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { Namespace } from '../../api/types/core/v1.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { deletionConditions } from './conditions.ts'
import { emptyNamespace, filledResources } from './emptying.ts'

const NAME = 'namespace-controller'
const FINALIZER = 'kubernetes'
/** Other servers on the same store may still let objects in for so long. */
const SHARED_GRACE_MS = 5000
const LAST_RETRY_MS = 60_000

export const namespaceController: Controller = {
  name: NAME,
  async start(context, signal) {
    const { cache, clock, resources, config, log } = context
    const client = clientOf(context, NAME)
    const namespaces = required(context, 'v1/namespaces')
    const graceMs = config.sharedStore === true ? SHARED_GRACE_MS : 0
    const contents = followContents()

    const queue = new WorkQueue({
      clock,
      concurrency: concurrencyOf(context, NAME, 10),
      lastRetryMs: LAST_RETRY_MS,
      async reconcile(name) {
        await cache.fresh()
        const namespace = namespaces.get(name)?.object as Namespace | undefined
        const deletedAtMs = Date.parse(namespace?.metadata?.deletionTimestamp ?? '')
        if (namespace === undefined || Number.isNaN(deletedAtMs) || !isHeld(namespace)) {
          contents.terminating.delete(name)
          return
        }
        const waitMs = deletedAtMs + graceMs - clock.nowMs()
        if (waitMs > 0) return queue.addAfter(name, waitMs)
        contents.terminating.add(name)
        contents.follow()
        const outcome = await emptyNamespace({ client, resources: resources.preferred(), nowMs: clock.nowMs() }, name, deletedAtMs)
        const latest = await writeConditions(namespace, deletionConditions(namespace.status?.conditions ?? [], outcome, clock.nowMs()))
        if (outcome.errors.length > 0) throw new Error(outcome.errors.join(', '))
        if (outcome.estimateSeconds > 0) return queue.addAfter(name, (Math.floor(outcome.estimateSeconds / 2) + 1) * 1000)
        // A request that had passed admission before the deletion may have ended meanwhile.
        await cache.fresh()
        if (filledResources(resources.preferred(), name).length > 0) return queue.add(name)
        await finalize(latest)
      },
      onError: (namespace, err, failures) => log.warn({ namespace, err, failures }, 'namespace not emptied'),
    })

    const pathTo = ({ metadata }: Namespace, subresource: string) => `/api/v1/namespaces/${metadata?.name}/${subresource}`
    async function writeConditions(namespace: Namespace, conditions: ReturnType<typeof deletionConditions>): Promise<Namespace> {
      if (conditions === undefined) return namespace
      const body = { ...namespace, status: { ...namespace.status, conditions } }
      return client.call({ method: 'PUT', path: pathTo(namespace, 'status'), body })
    }
    async function finalize(namespace: Namespace): Promise<void> {
      const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== FINALIZER).sort()
      try {
        await client.call({ method: 'PUT', path: pathTo(namespace, 'finalize'), body: { ...namespace, spec: { finalizers } } })
      } catch (error) {
        if (!isStatusError(error, 'NotFound')) throw error
      }
    }

    /** While a namespace is emptied, whatever comes and goes in it is a reason to look again. */
    function followContents() {
      const terminating = new Set<string>()
      const following = new Map<string, { close(): void } | undefined>()
      let generation = -1
      return {
        terminating,
        follow() {
          if (generation === resources.generation) return
          generation = resources.generation
          for (const { cache: contents, namespaced } of resources.preferred()) {
            if (!namespaced || following.has(contents.id)) continue
            const subscription = contents.subscribe(contents.revision, ({ type, object: { key } }) => {
              if (terminating.size === 0 || type === 'MODIFIED') return
              const namespace = key.slice(0, key.indexOf('/'))
              if (terminating.has(namespace)) queue.add(namespace)
            })
            following.set(contents.id, subscription)
          }
        },
        close() {
          for (const one of following.values()) one?.close()
        },
      }
    }

    const following = namespaces.follow(({ type, object }) => {
      if (type === 'DELETED') contents.terminating.delete(object.key)
      else if (isBeingDeleted(object.bytes)) queue.add(object.key)
    })
    closeWith(signal, following, contents, queue)
  },
}

function isHeld({ spec }: Namespace): boolean {
  return spec?.finalizers?.includes(FINALIZER) === true
}

const ENDING = Buffer.from('"deletionTimestamp":"')

function isBeingDeleted(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(ENDING)
}
