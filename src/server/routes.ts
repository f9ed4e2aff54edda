/**
 * Paths that are no resources: discovery, health, version, metrics, OpenAPI, issuer discovery.
 *
 * @module
 */

import { encodeYaml } from '../api/encode.ts'
import { failure } from '../api/status.ts'
import type { Discovery } from './discovery.ts'
import { header } from './exchange.ts'
import { type HealthCheck, type HealthObserver, healthAnswer } from './health.ts'
import { wantsPretty } from './negotiate.ts'
import type { PathRoutes, ServerRequest } from './request.ts'
import { methodNotAllowed, pageNotFound, routeNotFound } from './route-errors.ts'
import { versionInfo } from './version.ts'

/** Answers one exact path, or everything under it when it ends in a slash. */
export interface ExtraRoute {
  path: string
  /** Not in the list of paths at `/`. */
  hidden?: boolean
  handle(request: ServerRequest): void | Promise<void>
}

export interface PathRoutesDeps {
  discovery: Discovery
  serverAddress(): string
  emulatedMinor: number
  /** By group: `healthz`, `livez`, `readyz`. */
  checks: Readonly<Record<'healthz' | 'livez' | 'readyz', readonly HealthCheck[]>>
  observeHealth: HealthObserver
  extra: readonly ExtraRoute[]
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const DISCOVERY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

export function pathRoutes(deps: PathRoutesDeps): PathRoutes {
  const { discovery } = deps
  return (request) => {
    const parts = request.path.split('/').filter((part) => part !== '')
    const [first = '', second = '', third = ''] = parts
    if (request.path.startsWith('//')) return false
    switch (first) {
      case '':
      case 'index.html':
        if (parts.length > 1) return false
        request.respondJson(200, { paths: allPaths(deps) })
        return true
      case 'api':
        if (parts.length === 1) return discover(request, () => discovery.apiVersions(deps.serverAddress()), discovery.aggregated(true))
        if (parts.length === 2) return found(request, () => discovery.resourceList('', second))
        return false
      case 'apis':
        if (parts.length === 1) return discover(request, () => discovery.groupList(), discovery.aggregated(false), true)
        if (discovery.group(second) === undefined) return false
        if (parts.length === 2) return found(request, () => discovery.group(second))
        if (parts.length === 3) return found(request, () => discovery.resourceList(second, third))
        return false
      case 'version':
        if (parts.length > 1) return false
        onlyGet(request)
        checkAccept(request, ['application/json'])
        request.respond(200, [['Content-Type', 'application/json']], JSON.stringify(versionInfo(deps.emulatedMinor), null, 2))
        return true
      case 'healthz':
      case 'livez':
      case 'readyz':
        return health(request, first, parts.slice(1).join('/'), deps)
    }
    for (const { path, handle } of deps.extra) {
      if (request.path !== path && !(path.endsWith('/') && request.path.startsWith(path))) continue
      const done = handle(request)
      return done instanceof Promise ? done.then(() => true) : true
    }
    return false
  }
}

function allPaths(deps: PathRoutesDeps): string[] {
  const health = (['healthz', 'livez', 'readyz'] as const).flatMap((group) => [
    `/${group}`,
    ...deps.checks[group].map(({ name }) => `/${group}/${name}`),
  ])
  const extra = deps.extra.filter(({ hidden }) => hidden !== true).map(({ path }) => path.replace(/\/$/, ''))
  return [...new Set([...deps.discovery.paths(), ...health, '/version', ...extra])].sort()
}

/** `/api` and `/apis`: aggregated for those who ask for it. */
function discover(request: ServerRequest, plain: () => object, aggregated: { body: string; etag: string }, anyMethod = false): boolean {
  if (!anyMethod) onlyGet(request)
  const accept = header(request.exchange, 'accept')
  for (const clause of accept.split(',')) {
    const parameters = new Set(clause.split(';').map((part) => part.trim()))
    const as = [...parameters].find((one) => one.startsWith('as='))
    if (as === undefined) {
      if (parameters.has('application/json') || parameters.has('*/*') || accept === '') break
      continue
    }
    if (
      parameters.has('application/json') &&
      parameters.has('g=apidiscovery.k8s.io') &&
      parameters.has('v=v2') &&
      parameters.has('as=APIGroupDiscoveryList')
    ) {
      const headers: [string, string][] = [
        ['ETag', aggregated.etag],
        ['Vary', 'Accept'],
        ['Cache-Control', 'public'],
      ]
      if (header(request.exchange, 'if-none-match') === aggregated.etag) request.respond(304, headers, undefined)
      else request.respond(200, [['Content-Type', AGGREGATED], ...headers], aggregated.body)
      return true
    }
  }
  return found(request, plain, anyMethod)
}

function found(request: ServerRequest, make: () => object | undefined, anyMethod = false): boolean {
  const document = make()
  if (document === undefined) throw routeNotFound()
  if (!anyMethod) onlyGet(request)
  const media = checkAccept(request, DISCOVERY_TYPES)
  if (media === 'application/yaml') request.respond(200, [['Content-Type', media]], encodeYaml(document as never))
  else if (wantsPretty(request.query, request.userAgent))
    request.respond(200, [['Content-Type', 'application/json']], `${JSON.stringify(document, null, 2)}\n`)
  else request.respondJson(200, document)
  return true
}

function onlyGet({ exchange }: ServerRequest): void {
  if (exchange.method !== 'GET') throw methodNotAllowed()
}

/** The first of `types` that the client takes; throws the route's 406. */
function checkAccept(request: ServerRequest, types: readonly string[]): string {
  const accept = header(request.exchange, 'accept')
  if (accept === '') return types[0] as string
  let transformed = false
  for (const clause of accept.split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim())
    const match = type === '*/*' || type === 'application/*' ? types[0] : types.find((one) => one === type)
    if (match === undefined) continue
    if (parameters.some((one) => one.startsWith('as='))) {
      transformed = true
      continue
    }
    return match === 'application/vnd.kubernetes.protobuf' ? 'application/json' : match
  }
  if (transformed) throw failure(406, 'NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)
  throw failure(406, 'NotAcceptable', `406: Not Acceptable\n\nAvailable representations: ${types.join(', ')}`, {})
}

async function health(
  request: ServerRequest,
  group: 'healthz' | 'livez' | 'readyz',
  only: string,
  { checks, observeHealth }: PathRoutesDeps,
): Promise<boolean> {
  const answer = await healthAnswer(group, only, checks[group], request.query, observeHealth)
  if (answer === undefined) {
    pageNotFound(request)
    return true
  }
  request.respondText(answer.code, answer.body)
  return true
}
