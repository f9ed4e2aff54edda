/**
 * The listener: HTTP/1.1 and HTTP/2 on one TLS port, made into exchanges.
 *
 * HTTP/2 goes through the stream API: the compatibility layer costs a third more per request.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext, type TLSSocket } from 'node:tls'
import { badRequest, failure, requestEntityTooLarge } from '../api/status.ts'
import { opensslCiphers } from './cipher-suites.ts'
import type { BodyStream, Exchange, HeaderList } from './exchange.ts'
import type { TlsOptions } from './options.ts'
import { requestTarget } from './url.ts'

export interface ListenerOptions {
  host: string
  port: number
  tls: TlsOptions
  /** The longest that a request has until it is answered: the bytes of its body may take a little more. */
  requestTimeoutMs: number
  handle(exchange: Exchange): void
}

export interface Listener {
  readonly port: number
  /** Takes no new connections, lets requests finish, then closes what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
  /** Swaps the serving certificate without a restart. */
  setCertificate(certificate: string, key: string): void
}

/** Header block and concurrency limits of one connection: what a flood may cost. */
const MAX_HEADER_BYTES = 1 << 20
const MAX_CONCURRENT_STREAMS = 250
const HEADERS_TIMEOUT_MS = 32_000
const IDLE_TIMEOUT_MS = 90_000
/** Beyond the request's own time, which ends with an answer, a body that still comes ends without one. */
const BODY_GRACE_MS = 10_000
/** A body that nobody read is thrown away up to here, so that the connection lives on. @see net/http, maxPostHandlerReadBytes */
const MAX_UNREAD_BYTES = 256 * 1024

export async function listen(options: ListenerOptions): Promise<Listener> {
  const { tls } = options
  const ciphers = opensslCiphers(tls.cipherSuites)
  const protocol = { minVersion: tls.minVersion, ...(ciphers === undefined ? {} : { ciphers }) }
  const server = http2.createSecureServer({
    cert: tls.certificate,
    key: tls.key,
    ...protocol,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: HEADERS_TIMEOUT_MS,
    maxHeaderListPairs: 1000,
    maxSessionMemory: 32,
    settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES, initialWindowSize: 1 << 18 },
    // For HTTP/1.1, which shares this server; its types know only the ones of HTTP/2.
    ...({ maxHeaderSize: MAX_HEADER_BYTES } as object),
  })
  // The last one added is tried first; of two for one name, the one given first counts.
  for (const { certificate, key, names } of [...tls.sni].reverse()) {
    const context = createSecureContext({ cert: certificate, key, ...protocol })
    for (const name of names) server.addContext(name, context)
  }
  const sockets = new Set<Socket>()
  const sessions = new Set<http2.ServerHttp2Session>()
  const busy = new Map<object, number>()
  let closing = false

  const began = (connection: object) => busy.set(connection, (busy.get(connection) ?? 0) + 1)
  const ended = (connection: object) => {
    const left = (busy.get(connection) ?? 1) - 1
    if (left > 0) busy.set(connection, left)
    else {
      busy.delete(connection)
      if (closing && connection instanceof Object && 'destroySoon' in connection) (connection as unknown as TLSSocket).destroySoon()
    }
  }

  Object.assign(server, {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: options.requestTimeoutMs + BODY_GRACE_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
  })
  const onRequest = (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void => {
    const target = request.httpVersionMajor < 1 ? undefined : requestTarget(request.url ?? '/')
    if (target === undefined) {
      request.socket.end(unreadableAnswer(''))
      return
    }
    const exchange = new Http1Exchange(request, response, target, awaitsContinue)
    const socket = exchange.connection
    began(socket)
    exchange.onClose(() => ended(socket))
    if (closing) response.setHeader('connection', 'close')
    options.handle(exchange)
  }
  const on = (event: string, awaitsContinue: boolean) =>
    server.on(event, (request: unknown, response: unknown) =>
      onRequest(request as IncomingMessage, response as ServerResponse, awaitsContinue),
    )
  on('request', false)
  // Node would tell the sender to go on before anybody knows who it is.
  on('checkContinue', true)
  server.removeAllListeners('stream') // the compatibility layer that 'request' has put there for HTTP/2
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, _flags: number, rawHeaders: string[]) => {
    stream.on('error', () => {}) // resets are the peer's right; the close handler cleans up
    const target = requestTarget(headers[':path'] ?? '')
    if (target === undefined) return stream.close(http2.constants.NGHTTP2_PROTOCOL_ERROR)
    const exchange = new Http2Exchange(stream, headers, rawHeaders, target)
    began(exchange.connection)
    exchange.onClose(() => ended(exchange.connection))
    return options.handle(exchange)
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
    // Frames of either side put it off. A watch may be silent for longer.
    session.setTimeout(IDLE_TIMEOUT_MS, () => {
      if (!busy.has(session)) session.close()
    })
  })
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.on('sessionError', () => {})
  server.on('tlsClientError', () => {})
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Too slow to be told anything, or answered already.
    if (!socket.writable || error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return socket.destroy()
    return socket.end(unreadableAnswer(error.code ?? ''))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (certificate, key) => server.setSecureContext({ cert: certificate, key }),
    async close(graceMs) {
      closing = true
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const session of sessions) session.close()
      for (const socket of sockets) if (!busy.has(socket) && (socket as TLSSocket).alpnProtocol !== 'h2') socket.destroySoon()
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy()
        for (const socket of sockets) socket.destroy()
      }, graceMs)
      await closed
      clearTimeout(timer)
    },
  }
}

/** What never becomes a request: Node's parser stops at it. The connection ends with the answer. */
function unreadableAnswer(code: string): string {
  if (code === 'HPE_INVALID_METHOD') {
    const { status } = failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
    const body = `${JSON.stringify(status)}\n`
    return `HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nCache-Control: no-cache, private\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  }
  const text = code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  return `HTTP/1.1 ${text}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${text}`
}

/** Go's phrases where Node has others: clients print them. */
const PHRASES: Readonly<Record<number, string>> = { 413: 'Request Entity Too Large', 418: "I'm a teapot" }

class Http1Exchange implements Exchange {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly connection: TLSSocket
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** The sender holds its body back until it is asked for it. */
  #awaitsContinue: boolean
  #isReading = false

  constructor(request: IncomingMessage, response: ServerResponse, url: string, awaitsContinue: boolean) {
    this.#request = request
    this.#response = response
    this.#awaitsContinue = awaitsContinue
    this.method = request.method ?? 'GET'
    this.url = url
    this.headers = request.headers
    this.connection = request.socket as TLSSocket
  }
  get remoteAddress(): string {
    return this.connection.remoteAddress ?? ''
  }
  get httpVersion(): string {
    return `HTTP/${this.#request.httpVersion}`
  }
  get answered(): boolean {
    return this.#response.headersSent
  }
  rawHeaders(): readonly string[] {
    return this.#request.rawHeaders
  }
  clientCertificates(): readonly Uint8Array[] {
    return peerCertificates(this.connection)
  }
  readBody(limit: number): Promise<Buffer> {
    const declared = Number(this.headers['content-length'] ?? Number.NaN)
    if (this.#awaitsContinue && !(declared > limit)) {
      this.#awaitsContinue = false
      this.#response.writeContinue()
    }
    this.#isReading = true
    return collect(this.#request, limit, declared)
  }
  /** As Go does it where the rest of a body is too long to be waited for. */
  #endsConnection(): boolean {
    if (this.#request.complete) return false
    return this.#awaitsContinue || this.#isReading || Number(this.headers['content-length'] ?? 0) > MAX_UNREAD_BYTES
  }
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void {
    const response = this.#response
    if (response.headersSent) return
    const flat: string[] = []
    for (const [name, value] of headers) flat.push(name, value)
    if (this.#endsConnection()) flat.push('Connection', 'close')
    if (body === undefined || this.method === 'HEAD') {
      if (code !== 304 && code !== 204) flat.push('Content-Length', body === undefined ? '0' : String(Buffer.byteLength(body)))
      writeHead(response, code, flat)
      response.end()
    } else {
      flat.push('Content-Length', String(typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength))
      writeHead(response, code, flat)
      response.end(body)
    }
    // What was not read of a refused body would stand before the next request.
    if (!this.#request.complete) this.#request.resume()
  }
  stream(code: number, headers: HeaderList): BodyStream {
    const response = this.#response
    const flat: string[] = []
    for (const [name, value] of headers) flat.push(name, value)
    writeHead(response, code, flat)
    response.flushHeaders()
    return {
      write: (chunk) => response.write(chunk),
      end: () => void response.end(),
      onDrain: (callback) => void response.once('drain', callback),
      get pendingBytes() {
        return response.writableLength
      },
    }
  }
  onClose(callback: () => void): void {
    this.#response.once('close', callback)
  }
  abort(): void {
    this.connection.destroy()
  }
}

function writeHead(response: ServerResponse, code: number, flat: string[]): void {
  const phrase = PHRASES[code]
  if (phrase === undefined) response.writeHead(code, flat)
  else response.writeHead(code, phrase, flat)
}

class Http2Exchange implements Exchange {
  readonly method: string
  readonly url: string
  readonly headers: http2.IncomingHttpHeaders
  readonly connection: http2.Http2Session
  readonly httpVersion = 'HTTP/2.0'
  readonly #stream: http2.ServerHttp2Stream
  readonly #rawHeaders: readonly string[]
  #isReading = false

  constructor(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, rawHeaders: readonly string[], url: string) {
    this.#rawHeaders = rawHeaders
    this.#stream = stream
    this.headers = headers
    this.method = (headers[':method'] as string | undefined) ?? 'GET'
    this.url = url
    // A stream that reaches us always has its session.
    this.connection = stream.session as http2.Http2Session
  }
  get remoteAddress(): string {
    return this.connection.socket?.remoteAddress ?? ''
  }
  get answered(): boolean {
    return this.#stream.headersSent
  }
  rawHeaders(): readonly string[] {
    return this.#rawHeaders
  }
  clientCertificates(): readonly Uint8Array[] {
    return peerCertificates(this.connection.socket as TLSSocket)
  }
  readBody(limit: number): Promise<Buffer> {
    const declared = Number(this.headers['content-length'] ?? Number.NaN)
    if (this.headers.expect === '100-continue' && !(declared > limit)) this.#stream.additionalHeaders({ ':status': 100 })
    this.#isReading = true
    return collect(this.#stream, limit, declared)
  }
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void {
    const stream = this.#stream
    if (stream.headersSent || stream.destroyed) return
    const fields = http2Headers(code, headers)
    if (body === undefined) {
      stream.respond(fields, { endStream: true })
    } else {
      fields['content-length'] = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
      if (this.method === 'HEAD') stream.respond(fields, { endStream: true })
      else {
        stream.respond(fields)
        stream.end(body)
      }
    }
    // Nobody reads on: the sender of the rest is told so. @see RFC 9113, section 8.1
    if (this.#isReading && !stream.readableEnded) stream.once('finish', () => stream.close(http2.constants.NGHTTP2_NO_ERROR))
  }
  stream(code: number, headers: HeaderList): BodyStream {
    const stream = this.#stream
    if (!stream.destroyed) stream.respond(http2Headers(code, headers))
    return {
      write: (chunk) => !stream.destroyed && stream.write(chunk),
      end: () => void stream.end(),
      onDrain: (callback) => void stream.once('drain', callback),
      get pendingBytes() {
        return stream.writableLength
      },
    }
  }
  onClose(callback: () => void): void {
    if (this.#stream.closed) callback()
    else this.#stream.once('close', callback)
  }
  abort(): void {
    this.#stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
  }
}

function http2Headers(code: number, headers: HeaderList): http2.OutgoingHttpHeaders {
  const fields: http2.OutgoingHttpHeaders = { ':status': code }
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (key === 'connection') continue
    const present = fields[key]
    fields[key] = present === undefined ? value : Array.isArray(present) ? [...present, value] : [String(present), value]
  }
  return fields
}

function collect(source: NodeJS.ReadableStream, limit: number, declared: number): Promise<Buffer> {
  if (declared > limit) return Promise.reject(requestEntityTooLarge(`limit is ${limit}`))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onClose = () => reject(badRequest('unexpected EOF'))
    source.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        source.removeAllListeners('data')
        source.resume()
        reject(requestEntityTooLarge(`limit is ${limit}`))
      } else chunks.push(chunk)
    })
    source.once('end', () => {
      source.off('close', onClose)
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
    source.once('error', (error) => reject(badRequest('unexpected EOF', { cause: error })))
    source.once('close', onClose)
  })
}

function peerCertificates(socket: TLSSocket | undefined): readonly Uint8Array[] {
  if (socket === undefined || typeof socket.getPeerX509Certificate !== 'function') return []
  const chain: Uint8Array[] = []
  const leaf = socket.getPeerCertificate(true)
  let at = leaf
  while (at?.raw !== undefined && chain.length < 10) {
    chain.push(at.raw)
    if (at.issuerCertificate === undefined || at.issuerCertificate === at) break
    at = at.issuerCertificate
  }
  return chain
}
