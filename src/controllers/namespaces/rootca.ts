/**
 * `root-ca-certificate-publisher-controller`: every namespace has `kube-root-ca.crt`: what pods trust this server by.
 *
 * @see pkg/controller/certificates/rootcacertpublisher/publisher.go
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { ConfigMap } from '../../api/types/core/v1.ts'
import { type Controller, clientOf, closeWith, concurrencyOf, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { isNamespaceTerminating } from './terminating.ts'

const CONTROLLER = 'root-ca-certificate-publisher-controller'
const NAME = 'kube-root-ca.crt'
const DESCRIPTION_KEY = 'kubernetes.io/description'
/** Part of the wire: the annotation that every such object carries. */
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

export const rootCAController: Controller = {
  name: CONTROLLER,
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
      concurrency: concurrencyOf(context, CONTROLLER, 5),
      async reconcile(namespace) {
        if (namespaces.get(namespace)?.object['status']?.phase !== 'Active') return
        const present = configMaps.get(`${namespace}/${NAME}`)?.object as ConfigMap | undefined
        const path = `/api/v1/namespaces/${namespace}/configmaps`
        try {
          if (present === undefined) await client.call({ method: 'POST', path, body: wanted(namespace) })
          else if (isSpoilt(present, context.rootCA)) {
            const { metadata, data } = wanted(namespace)
            const annotations = { ...present.metadata?.annotations, ...metadata.annotations }
            await client.call({
              method: 'PUT',
              path: `${path}/${NAME}`,
              body: { ...present, metadata: { ...present.metadata, annotations }, data },
            })
          }
        } catch (error) {
          if (isStatusError(error, 'NotFound') || isStatusError(error, 'AlreadyExists') || isNamespaceTerminating(error)) return
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
    closeWith(signal, ...following, queue)
  },
}

/** Its data is not exactly the bundle, or nothing says what it is. Another description is left alone. */
function isSpoilt({ data = {}, metadata }: ConfigMap, rootCA: string): boolean {
  return data['ca.crt'] !== rootCA || Object.keys(data).length !== 1 || (metadata?.annotations?.[DESCRIPTION_KEY] ?? '') === ''
}
