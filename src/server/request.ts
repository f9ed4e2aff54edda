/**
 * One request on its way: what was asked, by whom, and how it is answered.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { textOfBytes } from '../api/json.ts'
import { failure, quote } from '../api/status.ts'
import type { Authenticator, Credentials } from '../authentication/authenticator.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer } from '../authorization/authorizer.ts'
import type { Clock } from '../clock.ts'
import type { Verbs } from '../registry/verbs/context.ts'
import { type Exchange, type HeaderList, header } from './exchange.ts'
import type { Fairness, Ticket } from './fairness.ts'
import type { LongRunning } from './long-running.ts'
import type { RequestObserver } from './observe.ts'
import type { ServerLog } from './options.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import { selectorAttributes } from './selector-attributes.ts'
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
  observer: RequestObserver
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
  info: RequestInfo
  /** The acting user, after impersonation. */
  user: UserInfo
  /** Who sent the request; undefined for calls from inside the process. */
  sender: { user: UserInfo; credentials: Credentials } | undefined
  readonly warnings: WarningList
  readonly annotations: Record<string, string>
  ticket: Ticket | undefined
  /** Aborts when the peer goes away or the time is up. Made when first asked for. */
  readonly signal: AbortSignal
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
  ticket: Ticket | undefined = undefined
  #warnings: WarningList | undefined
  #signal: AbortSignal | undefined

  constructor(deps: HandlerDeps, exchange: Exchange) {
    this.deps = deps
    this.exchange = exchange
    this.nowMs = deps.clock.nowMs()
    const question = exchange.url.indexOf('?')
    this.path = decodePath(question === -1 ? exchange.url : exchange.url.slice(0, question))
    this.query = question === -1 ? NO_QUERY : new URLSearchParams(exchange.url.slice(question + 1))
    const given = header(exchange, 'audit-id')
    this.auditId = given === '' ? randomUUID() : given.slice(0, MAX_AUDIT_ID)
  }
  get userAgent(): string {
    return header(this.exchange, 'user-agent')
  }
  get pretty(): boolean {
    return false
  }
  get warnings(): WarningList {
    this.#warnings ??= new WarningList()
    return this.#warnings
  }
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController()
      this.exchange.onClose(() => controller.abort(new DOMException('the client went away', 'AbortError')))
      this.#signal = AbortSignal.any([controller.signal, AbortSignal.timeout(this.timeoutMs())])
    }
    return this.#signal
  }
  timeoutMs(): number {
    return Math.min(this.deps.requestTimeoutMs, requestedTimeoutMs(this.query) ?? this.deps.requestTimeoutMs)
  }
  respond(code: number, headers: HeaderList, body: Uint8Array | string | undefined): void {
    headers.push(['Audit-Id', this.auditId])
    if (!headers.some(([name]) => name === 'Cache-Control')) headers.push(['Cache-Control', 'no-cache, private'])
    pushTicketHeaders(headers, this.ticket)
    if (this.#warnings !== undefined) for (const warning of this.#warnings.headers()) headers.push(['Warning', warning])
    this.deps.observer.answered(this, code, body === undefined ? 0 : body.length)
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

/** Which flow schema and priority level the request was counted with. */
export function pushTicketHeaders(headers: HeaderList, ticket: Ticket | undefined): void {
  if (ticket?.flowSchemaUid === undefined || ticket.priorityLevelUid === undefined) return
  headers.push(['X-Kubernetes-Pf-Flowschema-Uid', ticket.flowSchemaUid], ['X-Kubernetes-Pf-Prioritylevel-Uid', ticket.priorityLevelUid])
}

/** Escapes are bytes; what is no escape stays as it is. `%2F` becomes a slash, as in Go. */
function decodePath(raw: string): string {
  if (!raw.includes('%')) return raw
  try {
    return decodeURIComponent(raw)
  } catch {
    const bytes = raw.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    return textOfBytes(Buffer.from(bytes, 'latin1'))
  }
}

/** `?timeout=5s`; undefined without one or with zero. */
export function requestedTimeoutMs(query: URLSearchParams): number | undefined {
  const text = query.size === 0 ? null : query.get('timeout')
  if (text === null || text === '') return undefined
  const milliseconds = goDurationMs(text)
  if (milliseconds === undefined)
    throw failure(400, 'BadRequest', `invalid timeout specified in the request URL - time: invalid duration ${quote(text)}`)
  return milliseconds === 0 ? undefined : milliseconds
}

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Go's time.ParseDuration, in milliseconds; undefined when it is none. */
export function goDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.exec(text)
  if (match === null) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (UNIT_MS[unit as string] as number)
  return text.startsWith('-') ? -total : total
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
