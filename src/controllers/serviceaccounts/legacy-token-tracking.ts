/**
 * Since when the last use of tokens in Secrets is written down: the ConfigMap that the cleaner goes by. The server keeps it itself,
 * whatever controllers run.
 *
 * @see pkg/controlplane/controller/legacytokentracking/controller.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { ConfigMap } from '../../api/types/core/v1.ts'
import { type Controller, closeWith, required, serverClient } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { dateText, isDateText } from './dates.ts'

export const TRACKING_NAMESPACE = 'kube-system'
export const TRACKING_NAME = 'kube-apiserver-legacy-service-account-token-tracking'
export const TRACKING_KEY = 'since'

const KEY = `${TRACKING_NAMESPACE}/${TRACKING_NAME}`
/** Between creations, so that servers that disagree about the ConfigMap do not fight over it. */
const CREATION_INTERVAL_MS = 30 * 60_000

export const legacyTokenTracking: Controller = {
  name: 'legacy-token-tracking-controller',
  async start(context, signal) {
    const client = serverClient(context)
    const configMaps = required(context, 'v1/configmaps')
    const path = `/api/v1/namespaces/${TRACKING_NAMESPACE}/configmaps`
    let createdMs = Number.NEGATIVE_INFINITY

    const create = async (nowMs: number) => {
      const body = {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { name: TRACKING_NAME, namespace: TRACKING_NAMESPACE },
        data: { [TRACKING_KEY]: dateText(nowMs) },
      }
      try {
        await client.call({ method: 'POST', path, body })
        createdMs = nowMs
      } catch (error) {
        if (!isStatusError(error, 'AlreadyExists')) throw error
      }
    }
    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: 1,
      async reconcile(key) {
        const nowMs = context.clock.nowMs()
        const present = configMaps.get(KEY)?.object as ConfigMap | undefined
        if (present === undefined) {
          const waitMs = createdMs + CREATION_INTERVAL_MS - nowMs
          if (waitMs > 0) queue.addAfter(key, waitMs)
          else await create(nowMs)
        } else if (!isDateText(present.data?.[TRACKING_KEY])) {
          const body = { ...present, data: { ...present.data, [TRACKING_KEY]: dateText(nowMs) } }
          await client.call({ method: 'PUT', path: `${path}/${TRACKING_NAME}`, body }).catch((error) => {
            if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error
          })
        }
      },
      onError: (_, err, failures) => context.log.warn({ err, failures }, 'legacy token tracking not written'),
    })
    const following = configMaps.follow(({ object }) => {
      if (object.key === KEY) queue.add(KEY)
    })
    queue.add(KEY)
    closeWith(signal, following, queue)
  },
}
