/**
 * The client over HTTPS: one server, one identity, connections kept open.
 *
 * Speaks to the server directly, whatever proxies the environment names.
 *
 * @see client-go/rest/request.go, client-go/transport/round_trippers.go
 * @module
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { KubeObject } from '../api/object.ts'
import { failure, type Status, StatusError } from '../api/status.ts'
import type { Clock } from '../clock.ts'
import type { Client, ClientRequest, ClientResponse, WatchHandle } from './client.ts'
import { Credentials } from './credentials.ts'
import type { ExecCredential } from './exec-credential.ts'
import { informer } from './informer.ts'
import { type ClientConfig, KubeconfigError } from './kubeconfig.ts'

/** The server could not be asked: no connection, or one that cannot be trusted. The message is for people. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

export interface HttpsClientOptions {
  clock: Clock
  userAgent: string
  /** Whether an exec plugin may ask somebody. */
  isInteractive?: boolean
  /** Nothing heard for so long ends a request; watches are not ended. */
  timeoutMs?: number
}

export class HttpsClient implements Client {
  readonly #config: ClientConfig
  readonly #options: HttpsClientOptions
  #agent: HttpAgent | HttpsAgent | undefined
  readonly #credentials: Credentials
  /** What the agent was made for. */
  #exec: ExecCredential | undefined

  constructor(config: ClientConfig, options: HttpsClientOptions) {
    this.#config = config
    this.#options = options
    this.#credentials = new Credentials(config, options)
  }

  async request(request: ClientRequest): Promise<ClientResponse> {
    const first = await this.#ask(request)
    // Credentials that somebody renews may have been renewed in the meantime.
    if (first.status !== 401 || !this.#credentials.forget()) return first
    return this.#ask(request)
  }

  async call<T = KubeObject>(request: ClientRequest): Promise<T> {
    const { status, body } = await this.request(request)
    if (status < 400) return body as T
    throw body?.kind === 'Status'
      ? new StatusError(body as Status)
      : failure(status, '', typeof body === 'string' && body !== '' ? body.trim() : `HTTP ${status}`)
  }

  informer(path: string, listener: Parameters<Client['informer']>[1], options?: Parameters<Client['informer']>[2]): WatchHandle {
    const stream: Parameters<typeof informer>[0]['stream'] = (request, onChunk, onEnd) => this.#stream(request, onChunk, onEnd)
    return informer({ call: (request) => this.call(request), stream }, path, listener, options)
  }

  /** Ends idle connections, so that the process can. */
  close(): void {
    this.#agent?.destroy()
  }

  async #ask(request: ClientRequest): Promise<ClientResponse> {
    const response = await this.#send(request, this.#options.timeoutMs ?? 60_000)
    const chunks: Buffer[] = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch (error) {
      throw this.#unreachable(error as Error)
    }
    const text = Buffer.concat(chunks).toString()
    const isJson = /^application\/json\b/.test(response.headers['content-type'] ?? '')
    if (!isJson || text === '') return { status: response.statusCode ?? 0, body: text }
    try {
      return { status: response.statusCode ?? 0, body: JSON.parse(text) }
    } catch {
      throw new ConnectionError(`${this.#config.server} answered something that is no JSON`)
    }
  }

  #stream(request: ClientRequest, onChunk: (chunk: Buffer) => void, onEnd: (status: number) => void): () => void {
    let response: IncomingMessage | undefined
    let stopped = false
    this.#send(request, 0).then(
      (answer) => {
        response = answer
        if (stopped) {
          answer.destroy()
          return
        }
        if (answer.statusCode === 401) this.#credentials.forget()
        answer.on('data', onChunk)
        answer.on('error', () => {})
        answer.once('close', () => onEnd(answer.complete ? (answer.statusCode ?? 0) : 0))
      },
      () => {
        if (!stopped) onEnd(0)
      },
    )
    return () => {
      stopped = true
      response?.destroy()
    }
  }

  /** Resolves with the answer's head. */
  async #send(request: ClientRequest, timeoutMs: number): Promise<IncomingMessage> {
    const config = this.#config
    const headers: Record<string, string | string[]> = {
      'user-agent': this.#options.userAgent,
      accept: request.accept ?? 'application/json',
    }
    const credential = await this.#credentials.current()
    if (credential.exec !== this.#exec) this.#agent = undefined
    this.#exec = credential.exec
    if (credential.authorization !== undefined) headers['authorization'] = credential.authorization
    Object.assign(headers, impersonationHeaders(config))
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json'
      headers['content-length'] = String(body.length)
    }
    const url = new URL(`${config.server}${request.path}`)
    this.#agent ??= this.#newAgent(credential.exec)
    const options: RequestOptions = { method: request.method, headers, agent: this.#agent, timeout: timeoutMs }
    return new Promise((done, fail) => {
      const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, done)
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
      outgoing.on('error', (error) => fail(this.#unreachable(error)))
      outgoing.end(body)
    })
  }

  #newAgent(exec: ExecCredential | undefined): HttpAgent | HttpsAgent {
    const { server, ca, insecureSkipTlsVerify, tlsServerName } = this.#config
    const common = { keepAlive: true, maxSockets: 8 }
    if (server.startsWith('http:')) return new HttpAgent(common)
    const certificate = exec?.certificate ?? this.#config.certificate
    const key = exec?.key ?? this.#config.key
    try {
      return new HttpsAgent({
        ...common,
        ...(ca === undefined ? {} : { ca }),
        ...(certificate === undefined || key === undefined ? {} : { cert: certificate, key }),
        ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
        rejectUnauthorized: !insecureSkipTlsVerify,
      })
    } catch (error) {
      throw new KubeconfigError(`the certificates of ${server} cannot be used: ${(error as Error).message}`)
    }
  }

  #unreachable(error: Error): ConnectionError {
    // An attempt at several addresses fails with an empty message and one error for each.
    const inner = (error as AggregateError).errors?.[0] as Error | undefined
    return new ConnectionError(`${this.#config.server} cannot be asked: ${error.message || inner?.message || error.name}`, { cause: error })
  }
}

function impersonationHeaders({ impersonate }: ClientConfig): Record<string, string | string[]> {
  if (impersonate === undefined) return {}
  const headers: Record<string, string | string[]> = { 'impersonate-user': impersonate.username }
  if (impersonate.uid !== undefined) headers['impersonate-uid'] = impersonate.uid
  if (impersonate.groups.length > 0) headers['impersonate-group'] = [...impersonate.groups]
  for (const [key, values] of Object.entries(impersonate.extra)) headers[`impersonate-extra-${encodeURIComponent(key)}`] = [...values]
  return headers
}
