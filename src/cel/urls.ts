/**
 * Kubernetes' URL library. A text is a URL when Go's `url.ParseRequestURI` takes it.
 *
 * @see apiserver/pkg/cel/library/urls.go
 * @module
 */
import { type Calls, parsing } from './call.ts'
import { CelError, noOverload, type Opaque } from './values.ts'

interface Parts {
  scheme: string
  host: string
  path: string
  query: string
}

class Url implements Opaque {
  readonly celType = 'kubernetes.URL'
  readonly parts: Parts
  constructor(parts: Parts) {
    this.parts = parts
  }
  equals(other: unknown): boolean {
    if (!(other instanceof Url)) return false
    const [a, b] = [this.parts, other.parts]
    return a.scheme === b.scheme && a.host === b.host && a.path === b.path && a.query === b.query
  }
}

const SHAPE = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/s
const HOST = /^(?:\[[^\]]*\]|[^\][:]*)(?::(.*))?$/

/** A URL, or why the text is none. */
function parse(text: string): Url | string {
  if (text === '') return 'empty url'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text)) return 'net/url: invalid control character in URL'
  const [, scheme, authority, path = '', query = ''] = SHAPE.exec(text) ?? []
  if (scheme === undefined && (!text.startsWith('/') || authority !== undefined)) return 'invalid URI for request'
  if (authority === undefined && !path.startsWith('/')) return 'invalid URI for request'
  const host = (authority ?? '').slice((authority ?? '').lastIndexOf('@') + 1)
  const problem = hostProblem(host) ?? escapeProblem(path)
  return problem ?? new Url({ scheme: (scheme ?? '').toLowerCase(), host, path: path.replaceAll(' ', '%20'), query })
}

function hostProblem(host: string): string | undefined {
  const port = HOST.exec(host)?.[1]
  if (port !== undefined && !/^\d*$/.test(port)) return `invalid port ${JSON.stringify(`:${port}`)} after host`
  const bad = /[ "\\^`{|}%]/.exec(host)?.[0]
  return bad === undefined ? undefined : `invalid character ${JSON.stringify(bad)} in host name`
}

function escapeProblem(text: string): string | undefined {
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0]
  return bad === undefined ? undefined : `invalid URL escape ${JSON.stringify(bad)}`
}

function of(name: string, read: (url: Parts) => unknown): readonly [string, (args: readonly unknown[]) => unknown] {
  return [
    name,
    ([value]) => {
      if (!(value instanceof Url)) throw noOverload(name, value)
      return read(value.parts)
    },
  ]
}

export const URL_FUNCTIONS: Calls = [
  parsing('isURL', ['string'], ([text]) => typeof parse(text as string) !== 'string'),
  parsing('url', ['string'], ([text]) => {
    const found = parse(text as string)
    if (typeof found === 'string')
      throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${found}`)
    return found
  }),
]

export const URL_METHODS: Calls = [
  of('getScheme', ({ scheme }) => scheme),
  of('getHost', ({ host }) => host),
  of('getHostname', ({ host }) => host.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')),
  of('getPort', ({ host }) => /:(\d*)$/.exec(host)?.[1] ?? ''),
  of('getEscapedPath', ({ path }) => path),
  of('getQuery', ({ query }) => {
    const map = new Map<unknown, unknown>()
    for (const [name, value] of new URLSearchParams(query)) {
      const values = map.get(name) as string[] | undefined
      if (values === undefined) map.set(name, [value])
      else values.push(value)
    }
    return map
  }),
]
