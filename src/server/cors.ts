/**
 * Which web pages may call: `--cors-allowed-origins`.
 *
 * @see apiserver/pkg/server/filters/cors.go
 * @module
 */
import { type Exchange, type HeaderList, header } from './exchange.ts'

/** What an answer carries for the origin that asked; undefined: nothing. */
export type Cors = (exchange: Pick<Exchange, 'headers'>) => HeaderList | undefined

const METHODS = 'POST, GET, OPTIONS, PUT, DELETE, PATCH'
const HEADERS = 'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since'

/** `origins` are regular expressions; undefined without any. */
export function corsFor(origins: readonly string[]): Cors | undefined {
  if (origins.length === 0) return undefined
  const patterns = origins.map((origin) => new RegExp(origin))
  return (exchange) => {
    const origin = header(exchange, 'origin')
    if (origin === '' || !patterns.some((pattern) => pattern.test(origin))) return undefined
    return [
      ['Access-Control-Allow-Origin', origin],
      ['Access-Control-Allow-Methods', METHODS],
      ['Access-Control-Allow-Headers', HEADERS],
      ['Access-Control-Expose-Headers', 'Date'],
      ['Access-Control-Allow-Credentials', 'true'],
    ]
  }
}
