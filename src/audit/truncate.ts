/**
 * Events that are too large lose the objects of request and answer; those that still are get lost, and are counted.
 *
 * @see apiserver/plugin/pkg/audit/truncate/truncate.go
 * @module
 */
import type { AuditBackend, AuditReport } from './backend.ts'
import type { AuditEvent } from './event.ts'

/** For metrics. */
const NAME = 'truncate'
const ANNOTATION = 'audit.k8s.io/truncated'

export function truncatingBackend(backend: AuditBackend, maxEventBytes: number, report: AuditReport): AuditBackend {
  return {
    name: backend.name,
    write(event) {
      if (fits(event, maxEventBytes)) return backend.write(event)
      const small = event.level === 'Metadata' ? event : withoutObjects(event)
      if (small !== event && fits(small, maxEventBytes)) return backend.write(small)
      report.failed(NAME, new Error('event is too large even after truncating'), 1)
      // That it is lost is no fault of the backend.
      return true
    },
    close: () => backend.close(),
  }
}

/** As a line of a log. */
function fits(event: AuditEvent, maxBytes: number): boolean {
  return Buffer.byteLength(JSON.stringify(event)) + 1 <= maxBytes
}

function withoutObjects({ requestObject: _, responseObject: __, ...event }: AuditEvent): AuditEvent {
  return { ...event, annotations: { ...event.annotations, [ANNOTATION]: 'true' } }
}
