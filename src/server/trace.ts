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
import { aroundStore } from '../storage/around-store.ts'
import type { WriteOutcome } from '../storage/store.ts'
import { createHandler } from './handler.ts'
import type { HandlerDeps, ServerRequest } from './request.ts'
import type { ExtraRoute } from './routes.ts'
import { type TraceStep, tokenSteps } from './trace-credential.ts'
import { TRACE_PATH, TracedExchange, type TracedRequest, tracedRequest } from './traced-exchange.ts'

const MAX_BODY = 3 * 1024 * 1024
const MASTERS = 'system:masters'

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
  path: TRACE_PATH,
  hidden: true,
  async handle(request) {
    if (!request.user.groups.includes(MASTERS)) throw failure(403, 'Forbidden', `only members of ${MASTERS} may trace requests`)
    if (request.exchange.method !== 'POST') throw failure(405, 'MethodNotAllowed', 'a trace is asked for by POST')
    const wanted = tracedRequest((await request.exchange.readBody(MAX_BODY)).toString())
    request.respondJson(200, await traced(request, wanted))
  },
}

async function traced(request: ServerRequest, wanted: TracedRequest): Promise<Trace> {
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
    ...(deps.fairness === undefined ? {} : { fairness: tracedFairness(deps.fairness, steps, deps.verbs.world.cache) }),
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

function tracedFairness(fairness: NonNullable<HandlerDeps['fairness']>, steps: Steps, cache: Cache): NonNullable<HandlerDeps['fairness']> {
  const named = (resource: string, uid: string) => {
    for (const { object } of cache.resource(`flowcontrol.apiserver.k8s.io/v1/${resource}`)?.snapshot().scan('') ?? [])
      if (object.metadata?.uid === uid) return object.metadata.name
    return uid
  }
  return {
    admit: (asked) =>
      steps.run(
        'fair limits',
        () => fairness.admit(asked),
        ({ admitted, flowSchemaUid, priorityLevelUid }) => [
          admitted ? 'seated' : 'refused',
          flowSchemaUid === undefined || priorityLevelUid === undefined
            ? ''
            : `by flow schema ${named('flowschemas', flowSchemaUid)}, priority level ${named('prioritylevelconfigurations', priorityLevelUid)}`,
        ],
      ),
  }
}

function tracedVerbs(verbs: Verbs, steps: Steps): Verbs {
  const { admission, store } = verbs
  const traced = aroundStore(store, {
    write: (operation, key, ask) => steps.run('store', ask, writeWords(operation, key)),
    read: (_, key, ask) => steps.run('store', ask, () => ['read', key]),
  })
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

function writeWords(operation: string, key: string): (outcome: WriteOutcome) => [string, string] {
  return (outcome) =>
    outcome.ok ? ['durable', `${operation} ${key} at revision ${outcome.revision}`] : ['conflict', `${operation} ${key}`]
}

function presentStep({ token, as }: TracedRequest, caller: UserInfo): TraceStep {
  if (token !== undefined) return { step: 'present', outcome: 'bearer token', detail: `Authorization: Bearer, ${token.length} characters` }
  const detail = `by ${caller.username}, whose connection asked for the trace`
  return { step: 'present', outcome: as === undefined ? 'own identity' : 'impersonation', detail }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
