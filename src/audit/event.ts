/**
 * One audit event: what is said of a request at one of its stages.
 *
 * @see apiserver/pkg/apis/audit/v1/types.go, apiserver/pkg/audit/request.go
 * @module
 */
import { isIP } from 'node:net'
import type { Status } from '../api/status.ts'
import type { Level, Stage } from './policy.ts'

export interface AuditUser {
  username?: string
  uid?: string
  groups?: readonly string[]
  extra?: Readonly<Record<string, readonly string[]>>
}

export interface ObjectReference {
  resource?: string
  namespace?: string
  name?: string
  uid?: string
  apiGroup?: string
  apiVersion?: string
  resourceVersion?: string
  subresource?: string
}

/** `audit.k8s.io/v1` Event; members in the order in which they are written. */
export interface AuditEvent {
  kind: 'Event'
  apiVersion: 'audit.k8s.io/v1'
  level: Level
  auditID: string
  stage: Stage
  requestURI: string
  verb: string
  user: AuditUser
  impersonatedUser?: AuditUser
  authenticationMetadata?: { impersonationConstraint: string }
  sourceIPs?: readonly string[]
  userAgent?: string
  objectRef?: ObjectReference
  responseStatus?: { metadata: object } & Partial<Omit<Status, 'metadata' | 'kind' | 'apiVersion'>>
  requestObject?: unknown
  responseObject?: unknown
  requestReceivedTimestamp: string
  stageTimestamp: string
  annotations?: Readonly<Record<string, string>>
}

const MAX_USER_AGENT = 1024

export function userAgentOf(text: string): string {
  return text.length > MAX_USER_AGENT ? `${text.slice(0, MAX_USER_AGENT)}...TRUNCATED` : text
}

/** All that forwarded the request, then the peer. */
export function sourceIPs(forwardedFor: string, realIP: string, peer: string): string[] {
  const ips = forwardedFor
    .split(',')
    .map((one) => one.trim())
    .filter((one) => isIP(one) !== 0)
  if (isIP(realIP) !== 0 && !ips.includes(realIP)) ips.push(realIP)
  const remote = peer.replace(/^::ffff:(?=\d+\.)/, '')
  if (isIP(remote) !== 0 && ips.at(-1) !== remote) ips.push(remote)
  return ips
}

export function auditUser({ username, uid, groups, extra }: AuditUser): AuditUser {
  return {
    ...(username === undefined || username === '' ? {} : { username }),
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups === undefined || groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** Managed fields say who wrote what; many do not want them in the log. */
export function withoutManagedFields(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body
  const { metadata, items } = body as { metadata?: Record<string, unknown>; items?: unknown[] }
  if (metadata !== undefined && metadata !== null) delete metadata['managedFields']
  if (Array.isArray(items)) items.forEach(withoutManagedFields)
  return body
}

/**
 * The older line format, for `--audit-log-format=legacy`.
 *
 * @see apiserver/pkg/audit/format.go, EventString
 */
export function legacyLine(event: AuditEvent): string {
  const { user, impersonatedUser, objectRef, responseStatus } = event
  const quoted = (text: string) => JSON.stringify(text)
  const groups = (of: AuditUser | undefined, none: string) =>
    of?.groups === undefined ? quoted(none) : quoted(of.groups.join('","')).replaceAll('\\"', '"')
  const parts = [
    `${event.requestReceivedTimestamp} AUDIT:`,
    `id=${quoted(event.auditID)}`,
    `stage=${quoted(event.stage)}`,
    `ip=${quoted(event.sourceIPs?.[0] ?? '<unknown>')}`,
    `method=${quoted(event.verb)}`,
    `user=${quoted(user.username ?? '<none>')}`,
    `groups=${groups(user, '<none>')}`,
    `as=${quoted(impersonatedUser?.username ?? '<self>')}`,
    `asgroups=${groups(impersonatedUser, '<lookup>')}`,
    `user-agent=${quoted(event.userAgent ?? '')}`,
    `namespace=${quoted(objectRef?.namespace ?? '<none>')}`,
    `uri=${quoted(event.requestURI)}`,
    `response="${responseStatus?.code ?? '<deferred>'}"`,
  ]
  return parts.join(' ')
}
