/**
 * `bootstrap-signer-controller`: signs the ConfigMap `kube-public/cluster-info` with every bootstrap token that may, so that who holds one
 * can trust it.
 *
 * @see pkg/controller/bootstrap/bootstrapsigner.go; cluster-bootstrap/token/jws/jws.go; RFC 7515 appendix F
 * @module
 */
import { createHmac } from 'node:crypto'
import { isStatusError } from '../../api/status.ts'
import type { ConfigMap, Secret } from '../../api/types/core/v1.ts'
import type { CacheEvent } from '../../cache/cache.ts'
import { type Controller, clientOf, closeWith, required } from '../controller.ts'
import { WorkQueue } from '../work-queue.ts'
import { mayBeBootstrapToken, signingToken, TOKEN_NAMESPACE } from './token-secret.ts'

const CLUSTER_INFO = 'kube-public/cluster-info'
const CONTENT = 'kubeconfig'
const SIGNATURE = 'jws-kubeconfig-'

/** A JWS whose content is left out. */
export function detachedSignature(content: string, token: { id: string; secret: string }): string {
  const header = base64url(JSON.stringify({ alg: 'HS256', kid: token.id }))
  const signature = createHmac('sha256', token.secret)
    .update(`${header}.${base64url(content)}`)
    .digest('base64url')
  return `${header}..${signature}`
}

/** The data with the signatures of just these tokens; undefined when that is what it has, or there is nothing to sign. */
export function signedData(
  data: Readonly<Record<string, string>>,
  tokens: Iterable<{ id: string; secret: string }>,
): Record<string, string> | undefined {
  const content = data[CONTENT]
  if (content === undefined) return undefined
  const rest = Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE))
  const signatures = [...tokens].map((token) => [`${SIGNATURE}${token.id}`, detachedSignature(content, token)] as const)
  const isSame = rest.length + signatures.length === Object.keys(data).length && signatures.every(([key, text]) => data[key] === text)
  return isSame ? undefined : Object.fromEntries([...rest, ...signatures])
}

export const bootstrapSigner: Controller = {
  name: 'bootstrap-signer-controller',
  async start(context, signal) {
    const { clock, log } = context
    const client = clientOf(context, 'bootstrap-signer')
    const secrets = required(context, 'v1/secrets')
    const configMaps = required(context, 'v1/configmaps')
    /** Keys of Secrets that may be tokens: few, where all Secrets may be many. */
    const tokens = new Set<string>()
    const present = () => [...tokens].flatMap((key) => signingToken((secrets.get(key)?.object ?? {}) as Secret, clock.nowMs()) ?? [])

    const queue = new WorkQueue({
      clock,
      concurrency: 1,
      async reconcile() {
        const info = configMaps.get(CLUSTER_INFO)?.object as ConfigMap | undefined
        const data = info === undefined ? undefined : signedData(info.data ?? {}, present())
        if (data === undefined) return
        const [namespace, name] = CLUSTER_INFO.split('/')
        try {
          await client.call({ method: 'PUT', path: `/api/v1/namespaces/${namespace}/configmaps/${name}`, body: { ...info, data } })
        } catch (error) {
          // The next event has a newer state.
          if (!isStatusError(error, 'Conflict') && !isStatusError(error, 'NotFound')) throw error
        }
      },
      onError: (_, err, failures) => log.warn({ err, failures }, 'cluster information not signed'),
    })
    const onSecret = ({ type, object }: CacheEvent) => {
      const isToken = type !== 'DELETED' && object.key.startsWith(`${TOKEN_NAMESPACE}/`) && mayBeBootstrapToken(object.bytes)
      if (isToken) tokens.add(object.key)
      else if (!tokens.delete(object.key)) return
      queue.add(CLUSTER_INFO)
    }
    const following = [
      secrets.follow(onSecret),
      configMaps.follow(({ type, object }) => {
        if (object.key === CLUSTER_INFO && type !== 'DELETED') queue.add(CLUSTER_INFO)
      }),
    ]
    closeWith(signal, ...following, queue)
  },
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url')
}
