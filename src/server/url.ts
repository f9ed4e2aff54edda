/**
 * URLs of requests as Go reads them: what it refuses, and what it drops.
 *
 * @see net/url, ParseRequestURI and ParseQuery; net/http, readRequest
 * @module
 */
import { textOfBytes } from '../api/json.ts'

const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/

/** The path and query of a request line; undefined where Go has no answer but 400. A whole URL loses its scheme and host. */
export function requestTarget(raw: string): string | undefined {
  const target = raw.charCodeAt(0) === 47 || raw === '*' ? raw : withoutOrigin(raw)
  if (target === undefined || !target.includes('%')) return target
  const question = target.indexOf('?')
  return BAD_ESCAPE.test(question === -1 ? target : target.slice(0, question)) ? undefined : target
}

function withoutOrigin(raw: string): string | undefined {
  const [, rest] = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?]*(.*)$/s.exec(raw) ?? []
  if (rest === undefined) return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Escapes are bytes; what is no escape stays as it is. `%2F` becomes a slash, as in Go. */
export function decodePath(raw: string): string {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    const bytes = raw.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    return textOfBytes(Buffer.from(bytes, 'latin1'))
  }
}

/** Members with a semicolon or a broken escape count as absent. */
export function parseQuery(raw: string): URLSearchParams {
  if (!raw.includes('%') && !raw.includes(';') && !raw.startsWith('?')) return new URLSearchParams(raw)
  const good = raw.split('&').filter((member) => !member.includes(';') && !BAD_ESCAPE.test(member))
  // The first question mark of what is given to URLSearchParams would be lost.
  return new URLSearchParams(`?${good.join('&')}`)
}
