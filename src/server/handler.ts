/**
 * The one request path: who asks, may they, and what answers.
 *
 * ```text
 * request info → authenticate → audit → impersonate → fair limits → authorize → route
 * ```
 *
 * @see DESIGN section 4; apiserver/pkg/server/config.go, DefaultBuildHandlerChain
 * @module
 */
import { internalError, quote, type Status, StatusError, timeout, unauthorized } from '../api/status.ts'
import type { Authenticator, Credentials } from '../authentication/authenticator.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorizer } from '../authorization/authorizer.ts'
import { forbiddenError, sanitized } from '../authorization/forbidden.ts'
import { requestTimeoutMs } from './deadline.ts'
import type { Exchange, HeaderList } from './exchange.ts'
import { distinctHeaders, header } from './exchange.ts'
import { isLongRunning } from './fairness.ts'
import { type Format, negotiate, PRETTY_JSON } from './negotiate.ts'
import { renderStatus } from './render.ts'
import { attributesOf, type HandlerDeps, Request } from './request.ts'
import { requestInfo } from './request-info.ts'
import { routeResource } from './resource-routes.ts'
import { pageNotFound } from './route-errors.ts'

const AUTHENTICATION_RESULTS = { user: 'success', refused: 'error', none: 'failure' } as const
const AUTHORIZATION_RESULTS = { allow: 'allowed', deny: 'denied', noOpinion: 'no-opinion' } as const

export type Handle = (exchange: Exchange) => void

export function createHandler(deps: HandlerDeps): Handle {
  return (exchange) => {
    const request = new Request(deps, exchange)
    run(request).catch((error) => fail(request, error))
    request.startDeadline()
  }
}

/** As above, for callers inside the process: the user is known, and the record and everything from authorization on is the same. */
export function createInternalHandler(deps: HandlerDeps): (exchange: Exchange, user: UserInfo) => void {
  return (exchange, user) => {
    const request = new Request(deps, exchange)
    request.user = user
    Promise.resolve()
      .then(async () => {
        readUrl(request)
        if (deps.audit !== undefined && !deps.audit.begin(request)) return notRecorded(request)
        await authorize(request)
        await route(request)
      })
      .catch((error) => fail(request, error))
  }
}

async function run(request: Request): Promise<void> {
  const { deps } = request
  readUrl(request)
  if (deps.cors !== undefined && request.exchange.method === 'OPTIONS' && deps.cors(request.exchange) !== undefined)
    return request.respond(204, [], undefined)
  const authenticated = authenticate(request)
  if (authenticated instanceof Promise) await authenticated
  if (deps.audit !== undefined && !deps.audit.begin(request)) return notRecorded(request)
  const user = deps.impersonate(request, request.user)
  request.user = user instanceof Promise ? await user : user
  if (deps.fairness !== undefined) {
    const ticket = deps.fairness.admit(request)
    request.ticket = ticket instanceof Promise ? await ticket : ticket
    if (!request.ticket.admitted) {
      request.respond(
        429,
        [
          ['Content-Type', 'text/plain; charset=utf-8'],
          ['Retry-After', String(request.ticket.retryAfterSeconds)],
          ['X-Content-Type-Options', 'nosniff'],
        ],
        'Too many requests, please try again later.\n',
      )
      return
    }
  }
  deps.observer.executing(request)
  try {
    const allowed = authorize(request)
    if (allowed instanceof Promise) await allowed
    const done = route(request)
    if (done instanceof Promise) await done
  } finally {
    deps.observer.finished(request)
    request.ticket?.release()
  }
}

/** What cannot be recorded is not served, where the record is strict. */
function notRecorded(request: Request): void {
  request.respondText(500, `Internal Server Error: ${quote(request.exchange.url)}: failed to store audit event\n`)
}

function readUrl(request: Request): void {
  const { exchange } = request
  request.info = requestInfo(exchange.method, request.path, request.query)
  if (request.info.verb !== 'watch' && !isLongRunning(request.info))
    request.timeoutMs = requestTimeoutMs(request.query, request.deps.requestTimeoutMs)
}

function authenticate(request: Request): void | Promise<void> {
  const { deps, exchange } = request
  const credentials: Credentials = {
    headers: exchange.headers,
    clientCertificates: () => exchange.clientCertificates(),
    connection: exchange.connection,
    remoteAddress: exchange.remoteAddress,
    distinctHeaders: () => distinctHeaders(exchange),
    path: request.path,
  }
  const outcome = deps.authenticator.authenticate(credentials)
  return outcome instanceof Promise
    ? outcome.then((settled) => accept(request, credentials, settled))
    : accept(request, credentials, outcome)
}

function accept(request: Request, credentials: Credentials, outcome: Awaited<ReturnType<Authenticator['authenticate']>>): void {
  request.deps.observer.authenticated(
    AUTHENTICATION_RESULTS[outcome.outcome],
    outcome.outcome === 'user' ? outcome.user.username : '',
    request.startedAt,
  )
  switch (outcome.outcome) {
    case 'user':
      request.user = outcome.user
      request.sender = { user: outcome.user, credentials }
      for (const warning of outcome.warnings ?? []) request.warnings.add(warning)
      if (outcome.auditAnnotations !== undefined) Object.assign(request.annotations, outcome.auditAnnotations)
      return
    case 'refused':
      request.deps.log.info(
        { auditId: request.auditId, remote: request.exchange.remoteAddress, reason: outcome.error.message },
        'request not authenticated',
      )
      request.deps.audit?.refused(request)
      throw unauthorized({ cause: outcome.error })
    case 'none':
      request.deps.audit?.refused(request)
      throw unauthorized()
  }
}

function authorize(request: Request): void | Promise<void> {
  const attributes = attributesOf(request)
  const startedMs = performance.now()
  const answer = request.deps.authorizer.authorize(attributes)
  return answer instanceof Promise
    ? answer.then((settled) => decide(request, attributes, settled, startedMs))
    : decide(request, attributes, answer, startedMs)
}

/** Thrown where nobody allowed and somebody could not tell: an answer of its own. */
class AuthorizationFailed extends Error {
  override readonly name = 'AuthorizationFailed'
}

function decide(request: Request, attributes: Attributes, answer: Awaited<ReturnType<Authorizer['authorize']>>, startedMs: number): void {
  if (answer.decision !== 'allow' && answer.evaluationError !== undefined) {
    request.deps.observer.authorized('error', startedMs)
    request.annotations['authorization.k8s.io/reason'] = 'internal error'
    throw new AuthorizationFailed(answer.evaluationError)
  }
  request.deps.observer.authorized(AUTHORIZATION_RESULTS[answer.decision], startedMs)
  request.annotations['authorization.k8s.io/decision'] = answer.decision === 'allow' ? 'allow' : 'forbid'
  request.annotations['authorization.k8s.io/reason'] = answer.reason
  if (answer.decision !== 'allow') throw forbiddenError(attributes, answer.reason)
}

function route(request: Request): void | Promise<void> {
  if (request.info.isResource) return routeResource(request)
  const known = request.deps.paths(request)
  if (known instanceof Promise) return known.then((found) => (found ? undefined : pageNotFound(request)))
  if (!known) pageNotFound(request)
  return undefined
}

/** An error of any kind becomes an answer, or the end of a stream that has begun. */
function fail(request: Request, error: unknown): void {
  const { exchange, deps } = request
  if (request.isOver) return
  if (exchange.answered) {
    if (!(error instanceof StatusError))
      deps.log.error({ err: error, auditId: request.auditId, path: request.path }, 'request failed after its answer began')
    exchange.abort()
    return
  }
  if (error instanceof AuthorizationFailed) {
    request.respondText(500, `${sanitized(`Internal Server Error: ${quote(exchange.url)}: ${error.message}`)}\n`)
    return
  }
  const status = statusOf(error, request)
  const code = status.code ?? 500
  const headers: HeaderList = []
  const format = errorFormat(request)
  headers.push(['Content-Type', format.media])
  if (status.details?.retryAfterSeconds !== undefined && status.details.retryAfterSeconds > 0)
    headers.push(['Retry-After', String(status.details.retryAfterSeconds)])
  if (code === 403) headers.push(['X-Content-Type-Options', 'nosniff'])
  request.audit?.answered(status)
  request.respond(code, headers, renderStatus(status, format, deps.verbs.registry.schemas))
}

function statusOf(error: unknown, request: Request): Status {
  if (error instanceof StatusError) return error.status
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return timeout('request did not complete within the allotted timeout').status
  request.deps.log.error({ err: error, auditId: request.auditId, path: request.path }, 'internal error')
  return internalError(error instanceof Error ? error.message : String(error)).status
}

/**
 * Errors come in the client's encoding where it has one, never transformed, else in JSON for people.
 *
 * @see apiserver/pkg/endpoints/handlers/responsewriters/writers.go, WriteObjectNegotiated and WriteRawJSON
 */
function errorFormat(request: Request): Format {
  try {
    const format = negotiate(header(request.exchange, 'accept'), { watch: false, table: true, protobuf: true, pretty: request.pretty })
    return format.transform === 'none' ? format : { ...format, transform: 'none' }
  } catch {
    return PRETTY_JSON
  }
}
