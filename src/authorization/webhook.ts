/**
 * Questions judged by somebody else's SubjectAccessReview endpoint.
 *
 * @see apiserver/plugin/pkg/authorizer/webhook/webhook.go
 * @module
 */
import type { ResourceAttributes, SubjectAccessReviewSpec, SubjectAccessReviewStatus } from '../api/types/authorization/v1.ts'
import { type AttemptResult, ReviewError, type ReviewWebhook } from '../client/review-webhook.ts'
import type { Clock } from '../clock.ts'
import type { Attributes, Authorization, Authorizer, Decision, SelectorRequirement } from './authorizer.ts'

/** What is counted of a webhook. */
export interface WebhookObserver {
  evaluated(result: AttemptResult, seconds: number): void
  /** No verdict, and others decide. */
  failedOpen(result: AttemptResult): void
  conditionsEvaluated(seconds: number, outcome: 'matched' | 'excluded' | 'failed'): void
}

/** Whether a webhook is asked at all: false as soon as one condition does not hold, else the text of what could not be told. */
export type MatchConditions = (request: SubjectAccessReviewSpec) => boolean | string

export interface WebhookAuthorizerSettings {
  webhook: ReviewWebhook
  version: 'v1' | 'v1beta1'
  /** How long an answer counts; 0: it is not remembered. */
  authorizedMs: number
  unauthorizedMs: number
  /** When there is no verdict. */
  onError: Decision
  conditions?: MatchConditions | undefined
  clock: Clock
  observer: WebhookObserver
}

const CACHE_ENTRIES = 8192
/** Whoever asks about longer names than this is not let into the cache. */
const MAX_CACHED_LENGTH = 10_000

export function webhookAuthorizer(settings: WebhookAuthorizerSettings): Authorizer {
  const { conditions, onError, observer } = settings
  const cache = new Answers(settings.clock)
  return {
    name: 'Webhook',
    authorize(attributes) {
      const spec = specOf(attributes)
      if (conditions !== undefined) {
        const startedMs = performance.now()
        const matches = conditions(spec)
        const outcome = matches === true ? 'matched' : matches === false ? 'excluded' : 'failed'
        observer.conditionsEvaluated((performance.now() - startedMs) / 1000, outcome)
        if (matches === false) return { decision: 'noOpinion', reason: '' }
        if (matches !== true) return { decision: onError, reason: '', evaluationError: matches }
      }
      const key = JSON.stringify(spec)
      const known = cache.get(key)
      return known === undefined ? ask(settings, spec, key, isCacheable(attributes) ? cache : undefined) : judged(known)
    },
    rulesFor: () => ({
      resourceRules: [],
      nonResourceRules: [],
      incomplete: true,
      evaluationError: 'webhook authorizer does not support user rule resolution',
    }),
  }
}

async function ask(
  { webhook, version, authorizedMs, unauthorizedMs, onError, observer }: WebhookAuthorizerSettings,
  spec: SubjectAccessReviewSpec,
  key: string,
  cache: Answers | undefined,
): Promise<Authorization> {
  const review = {
    kind: 'SubjectAccessReview',
    apiVersion: `authorization.k8s.io/${version}`,
    metadata: {},
    spec: version === 'v1' ? spec : betaSpec(spec),
    status: { allowed: false },
  }
  let last: AttemptResult = 'error'
  try {
    const answer = await webhook.ask(review, (result, seconds) => {
      last = result
      observer.evaluated(result, seconds)
    })
    const status = (answer['status'] ?? {}) as SubjectAccessReviewStatus
    cache?.add(key, status, status.allowed === true ? authorizedMs : unauthorizedMs)
    return judged(status)
  } catch (error) {
    if (!(error instanceof ReviewError)) throw error
    if (onError === 'noOpinion') observer.failedOpen(last)
    return { decision: onError, reason: '', evaluationError: error.message }
  }
}

function judged({ allowed = false, denied = false, reason = '' }: SubjectAccessReviewStatus): Authorization {
  if (denied && allowed)
    return { decision: 'deny', reason, evaluationError: 'webhook subject access review returned both allow and deny response' }
  return { decision: denied ? 'deny' : allowed ? 'allow' : 'noOpinion', reason }
}

/** Members in Go's order; empty ones are left out as `omitempty` does. */
function specOf({ user, ...of }: Attributes): SubjectAccessReviewSpec {
  return {
    ...(of.isResource
      ? { resourceAttributes: resourceAttributes(of) }
      : { nonResourceAttributes: withoutEmpty({ path: of.path, verb: of.verb }) }),
    ...withoutEmpty({ user: user.username }),
    ...(user.groups.length > 0 && { groups: [...user.groups] }),
    ...(user.extra !== undefined && Object.keys(user.extra).length > 0 && { extra: user.extra as Record<string, string[]> }),
    ...withoutEmpty({ uid: user.uid ?? '' }),
  }
}

function resourceAttributes(of: Omit<Attributes, 'user'>): ResourceAttributes {
  const { namespace, verb, apiGroup: group, apiVersion: version, resource, subresource, name } = of
  const fields = requirements(of.fieldSelector, FIELD_OPERATORS)
  const labels = requirements(of.labelSelector, LABEL_OPERATORS)
  return {
    ...withoutEmpty({ namespace, verb, group, version, resource, subresource, name }),
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  }
}

const FIELD_OPERATORS: ReadonlySet<string> = new Set(['In', 'NotIn'])
const LABEL_OPERATORS: ReadonlySet<string> = new Set(['In', 'NotIn', 'Exists', 'DoesNotExist'])

/** One that the API has no word for is left out: what is asked for is then only more. */
function requirements(
  of: readonly SelectorRequirement[] | undefined,
  operators: ReadonlySet<string>,
): { key: string; operator: string; values?: string[] }[] {
  if (of === undefined) return []
  return of
    .filter(({ operator }) => operators.has(operator))
    .map(({ key, operator, values }) => ({ key, operator, ...(values.length > 0 && { values: [...values] }) }))
}

function withoutEmpty(texts: Record<string, string>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name in texts) if (texts[name] !== '') kept[name] = texts[name] as string
  return kept
}

/** v1beta1 has another word for groups. */
function betaSpec({ groups, extra, uid, ...spec }: SubjectAccessReviewSpec): object {
  return {
    ...spec,
    ...(groups !== undefined && { group: groups }),
    ...(extra !== undefined && { extra }),
    ...(uid !== undefined && { uid }),
  }
}

function isCacheable({ namespace, verb, apiGroup, apiVersion, resource, subresource, name, path }: Attributes): boolean {
  const texts = [namespace, verb, apiGroup, apiVersion, resource, subresource, name, path]
  return texts.reduce((length, text) => length + Buffer.byteLength(text), 0) < MAX_CACHED_LENGTH
}

/** The answers used last, each for its time. */
class Answers {
  readonly #clock: Clock
  readonly #known = new Map<string, { status: SubjectAccessReviewStatus; untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(key: string): SubjectAccessReviewStatus | undefined {
    const found = this.#known.get(key)
    if (found === undefined) return undefined
    this.#known.delete(key)
    if (this.#clock.nowMs() >= found.untilMs) return undefined
    this.#known.set(key, found)
    return found.status
  }

  add(key: string, status: SubjectAccessReviewStatus, forMs: number): void {
    if (forMs <= 0) return
    this.#known.delete(key)
    this.#known.set(key, { status, untilMs: this.#clock.nowMs() + forMs })
    if (this.#known.size <= CACHE_ENTRIES) return
    for (const [oldest] of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }
}
