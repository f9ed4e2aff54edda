/**
 * Records requests as the audit policy says: made only where there is a policy.
 *
 * @see apiserver/pkg/endpoints/filters/audit.go, apiserver/pkg/audit/request.go
 * @module
 */

import { plainValue } from '../api/json.ts'
import type { KubeObject } from '../api/object.ts'
import { decodeProtobuf } from '../api/protobuf.ts'
import { type Status, unauthorized } from '../api/status.ts'
import { parseYaml } from '../api/yaml.ts'
import type { AuditBackend, AuditReport } from '../audit/backend.ts'
import { type AuditEvent, auditUser, type ObjectReference, sourceIPs, userAgentOf, withoutManagedFields } from '../audit/event.ts'
import { type AuditConfig, auditConfig, type Level, type Policy, type Stage } from '../audit/policy.ts'
import { isRedacted, redactBody, withoutQueryTokens } from '../audit/redact.ts'
import { type Clock, rfc3339Micro } from '../clock.ts'
import { header } from './exchange.ts'
import type { Cell, Families, Family } from './metrics-families.ts'
import type { ServerRequest } from './request.ts'

/** Of callers inside the process. */
const LOOPBACK = '127.0.0.1'

export interface AuditDeps {
  policy: Policy
  backends: readonly AuditBackend[]
  clock: Clock
  /** A request that cannot be recorded is not served. */
  strict: boolean
  metrics: AuditMetrics
}

/** What is counted of audit; also what backends report their losses to. */
export class AuditMetrics implements AuditReport {
  readonly events: Cell
  readonly rejected: Cell
  readonly #levels: Family
  readonly #errors: Family
  readonly #onFailure: (backend: string, error: unknown, events: number) => void

  constructor(families: Families, onFailure: (backend: string, error: unknown, events: number) => void) {
    this.events = families.counter('apiserver_audit_event_total', 'Audit events made.').cell()
    this.rejected = families
      .counter('apiserver_audit_requests_rejected_total', 'Requests refused because they could not be recorded.')
      .cell()
    this.#levels = families.counter('apiserver_audit_level_total', 'Requests by the level that the policy has for them.', ['level'])
    this.#errors = families.counter('apiserver_audit_error_total', 'Audit events lost, by backend.', ['plugin'])
    this.#onFailure = onFailure
  }
  level(level: Level): void {
    this.#levels.cell(level).value++
  }
  failed(backend: string, error: unknown, events: number): void {
    this.#errors.cell(backend).value += events
    this.#onFailure(backend, error, events)
  }
}

export class AuditTrail {
  readonly #deps: AuditDeps

  constructor(deps: AuditDeps) {
    this.#deps = deps
  }

  /** Once the sender is known. False: the request must not be served. */
  begin(request: ServerRequest): boolean {
    const record = this.#record(request)
    if (record === undefined) return true
    if (!record.emit('RequestReceived') && this.#deps.strict) {
      this.#deps.metrics.rejected.value++
      return false
    }
    request.audit = record
    request.exchange.onClose(() => record.closed())
    return true
  }

  /** Nobody was authenticated: one event, and no more. */
  refused(request: ServerRequest): void {
    const record = this.#record(request)
    if (record === undefined) return
    record.answered(unauthorized().status)
    record.emit('ResponseStarted', 401)
  }

  async close(): Promise<void> {
    await Promise.all(this.#deps.backends.map((backend) => backend.close()))
  }

  #record(request: ServerRequest): RequestAudit | undefined {
    const { info, sender, user } = request
    const config = auditConfig(this.#deps.policy, {
      // Callers inside the process are who they are; of others nobody is known before they have been authenticated.
      user: sender?.user ?? user,
      verb: info.verb,
      isResource: info.isResource,
      apiGroup: info.group,
      resource: info.resource,
      subresource: info.subresource,
      namespace: info.namespace,
      name: info.name,
      path: info.path,
    })
    this.#deps.metrics.level(config.level)
    return config.level === 'None' ? undefined : new RequestAudit(this.#deps, request, config)
  }
}

/** One request's record: its later stages are called as it goes on. */
export class RequestAudit {
  readonly #deps: AuditDeps
  readonly #request: ServerRequest
  readonly #config: AuditConfig
  #sent: { bytes: Buffer; type: string } | undefined
  #status: Status | undefined
  #object: string | Uint8Array | undefined
  #done = false

  constructor(deps: AuditDeps, request: ServerRequest, config: AuditConfig) {
    this.#deps = deps
    this.#request = request
    this.#config = config
  }

  /** Whether what was sent is recorded as it is: nothing of what is redacted may be in an annotation either. */
  get keepsRequest(): boolean {
    const { info } = this.#request
    return this.#config.level !== 'Metadata' && !isRedacted(info.resource, info.subresource)
  }

  get wantsResponse(): boolean {
    return this.#config.level === 'RequestResponse'
  }

  /** The body of the request, as it was read. */
  received(bytes: Buffer): void {
    if (bytes.length > 0) this.#sent = { bytes, type: header(this.#request.exchange, 'content-type') }
  }

  /** The answer is a Status. */
  answered(status: Status): void {
    this.#status = status
  }

  /** The answer as JSON, whatever encoding the client asked for. */
  answeredWith(json: string | Uint8Array): void {
    this.#object = json
  }

  /** A stream has begun. */
  started(code: number): void {
    this.emit('ResponseStarted', code)
  }

  completed(code: number): void {
    if (this.#done) return
    this.#done = true
    this.emit('ResponseComplete', code)
  }

  /** Without an answer, or after one that has been recorded. */
  closed(): void {
    if (this.#done) return
    this.#status ??= {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      message: 'Connection closed early',
      code: 200,
    } as Status
    this.completed(200)
  }

  /** False when a backend could not keep it. */
  emit(stage: Stage, code?: number): boolean {
    if (this.#config.omitStages.has(stage)) return true
    const event = this.#event(stage, code)
    const { backends, metrics } = this.#deps
    metrics.events.value++
    let kept = true
    for (const backend of backends) if (!backend.write(event)) kept = false
    return kept
  }

  #event(stage: Stage, code: number | undefined): AuditEvent {
    const { level } = this.#config
    const { exchange, info, sender, user, auditId, annotations, nowMs, impersonationConstraint } = this.#request
    const impersonates = sender !== undefined && user !== sender.user
    const sent = stage === 'RequestReceived' ? undefined : this.#requestObject()
    const received = rfc3339Micro(nowMs)
    const objectRef = info.isResource ? this.#reference(sent) : undefined
    const ips = sourceIPs(header(exchange, 'x-forwarded-for'), header(exchange, 'x-real-ip'), exchange.remoteAddress || LOOPBACK)
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: auditId,
      stage,
      requestURI: withoutQueryTokens(exchange.url),
      verb: info.verb,
      user: auditUser(sender?.user ?? user),
      ...(impersonates ? { impersonatedUser: auditUser(user) } : {}),
      ...(impersonationConstraint === undefined ? {} : { authenticationMetadata: { impersonationConstraint } }),
      ...(ips.length === 0 ? {} : { sourceIPs: ips }),
      ...(this.#request.userAgent === '' ? {} : { userAgent: userAgentOf(this.#request.userAgent) }),
      ...(objectRef === undefined ? {} : { objectRef }),
      ...(code === undefined ? {} : { responseStatus: statusOf(this.#status, code) }),
      ...(sent === undefined || level === 'Metadata' ? {} : { requestObject: this.#shown(sent) }),
      ...(code === undefined || !this.wantsResponse ? {} : this.#responseObject()),
      requestReceivedTimestamp: received,
      stageTimestamp: stage === 'RequestReceived' ? received : rfc3339Micro(this.#deps.clock.nowMs()),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
    }
  }

  #reference(sent: unknown): ObjectReference {
    const { info } = this.#request
    const meta = info.verb === 'create' && typeof sent === 'object' && sent !== null ? ((sent as KubeObject).metadata ?? {}) : {}
    const reference: ObjectReference = {
      resource: info.resource,
      namespace: info.namespace || meta.namespace || '',
      name: info.name || meta.name || '',
      uid: meta.uid ?? '',
      apiGroup: info.group,
      apiVersion: info.version,
      resourceVersion: meta.resourceVersion ?? '',
      subresource: info.subresource,
    }
    return Object.fromEntries(Object.entries(reference).filter(([, value]) => value !== ''))
  }

  /** Decoded anew for each event: what is recorded is changed on its way. */
  #requestObject(): unknown {
    const { info } = this.#request
    if (this.#sent === undefined || !info.isResource) return undefined
    if (this.#config.level === 'Metadata' && info.verb !== 'create') return undefined
    const { bytes, type } = this.#sent
    try {
      if (type.includes('protobuf')) return decodeProtobuf(bytes)
      if (type.includes('yaml')) return plainValue(parseYaml(bytes.toString()).tree)
      return JSON.parse(bytes.toString())
    } catch {
      // It was refused for what it is.
      return undefined
    }
  }

  #responseObject(): { responseObject?: unknown } {
    const object = this.#object === undefined ? this.#status : JSON.parse(Buffer.from(this.#object).toString())
    return object === undefined ? {} : { responseObject: this.#shown(structuredClone(object)) }
  }

  #shown(body: unknown): unknown {
    const { info } = this.#request
    const object = redactBody(info.resource, info.subresource, body)
    return this.#config.omitManagedFields ? withoutManagedFields(object) : object
  }
}

function statusOf(status: Status | undefined, code: number): NonNullable<AuditEvent['responseStatus']> {
  if (status === undefined) return { metadata: {}, code }
  const { kind: _, apiVersion: __, metadata: ___, ...rest } = status
  return { metadata: {}, ...rest, code }
}
