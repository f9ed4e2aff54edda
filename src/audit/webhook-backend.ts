/**
 * Sends events to a webhook, as lists.
 *
 * @see apiserver/plugin/pkg/audit/webhook/webhook.go
 * @module
 */
import { systemClock } from '../clock.ts'
import type { AuditBackend, AuditReport } from './backend.ts'
import { BatchBackend, type BatchSettings } from './batch.ts'
import type { AuditEvent } from './event.ts'
import { withoutTokens } from './redact.ts'

const ATTEMPTS = 5
const FACTOR = 1.5
const JITTER = 0.2

export interface WebhookSettings {
  /** Answers the HTTP status; rejects when there is none. */
  post(body: string): Promise<number>
  initialBackoffMs: number
  batch: BatchSettings
  random(): number
}

export function webhookBackend({ post, initialBackoffMs, batch, random }: WebhookSettings, report: AuditReport): AuditBackend {
  let closing = false
  const send = async (events: readonly AuditEvent[]) => {
    const items = events.map(({ kind: _, apiVersion: __, ...event }) => event)
    const body = withoutTokens(JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }))
    for (let attempt = 1, waitMs = initialBackoffMs; ; attempt++, waitMs *= FACTOR) {
      try {
        const status = await post(body)
        if (status < 400) return
        throw new Error(`the audit webhook answers ${status}`)
      } catch (error) {
        // At the end nobody waits for a webhook that does not answer.
        if (attempt === ATTEMPTS || closing) throw error
        await new Promise<void>((resolve) => systemClock.after(waitMs * (1 + random() * JITTER), resolve))
      }
    }
  }
  const batched = new BatchBackend('webhook', batch, send, report)
  return {
    name: 'webhook',
    write: (event) => batched.write(event),
    close() {
      closing = true
      return batched.close()
    },
  }
}
