/**
 * Writes events to the audit log, one by one before the answer goes out, or in batches.
 *
 * @see apiserver/plugin/pkg/audit/log/backend.go
 * @module
 */
import type { AuditBackend, AuditReport } from './backend.ts'
import { BatchBackend, type BatchSettings } from './batch.ts'
import { type AuditEvent, legacyLine } from './event.ts'
import type { LogFile } from './log-file.ts'
import { withoutTokens } from './redact.ts'

export type LogFormat = 'json' | 'legacy'

export function logBackend(file: LogFile, format: LogFormat, batch: BatchSettings | undefined, report: AuditReport): AuditBackend {
  const line = (event: AuditEvent) => withoutTokens(format === 'json' ? JSON.stringify(event) : legacyLine(event))
  if (batch !== undefined) {
    const send = async (events: readonly AuditEvent[]) => file.write(events.map(line).join('\n'))
    const batched = new BatchBackend('log', batch, send, report)
    return {
      name: 'log',
      write: (event) => batched.write(event),
      close: () => batched.close().then(() => file.close()),
    }
  }
  return {
    name: 'log',
    write(event) {
      try {
        file.write(line(event))
        return true
      } catch (error) {
        report.failed('log', error, 1)
        return false
      }
    },
    close: () => file.close(),
  }
}
