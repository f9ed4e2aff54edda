/**
 * Calls to webhooks: HTTPS to servers that are trusted with the question, and with nothing else. Time, size and number of connections have
 * bounds; connections are used again.
 *
 * @see apiserver/pkg/util/webhook/client.go; client-go/rest/request.go
 * @module
 */
import { Agent, request } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { quote } from '../api/status.ts'
import type { WebhookClientConfig } from '../api/types/admissionregistration/v1.ts'
import { systemClock } from '../clock.ts'
import type { Address } from './webhook-service.ts'

/** No answer needs to be larger than the largest request body. */
export const MAX_ANSWER_BYTES = 3 * 1024 * 1024
/** Of a text that is quoted in an error. @see client-go/rest/request.go, maxUnstructuredResponseTextBytes */
const MAX_QUOTED_BYTES = 2048
const MAX_SOCKETS = 256
const MAX_IDLE_SOCKETS = 16
const IDLE_MS = 90_000
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

interface Target {
  agent: Agent
  /** Of URL and Host header. */
  authority: string
  path: string
  /** What the certificate has to be for. */
  servername: string
  address(): Address
}

export function webhookClient(resolve: (of: { namespace: string; name: string; port: number }) => Address): WebhookClient {
  // In order of last use.
  const targets = new Map<string, Target>()

  function targetOf(clientConfig: WebhookClientConfig): Target {
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

/** Calls that are under way go on. */
function closeIdle(agent: Agent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

function makeTarget(
  { url, service, caBundle = '' }: WebhookClientConfig,
  resolve: (of: { namespace: string; name: string; port: number }) => Address,
): Target {
  const ca = caBundle === '' ? undefined : Buffer.from(caBundle, 'base64')
  const agent = new Agent({
    keepAlive: true,
    maxSockets: MAX_SOCKETS,
    maxFreeSockets: MAX_IDLE_SOCKETS,
    timeout: IDLE_MS,
    ...(ca !== undefined && { ca }),
  })
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

function send(target: Target, { body, timeoutMs, signal }: Call): Promise<Buffer> {
  const path = `${target.path}?timeout=${Math.ceil(timeoutMs / 1000)}s`
  const url = `https://${target.authority}${path}`
  const failed = (why: string, cause?: unknown) => new Error(`Post ${quote(url)}: ${why}`, { cause })
  return new Promise((resolve, reject) => {
    let address: Address
    try {
      address = target.address()
    } catch (error) {
      reject(failed((error as Error).message))
      return
    }
    const sent = request({
      agent: target.agent,
      method: 'POST',
      host: address.host,
      port: address.port,
      ...(isIP(target.servername) === 0 && { servername: target.servername }),
      path,
      headers: {
        host: target.authority,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    })
    const giveUp = (why: string) => {
      reject(failed(why))
      sent.destroy()
    }
    // Of real time: a network is waited for, whatever the API's clock says.
    const cancelTimer = systemClock.after(timeoutMs, () => giveUp('context deadline exceeded'))
    const cancel = () => giveUp('context canceled')
    const settle = () => {
      cancelTimer()
      signal?.removeEventListener('abort', cancel)
    }
    if (signal?.aborted === true) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    sent.on('close', settle)
    sent.on('error', (error) => reject(failed(goText(error, address, sent.socket as TLSSocket | null), error)))
    sent.on('response', (response) => {
      const { statusCode = 0, headers } = response
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) giveUp(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
        else chunks.push(chunk)
      })
      response.on('error', (error) =>
        reject(new Error(`unexpected error when reading response body. Please retry. Original error: ${goText(error, address, null)}`)),
      )
      response.on('end', () => {
        const answer = Buffer.concat(chunks)
        if (statusCode < 200 || statusCode > 206) reject(new Error(statusText(statusCode, headers['content-type'] ?? '', answer)))
        else if (size === 0)
          reject(new Error(`0-length response with status code: ${statusCode} and content type: ${headers['content-type'] ?? ''}`))
        else resolve(answer)
      })
    })
    sent.end(body)
  })
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
}

/** @see apimachinery/pkg/api/errors/errors.go, NewGenericServerResponse */
function statusText(code: number, contentType: string, body: Buffer): string {
  const known = STATUS_TEXTS[code]
  if (known !== undefined) return known
  const said = contentType === '' || contentType.startsWith('text/') ? body.subarray(0, MAX_QUOTED_BYTES).toString().trim() : 'unknown'
  if (code === 403 || code === 415) return said
  if (code === 406)
    return said === '' || said === 'unknown' ? 'the server was unable to respond with a content type that the client supports' : said
  if (code >= 500) return `an error on the server (${quote(said)}) has prevented the request from succeeding`
  return `the server responded with the status code ${code} but did not return more information`
}

const UNKNOWN_AUTHORITY: ReadonlySet<string | undefined> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** What Go's net and tls packages say where Node says `code`. */
function goText(
  error: Error & { code?: string; host?: string; cert?: { subjectaltname?: string } },
  { host, port }: Address,
  socket: TLSSocket | null,
): string {
  const { code, message } = error
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (code === 'ECONNREFUSED') return `dial tcp ${at}: connect: connection refused`
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: no such host`
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return `dial tcp ${at}: connect: no route to host`
  if (code === 'ECONNRESET') return message === 'socket hang up' ? 'EOF' : `read tcp ${at}: read: connection reset by peer`
  if (code === 'EPROTO' && /wrong version number|packet length/.test(message)) return 'http: server gave HTTP response to HTTPS client'
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
  if (UNKNOWN_AUTHORITY.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: ${wrongName(host, error.cert?.subjectaltname ?? '', socket)}`
  return message
}

function wrongName(host: string, altNames: string, socket: TLSSocket | null): string {
  const wanted = typeof socket?.servername === 'string' ? socket.servername : host
  const kind = isIP(wanted) === 0 ? 'DNS:' : 'IP Address:'
  const names = altNames.split(', ').flatMap((name) => (name.startsWith(kind) ? [name.slice(kind.length)] : []))
  if (isIP(wanted) !== 0 && names.length === 0) return `cannot validate certificate for ${wanted} because it doesn't contain any IP SANs`
  return names.length === 0
    ? `certificate is not valid for any names, but wanted to match ${wanted}`
    : `certificate is valid for ${names.join(', ')}, not ${wanted}`
}
