/**
 * `/healthz`, `/livez`, `/readyz`: named checks, alone or together.
 *
 * @see apiserver/pkg/server/healthz/healthz.go
 * @module
 */
import { quote } from '../api/status.ts'
import type { Cache } from '../cache/cache.ts'

export interface HealthCheck {
  name: string
  /** Throws, or rejects, when it fails. */
  check(): void | Promise<void>
}

export type HealthGroup = 'healthz' | 'livez' | 'readyz'

export interface HealthAnswer {
  code: number
  body: string
}

/** Where a server is in its life. */
export interface Lifecycle {
  /** Everything that a start does is done. */
  ready: boolean
  stopping: boolean
}

/** What is done at start, under the names of upstream's hooks: those of them that have something to do here. */
const START_HOOKS = [
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'storage-readiness',
  'start-legacy-token-tracking-controller',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'start-kubernetes-service-cidr-controller',
  'apiservice-status-local-available-controller',
  'kube-apiserver-autoregistration',
]

/** The checks of each group, in the order in which they are listed. */
export function healthChecks(cache: Cache, lifecycle: Lifecycle): Record<HealthGroup, HealthCheck[]> {
  const check = (name: string, holds: () => boolean, otherwise: string): HealthCheck => ({
    name,
    check() {
      if (!holds()) throw new Error(otherwise)
    },
  })
  const started = () => lifecycle.ready
  const ping = check('ping', () => true, '')
  const log = check('log', () => true, '')
  const etcd = check('etcd', () => cache.trustworthy, 'out of touch with the store')
  const hooks = [
    ...START_HOOKS.map((name) => check(`poststarthook/${name}`, started, 'not finished')),
    check('autoregister-completion', started, 'missing APIService'),
  ]
  const live = [ping, log, etcd, ...hooks]
  return {
    healthz: live,
    livez: live,
    readyz: [
      ping,
      log,
      { ...etcd, name: 'etcd-readiness' },
      check('informer-sync', started, 'informers not started yet'),
      ...hooks,
      check('shutdown', () => !lifecycle.stopping, 'process is shutting down'),
    ],
  }
}

/** Hears how each check of a group went, but not of those asked for alone. */
export type HealthObserver = (name: string, group: string, holds: boolean) => void

/** `only` is one check's name, or `''`; undefined when there is no such check. */
export async function healthAnswer(
  group: string,
  only: string,
  checks: readonly HealthCheck[],
  query: URLSearchParams,
  observe: HealthObserver,
): Promise<HealthAnswer | undefined> {
  if (only !== '') {
    const one = checks.find(({ name }) => name === only)
    if (one === undefined) return undefined
    const failure = await failureOf(one)
    return failure === undefined ? { code: 200, body: 'ok' } : { code: 500, body: `internal server error: ${failure}\n` }
  }
  const excluded = new Set(query.getAll('exclude'))
  const lines: string[] = []
  let failed = false
  for (const one of checks) {
    if (excluded.delete(one.name)) {
      lines.push(`[+]${one.name} excluded: ok`)
      continue
    }
    const holds = (await failureOf(one)) === undefined
    observe(one.name, group, holds)
    if (holds) lines.push(`[+]${one.name} ok`)
    else {
      failed = true
      lines.push(`[-]${one.name} failed: reason withheld`)
    }
  }
  if (excluded.size > 0)
    lines.push(`warn: some health checks cannot be excluded: no matches for ${[...excluded].sort().map(quote).join(',')}`)
  if (failed) return { code: 500, body: `${lines.join('\n')}\n${group} check failed\n` }
  return { code: 200, body: query.has('verbose') ? `${lines.join('\n')}\n${group} check passed\n` : 'ok' }
}

async function failureOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
