/**
 * Resource paths: which verb of which endpoint a request means, and its answer on the wire.
 *
 * @see apiserver/pkg/endpoints/installer.go
 * @module
 */
import { failure } from '../api/status.ts'
import { type Endpoint, subresourceOf } from '../registry/endpoint.ts'
import { PODPASS_GROUP } from '../registry/podpass/schemas.ts'
import type { Collection, Verb } from '../registry/resource.ts'
import { deleteAllOfCollection, deleteOfCollection, getOfCollection, listOfCollection } from '../registry/verbs/collection.ts'
import type { Result, VerbContext } from '../registry/verbs/context.ts'
import { create, createAction } from '../registry/verbs/create.ts'
import { deleteCollection, deleteOne } from '../registry/verbs/delete.ts'
import { get } from '../registry/verbs/get.ts'
import { listObjects } from '../registry/verbs/list.ts'
import { patch } from '../registry/verbs/patch.ts'
import { update } from '../registry/verbs/update.ts'
import { watchObjects } from '../registry/verbs/watch.ts'
import { gzipLarge } from './compress.ts'
import { type HeaderList, header } from './exchange.ts'
import { type Format, negotiate, PLAIN_JSON, wantsPretty } from './negotiate.ts'
import { connectToPod, connectToService, notServed } from './pod-connect.ts'
import { renderResult } from './render.ts'
import type { ServerRequest } from './request.ts'
import { methodNotAllowed, pageNotFound, routeNotFound } from './route-errors.ts'
import { startWatchStream } from './watch-stream.ts'

const MAX_BODY_BYTES = 3 * 1024 * 1024
/** What a route can answer with, as its 406 lists it. */
const OBJECT_REPRESENTATIONS = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const LIST_REPRESENTATIONS = [
  ...OBJECT_REPRESENTATIONS,
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
]

const CONNECT_VERBS: Readonly<Record<string, string>> = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

export function routeResource(request: ServerRequest): void | Promise<void> {
  const { info, deps } = request
  const { registry } = deps.verbs
  // The path is no route, although it reads like one.
  if (request.path.startsWith('//')) return pageNotFound(request)
  const endpoint = registry.endpoint(info.group, info.version, info.resource)
  if (endpoint === undefined) {
    if (!registry.hasGroup(info.group) || (info.apiPrefix === 'api' && info.version !== 'v1' && info.group !== ''))
      return pageNotFound(request)
    throw routeNotFound()
  }
  const { definition } = endpoint
  if (definition.deprecated !== undefined) request.warnings.add(definition.deprecated)
  const named = info.parts.length > 1
  checkScope(request, endpoint, named)
  const accept = header(request.exchange, 'accept')
  const listing = !named && request.exchange.method === 'GET'
  checkRepresentation(accept, listing ? LIST_REPRESENTATIONS : OBJECT_REPRESENTATIONS)

  if (info.legacyWatch) return watch(request, endpoint, info.parts[1] ?? '')
  if (info.subresource !== '') return routeSubresource(request, endpoint)
  if (info.parts.length > 2) throw routeNotFound()
  const context = contextOf(request, endpoint, named ? (info.parts[1] as string) : '')
  if (definition.action !== undefined) {
    if (named) throw routeNotFound()
    if (request.exchange.method !== 'POST') throw methodNotAllowed()
    const { action } = definition
    return answer(request, endpoint, () => createAction(context, endpoint, action), false)
  }
  if (definition.collection !== undefined) return routeCollection(request, context, endpoint, definition.collection)
  if (named) {
    switch (request.exchange.method) {
      case 'GET':
        allowed(endpoint, 'get')
        return answer(request, endpoint, () => get(context, endpoint))
      case 'PUT':
        allowed(endpoint, 'update')
        return answer(request, endpoint, () => update(context, endpoint))
      case 'PATCH':
        allowed(endpoint, 'patch')
        return answer(request, endpoint, () => patch(context, endpoint))
      case 'DELETE':
        allowed(endpoint, 'delete')
        return answer(request, endpoint, () => deleteOne(context, endpoint))
      default:
        throw methodNotAllowed()
    }
  }
  switch (request.exchange.method) {
    case 'GET':
      if (info.verb === 'watch') {
        allowed(endpoint, 'watch')
        return watch(request, endpoint, '')
      }
      allowed(endpoint, 'list')
      return answer(request, endpoint, () => listObjects(context, endpoint))
    case 'POST':
      allowed(endpoint, 'create')
      return answer(request, endpoint, () => create(context, endpoint))
    case 'DELETE':
      allowed(endpoint, 'deletecollection')
      return answer(request, endpoint, () => deleteCollection(context, endpoint))
    default:
      throw methodNotAllowed()
  }
}

/** Objects that are kept elsewhere than in the store. */
function routeCollection(request: ServerRequest, context: VerbContext, endpoint: Endpoint, collection: Collection): void | Promise<void> {
  const named = context.name !== ''
  switch (request.exchange.method) {
    case 'GET':
      allowed(endpoint, request.info.verb === 'watch' ? 'watch' : named ? 'get' : 'list')
      return answer(request, endpoint, () =>
        named ? getOfCollection(context, endpoint, collection) : listOfCollection(context, endpoint, collection),
      )
    case 'DELETE':
      allowed(endpoint, named ? 'delete' : 'deletecollection')
      return answer(request, endpoint, () =>
        named ? deleteOfCollection(context, endpoint, collection) : deleteAllOfCollection(context, endpoint, collection),
      )
    default:
      throw methodNotAllowed()
  }
}

function allowed(endpoint: Endpoint, verb: Verb): void {
  if (!endpoint.definition.verbs.includes(verb)) throw methodNotAllowed()
}

/** Paths that no route has: a cluster-scoped resource in a namespace, a namespaced object without one. */
function checkScope({ info, exchange }: ServerRequest, endpoint: Endpoint, named: boolean): void {
  const { namespaced } = endpoint.definition
  const inNamespace = info.namespace !== '' && endpoint.gr.resource !== 'namespaces'
  if (!namespaced) {
    if (inNamespace) throw routeNotFound()
    return
  }
  if (inNamespace) return
  if (named) throw routeNotFound()
  const across = endpoint.definition.action === undefined && endpoint.definition.verbs.includes('list')
  if (!across) throw routeNotFound()
  if (exchange.method !== 'GET') throw methodNotAllowed()
}

function checkRepresentation(accept: string, representations: readonly string[]): void {
  if (accept === '' || accept.includes('*/*') || accept.includes('application/')) {
    if (accept === '' || accept.split(',').some((clause) => matchesRoute((clause.split(';', 1)[0] as string).trim()))) return
  }
  throw failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${representations.join(', ')}`, {})
}

function matchesRoute(type: string): boolean {
  return type === '*/*' || type === 'application/*' || OBJECT_REPRESENTATIONS.includes(type)
}

function routeSubresource(request: ServerRequest, endpoint: Endpoint): void | Promise<void> {
  const { info, exchange } = request
  const subresource = subresourceOf(endpoint, info.subresource)
  if (subresource === undefined) throw routeNotFound()
  if (info.parts.length > 3 && info.subresource !== 'proxy') throw routeNotFound()
  if (subresource.type === 'connect') {
    if (!subresource.verbs.includes(CONNECT_VERBS[exchange.method] ?? '')) throw methodNotAllowed()
    if (endpoint.gr.resource === 'pods') return connectToPod(request, endpoint)
    if (endpoint.gr.resource === 'services') return connectToService(request, endpoint)
    throw notServed(info.subresource)
  }
  const context = contextOf(request, endpoint, info.name)
  const verbs: readonly string[] = subresource.verbs
  if (subresource.type === 'action') {
    if (exchange.method !== 'POST') throw methodNotAllowed()
    return answer(request, endpoint, () => createAction(context, endpoint, subresource), false)
  }
  switch (exchange.method) {
    case 'GET':
      if (verbs.includes('get')) return answer(request, endpoint, () => get(context, endpoint))
      break
    case 'PUT':
      if (verbs.includes('update')) return answer(request, endpoint, () => update(context, endpoint))
      break
    case 'PATCH':
      if (verbs.includes('patch')) return answer(request, endpoint, () => patch(context, endpoint))
      break
  }
  throw methodNotAllowed()
}

function contextOf(request: ServerRequest, endpoint: Endpoint, name: string): VerbContext {
  const { deps, exchange, info } = request
  return {
    verbs: deps.verbs,
    user: request.user,
    // A namespace is in itself for authorization and admission, and in none for the store.
    namespace: endpoint.definition.namespaced ? info.namespace : '',
    name,
    subresource: info.subresource,
    query: request.query,
    contentType: header(exchange, 'content-type'),
    userAgent: request.userAgent,
    remoteAddress: exchange.remoteAddress,
    body: () => (request.audit === undefined ? exchange.readBody(MAX_BODY_BYTES) : recordedBody(request)),
    nowMs: request.nowMs,
    warn: (text) => request.warnings.add(text),
    annotate: (key, value, from) => {
      if (from === undefined || request.audit?.keepsRequest === true) request.annotations[key] = value
    },
    signal: () => request.signal,
    remainingMs: () => request.timeoutMs - (performance.now() - request.startedAt),
  }
}

async function recordedBody(request: ServerRequest): Promise<Buffer> {
  const bytes = await request.exchange.readBody(MAX_BODY_BYTES)
  request.audit?.received(bytes)
  return bytes
}

function formatOf(request: ServerRequest, endpoint: Endpoint, watching: boolean, table = true): Format {
  const { exchange, query } = request
  const pretty = !watching && wantsPretty(query, request.userAgent)
  return negotiate(header(exchange, 'accept'), { watch: watching, table, protobuf: endpoint.gr.group !== PODPASS_GROUP, pretty })
}

/** Negotiates before anything is done, and writes the result when it is there. */
function answer(request: ServerRequest, endpoint: Endpoint, verb: () => Result | Promise<Result>, table = true): void | Promise<void> {
  const format = formatOf(request, endpoint, false, table)
  const outcome = verb()
  return outcome instanceof Promise ? outcome.then((result) => send(request, result, format)) : send(request, outcome, format)
}

function send(request: ServerRequest, result: Result, format: Format): void | Promise<void> {
  const { deps, query, exchange } = request
  const body = renderResult(result, { format, query, schemas: deps.verbs.registry.schemas, world: deps.verbs.world })
  if (request.audit !== undefined) recordAnswer(request, result)
  const headers: HeaderList = [['Content-Type', format.media]]
  const packed = gzipLarge(body, header(exchange, 'accept-encoding'))
  if (packed === undefined) {
    request.respond(result.code, headers, body)
    return undefined
  }
  headers.push(['Content-Encoding', 'gzip'], ['Vary', 'Accept-Encoding'])
  return packed.then((compressed) => request.respond(result.code, headers, compressed))
}

/** As JSON and whole, whatever the client asked for. */
function recordAnswer({ audit, deps }: ServerRequest, result: Result): void {
  if (result.kind === 'status') audit?.answered(result.status)
  else if (audit?.wantsResponse === true)
    audit.answeredWith(
      renderResult(result, {
        format: PLAIN_JSON,
        query: new URLSearchParams(),
        schemas: deps.verbs.registry.schemas,
        world: deps.verbs.world,
      }),
    )
}

async function watch(request: ServerRequest, endpoint: Endpoint, pathName: string): Promise<void> {
  const { deps, exchange, query } = request
  const format = formatOf(request, endpoint, true)
  const context = contextOf(request, endpoint, '')
  const started = await watchObjects(context, endpoint, pathName)
  const seconds = started.options.timeoutSeconds
  const timeoutMs = seconds !== undefined && seconds > 0 ? seconds * 1000 : deps.minWatchTimeoutMs * (1 + deps.random())
  const headers: HeaderList = [
    ['Content-Type', format.media === 'application/json' ? 'application/json' : 'application/vnd.kubernetes.protobuf;stream=watch'],
  ]
  request.pushCommonHeaders(headers)
  // Its place among the fair limits was for the start; a stream may last for an hour.
  request.ticket?.release()
  const observed = deps.observer.watching(request)
  request.audit?.started(200)
  const { sender } = request
  let forget = () => {}
  const stream = startWatchStream({
    watch: started,
    endpoint,
    context: { format, query, schemas: deps.verbs.registry.schemas, world: deps.verbs.world },
    timeoutMs,
    stream: exchange.stream(200, headers),
    onEnd() {
      observed.ended()
      request.audit?.completed(200)
      forget()
    },
    onEvent: (bytes) => observed.event(bytes),
  })
  if (sender !== undefined && !stream.closed) forget = deps.longRunning.add(sender.user.username, sender.credentials, () => stream.close())
  exchange.onClose(() => stream.close())
}
