/**
 * What a request is about, read from its method and URL alone.
 *
 * @see apiserver/pkg/endpoints/request/requestinfo.go
 * @module
 */
import { requiredFieldValue } from '../api/fields.ts'
import { pathSegmentErrors } from '../api/names.ts'

export interface RequestInfo {
  isResource: boolean
  path: string
  /** `get list watch create update patch delete deletecollection`, or the lower-case method. */
  verb: string
  /** `api` or `apis`. */
  apiPrefix: string
  group: string
  version: string
  namespace: string
  resource: string
  subresource: string
  name: string
  /** Path parts from the resource on. */
  parts: readonly string[]
  /** Selectors that authorization looks at; only for list, watch and deletecollection. */
  fieldSelector: string
  labelSelector: string
  /** The path names the verb (`/api/v1/watch/…`), as clients did before `?watch=`. */
  legacyWatch: boolean
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
const NONE: readonly string[] = []

/** `path` is decoded. Throws an Error with upstream's text when a special verb has nothing after it. */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const info: RequestInfo = {
    isResource: false,
    path,
    verb: method.toLowerCase(),
    apiPrefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: NONE,
    fieldSelector: '',
    labelSelector: '',
    legacyWatch: false,
  }
  let parts = splitPath(path)
  if (parts.length < 3) return info
  const prefix = parts[0] as string
  if (prefix !== 'api' && prefix !== 'apis') return info
  info.apiPrefix = prefix
  parts = parts.slice(1)
  if (prefix === 'apis') {
    if (parts.length < 3) return info
    info.group = parts[0] as string
    parts = parts.slice(1)
  }
  info.isResource = true
  info.version = parts[0] as string
  parts = parts.slice(1)

  if (parts[0] === 'watch' || parts[0] === 'proxy') {
    if (parts.length < 2) throw new Error(`unable to determine kind and namespace from url, ${path}`)
    info.verb = parts[0]
    info.legacyWatch = parts[0] === 'watch'
    parts = parts.slice(1)
  } else {
    info.verb = VERBS[method] ?? ''
  }

  if (parts[0] === 'namespaces' && parts.length > 1) {
    info.namespace = parts[1] as string
    if (parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize') parts = parts.slice(2)
  }
  info.parts = parts
  info.resource = parts[0] ?? ''
  info.name = parts[1] ?? ''
  if (parts.length >= 3 && info.verb !== 'proxy') info.subresource = parts[2] as string

  if (info.name === '' && info.verb === 'get') {
    info.verb = isTrue(query.get('watch')) ? 'watch' : 'list'
    const selector = query.get('fieldSelector')
    if (selector !== null && selector !== '') {
      const name = requiredFieldValue(selector, 'metadata.name')
      if (name !== undefined && pathSegmentErrors(name, false).length === 0) info.name = name
    }
  }
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection'
  if (!info.legacyWatch && (info.verb === 'list' || info.verb === 'watch' || info.verb === 'deletecollection')) {
    info.fieldSelector = query.get('fieldSelector') ?? ''
    info.labelSelector = query.get('labelSelector') ?? ''
  }
  return info
}

/** Query booleans: absent, `false` and `0` are false, everything else is true, even nothing (`?watch`). */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

function splitPath(path: string): string[] {
  let from = 0
  let to = path.length
  while (from < to && path.charCodeAt(from) === 47) from++
  while (to > from && path.charCodeAt(to - 1) === 47) to--
  return from === to ? [] : path.slice(from, to).split('/')
}
