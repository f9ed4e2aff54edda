/**
 * One HTTP request and its answer, the same for HTTP/1.1, HTTP/2 and calls from inside the process.
 *
 * @module
 */

import { textOfBytes } from '../api/json.ts'

export type HeaderList = [name: string, value: string][]

/** A body that is written as it comes: watches, large lists. */
export interface BodyStream {
  /** False when the peer is behind; wait for `onDrain` before writing much more. */
  write(chunk: Uint8Array | string): boolean
  end(): void
  /** Called once when the peer has taken what was written. */
  onDrain(callback: () => void): void
  /** Bytes written that the peer has not taken. */
  readonly pendingBytes: number
}

export interface Exchange {
  readonly method: string
  /** As sent: path and query, not decoded. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Names and values in turn, repeated ones apart. */
  rawHeaders(): readonly string[]
  /** The same object for all requests of one connection. */
  readonly connection: object
  readonly remoteAddress: string
  readonly httpVersion: string
  /** DER, leaf first; empty without any. */
  clientCertificates(): readonly Uint8Array[]
  /** Reads the whole body. Rejects with a 413 StatusError beyond `limit` bytes, with a 400 one when it breaks off. */
  readBody(limit: number): Promise<Buffer>
  /** True once an answer has begun. */
  readonly answered: boolean
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void
  stream(code: number, headers: HeaderList): BodyStream
  /** The peer went away, or everything has been sent. */
  onClose(callback: () => void): void
  /** Breaks the connection or stream off. */
  abort(): void
}

/** First value of a header; repeated ones count once. */
export function header(exchange: { headers: Exchange['headers'] }, name: string): string {
  const value = exchange.headers[name]
  return value === undefined ? '' : typeof value === 'string' ? value : (value[0] ?? '')
}

const BEYOND_ASCII = /[\x80-\xff]/

/** Node reads each byte of a header as a character; names of people are written as UTF-8. */
export function headerText(value: string): string {
  return BEYOND_ASCII.test(value) ? textOfBytes(Buffer.from(value, 'latin1')) : value
}

/** Values of repeated headers kept apart, as text, under lower-case names. */
export function distinctHeaders(exchange: Pick<Exchange, 'rawHeaders'>): Readonly<Record<string, readonly string[] | undefined>> {
  const found = new Map<string, string[]>()
  const raw = exchange.rawHeaders()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    const value = headerText(raw[i + 1] as string)
    const values = found.get(name)
    if (values === undefined) found.set(name, [value])
    else values.push(value)
  }
  // A name may be any text, `__proto__` as well.
  return Object.fromEntries(found)
}
