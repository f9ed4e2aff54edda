/**
 * Kubernetes' URL library. A text is a URL when Go's `url.ParseRequestURI` takes it.
 *
 * @see apiserver/pkg/cel/library/urls.go
 * @module
 */
import { type Calls, parsing } from './call.ts'
import { CelError, noOverload, type Opaque } from './values.ts'

class Url implements Opaque {
  readonly celType = 'kubernetes.URL'
  readonly parsed: URL | undefined
  readonly path: string
  readonly query: string
  constructor(parsed: URL | undefined, path: string, query: string) {
    this.parsed = parsed
    this.path = path
    this.query = query
  }
  equals(other: unknown): boolean {
    return other instanceof Url && other.parsed?.href === this.parsed?.href && other.path === this.path && other.query === this.query
  }
}

const PARTS = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/s

function parse(text: string): Url | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (text === '' || /[\u0000-\u0020\u007f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  const [, scheme, authority, path = '', query = ''] = PARTS.exec(text) ?? []
  if (scheme === undefined) return text.startsWith('/') && authority === undefined ? new Url(undefined, path, query) : undefined
  if (authority === undefined && !path.startsWith('/')) return undefined
  if (!URL.canParse(text)) return undefined
  return new Url(new URL(text), path, query)
}

function of(name: string, read: (url: Url) => unknown): readonly [string, (args: readonly unknown[]) => unknown] {
  return [
    name,
    ([value]) => {
      if (!(value instanceof Url)) throw noOverload(name, value)
      return read(value)
    },
  ]
}

export const URL_FUNCTIONS: Calls = [
  parsing('isURL', ['string'], ([text]) => parse(text as string) !== undefined),
  parsing('url', ['string'], ([text]) => {
    const found = parse(text as string)
    if (found === undefined)
      throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`)
    return found
  }),
]

export const URL_METHODS: Calls = [
  of('getScheme', ({ parsed }) => parsed?.protocol.slice(0, -1) ?? ''),
  of('getHost', ({ parsed }) => parsed?.host ?? ''),
  of('getHostname', ({ parsed }) => parsed?.hostname.replace(/^\[|\]$/g, '') ?? ''),
  of('getPort', ({ parsed }) => parsed?.port ?? ''),
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
