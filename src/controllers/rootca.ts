/**
 * Every namespace has `kube-root-ca.crt`: what pods trust this server by.
 *
 * @see pkg/controller/certificates/rootcacertpublisher/publisher.go
 * @module
 */
import { isStatusError } from '../api/status.ts'
import { type Controller, clientOf, required } from './controller.ts'
import { WorkQueue } from './work-queue.ts'

const NAME = 'kube-root-ca.crt'
const DESCRIPTION_KEY = 'kubernetes.io/description'
/** Part of the wire: the annotation that every such object carries. */
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

export const rootCAController: Controller = {
  name: 'root-ca-certificate-publisher-controller',
  async start(context, signal) {
    const client = clientOf(context, 'root-ca-cert-publisher')
    const namespaces = required(context, 'v1/namespaces')
    const configMaps = required(context, 'v1/configmaps')
    const wanted = (namespace: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace, annotations: { [DESCRIPTION_KEY]: DESCRIPTION } },
      data: { 'ca.crt': context.rootCA },
    })
    const queue = new WorkQueue({
      clock: context.clock,
      concurrency: 5,
      async reconcile(namespace) {
        if (namespaces.get(namespace)?.object['status']?.phase !== 'Active') return
        const present = configMaps.get(`${namespace}/${NAME}`)?.object
        const path = `/api/v1/namespaces/${namespace}/configmaps`
        try {
          if (present === undefined) await client.call({ method: 'POST', path, body: wanted(namespace) })
          else if (
            present['data']?.['ca.crt'] !== context.rootCA ||
            Object.keys(present['data']).length !== 1 ||
            present.metadata?.annotations?.[DESCRIPTION_KEY] !== DESCRIPTION
          ) {
            const { data } = wanted(namespace)
            const metadata = { ...present.metadata, annotations: { ...present.metadata?.annotations, [DESCRIPTION_KEY]: DESCRIPTION } }
            await client.call({ method: 'PUT', path: `${path}/${NAME}`, body: { ...present, metadata, data } })
          }
        } catch (error) {
          if (isStatusError(error, 'AlreadyExists') || namespaces.get(namespace)?.object['status']?.phase === 'Terminating') return
          throw error
        }
      },
      onError: (namespace, err, failures) => context.log.warn({ namespace, err, failures }, 'root CA not published'),
    })
    const following = [
      namespaces.follow(({ type, object }) => {
        if (type !== 'DELETED') queue.add(object.key)
      }),
      configMaps.follow(({ object }) => {
        if (object.key.endsWith(`/${NAME}`)) queue.add(object.key.slice(0, -NAME.length - 1))
      }),
    ]
    signal.addEventListener('abort', () => {
      for (const one of following) one.close()
      queue.close()
    })
  },
}
