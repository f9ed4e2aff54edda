/**
 * One request's way through the steps of the server, with times and reasons: `POST /debug/podpass/trace`.
 *
 * The request is really made, through the same handler; its dependencies tell when they are asked. Other requests pay nothing. For
 * members of `system:masters` only: the answer says why a credential was refused, which nobody else may learn.
 *
 * @see DESIGN section 4; docs/access.md
 * @module
 */
import { failure, StatusError } from '../api/status.ts'
import type { Authentication, Authenticator } from '../authentication/authenticator.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { forbiddenSentence } from '../authorization/forbidden.ts'
import type { Cache } from '../cache/cache.ts'
import type { Verbs } from '../registry/verbs/context.ts'
import type { Store } from '../storage/store.ts'
import { MalformedTokenError, parseJws, parseStrictObject } from '../token/jwt.ts'
import type { BodyStream, Exchange, HeaderList } from './exchange.ts'
import { createHandler } from './handler.ts'
import type { HandlerDeps, ServerRequest } from './request.ts'
import type { ExtraRoute } from './routes.ts'

const PATH = '/debug/podpass/trace'
const MAX_BODY = 3 * 1024 * 1024
const MASTERS = 'system:masters'
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** What is to be traced. */
interface Wanted {
  method: string
  path: string
  /** Whose request it is; without it, and without `as`, the caller's own. */
  token: string | undefined
  as: { username: string; groups: readonly string[] } | undefined
  /** Sent as JSON, or as it is where it is a text. */
  body: unknown
  contentType: string | undefined
}

export interface TraceStep {
  step: string
  /** Since the request began; absent for what was before it. */
  atMs?: number
  tookMs?: number
  outcome: string
  detail: string
}

export interface Trace {
  method: string
  path: string
  code: number
  /** `message` of a Status; `''` otherwise. */
  message: string
  totalMs: number
  user: { username: string; groups: readonly string[] }
  steps: TraceStep[]
}

export const traceRoute: ExtraRoute = {
  path: PATH,
  hidden: true,
  async handle(request) {
    if (!request.user.groups.includes(MASTERS)) throw failure(403, 'Forbidden', `only members of ${MASTERS} may trace requests`)
    if (request.exchange.method !== 'POST') throw failure(405, 'MethodNotAllowed', 'a trace is asked for by POST')
    const wanted = wantedRequest((await request.exchange.readBody(MAX_BODY)).toString())
    request.respondJson(200, await traced(request, wanted))
  },
}

/** @throws StatusError 400 */
function wantedRequest(text: string): Wanted {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    throw failure(400, 'BadRequest', 'the body of a trace is JSON')
  }
  const { method, path, token, as, body, contentType } = (given ?? {}) as Record<string, any>
  if (typeof method !== 'string' || !METHODS.has(method)) throw failure(400, 'BadRequest', `method: one of ${[...METHODS].join(', ')}`)
  if (typeof path !== 'string' || !path.startsWith('/') || /[\0-\x20]/.test(path))
    throw failure(400, 'BadRequest', 'path: a path of this server')
  if (path.startsWith(PATH)) throw failure(400, 'BadRequest', 'path: a trace is not traced')
  return {
    method,
    path,
    token: typeof token === 'string' && token !== '' ? token : undefined,
    as:
      typeof as?.username === 'string'
        ? { username: as.username, groups: Array.isArray(as.groups) ? as.groups.map(String) : [] }
        : undefined,
    body,
    contentType: typeof contentType === 'string' ? contentType : undefined,
  }
}

async function traced(request: ServerRequest, wanted: Wanted): Promise<Trace> {
  const { deps } = request
  const startedMs = performance.now()
  const steps = new Steps(startedMs)
  if (wanted.token !== undefined) steps.list.push(...tokenSteps(wanted.token, deps.verbs.world.cache))
  steps.list.push(presentStep(wanted, request.user))
  const exchange = new TracedExchange(wanted, request.exchange.remoteAddress)
  const seen: { user: UserInfo } = { user: wanted.token === undefined ? request.user : { username: '', groups: [] } }
  const answered = exchange.answer()
  createHandler(tracedDeps(deps, steps, seen, wanted.token === undefined ? request.user : undefined))(exchange)
  // Who asked for the trace has gone: nobody waits for the answer.
  request.exchange.onClose(() => exchange.abort())
  const { code, bytes, message } = await answered
  steps.add('answer', steps.lastEndMs, code < 400 ? 'done' : 'failed', `HTTP ${code}, ${bytes} bytes`)
  return {
    method: wanted.method,
    path: wanted.path,
    code,
    message,
    totalMs: round(performance.now() - startedMs),
    user: { username: seen.user.username, groups: seen.user.groups },
    steps: steps.list,
  }
}

class Steps {
  readonly list: TraceStep[] = []
  /** Of `performance.now()`. */
  lastEndMs: number
  readonly #startedMs: number

  constructor(startedMs: number) {
    this.#startedMs = startedMs
    this.lastEndMs = startedMs
  }

  add(step: string, fromMs: number, outcome: string, detail: string): void {
    const nowMs = performance.now()
    this.lastEndMs = nowMs
    this.list.push({ step, atMs: round(fromMs - this.#startedMs), tookMs: round(nowMs - fromMs), outcome, detail })
  }

  /** Runs one step; a refusal that is thrown is its outcome. */
  async run<T>(step: string, work: () => T | Promise<T>, words: (result: T) => [outcome: string, detail: string]): Promise<T> {
    const fromMs = performance.now()
    try {
      const result = await work()
      this.add(step, fromMs, ...words(result))
      return result
    } catch (error) {
      this.add(step, fromMs, error instanceof StatusError ? 'refused' : 'failed', error instanceof Error ? error.message : String(error))
      throw error
    }
  }
}

/** The same dependencies, which say when they were asked. `own`: the user that the caller is, in place of a credential. */
function tracedDeps(deps: HandlerDeps, steps: Steps, seen: { user: UserInfo }, own: UserInfo | undefined): HandlerDeps {
  const authenticator: Authenticator = {
    name: 'Trace',
    authenticate: (credentials) =>
      own !== undefined
        ? { outcome: 'user', user: own }
        : steps.run('authenticate', () => deps.authenticator.authenticate(credentials), authenticationWords),
  }
  const authorizer: Authorizer = {
    name: 'Trace',
    authorize: (attributes) =>
      steps.run(
        'authorize',
        () => deps.authorizer.authorize(attributes),
        ({ decision, reason }) => [
          decision === 'allow' ? 'allowed' : 'denied',
          reason !== ''
            ? reason
            : decision === 'allow'
              ? allowedWords(attributes.user)
              : `nothing allows it: ${forbiddenSentence(attributes)}`,
        ],
      ),
  }
  return {
    ...deps,
    authenticator,
    authorizer,
    async impersonate(request, user) {
      const acting = await steps.run(
        'impersonate',
        () => deps.impersonate(request, user),
        (one) =>
          one === user ? ['not asked for', `acts as ${user.username}`] : ['done', `acts as ${one.username}, in ${one.groups.join(', ')}`],
      )
      seen.user = acting
      return acting
    },
    ...(deps.fairness === undefined ? {} : { fairness: tracedFairness(deps.fairness, steps) }),
    verbs: tracedVerbs(deps.verbs, steps),
  }
}

/** The step before all authorizers gives no reason. */
function allowedWords({ groups }: UserInfo): string {
  return groups.includes(MASTERS) ? `members of ${MASTERS} are allowed everything` : 'without a reason'
}

function authenticationWords(outcome: Authentication): [string, string] {
  switch (outcome.outcome) {
    case 'user':
      return ['accepted', `${outcome.user.username}, in ${outcome.user.groups.join(', ')}`]
    case 'refused':
      return ['refused', outcome.error.message]
    case 'none':
      return ['refused', 'no authenticator takes this credential']
  }
}

function tracedFairness(fairness: NonNullable<HandlerDeps['fairness']>, steps: Steps): NonNullable<HandlerDeps['fairness']> {
  return {
    admit: (asked) =>
      steps.run(
        'fair limits',
        () => fairness.admit(asked),
        ({ admitted, priorityLevelUid }) => [
          admitted ? 'seated' : 'refused',
          priorityLevelUid === undefined ? '' : `priority level ${priorityLevelUid}`,
        ],
      ),
  }
}

function tracedVerbs(verbs: Verbs, steps: Steps): Verbs {
  const { admission, store } = verbs
  const traced: Store = {
    create: (key, value, options) => steps.run('store', () => store.create(key, value, options), writeWords('create', key)),
    update: (key, value, revision, options) =>
      steps.run('store', () => store.update(key, value, revision, options), writeWords('update', key)),
    delete: (key, revision) => steps.run('store', () => store.delete(key, revision), writeWords('delete', key)),
    get: (key) =>
      steps.run(
        'store',
        () => store.get(key),
        () => ['read', key],
      ),
    range: (prefix, options) =>
      steps.run(
        'store',
        () => store.range(prefix, options),
        () => ['read', prefix],
      ),
    get revision() {
      return store.revision
    },
    get alwaysFresh() {
      return store.alwaysFresh
    },
    get outOfTouchMs() {
      return store.outOfTouchMs
    },
    consistentRevision: () => store.consistentRevision(),
    listen: (afterRevision, listener, signal) => store.listen(afterRevision, listener, signal),
    compact: (revision) => store.compact(revision),
    sizeBytes: () => store.sizeBytes(),
    close: () => store.close(),
  }
  return {
    ...verbs,
    store: traced,
    admission: {
      admit: (request) =>
        steps.run(
          'admission, mutating',
          () => admission.admit(request),
          () => ['admitted', ''],
        ),
      validate: (request) =>
        steps.run(
          'admission, validating',
          () => admission.validate(request),
          () => ['admitted', ''],
        ),
    },
  }
}

function writeWords(operation: string, key: string): (outcome: Awaited<ReturnType<Store['create']>>) => [string, string] {
  return (outcome) =>
    outcome.ok ? ['durable', `${operation} ${key} at revision ${outcome.revision}`] : ['conflict', `${operation} ${key}`]
}

/** What came before the request: the account, its token, the pod it was mounted into. Nothing of the token but its claims. */
function tokenSteps(token: string, cache: Cache): TraceStep[] {
  let claims: Record<string, any>
  try {
    claims = parseStrictObject(parseJws(token.trim()).payload, 'payload')
  } catch (error) {
    if (!(error instanceof MalformedTokenError)) throw error
    return [{ step: 'token', outcome: 'malformed', detail: error.message }]
  }
  const { namespace = '', serviceaccount, pod, secret, node } = claims['kubernetes.io'] ?? {}
  const steps: TraceStep[] = []
  if (typeof serviceaccount?.name === 'string') {
    const what = `ServiceAccount ${namespace}/${serviceaccount.name}`
    const detail = `${what}, uid ${serviceaccount.uid}`
    steps.push({
      step: 'account',
      outcome: liveness(cache, 'serviceaccounts', `${namespace}/${serviceaccount.name}`, serviceaccount.uid),
      detail,
    })
  }
  const until = typeof claims['exp'] === 'number' ? `expires ${moment(claims['exp'])}` : 'never expires'
  const since = typeof claims['iat'] === 'number' ? `${moment(claims['iat'])} ` : ''
  const audiences = Array.isArray(claims['aud']) ? claims['aud'].join(', ') : String(claims['aud'] ?? 'nobody in particular')
  steps.push({ step: 'token', outcome: 'issued', detail: `${since}by ${String(claims['iss'])} for ${audiences}, ${until}` })
  if (typeof pod?.name === 'string') {
    const on = typeof node?.name === 'string' ? ` on node ${node.name}` : ''
    steps.push({
      step: 'mount',
      outcome: liveness(cache, 'pods', `${namespace}/${pod.name}`, pod.uid),
      detail: `in pod ${namespace}/${pod.name}${on}`,
    })
  } else if (typeof secret?.name === 'string') {
    const key = `${namespace}/${secret.name}`
    steps.push({ step: 'mount', outcome: liveness(cache, 'secrets', key, secret.uid), detail: `bound to secret ${key}` })
  } else {
    steps.push({ step: 'mount', outcome: 'none', detail: 'bound to no pod: somebody asked for it by TokenRequest' })
  }
  return steps
}

function liveness(cache: Cache, resource: string, key: string, uid: unknown): string {
  const object = cache.resource(`v1/${resource}`)?.get(key)?.object
  if (object === undefined) return 'gone'
  if (object.metadata?.uid !== uid) return 'another of that name'
  return object.metadata?.deletionTimestamp === undefined ? 'there' : 'being deleted'
}

function presentStep({ token, as }: Wanted, caller: UserInfo): TraceStep {
  if (token !== undefined) return { step: 'present', outcome: 'bearer token', detail: `Authorization: Bearer, ${token.length} characters` }
  const detail = `by ${caller.username}, whose connection asked for the trace`
  return { step: 'present', outcome: as === undefined ? 'own identity' : 'impersonation', detail }
}

function moment(seconds: number): string {
  return Math.abs(seconds) > 253_402_300_799 ? String(seconds) : `${new Date(Math.trunc(seconds) * 1000).toISOString().slice(0, 19)}Z`
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}

interface Answer {
  code: number
  bytes: number
  message: string
}

/** A request from inside the process that carries a credential; of its answer only the head is kept, a stream ends where it begins. */
class TracedExchange implements Exchange {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string | string[]>
  readonly connection = {}
  readonly remoteAddress: string
  readonly httpVersion = 'local'
  readonly #body: Buffer
  readonly #closers: (() => void)[] = []
  #answered = false
  #closed = false
  #settle: (answer: Answer) => void = () => {}

  constructor({ method, path, token, as, body, contentType }: Wanted, remoteAddress: string) {
    this.method = method
    this.url = path
    this.remoteAddress = remoteAddress
    this.headers = { 'user-agent': 'podpass-trace', accept: 'application/json' }
    if (token !== undefined) this.headers['authorization'] = `Bearer ${token}`
    if (as !== undefined) {
      this.headers['impersonate-user'] = as.username
      if (as.groups.length > 0) this.headers['impersonate-group'] = [...as.groups]
    }
    this.#body = body === undefined ? Buffer.alloc(0) : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    if (body !== undefined) this.headers['content-type'] = contentType ?? 'application/json'
  }
  answer(): Promise<Answer> {
    return new Promise((done) => {
      this.#settle = done
    })
  }
  get answered(): boolean {
    return this.#answered
  }
  rawHeaders(): readonly string[] {
    return Object.entries(this.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [name, value] : value.flatMap((one) => [name, one]),
    )
  }
  clientCertificates(): readonly Uint8Array[] {
    return []
  }
  readBody(): Promise<Buffer> {
    return Promise.resolve(this.#body)
  }
  respond(code: number, _headers: HeaderList, body: Uint8Array | string | undefined): void {
    if (this.#answered) return
    this.#answered = true
    const bytes = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
    this.#settle({ code, bytes, message: code < 400 || body === undefined ? '' : messageOf(body) })
    this.abort()
  }
  stream(code: number): BodyStream {
    this.#answered = true
    let bytes = 0
    const end = () => {
      this.#settle({ code, bytes, message: '' })
      this.abort()
    }
    // A watch has no end: what it begins with is all that is waited for.
    setImmediate(end)
    return {
      write: (chunk) => {
        bytes += chunk.length
        return true
      },
      end,
      onDrain: (callback) => setImmediate(callback),
      pendingBytes: 0,
    }
  }
  onClose(callback: () => void): void {
    this.#closers.push(callback)
  }
  abort(): void {
    if (this.#closed) return
    this.#closed = true
    this.#settle({ code: 0, bytes: 0, message: 'broken off' })
    for (const callback of this.#closers) callback()
  }
}

/** Of a Status, or the text itself where it is none. */
function messageOf(body: Uint8Array | string): string {
  const text = typeof body === 'string' ? body : Buffer.from(body).toString()
  try {
    return String(JSON.parse(text).message ?? '')
  } catch {
    return text.slice(0, 500).trim()
  }
}
