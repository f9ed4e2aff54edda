/**
 * `/metrics`: Prometheus figures under kube-apiserver's names.
 *
 * Label sets are bounded by what is served: unknown resources and methods share one.
 *
 * @see apiserver/pkg/endpoints/metrics/metrics.go
 * @module
 */
import { type Counter, collectDefaultMetrics, Gauge, type Histogram, Registry as Metrics, Counter as PromCounter, Histogram as PromHistogram } from 'prom-client'
import type { Cache } from '../cache/cache.ts'
import type { Registry } from '../registry/endpoint.ts'
import type { ServerRequest } from './handler.ts'
import type { RequestObserver, WatchObservation } from './observe.ts'
import { versionInfo } from './version.ts'

const DURATION_BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const SIZE_BUCKETS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]
const EVENT_SIZE_BUCKETS = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]
const REQUEST_LABELS = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])

interface Child {
  total: Counter.Internal
  duration: Histogram.Internal<string>
  sli: Histogram.Internal<string>
  size: Histogram.Internal<string>
}

export class ServerMetrics implements RequestObserver {
  readonly #metrics = new Metrics()
  readonly #registry: Registry
  readonly #total: PromCounter
  readonly #duration: PromHistogram
  readonly #sli: PromHistogram
  readonly #size: PromHistogram
  readonly #longRunning: Gauge
  readonly #events: PromCounter
  readonly #eventSizes: PromHistogram
  readonly #children = new Map<string, Child>()

  constructor(registry: Registry, cache: Cache, emulatedMinor: number) {
    this.#registry = registry
    const registers = [this.#metrics]
    collectDefaultMetrics({ register: this.#metrics })
    this.#total = new PromCounter({ name: 'apiserver_request_total', help: 'Requests answered, by verb, resource and code.', labelNames: [...REQUEST_LABELS, 'code'], registers })
    this.#duration = new PromHistogram({ name: 'apiserver_request_duration_seconds', help: 'Time to the answer of a request.', labelNames: REQUEST_LABELS, buckets: DURATION_BUCKETS, registers })
    this.#sli = new PromHistogram({ name: 'apiserver_request_sli_duration_seconds', help: 'Time to the answer of a request, without waiting that the server does not answer for.', labelNames: REQUEST_LABELS, buckets: DURATION_BUCKETS, registers })
    this.#size = new PromHistogram({ name: 'apiserver_response_sizes', help: 'Bytes of the bodies of answers.', labelNames: REQUEST_LABELS.filter((label) => label !== 'dry_run'), buckets: SIZE_BUCKETS, registers })
    this.#longRunning = new Gauge({ name: 'apiserver_longrunning_requests', help: 'Watches and other streams that are open.', labelNames: REQUEST_LABELS.filter((label) => label !== 'dry_run'), registers })
    this.#events = new PromCounter({ name: 'apiserver_watch_events_total', help: 'Events sent to watchers.', labelNames: ['group', 'version', 'resource'], registers })
    this.#eventSizes = new PromHistogram({ name: 'apiserver_watch_events_sizes', help: 'Bytes of events sent to watchers.', labelNames: ['group', 'version', 'resource'], buckets: EVENT_SIZE_BUCKETS, registers })
    new Gauge({
      name: 'apiserver_resource_objects',
      help: 'Objects stored, by resource.',
      labelNames: ['group', 'resource'],
      registers,
      collect() {
        this.reset()
        const seen = new Set<string>()
        for (const endpoint of registry.endpoints()) {
          if (endpoint.cache === undefined || seen.has(endpoint.prefix)) continue
          seen.add(endpoint.prefix)
          this.set({ group: endpoint.gr.group, resource: endpoint.gr.resource }, endpoint.cache.snapshot().count(''))
        }
      },
    })
    new Gauge({
      name: 'apiserver_storage_revision',
      help: 'Newest revision that reads are served from.',
      registers,
      collect() {
        this.set(cache.revision)
      },
    })
    const info = versionInfo(emulatedMinor)
    new Gauge({
      name: 'kubernetes_build_info',
      help: 'What this server says of itself.',
      labelNames: ['major', 'minor', 'git_version', 'git_commit', 'git_tree_state', 'build_date', 'go_version', 'compiler', 'platform'],
      registers,
    }).set(
      {
        major: info['major'] ?? '',
        minor: info['minor'] ?? '',
        git_version: info['gitVersion'] ?? '',
        git_commit: info['gitCommit'] ?? '',
        git_tree_state: info['gitTreeState'] ?? '',
        build_date: info['buildDate'] ?? '',
        go_version: info['goVersion'] ?? '',
        compiler: info['compiler'] ?? '',
        platform: info['platform'] ?? '',
      },
      1,
    )
  }

  get contentType(): string {
    return this.#metrics.contentType
  }

  text(): Promise<string> {
    return this.#metrics.metrics()
  }

  answered(request: ServerRequest, code: number, bytes: number): void {
    const child = this.#child(request, code)
    const seconds = (performance.now() - request.startedAt) / 1000
    child.total.inc()
    child.duration.observe(seconds)
    child.sli.observe(seconds)
    child.size.observe(bytes)
  }

  watching(request: ServerRequest): WatchObservation {
    const labels = this.#labels(request)
    const { dry_run: _, ...running } = labels
    const open = this.#longRunning.labels(running)
    const of = { group: labels.group, version: labels.version, resource: labels.resource }
    const events = this.#events.labels(of)
    const sizes = this.#eventSizes.labels(of)
    open.inc()
    return {
      event(bytes) {
        events.inc()
        sizes.observe(bytes)
      },
      ended: () => {
        open.dec()
        this.answered(request, 200, 0)
      },
    }
  }

  #child(request: ServerRequest, code: number): Child {
    const { info } = request
    const key = `${info.verb}|${request.exchange.method}|${info.group}|${info.version}|${info.resource}|${info.subresource}|${scopeOf(request)}|${code}|${request.query.size > 0 && request.query.has('dryRun')}`
    const known = this.#children.get(key)
    if (known !== undefined) return known
    const labels = this.#labels(request)
    const { dry_run: _, ...sized } = labels
    const child: Child = {
      total: this.#total.labels({ ...labels, code: String(code) }),
      duration: this.#duration.labels(labels),
      sli: this.#sli.labels(labels),
      size: this.#size.labels(sized),
    }
    // Only what is served makes a label set of its own, so that nobody outside can grow this.
    if (this.#served(request)) this.#children.set(key, child)
    return child
  }

  #served({ info }: ServerRequest): boolean {
    return info.isResource && this.#registry.endpoint(info.group, info.version, info.resource) !== undefined
  }

  #labels(request: ServerRequest) {
    const { info, exchange, query } = request
    const served = this.#served(request)
    return {
      verb: verbLabel(info.verb, exchange.method),
      dry_run: query.size > 0 && query.get('dryRun') === 'All' ? 'All' : '',
      group: served ? info.group : '',
      version: served ? info.version : '',
      resource: served ? info.resource : '',
      subresource: served ? info.subresource : '',
      scope: served ? scopeOf(request) : '',
      component: 'apiserver',
    }
  }
}

function scopeOf({ info }: ServerRequest): string {
  if (!info.isResource) return ''
  if (info.name !== '') return 'resource'
  return info.namespace === '' ? 'cluster' : 'namespace'
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
