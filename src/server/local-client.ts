/**
 * A client of this very server: the same handler chain from authorization on, without a port.
 *
 * @module
 */
import { EventEmitter } from 'node:events'
import { failure, type Status, StatusError } from '../api/status.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Client, ClientFactory, ClientRequest, ClientResponse, WatchHandle } from '../client/client.ts'
import { informer } from '../client/informer.ts'
import type { BodyStream, Exchange, HeaderList } from './exchange.ts'

export type InternalHandle = (exchange: Exchange, user: UserInfo) => void

/** `handle` is asked for at each call, as the server is made after its clients. */
export function localClients(handle: () => InternalHandle): ClientFactory {
  return {
    as: (user, userAgent) =>
      new LocalClient(
        handle,
        { username: user.username, groups: groupsOf(user), ...(user.uid === undefined ? {} : { uid: user.uid }) },
        userAgent,
      ),
  }
}

/** What authentication would add. */
function groupsOf({ username, groups }: { username: string; groups?: readonly string[] }): readonly string[] {
  const all = new Set(groups ?? [])
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(username)
  if (account !== null) all.add('system:serviceaccounts').add(`system:serviceaccounts:${account[1]}`)
  return [...all.add('system:authenticated')]
}

class LocalClient implements Client {
  readonly #handle: () => InternalHandle
  readonly #user: UserInfo
  readonly #userAgent: string

  constructor(handle: () => InternalHandle, user: UserInfo, userAgent: string) {
    this.#handle = handle
    this.#user = user
    this.#userAgent = userAgent
  }

  request(request: ClientRequest): Promise<ClientResponse> {
    return new Promise((resolve) => {
      const exchange = new LocalExchange(request, this.#userAgent)
      exchange.done = (status, headers, bytes) => {
        const json = headers.some(([name, value]) => name === 'Content-Type' && value.startsWith('application/json'))
        const text = Buffer.from(bytes).toString()
        resolve({ status, body: json && text !== '' ? JSON.parse(text) : text })
      }
      this.#handle()(exchange, this.#user)
    })
  }

  async call<T>(request: ClientRequest): Promise<T> {
    const { status, body } = await this.request(request)
    if (status < 400) return body as T
    throw body?.kind === 'Status'
      ? new StatusError(body as Status)
      : failure(status, '', typeof body === 'string' ? body : `HTTP ${status}`)
  }

  informer(path: string, listener: Parameters<Client['informer']>[1], options?: Parameters<Client['informer']>[2]): WatchHandle {
    return informer(
      { call: (request) => this.call(request), stream: (request, onChunk, onEnd) => this.#stream(request, onChunk, onEnd) },
      path,
      listener,
      options,
    )
  }

  /** A watch: chunks as they are written. The answer closes it. */
  #stream(request: ClientRequest, onChunk: (chunk: Buffer) => void, onEnd: (status: number) => void): () => void {
    const exchange = new LocalExchange(request, this.#userAgent)
    exchange.onChunk = onChunk
    exchange.done = (status) => onEnd(status)
    this.#handle()(exchange, this.#user)
    return () => exchange.abort()
  }
}

class LocalExchange implements Exchange {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly connection = {}
  readonly remoteAddress = ''
  readonly httpVersion = 'local'
  done: (status: number, headers: HeaderList, body: Uint8Array) => void = () => {}
  onChunk: ((chunk: Buffer) => void) | undefined
  readonly #body: Buffer
  readonly #events = new EventEmitter()
  #answered = false
  #closed = false

  constructor(request: ClientRequest, userAgent: string) {
    this.method = request.method
    this.url = request.path
    this.headers = { 'user-agent': userAgent, accept: request.accept ?? 'application/json' }
    if (request.body !== undefined) this.headers['content-type'] = request.contentType ?? 'application/json'
    this.#body = request.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(request.body))
  }
  get answered(): boolean {
    return this.#answered
  }
  rawHeaders(): readonly string[] {
    return Object.entries(this.headers).flat()
  }
  clientCertificates(): readonly Uint8Array[] {
    return []
  }
  readBody(): Promise<Buffer> {
    return Promise.resolve(this.#body)
  }
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void {
    if (this.#answered) return
    this.#answered = true
    this.done(code, headers, body === undefined ? Buffer.alloc(0) : typeof body === 'string' ? Buffer.from(body) : body)
    this.#close()
  }
  stream(code: number, headers: HeaderList): BodyStream {
    this.#answered = true
    return {
      write: (chunk) => {
        if (!this.#closed)
          this.onChunk?.(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
        return true
      },
      end: () => {
        if (this.#closed) return
        this.done(code, headers, Buffer.alloc(0))
        this.#close()
      },
      onDrain: (callback) => setImmediate(callback),
      pendingBytes: 0,
    }
  }
  onClose(callback: () => void): void {
    this.#events.once('close', callback)
  }
  abort(): void {
    this.#close()
  }
  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#events.emit('close')
  }
}
