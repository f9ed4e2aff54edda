/**
 * A server's audit trail from its options.
 *
 * @see apiserver/pkg/server/options/audit.go
 * @module
 */

import { request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import type { AuditBackend } from '../audit/backend.ts'
import { logBackend } from '../audit/log-backend.ts'
import { LogFile } from '../audit/log-file.ts'
import { webhookBackend } from '../audit/webhook-backend.ts'
import type { ClientConfig } from '../client/kubeconfig.ts'
import type { Clock } from '../clock.ts'
import { AuditMetrics, AuditTrail } from './audit-trail.ts'
import type { Families } from './metrics-families.ts'
import type { AuditOptions, ServerLog } from './options.ts'

const WEBHOOK_TIMEOUT_MS = 30_000

export function auditTrail({ policy, log, webhook }: AuditOptions, deps: { clock: Clock; log: ServerLog; families: Families }): AuditTrail {
  const metrics = new AuditMetrics(deps.families, (backend, err) => deps.log.error({ backend, err }, 'audit events were lost'))
  const backends: AuditBackend[] = []
  if (log !== undefined) {
    const file = new LogFile({
      ...log,
      nowMs: () => deps.clock.nowMs(),
      problem: (err) => deps.log.error({ err }, 'audit log could not be tidied'),
    })
    backends.push(logBackend(file, log.format, log.mode === 'batch' ? log.batch : undefined, metrics))
  }
  if (webhook !== undefined) {
    backends.push(
      webhookBackend(
        { post: poster(webhook.client), initialBackoffMs: webhook.initialBackoffMs, batch: webhook.batch, random: Math.random },
        metrics,
      ),
    )
  }
  return new AuditTrail({ policy, backends, clock: deps.clock, strict: log?.mode === 'blocking-strict', metrics })
}

function poster({
  server,
  ca,
  certificate,
  key,
  token,
  username,
  password,
  insecureSkipTlsVerify,
  tlsServerName,
}: ClientConfig): (body: string) => Promise<number> {
  const url = new URL(server)
  const agent = new Agent({
    keepAlive: true,
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
    ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    rejectUnauthorized: !insecureSkipTlsVerify,
  })
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(username === undefined ? {} : { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` }),
  }
  return (body) =>
    new Promise((resolve, reject) => {
      const options = { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) }, timeout: WEBHOOK_TIMEOUT_MS }
      const sending = url.protocol === 'http:' ? plainRequest(url, options) : request(url, { ...options, agent })
      sending.on('response', (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
        response.on('error', reject)
      })
      sending.on('timeout', () => sending.destroy(new Error('the audit webhook does not answer in time')))
      sending.on('error', reject)
      sending.end(body)
    })
}
