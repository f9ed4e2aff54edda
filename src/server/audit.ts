/**
 * A server's audit trail from its options.
 *
 * @see apiserver/pkg/server/options/audit.go
 * @module
 */

import type { AuditBackend } from '../audit/backend.ts'
import { logBackend } from '../audit/log-backend.ts'
import { LogFile } from '../audit/log-file.ts'
import { truncatingBackend } from '../audit/truncate.ts'
import { webhookBackend } from '../audit/webhook-backend.ts'
import { kubeconfigPoster } from '../client/kubeconfig-post.ts'
import type { Clock } from '../clock.ts'
import { AuditMetrics, AuditTrail } from './audit-trail.ts'
import type { Families } from './metrics-families.ts'
import type { AuditOptions, ServerLog } from './options.ts'

const WEBHOOK_TIMEOUT_MS = 30_000

export function auditTrail({ policy, log, webhook }: AuditOptions, deps: { clock: Clock; log: ServerLog; families: Families }): AuditTrail {
  const metrics = new AuditMetrics(
    deps.families,
    lossLog(deps.log, () => performance.now()),
  )
  const backends: AuditBackend[] = []
  const truncated = (backend: AuditBackend, maxEventBytes: number | undefined) =>
    maxEventBytes === undefined ? backend : truncatingBackend(backend, maxEventBytes, metrics)
  if (log !== undefined) {
    const file = new LogFile({
      ...log,
      nowMs: () => deps.clock.nowMs(),
      problem: (err) => deps.log.error({ err }, 'audit log could not be tidied'),
    })
    backends.push(truncated(logBackend(file, log.format, log.mode === 'batch' ? log.batch : undefined, metrics), log.maxEventBytes))
  }
  if (webhook !== undefined) {
    const { client, initialBackoffMs, batch, maxEventBytes } = webhook
    const poster = kubeconfigPoster({ client, timeoutMs: WEBHOOK_TIMEOUT_MS, clock: deps.clock })
    const post = (body: string) => poster.post(body).then(({ status }) => status)
    backends.push(truncated(webhookBackend({ post, initialBackoffMs, batch, random: Math.random }, metrics), maxEventBytes))
  }
  return new AuditTrail({ policy, backends, clock: deps.clock, strict: log?.mode === 'blocking-strict', metrics })
}

const QUIET_MS = 1000

/** A line a second and backend at most, with how many were lost since the one before: a webhook that is down must not fill the log. */
export function lossLog(log: Pick<ServerLog, 'error'>, nowMs: () => number): (backend: string, err: unknown, events: number) => void {
  const told = new Map<string, { atMs: number; untold: number }>()
  return (backend, err, events) => {
    const last = told.get(backend)
    const atMs = nowMs()
    if (last !== undefined && atMs < last.atMs + QUIET_MS) {
      last.untold += events
      return
    }
    told.set(backend, { atMs, untold: 0 })
    log.error({ backend, lost: events + (last?.untold ?? 0), err }, 'audit events were lost')
  }
}
