/**
 * `/metrics`: what a server counts, under kube-apiserver's names.
 *
 * Label sets are bounded by what is served: unknown resources, paths and methods share one.
 *
 * @see apiserver/pkg/endpoints/metrics/metrics.go, apiserver/pkg/endpoints/filters/metrics.go
 * @module
 */
import type { Cache } from '../cache/cache.ts'
import { systemClock } from '../clock.ts'
import type { Registry } from '../registry/endpoint.ts'
import { isMutating } from './fairness.ts'
import { type Cell, exponentialBuckets, type Families, type Family, type HistogramCell, type HistogramFamily } from './metrics-families.ts'
import type { AuthenticationResult, AuthorizationResult, RequestObserver, WatchObservation } from './observe.ts'
import type { ServerRequest } from './request.ts'
import type { ExtraRoute } from './routes.ts'
import { versionInfo } from './version.ts'

const DURATION_BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
const EVENT_SIZE_BUCKETS = exponentialBuckets(1024, 2, 8)
const IDENTITY_BUCKETS = exponentialBuckets(0.001, 2, 15)
const RESOURCE_LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component']
const REQUEST_LABELS = ['verb', 'dry_run', ...RESOURCE_LABELS.slice(1)]
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'CONNECT'])
const HEALTH_PATHS = new Set(['/healthz', '/livez', '/readyz'])
/** Users with a figure of their own; all others share one. */
const NAMED_USERS = new Set(['admin', 'client', 'kube_proxy', 'kubelet', 'system:serviceaccount:kube-system:default'])

interface RequestCells {
  total: Cell
  duration: HistogramCell
  sli: HistogramCell
  size: HistogramCell
}

interface TimedCells {
  total: Cell
  duration: HistogramCell
}

export class ServerMetrics implements RequestObserver {
  readonly families: Families
  readonly #registry: Registry
  readonly #total: Family
  readonly #duration: HistogramFamily
  readonly #sli: HistogramFamily
  readonly #size: HistogramFamily
  readonly #longRunning: Family
  readonly #events: Family
  readonly #eventSizes: HistogramFamily
  readonly #users: Family
  readonly #userCells = new Map<string, Cell>()
  readonly #authentication: Readonly<Record<AuthenticationResult, TimedCells>>
  readonly #authorization: Readonly<Record<AuthorizationResult, TimedCells>>
  readonly #readOnly: Cell
  readonly #mutating: Cell
  readonly #cells = new Map<string, RequestCells>()

  constructor(registry: Registry, families: Families) {
    this.#registry = registry
    this.families = families
    this.#total = families.counter('apiserver_request_total', 'Requests answered, by verb, resource and code.', [...REQUEST_LABELS, 'code'])
    this.#duration = families.histogram(
      'apiserver_request_duration_seconds',
      'Time to the answer of a request.',
      REQUEST_LABELS,
      DURATION_BUCKETS,
    )
    this.#sli = families.histogram(
      'apiserver_request_sli_duration_seconds',
      'Time to the answer of a request, without waiting that the server does not answer for.',
      REQUEST_LABELS,
      DURATION_BUCKETS,
    )
    this.#size = families.histogram('apiserver_response_sizes', 'Bytes of the bodies of answers.', RESOURCE_LABELS, SIZE_BUCKETS)
    this.#longRunning = families.gauge('apiserver_longrunning_requests', 'Watches and other streams that are open.', RESOURCE_LABELS)
    this.#events = families.counter('apiserver_watch_events_total', 'Events sent to watchers.', ['group', 'version', 'resource'])
    this.#eventSizes = families.histogram(
      'apiserver_watch_events_sizes',
      'Bytes of events sent to watchers.',
      ['group', 'version', 'resource'],
      EVENT_SIZE_BUCKETS,
    )
    const inflight = families.gauge('apiserver_current_inflight_requests', 'Requests that are being answered, without streams.', [
      'request_kind',
    ])
    this.#readOnly = inflight.cell('readOnly')
    this.#mutating = inflight.cell('mutating')
    this.#users = families.counter('authenticated_user_requests', 'Requests authenticated, by user.', ['username'])
    const timed = <T extends string>(results: readonly T[], total: Family, duration: HistogramFamily) =>
      Object.fromEntries(results.map((result) => [result, { total: total.cell(result), duration: duration.cell(result) }])) as Record<
        T,
        TimedCells
      >
    this.#authentication = timed(
      ['success', 'failure', 'error'],
      families.counter('authentication_attempts', 'Attempts to find out who asks.', ['result']),
      families.histogram('authentication_duration_seconds', 'Time to find out who asks.', ['result'], IDENTITY_BUCKETS),
    )
    this.#authorization = timed(
      ['allowed', 'denied', 'no-opinion', 'error'],
      families.counter('authorization_attempts_total', 'Decisions whether somebody may.', ['result']),
      families.histogram('authorization_duration_seconds', 'Time to decide whether somebody may.', ['result'], IDENTITY_BUCKETS),
    )
  }

  authenticated(result: AuthenticationResult, username: string, startedMs: number): void {
    observeTimed(this.#authentication[result], startedMs)
    if (result !== 'success') return
    const name = NAMED_USERS.has(username) ? username : username.includes('@') ? 'email_id' : 'other'
    let cell = this.#userCells.get(name)
    if (cell === undefined) {
      cell = this.#users.cell(name)
      this.#userCells.set(name, cell)
    }
    cell.value++
  }

  authorized(result: AuthorizationResult, startedMs: number): void {
    observeTimed(this.#authorization[result], startedMs)
  }

  executing({ info }: ServerRequest): void {
    ;(isMutating(info) ? this.#mutating : this.#readOnly).value++
  }

  finished({ info }: ServerRequest): void {
    ;(isMutating(info) ? this.#mutating : this.#readOnly).value--
  }

  answered(request: ServerRequest, code: number, bytes: number): void {
    const cells = this.#cellsOf(request, code)
    const seconds = (performance.now() - request.startedAt) / 1000
    cells.total.value++
    cells.duration.observe(seconds)
    cells.sli.observe(seconds)
    cells.size.observe(bytes)
  }

  watching(request: ServerRequest): WatchObservation {
    const { verb, of } = this.#labels(request)
    const [group = '', version = '', resource = ''] = of
    const open = this.#longRunning.cell(verb, ...of)
    const events = this.#events.cell(group, version, resource)
    const sizes = this.#eventSizes.cell(group, version, resource)
    open.value++
    return {
      event(bytes) {
        events.value++
        sizes.observe(bytes)
      },
      ended: () => {
        open.value--
        this.answered(request, 200, 0)
      },
    }
  }

  #cellsOf(request: ServerRequest, code: number): RequestCells {
    const { info, query, exchange } = request
    const dryRun = query.size > 0 && query.has('dryRun') ? 'd' : ''
    const known = this.#served(request)
    // Only what is served makes a key of its own, so that nobody outside can grow this.
    const key = known
      ? `${info.verb}|${exchange.method}|${info.group}|${info.version}|${info.resource}|${info.subresource}|${scopeOf(request)}|${code}|${dryRun}`
      : `|${verbLabel(info.verb, exchange.method)}|${healthPath(request)}|${code}`
    let cells = this.#cells.get(key)
    if (cells === undefined) {
      const { verb, dryRun: dryRunLabel, of } = this.#labels(request)
      cells = {
        total: this.#total.cell(verb, dryRunLabel, ...of, String(code)),
        duration: this.#duration.cell(verb, dryRunLabel, ...of),
        sli: this.#sli.cell(verb, dryRunLabel, ...of),
        size: this.#size.cell(verb, ...of),
      }
      this.#cells.set(key, cells)
    }
    return cells
  }

  #served({ info }: ServerRequest): boolean {
    if (!info.isResource) return false
    const endpoint = this.#registry.endpoint(info.group, info.version, info.resource)
    return endpoint !== undefined && (info.subresource === '' || Object.hasOwn(endpoint.definition.subresources ?? {}, info.subresource))
  }

  #labels(request: ServerRequest): { verb: string; dryRun: string; of: string[] } {
    const { info, exchange, query } = request
    const served = this.#served(request)
    return {
      verb: verbLabel(info.verb, exchange.method),
      dryRun: query.size > 0 && query.get('dryRun') === 'All' ? 'All' : '',
      of: served
        ? [info.group, info.version, info.resource, info.subresource, scopeOf(request), 'apiserver']
        : ['', '', '', healthPath(request), '', 'apiserver'],
    }
  }
}

export function metricsRoute(families: Families, path = '/metrics'): ExtraRoute {
  return {
    path,
    handle: (request) => request.respond(200, [['Content-Type', 'text/plain; version=0.0.4; charset=utf-8']], families.text()),
  }
}

/** Figures that are read off at a scrape: what is stored, the version, the process. */
export function readOffMetrics(families: Families, deps: { registry: Registry; cache: Cache; emulatedMinor: number }): void {
  const { registry, cache, emulatedMinor } = deps
  const stored = (each: (group: string, resource: string, count: number) => void) => {
    const seen = new Set<string>()
    for (const { cache: resource, prefix, gr } of registry.endpoints()) {
      if (resource === undefined || seen.has(prefix)) continue
      seen.add(prefix)
      each(gr.group, gr.resource, resource.snapshot().count(''))
    }
  }
  families.collected('gauge', 'apiserver_resource_objects', 'Objects stored, by resource.', ['group', 'resource'], (family) => {
    family.reset()
    stored((group, resource, count) => {
      family.cell(group, resource).value = count
    })
  })
  families.collected('gauge', 'apiserver_storage_objects', 'Objects stored, by resource and group in one name.', ['resource'], (family) => {
    family.reset()
    stored((group, resource, count) => {
      family.cell(group === '' ? resource : `${resource}.${group}`).value = count
    })
  })
  families.collected('gauge', 'apiserver_watch_cache_resource_version', 'Newest revision that reads are served from.', [], (family) => {
    family.cell().value = cache.revision
  })
  const info = versionInfo(emulatedMinor)
  families
    .gauge('kubernetes_build_info', 'What this server says of itself.', [
      'major',
      'minor',
      'git_version',
      'git_commit',
      'git_tree_state',
      'build_date',
      'go_version',
      'compiler',
      'platform',
    ])
    .cell(
      ...['major', 'minor', 'gitVersion', 'gitCommit', 'gitTreeState', 'buildDate', 'goVersion', 'compiler', 'platform'].map(
        (name) => info[name] ?? '',
      ),
    ).value = 1
  const startedSeconds = systemClock.nowMs() / 1000 - process.uptime()
  const figures: [name: string, type: 'counter' | 'gauge', help: string, read: () => number][] = [
    ['process_cpu_seconds_total', 'counter', 'Time on the processors, of the process and of the kernel for it.', () => cpuSeconds()],
    ['process_resident_memory_bytes', 'gauge', 'Memory in use.', () => process.memoryUsage.rss()],
    ['process_start_time_seconds', 'gauge', 'When the process began, since the epoch.', () => startedSeconds],
    ['nodejs_heap_size_used_bytes', 'gauge', "Memory that the program's objects take.", () => process.memoryUsage().heapUsed],
    ['nodejs_heap_size_total_bytes', 'gauge', "Memory held for the program's objects.", () => process.memoryUsage().heapTotal],
    [
      'nodejs_eventloop_utilization',
      'gauge',
      'Part of the time since the start that the event loop was not idle.',
      () => performance.eventLoopUtilization().utilization,
    ],
  ]
  for (const [name, type, help, read] of figures) {
    families.collected(type, name, help, [], (family) => {
      family.cell().value = read()
    })
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function observeTimed({ total, duration }: TimedCells, startedMs: number): void {
  total.value++
  duration.observe((performance.now() - startedMs) / 1000)
}

function scopeOf({ info }: ServerRequest): string {
  if (info.name !== '') return 'resource'
  return info.namespace === '' ? 'cluster' : 'namespace'
}

function healthPath({ path }: ServerRequest): string {
  return HEALTH_PATHS.has(path) ? path : ''
}

function verbLabel(verb: string, method: string): string {
  switch (verb) {
    case 'list':
    case 'watch':
    case 'deletecollection':
      return verb.toUpperCase()
    default:
      return METHODS.has(method) ? method : 'other'
  }
}
