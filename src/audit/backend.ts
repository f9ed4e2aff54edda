/**
 * Where audit events go.
 *
 * @see apiserver/pkg/audit/types.go
 * @module
 */
import type { AuditEvent } from './event.ts'

export interface AuditBackend {
  /** `log` or `webhook`: for metrics. */
  readonly name: string
  /** False when the event could not be kept. Never throws. */
  write(event: AuditEvent): boolean
  /** Writes out what waits. */
  close(): Promise<void>
}

/** What happens to events, for whoever counts. */
export interface AuditReport {
  /** Events that this backend lost, and why. */
  failed(backend: string, error: unknown, events: number): void
}
