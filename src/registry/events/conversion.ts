/**
 * One event, two faces: core's, which is stored, and events.k8s.io's.
 *
 * @see pkg/apis/events/v1/conversion.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import type { Event as CoreEvent } from '../../api/types/core/v1.ts'
import type { Event } from '../../api/types/events/v1.ts'

/** From the face to the member of core's event; what is not named here has one name in both. */
const RENAMED = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const

export function eventFromCore(stored: KubeObject): Event {
  const event: Event & KubeObject = { ...rename(stored, 1, 0), kind: 'Event', apiVersion: 'events.k8s.io/v1' }
  // Core's face always has them, this one only when they say something.
  if (event.reportingController === '') delete event.reportingController
  if (event.reportingInstance === '') delete event.reportingInstance
  return event
}

export function eventToCore(event: KubeObject): CoreEvent {
  return { ...rename(event, 0, 1), kind: 'Event', apiVersion: 'v1' }
}

function rename(object: KubeObject, from: 0 | 1, to: 0 | 1): KubeObject {
  const renamed: KubeObject = { ...object }
  for (const pair of RENAMED) delete renamed[pair[from]]
  for (const pair of RENAMED) if (object[pair[from]] !== undefined) renamed[pair[to]] = object[pair[from]]
  return renamed
}
