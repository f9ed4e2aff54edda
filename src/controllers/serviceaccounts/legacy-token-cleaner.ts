/**
 * `legacy-serviceaccount-token-cleaner-controller`: tokens that Kubernetes once made by itself and nobody has used for a year are marked
 * as invalid, and a year later removed.
 *
 * @see pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { ConfigMap, Pod, Secret, ServiceAccount } from '../../api/types/core/v1.ts'
import { podSecretNames } from '../../authorization/node-graph.ts'
import { type Controller, clientOf, required } from '../controller.ts'
import { dateMs, dateText, isDateText } from './dates.ts'
import { TRACKING_KEY, TRACKING_NAME, TRACKING_NAMESPACE } from './legacy-token-tracking.ts'
import { ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE } from './tokens.ts'

const INTERVAL_MS = 24 * 60 * 60_000
const DAY_MS = 24 * 60 * 60_000
const LAST_USED = 'kubernetes.io/legacy-token-last-used'
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'

export type CleanUp = 'keep' | 'invalidate' | 'delete'

/** What the cleaner may look at for one Secret. */
export interface CleanUpView {
  nowMs: number
  periodMs: number
  account(namespace: string, name: string): ServiceAccount | undefined
  /** Whether a pod of the namespace names the Secret. */
  isUsedByPod(namespace: string, secretName: string): boolean
}

/** Whether enough is known to judge: uses have been written down for a whole period since the day after `since`. */
export function isTrackedLongEnough(since: string | undefined, nowMs: number, periodMs: number): boolean {
  const sinceMs = dateMs(since)
  return sinceMs !== undefined && nowMs >= sinceMs + DAY_MS + periodMs
}

export function cleanUpOf(secret: Secret, view: CleanUpView): CleanUp {
  const { namespace = '', name = '', creationTimestamp = '', deletionTimestamp, labels, annotations } = secret.metadata ?? {}
  const endMs = view.nowMs - view.periodMs
  const endDate = dateText(endMs)
  if (secret.type !== TOKEN_TYPE || Date.parse(creationTimestamp) >= endMs || deletionTimestamp !== undefined) return 'keep'
  const lastUsed = labels?.[LAST_USED]
  if (lastUsed !== undefined && (!isDateText(lastUsed) || lastUsed >= endDate)) return 'keep'
  const accountName = annotations?.[ACCOUNT_NAME] ?? ''
  const accountUid = annotations?.[ACCOUNT_UID] ?? ''
  const account = accountName === '' ? undefined : view.account(namespace, accountName)
  if (account === undefined || (accountUid !== '' && account.metadata?.uid !== accountUid)) return 'keep'
  // What the account does not list was made by somebody on purpose.
  if (account.secrets?.some((reference) => reference.name === name) !== true || view.isUsedByPod(namespace, name)) return 'keep'
  const invalidSince = labels?.[INVALID_SINCE]
  if (!isDateText(invalidSince)) return 'invalidate'
  return invalidSince >= endDate ? 'keep' : 'delete'
}

export const legacyTokenCleaner: Controller = {
  name: 'legacy-serviceaccount-token-cleaner-controller',
  async start(context, signal) {
    const { clock, log, config } = context
    const client = clientOf(context, 'legacy-service-account-token-cleaner')
    const secrets = required(context, 'v1/secrets')
    const accounts = required(context, 'v1/serviceaccounts')
    const pods = required(context, 'v1/pods')
    const periodMs = config.legacyTokenCleanUpSeconds * 1000

    const isDue = async (nowMs: number) => {
      const path = `/api/v1/namespaces/${TRACKING_NAMESPACE}/configmaps/${TRACKING_NAME}`
      try {
        const { data } = await client.call<ConfigMap>({ method: 'GET', path })
        return isTrackedLongEnough(data?.[TRACKING_KEY], nowMs, periodMs)
      } catch (error) {
        // The first start of a server: its uses are written down from now on.
        if (isStatusError(error, 'NotFound')) return false
        throw error
      }
    }
    const cleanUp = async (secret: Secret, view: CleanUpView) => {
      const { namespace = '', name = '', uid, resourceVersion } = secret.metadata ?? {}
      const path = `/api/v1/namespaces/${namespace}/secrets/${name}`
      switch (cleanUpOf(secret, view)) {
        case 'keep':
          return
        case 'invalidate': {
          const labels = { [INVALID_SINCE]: dateText(view.nowMs) }
          const body = { kind: 'Secret', apiVersion: 'v1', metadata: { name, namespace, uid, labels } }
          await client.call({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body })
          log.info({ namespace, secret: name }, 'unused token of an account marked as invalid')
          return
        }
        case 'delete':
          await client.call({
            method: 'DELETE',
            path,
            body: { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion } },
          })
          log.info({ namespace, secret: name }, 'unused token of an account removed')
      }
    }
    const run = async () => {
      const nowMs = clock.nowMs()
      if (!(await isDue(nowMs))) return
      const used = new Map<string, Set<string>>()
      const usedIn = (namespace: string) => {
        const known = used.get(namespace)
        if (known !== undefined) return known
        const names = new Set([...pods.snapshot().scan(`${namespace}/`)].flatMap(({ object }) => podSecretNames(object as Pod)))
        used.set(namespace, names)
        return names
      }
      const view: CleanUpView = {
        nowMs,
        periodMs,
        account: (namespace, name) => accounts.get(`${namespace}/${name}`)?.object as ServiceAccount | undefined,
        isUsedByPod: (namespace, name) => usedIn(namespace).has(name),
      }
      for (const { object, key } of secrets.snapshot().scan('')) {
        if (signal.aborted) return
        await cleanUp(object as Secret, view).catch((err) => {
          if (!isStatusError(err, 'NotFound') && !isStatusError(err, 'Conflict'))
            log.warn({ secret: key, err }, 'unused token not cleaned up')
        })
      }
    }
    const runs = () => {
      run().catch((err) => log.warn({ err }, 'unused tokens not looked for'))
      if (!signal.aborted) cancel = clock.after(INTERVAL_MS, runs)
    }
    let cancel = () => {}
    signal.addEventListener('abort', () => cancel(), { once: true })
    runs()
  },
}
