/**
 * Events that controllers write about objects.
 *
 * @see client-go/tools/record/event.go
 * @module
 */
import type { Client } from '../client/client.ts'
import { type Clock, rfc3339 } from '../clock.ts'

/** `v1.ObjectReference`. */
export interface EventSubject {
  apiVersion: string
  kind: string
  /** `''` for cluster-scoped objects, whose events are kept in `default`. */
  namespace: string
  name: string
  uid: string
}

export interface EventRecorder {
  warning(about: EventSubject, reason: string, message: string): void
}

/** Events are told behind the caller's back, and lost where they cannot be written: `onError` hears of it. */
export function eventRecorder(component: string, client: Client, clock: Clock, onError: (error: unknown) => void): EventRecorder {
  return {
    warning({ apiVersion, kind, namespace, name, uid }, reason, message) {
      const nowMs = clock.nowMs()
      const now = rfc3339(nowMs)
      const home = namespace === '' ? 'default' : namespace
      const body = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${name}.${(BigInt(nowMs) * 1_000_000n).toString(16)}`, namespace: home },
        involvedObject: { apiVersion, kind, ...(namespace === '' ? {} : { namespace }), name, uid },
        reason,
        message,
        source: { component },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
        type: 'Warning',
        reportingComponent: component,
        reportingInstance: '',
      }
      client.call({ method: 'POST', path: `/api/v1/namespaces/${home}/events`, body }).catch(onError)
    },
  }
}
