/**
 * One request on its way: what was asked, by whom, and how it is answered.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import type { Authenticator, Credentials } from '../authentication/authenticator.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer } from '../authorization/authorizer.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { Verbs } from '../registry/verbs/context.ts'
import type { AuditTrail, RequestAudit } from './audit-trail.ts'
import type { Cors } from './cors.ts'
import { deadlineBody, WRITE_TIMEOUT_MS } from './deadline.ts'
import { type Exchange, type HeaderList, header } from './exchange.ts'
import { type Fairness, isLongRunning, isMutating, type Ticket } from './fairness.ts'
import type { LongRunning } from './long-running.ts'
import { wantsPretty } from './negotiate.ts'
import type { RequestObserver } from './observe.ts'
import type { ServerLog } from './options.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import { selectorAttributes } from './selector-attributes.ts'
import { decodePath, parseQuery } from './url.ts'
import { WarningList } from './warnings.ts'

/** Answers paths that are no resources. False when it does not know the path. */
export type PathRoutes = (request: ServerRequest) => boolean | Promise<boolean>

export interface HandlerDeps {
  verbs: Verbs
  authenticator: Authenticator
  authorizer: Authorizer
  /** Replaces the user where the request asks for it and the user may. */
  impersonate(request: ServerRequest, user: UserInfo): UserInfo | Promise<UserInfo>
  fairness: Fairness | undefined
  /** Undefined: no web page may call. */
  cors: Cors | undefined
  observer: RequestObserver
  /** Undefined: nothing is recorded. */
  audit: AuditTrail | undefined
  paths: PathRoutes
  clock: Clock
  log: ServerLog
  requestTimeoutMs: number
  minWatchTimeoutMs: number
  random(): number
  longRunning: LongRunning
}

/** One request, once its URL has been read. */
export interface ServerRequest {
  readonly deps: HandlerDeps
  readonly exchange: Exchange
  readonly path: string
  readonly query: URLSearchParams
  readonly auditId: string
  readonly userAgent: string
  readonly nowMs: number
  /** Of `performance.now()`. */
  readonly startedAt: number
  readonly timeoutMs: number
  info: RequestInfo
  /** The acting user, after impersonation. */
  user: UserInfo
  /** Who sent the request; undefined for calls from inside the process. */
  sender: { user: UserInfo; credentials: Credentials } | undefined
  /** The verb by which the sender may act as `user`; undefined where nobody is impersonated, or in the old way. */
  impersonationConstraint: string | undefined
  readonly warnings: WarningList
  readonly annotations: Record<string, string>
  ticket: Ticket | undefined
  /** Undefined where the audit policy records nothing of it. */
  audit: RequestAudit | undefined
  /** Aborts when the peer goes away or the time is up. Made when first asked for. */
  readonly signal: AbortSignal
  /** Adds what every answer says. */
  pushCommonHeaders(headers: HeaderList): void
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void
  respondJson(code: number, value: unknown, headers?: HeaderList): void
  respondText(code: number, text: string): void
}

const NOBODY: UserInfo = { username: '', groups: [] }
const NO_QUERY = new URLSearchParams()
const NO_INFO = requestInfo('GET', '/', NO_QUERY)
const MAX_AUDIT_ID = 1024

export class Request implements ServerRequest {
  readonly deps: HandlerDeps
  readonly exchange: Exchange
  readonly path: string
  readonly query: URLSearchParams
  readonly auditId: string
  readonly nowMs: number
  readonly startedAt = performance.now()
  readonly annotations: Record<string, string> = {}
  info: RequestInfo = NO_INFO
  user: UserInfo = NOBODY
  sender: { user: UserInfo; credentials: Credentials } | undefined = undefined
  impersonationConstraint: string | undefined = undefined
  ticket: Ticket | undefined = undefined
  audit: RequestAudit | undefined = undefined
  timeoutMs: number
  /** Answered because its time was up: what its work still comes to interests nobody. */
  isOver = false
  #warnings: WarningList | undefined
  #aborting: AbortController | undefined
  #cancelDeadline = () => {}

  constructor(deps: HandlerDeps, exchange: Exchange) {
    this.deps = deps
    this.exchange = exchange
    this.nowMs = deps.clock.nowMs()
    this.timeoutMs = deps.requestTimeoutMs
    const question = exchange.url.indexOf('?')
    this.path = decodePath(question === -1 ? exchange.url : exchange.url.slice(0, question))
    this.query = question === -1 ? NO_QUERY : parseQuery(exchange.url.slice(question + 1))
    const given = header(exchange, 'audit-id')
    this.auditId = given === '' ? randomUUID() : given.slice(0, MAX_AUDIT_ID)
  }
  get userAgent(): string {
    return header(this.exchange, 'user-agent')
  }
  get pretty(): boolean {
    return wantsPretty(this.query, this.userAgent)
  }
  get warnings(): WarningList {
    this.#warnings ??= new WarningList()
    return this.#warnings
  }
  get signal(): AbortSignal {
    if (this.#aborting !== undefined) return this.#aborting.signal
    const aborting = new AbortController()
    this.#aborting = aborting
    const cancel = isMutating(this.info) ? systemClock.after(WRITE_TIMEOUT_MS, () => aborting.abort(timedOut())) : undefined
    this.exchange.onClose(() => {
      cancel?.()
      aborting.abort(new DOMException('the client went away', 'AbortError'))
    })
    return aborting.signal
  }
  /** Its time begins. Nothing to do where it has been answered at once, and for what may last. */
  startDeadline(): void {
    if (this.exchange.answered || this.info.verb === 'watch' || isLongRunning(this.info)) return
    // Of the connection and the work, not of the objects: a turned clock has no say in it.
    this.#cancelDeadline = systemClock.after(this.timeoutMs, () => this.#expire())
    this.exchange.onClose(this.#cancelDeadline)
  }
  #expire(): void {
    if (this.exchange.answered) this.exchange.abort()
    else this.respond(504, [['Content-Type', 'text/plain; charset=utf-8']], deadlineBody())
    this.isOver = true
    this.#aborting?.abort(timedOut())
  }
  pushCommonHeaders(headers: HeaderList): void {
    headers.push(['Audit-Id', this.auditId])
    if (!headers.some(([name]) => name === 'Cache-Control')) headers.push(['Cache-Control', 'no-cache, private'])
    pushTicketHeaders(headers, this.ticket)
    const origin = this.deps.cors?.(this.exchange)
    if (origin !== undefined) headers.push(...origin)
    if (this.#warnings !== undefined) for (const warning of this.#warnings.headers()) headers.push(['Warning', warning])
  }
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void {
    if (this.isOver) return
    this.#cancelDeadline()
    this.pushCommonHeaders(headers)
    this.deps.observer.answered(this, code, body === undefined ? 0 : body.length)
    this.audit?.completed(code)
    this.exchange.respond(code, headers, body)
  }
  respondJson(code: number, value: unknown, headers: HeaderList = []): void {
    this.respond(code, [['Content-Type', 'application/json'], ...headers], `${JSON.stringify(value)}\n`)
  }
  respondText(code: number, text: string): void {
    this.respond(
      code,
      [
        ['Content-Type', 'text/plain; charset=utf-8'],
        ['X-Content-Type-Options', 'nosniff'],
      ],
      text,
    )
  }
}

function timedOut(): DOMException {
  return new DOMException('the time of the request is up', 'TimeoutError')
}

/** Which flow schema and priority level the request was counted with. */
function pushTicketHeaders(headers: HeaderList, ticket: Ticket | undefined): void {
  if (ticket?.flowSchemaUid === undefined || ticket.priorityLevelUid === undefined) return
  headers.push(['X-Kubernetes-Pf-Flowschema-Uid', ticket.flowSchemaUid], ['X-Kubernetes-Pf-Prioritylevel-Uid', ticket.priorityLevelUid])
}

export function attributesOf(request: ServerRequest): Attributes {
  const { info, user } = request
  const attributes: Attributes = {
    user,
    verb: info.verb,
    isResource: info.isResource,
    apiGroup: info.group,
    apiVersion: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: info.path,
  }
  if (info.fieldSelector !== '' || info.labelSelector !== '')
    Object.assign(attributes, selectorAttributes(info.fieldSelector, info.labelSelector))
  return attributes
}
