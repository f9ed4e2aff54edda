/**
 * `token-cleaner-controller`: removes bootstrap tokens at their end.
 *
 * @see pkg/controller/bootstrap/tokencleaner.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { Secret } from '../../api/types/core/v1.ts'
import { type Controller, clientOf, closeWith, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { BOOTSTRAP_TOKEN_TYPE, expirationMs, mayBeBootstrapToken, TOKEN_NAMESPACE } from './token-secret.ts'

export const tokenCleaner: Controller = {
  name: 'token-cleaner-controller',
  async start(context, signal) {
    const { clock, log } = context
    const client = clientOf(context, 'token-cleaner')
    const secrets = required(context, 'v1/secrets')
    const queue = new WorkQueue({
      clock,
      concurrency: 1,
      async reconcile(key) {
        const secret = secrets.get(key)?.object as Secret | undefined
        if (secret?.type !== BOOTSTRAP_TOKEN_TYPE) return
        const leftMs = expirationMs(secret) - clock.nowMs()
        if (leftMs === Number.POSITIVE_INFINITY) return
        if (leftMs > 0) return queue.addAfter(key, leftMs)
        const { name = '', uid } = secret.metadata ?? {}
        const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } }
        try {
          await client.call({ method: 'DELETE', path: `/api/v1/namespaces/${TOKEN_NAMESPACE}/secrets/${name}`, body })
        } catch (error) {
          if (!isStatusError(error, 'NotFound') && !isStatusError(error, 'Conflict')) throw error
        }
      },
      onError: (secret, err, failures) => log.warn({ secret, err, failures }, 'bootstrap token not removed'),
    })
    const following = secrets.follow(({ type, object }) => {
      if (type !== 'DELETED' && object.key.startsWith(`${TOKEN_NAMESPACE}/`) && mayBeBootstrapToken(object.bytes)) queue.add(object.key)
    })
    closeWith(signal, following, queue)
  },
}
