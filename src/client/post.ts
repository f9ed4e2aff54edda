/**
 * One POST of JSON to a server that is trusted with the question, and with nothing else: time and size have bounds, and what goes wrong is
 * said in the words of client-go, which end up in answers and logs.
 *
 * @see client-go/rest/request.go; apiserver/pkg/util/webhook
 * @module
 */
import { Agent as HttpAgent, type IncomingHttpHeaders, request as plainRequest } from 'node:http'
import { Agent as HttpsAgent, request } from 'node:https'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { quote } from '../api/quote.ts'
import { systemClock } from '../clock.ts'
import { type Address, networkErrorText } from './network-error.ts'

/** Where and as whom. */
export interface PostTarget {
  agent: HttpAgent | HttpsAgent
  /** Of URL and Host header. */
  authority: string
  /** With the query, if any. */
  path: string
  /** What the certificate has to be for. */
  servername: string
  address(): Address
  headers?: Readonly<Record<string, string>>
}

export interface Posted {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** No answer needs to be larger than the largest request body. */
export const MAX_ANSWER_BYTES = 3 * 1024 * 1024
/** Of a text that is quoted in an error. @see client-go/rest/request.go, maxUnstructuredResponseTextBytes */
const MAX_QUOTED_BYTES = 2048
const IDLE_MS = 90_000

/** No answer came: of the connection, or of time. */
export class PostError extends Error {
  override readonly name: string = 'PostError'
  /** `reset`: the connection ended under the request. */
  readonly kind: 'timeout' | 'canceled' | 'reset' | 'other'
  constructor(message: string, kind: PostError['kind'], cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** Connections are used again. */
export function postAgent(options: ConstructorParameters<typeof HttpsAgent>[0], isPlain = false): HttpAgent | HttpsAgent {
  const common = { keepAlive: true, maxSockets: 256, maxFreeSockets: 16, timeout: IDLE_MS }
  return isPlain ? new HttpAgent(common) : new HttpsAgent({ ...common, ...options })
}

/** Calls that are under way go on. */
export function closeIdle(agent: HttpAgent | HttpsAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
}

/** Every answer resolves, whatever its code. @throws PostError */
export function post(
  target: PostTarget,
  {
    body,
    timeoutMs,
    timeoutText = 'context deadline exceeded',
    signal,
  }: { body: string; timeoutMs: number; timeoutText?: string; signal?: AbortSignal | undefined },
): Promise<Posted> {
  const isPlain = !(target.agent instanceof HttpsAgent)
  const url = `${isPlain ? 'http' : 'https'}://${target.authority}${target.path}`
  const failed = (why: string, kind: PostError['kind'], cause?: unknown) => new PostError(`Post ${quote(url)}: ${why}`, kind, cause)
  return new Promise((resolve, reject) => {
    let address: Address
    try {
      address = target.address()
    } catch (error) {
      reject(failed((error as Error).message, 'other'))
      return
    }
    const sent = (isPlain ? plainRequest : request)({
      agent: target.agent,
      method: 'POST',
      host: address.host,
      port: address.port,
      ...(isIP(target.servername) === 0 && { servername: target.servername }),
      path: target.path,
      headers: {
        host: target.authority,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...target.headers,
      },
    })
    const giveUp = (error: PostError) => {
      reject(error)
      sent.destroy()
    }
    // Of real time: a network is waited for, whatever the API's clock says.
    const cancelTimer = systemClock.after(timeoutMs, () => giveUp(failed(timeoutText, 'timeout')))
    const cancel = () => giveUp(failed('context canceled', 'canceled'))
    const settle = () => {
      cancelTimer()
      signal?.removeEventListener('abort', cancel)
    }
    if (signal?.aborted === true) cancel()
    signal?.addEventListener('abort', cancel, { once: true })
    sent.on('close', settle)
    sent.on('error', (error: Error & { code?: string }) =>
      reject(
        failed(
          networkErrorText(error, address, sent.socket as TLSSocket | null),
          error.code === 'ECONNRESET' && error.message !== 'socket hang up' ? 'reset' : 'other',
          error,
        ),
      ),
    )
    sent.on('response', (response) => {
      const { statusCode = 0, headers } = response
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MAX_ANSWER_BYTES) giveUp(failed(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`, 'other'))
        else chunks.push(chunk)
      })
      response.on('error', (error) =>
        reject(
          new PostError(
            `unexpected error when reading response body. Please retry. Original error: ${networkErrorText(error, address, null)}`,
            'other',
            error,
          ),
        ),
      )
      response.on('end', () => resolve({ status: statusCode, headers, body: Buffer.concat(chunks) }))
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

/** What client-go makes of an answer without a Status. @see apimachinery/pkg/api/errors/errors.go, NewGenericServerResponse */
export function statusText({ status: code, headers, body }: Posted): string {
  const contentType = headers['content-type'] ?? ''
  const known = STATUS_TEXTS[code]
  if (known !== undefined) return known
  const said = contentType === '' || contentType.startsWith('text/') ? body.subarray(0, MAX_QUOTED_BYTES).toString().trim() : 'unknown'
  if (code === 403 || code === 415) return said
  if (code === 406)
    return said === '' || said === 'unknown' ? 'the server was unable to respond with a content type that the client supports' : said
  if (code >= 500) return `an error on the server (${quote(said)}) has prevented the request from succeeding`
  return `the server responded with the status code ${code} but did not return more information`
}
