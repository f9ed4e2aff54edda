/**
 * `serviceaccount-controller`: every active namespace has its account `default`.
 *
 * @see pkg/controller/serviceaccount/serviceaccounts_controller.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from '../controller.ts'
import { isNamespaceTerminating } from '../namespaces/terminating.ts'
import { WorkQueue } from '../work-queue.ts'

const NAME = 'serviceaccount-controller'
const ACCOUNT = 'default'

export const serviceAccountController: Controller = {
  name: NAME,
  async start(context, signal) {
    const client = clientOf(context, 'service-account-controller')
    const namespaces = required(context, 'v1/namespaces')
    const accounts = required(context, 'v1/serviceaccounts')
    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: concurrencyOf(context, NAME, 5),
      async reconcile(namespace) {
        const present = namespaces.get(namespace)?.object
        if (present?.['status']?.phase !== 'Active') return
        if (accounts.get(`${namespace}/${ACCOUNT}`) !== undefined) return
        try {
          await client.call({
            method: 'POST',
            path: `/api/v1/namespaces/${namespace}/serviceaccounts`,
            body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT, namespace } },
          })
        } catch (error) {
          // It may have come from somebody else, or the namespace may be going away.
          if (!isStatusError(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error
        }
      },
      onError: (namespace, err, failures) => context.log.warn({ namespace, err, failures }, 'default account not created'),
    })
    const following = [
      namespaces.follow(({ type, object }) => {
        if (type !== 'DELETED') queue.add(object.key)
      }),
      accounts.follow(({ type, object }) => {
        if (type === 'DELETED' && object.key.endsWith(`/${ACCOUNT}`)) queue.add(object.key.slice(0, -ACCOUNT.length - 1))
      }),
    ]
    closeWith(signal, ...following, queue)
  },
}
