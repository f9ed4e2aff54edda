/**
 * The request that is traced: read from what was asked, and played to the handler from inside the process.
 *
 * @module
 */
import { failure } from '../api/status.ts'
import type { BodyStream, Exchange, HeaderList } from './exchange.ts'

export const TRACE_PATH = '/debug/podpass/trace'

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** What is to be traced. */
export interface TracedRequest {
  method: string
  path: string
  /** Whose request it is; without it, and without `as`, the caller's own. */
  token: string | undefined
  as: { username: string; groups: readonly string[] } | undefined
  /** Sent as JSON, or as it is where it is a text. */
  body: unknown
  contentType: string | undefined
}

/** @throws StatusError 400 */
export function tracedRequest(text: string): TracedRequest {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    throw failure(400, 'BadRequest', 'the body of a trace is JSON')
  }
  const { method, path, token, as, body, contentType } = (given ?? {}) as Record<string, any>
  if (typeof method !== 'string' || !METHODS.has(method)) throw failure(400, 'BadRequest', `method: one of ${[...METHODS].join(', ')}`)
  if (typeof path !== 'string' || !path.startsWith('/') || /[\0-\x20]/.test(path))
    throw failure(400, 'BadRequest', 'path: a path of this server')
  if (path.startsWith(TRACE_PATH)) throw failure(400, 'BadRequest', 'path: a trace is not traced')
  return {
    method,
    path,
    token: typeof token === 'string' && token !== '' ? token : undefined,
    as:
      typeof as?.username === 'string'
        ? { username: as.username, groups: Array.isArray(as.groups) ? as.groups.map(String) : [] }
        : undefined,
    body,
    contentType: typeof contentType === 'string' ? contentType : undefined,
  }
}

export interface TracedAnswer {
  code: number
  bytes: number
  message: string
}

/** A request from inside the process that carries a credential; of its answer only the head is kept, a stream ends where it begins. */
export class TracedExchange implements Exchange {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string | string[]>
  readonly connection = {}
  readonly remoteAddress: string
  readonly httpVersion = 'local'
  readonly #body: Buffer
  readonly #closers: (() => void)[] = []
  #answered = false
  #closed = false
  #settle: (answer: TracedAnswer) => void = () => {}

  constructor({ method, path, token, as, body, contentType }: TracedRequest, remoteAddress: string) {
    this.method = method
    this.url = path
    this.remoteAddress = remoteAddress
    this.headers = { 'user-agent': 'podpass-trace', accept: 'application/json' }
    if (token !== undefined) this.headers['authorization'] = `Bearer ${token}`
    if (as !== undefined) {
      this.headers['impersonate-user'] = as.username
      if (as.groups.length > 0) this.headers['impersonate-group'] = [...as.groups]
    }
    this.#body = body === undefined ? Buffer.alloc(0) : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    if (body !== undefined) this.headers['content-type'] = contentType ?? 'application/json'
  }
  answer(): Promise<TracedAnswer> {
    return new Promise((done) => {
      this.#settle = done
    })
  }
  get answered(): boolean {
    return this.#answered
  }
  rawHeaders(): readonly string[] {
    return Object.entries(this.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, one]),
    )
  }
  clientCertificates(): readonly Uint8Array[] {
    return []
  }
  readBody(): Promise<Buffer> {
    return Promise.resolve(this.#body)
  }
  respond(code: number, _headers: HeaderList, body: Uint8Array | string | undefined): void {
    if (this.#answered) return
    this.#answered = true
    const bytes = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
    this.#settle({ code, bytes, message: code < 400 || body === undefined ? '' : messageOf(body) })
    this.abort()
  }
  stream(code: number): BodyStream {
    this.#answered = true
    let bytes = 0
    const end = () => {
      this.#settle({ code, bytes, message: '' })
      this.abort()
    }
    // A watch has no end: what it begins with is all that is waited for.
    setImmediate(end)
    return {
      write: (chunk) => {
        bytes += chunk.length
        return true
      },
      end,
      onDrain: (callback) => setImmediate(callback),
      pendingBytes: 0,
    }
  }
  onClose(callback: () => void): void {
    this.#closers.push(callback)
  }
  abort(): void {
    if (this.#closed) return
    this.#closed = true
    this.#settle({ code: 0, bytes: 0, message: 'broken off' })
    for (const callback of this.#closers) callback()
  }
}

/** Of a Status, or the text itself where it is none. */
function messageOf(body: Uint8Array | string): string {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString()
  try {
    return String(JSON.parse(text).message ?? '')
  } catch {
    return text.slice(0, 500).trim()
  }
}
