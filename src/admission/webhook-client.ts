/**
 * Calls to webhooks: HTTPS to servers that are trusted with the question, and with nothing else. Time, size and number of connections have
 * bounds; connections are used again.
 *
 * @see apiserver/pkg/util/webhook/client.go; client-go/rest/request.go
 * @module
 */
import type { WebhookClientConfig } from '../api/types/admissionregistration/v1.ts'
import type { Address } from '../client/network-error.ts'
import { closeIdle, type PostTarget, post, postAgent, statusText } from '../client/post.ts'

/** @see apiserver/pkg/util/webhook/client.go, defaultCacheSize */
const MAX_CLIENTS = 200

export interface Call {
  clientConfig: WebhookClientConfig
  body: string
  timeoutMs: number
  /** The caller's own deadline. */
  signal?: AbortSignal | undefined
}

export interface WebhookClient {
  /** The body of a 2xx answer. Throws an Error with a text as client-go's. */
  call(call: Call): Promise<Buffer>
  /** Lets go of idle connections. */
  close(): void
}

export function webhookClient(resolve: (of: { namespace: string; name: string; port: number }) => Address): WebhookClient {
  // In order of last use.
  const targets = new Map<string, PostTarget>()

  function targetOf(clientConfig: WebhookClientConfig): PostTarget {
    const { url, service, caBundle } = clientConfig
    const key = JSON.stringify([url, service, caBundle])
    let target = targets.get(key)
    if (target === undefined) {
      target = makeTarget(clientConfig, resolve)
      if (targets.size >= MAX_CLIENTS) {
        for (const [oldest, { agent }] of targets) {
          targets.delete(oldest)
          closeIdle(agent)
          break
        }
      }
    } else targets.delete(key)
    targets.set(key, target)
    return target
  }

  return {
    call: (call) => send(targetOf(call.clientConfig), call),
    close() {
      for (const { agent } of targets.values()) closeIdle(agent)
      targets.clear()
    },
  }
}

function makeTarget(
  { url, service, caBundle = '' }: WebhookClientConfig,
  resolve: (of: { namespace: string; name: string; port: number }) => Address,
): PostTarget {
  const ca = caBundle === '' ? undefined : Buffer.from(caBundle, 'base64')
  const agent = postAgent(ca === undefined ? {} : { ca })
  if (service !== undefined) {
    const { namespace = '', name = '', port = 443, path = '' } = service
    const servername = `${name}.${namespace}.svc`
    return {
      agent,
      authority: `${servername}:${port}`,
      path: path === '' ? '/' : path,
      servername,
      address: () => resolve({ namespace, name, port }),
    }
  }
  if (url === undefined) throw new Error('webhook configuration must have either service or URL')
  const { hostname, host, port, pathname } = new URL(url)
  const name = hostname.replace(/^\[|\]$/g, '')
  const address: Address = { host: name, port: port === '' ? 443 : Number(port) }
  return { agent, authority: host, path: pathname, servername: name, address: () => address }
}

async function send(target: PostTarget, { body, timeoutMs, signal }: Call): Promise<Buffer> {
  const path = `${target.path}?timeout=${Math.ceil(timeoutMs / 1000)}s`
  const answer = await post({ ...target, path }, { body, timeoutMs, signal })
  if (answer.status < 200 || answer.status > 206) throw new Error(statusText(answer))
  if (answer.body.length === 0)
    throw new Error(`0-length response with status code: ${answer.status} and content type: ${answer.headers['content-type'] ?? ''}`)
  return answer.body
}
