/**
 * URLs as Go takes them apart, for what is said about those that are wrong.
 *
 * @see net/url/url.go, Parse
 * @module
 */
import { quote } from './quote.ts'

export interface GoUrl {
  /** In lower case. */
  scheme: string
  hasUser: boolean
  /** Without `?`. */
  query: string
  fragment: string
}

/** The parts, or why there are none. */
export function goUrl(text: string): GoUrl | string {
  const failed = (why: string) => `parse ${quote(text)}: ${why}`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) return failed('net/url: invalid control character in URL')
  const hash = text.indexOf('#')
  const before = hash === -1 ? text : text.slice(0, hash)
  const fragment = hash === -1 ? '' : text.slice(hash + 1)
  if (before.startsWith(':')) return failed('missing protocol scheme')
  const [, scheme = '', rest = before] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/.exec(before) ?? []
  const question = rest.indexOf('?')
  const path = question === -1 ? rest : rest.slice(0, question)
  if (scheme === '' && /^[^/]*:/.test(path)) return failed('first path segment in URL cannot contain colon')
  const authority = /^\/\/([^/]*)/.exec(path)?.[1] ?? ''
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  const port = /(?:\]|^[^[\]]*?)(:[^\]]*)$/.exec(host)?.[1]
  if (port !== undefined && !/^:\d*$/.test(port)) return failed(`invalid port ${quote(port)} after host`)
  const stray = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(authority) ?? /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(path.slice(authority.length))
  if (stray !== null) return failed(`invalid URL escape ${quote(stray[0])}`)
  return { scheme: scheme.toLowerCase(), hasUser: at !== -1, query: question === -1 ? '' : rest.slice(question + 1), fragment }
}
