/**
 * POSTs to the server of a kubeconfig, at its exact path, as its user.
 *
 * @see apiserver/pkg/util/webhook/webhook.go, NewGenericWebhook; client-go/rest/request.go
 * @module
 */
import { goDurationText } from '../api/goduration.ts'
import type { Clock } from '../clock.ts'
import { Credentials } from './credentials.ts'
import type { ClientConfig } from './kubeconfig.ts'
import { closeIdle, type Posted, type PostTarget, post, postAgent } from './post.ts'

/** Go's, of a client that has a limit of its own. */
const TIMEOUT_TEXT = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'

export interface PosterOptions {
  client: ClientConfig
  /** Of one attempt. */
  timeoutMs: number
  clock: Clock
}

export interface Poster {
  /** Every answer resolves, whatever its code. @throws PostError; KubeconfigError where there is no credential */
  post(body: string): Promise<Posted>
  /** Lets go of idle connections. */
  close(): void
}

export function kubeconfigPoster(options: PosterOptions): Poster {
  const { client, timeoutMs } = options
  const credentials = new Credentials(client, options)
  let exec: object | undefined
  let target = targetOf(client, undefined)
  const query = `?timeout=${goDurationText(timeoutMs)}`
  return {
    async post(body) {
      const current = await credentials.current()
      if (current.exec !== exec) {
        closeIdle(target.agent)
        exec = current.exec
        target = targetOf(client, current.exec)
      }
      const headers = {
        'user-agent': 'kube-apiserver',
        ...(current.authorization !== undefined && { authorization: current.authorization }),
      }
      return post({ ...target, path: target.path + query, headers }, { body, timeoutMs, timeoutText: TIMEOUT_TEXT })
    },
    close: () => closeIdle(target.agent),
  }
}

/** The exact path of the kubeconfig, so that it need not be an API server. */
function targetOf(client: ClientConfig, exec: { certificate?: string; key?: string } | undefined): PostTarget {
  const { hostname, host, port, pathname, protocol } = new URL(client.server)
  const isPlain = protocol === 'http:'
  const certificate = exec?.certificate ?? client.certificate
  const key = exec?.key ?? client.key
  const name = hostname.replace(/^\[|\]$/g, '')
  const address = { host: name, port: port === '' ? (isPlain ? 80 : 443) : Number(port) }
  return {
    agent: postAgent(
      {
        ...(client.ca !== undefined && { ca: client.ca }),
        ...(certificate !== undefined && key !== undefined && { cert: certificate, key }),
        rejectUnauthorized: !client.insecureSkipTlsVerify,
      },
      isPlain,
    ),
    authority: host,
    path: pathname.length > 1 ? pathname.replace(/\/+$/, '') : '/',
    servername: client.tlsServerName ?? name,
    address: () => address,
  }
}
