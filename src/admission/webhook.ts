/**
 * One call of an admission webhook: whether it may be asked, the question, the answer, and what a failure means.
 *
 * @see apiserver/pkg/admission/plugin/webhook/{generic/webhook.go,mutating/dispatcher.go,validating/dispatcher.go}
 * @module
 */
import { badRequest, forbidden, internalError, quote, StatusError, timeout } from '../api/status.ts'
import { Budget, MATCH_CONDITIONS_BUDGET } from '../cel/budget.ts'
import type { AdmissionRequest } from './admission.ts'
import { type ActivationDeps, activation } from './policy-activation.ts'
import { decided } from './policy-decisions.ts'
import { conditionsHold } from './policy-expressions.ts'
import type { WebhookClient } from './webhook-client.ts'
import type { Webhook } from './webhook-configurations.ts'
import { matchRequest } from './webhook-matching.ts'
import type { ResourceName } from './webhook-objects.ts'
import { BadAnswer, deniedBy, readVerdict, reviewBody, type Shown, show, type Verdict } from './webhook-review.ts'

export interface WebhookDeps extends ActivationDeps {
  client: WebhookClient
  newUid(): string
  /** A webhook failed and its policy is to go on without it. */
  failedOpen?(webhook: string, error: Error): void
}

/** The webhook could not be asked, or its answer was none: the failure policy decides. */
export class WebhookFailure extends Error {
  constructor(webhook: string, why: string, cause?: unknown) {
    super(`failed calling webhook ${quote(webhook)}: ${why}`, { cause })
    this.name = 'WebhookFailure'
  }
}

/** The name under which the webhook is to see the request; undefined when it is not asked. Throws a StatusError when that cannot be told. */
export function selected(
  webhook: Webhook,
  request: AdmissionRequest,
  deps: WebhookDeps,
): ResourceName | undefined | Promise<ResourceName | undefined> {
  const name = matchRequest(webhook, request, deps)
  return name === undefined || webhook.matchConditions.length === 0 ? name : onConditions(webhook, request, name, deps)
}

async function onConditions(
  webhook: Webhook,
  request: AdmissionRequest,
  name: ResourceName,
  deps: WebhookDeps,
): Promise<ResourceName | undefined> {
  const variables = activation(request, name, deps)
  const held = await decided(request, () => conditionsHold(webhook.matchConditions, variables, new Budget(MATCH_CONDITIONS_BUDGET)))
  if (typeof held === 'boolean') return held ? name : undefined
  if (webhook.ignoresFailures) return undefined
  throw forbidden(request, request.name, held)
}

export function shown(request: AdmissionRequest, name: ResourceName, { objects }: WebhookDeps): Shown {
  return show(request, name, objects)
}

/**
 * Asks, and answers the verdict of a webhook that lets the request pass.
 *
 * Throws a WebhookFailure, or the StatusError of a refusal.
 */
export async function ask(
  webhook: Webhook,
  request: AdmissionRequest,
  showing: Shown,
  mutating: boolean,
  { client, newUid }: WebhookDeps,
): Promise<Verdict> {
  const { name, reviewVersion } = webhook
  if (request.dryRun && !webhook.dryRunSafe) throw badRequest(`admission webhook ${quote(name)} does not support dry run`)
  if (reviewVersion === undefined) {
    throw new WebhookFailure(
      name,
      'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
    )
  }
  const uid = newUid()
  let body: Buffer
  try {
    const question = reviewBody(uid, reviewVersion, request, showing)
    body = await client.call({
      clientConfig: webhook.clientConfig,
      body: question,
      // The caller may be less patient than the configuration.
      timeoutMs: Math.max(1, Math.min(webhook.timeoutMs, request.remainingMs?.() ?? webhook.timeoutMs)),
      signal: request.signal?.(),
    })
  } catch (error) {
    throw new WebhookFailure(name, `failed to call webhook: ${error instanceof Error ? error.message : String(error)}`, error)
  }
  let verdict: Verdict
  try {
    verdict = readVerdict(body, uid, reviewVersion, mutating)
  } catch (error) {
    if (!(error instanceof BadAnswer)) throw error
    throw new WebhookFailure(
      name,
      `${error.unread ? 'failed to call webhook' : 'received invalid webhook response'}: ${error.message}`,
      error,
    )
  }
  for (const [key, value] of Object.entries(verdict.auditAnnotations)) request.annotate(`${name}/${key}`, value)
  for (const warning of verdict.warnings) request.warn(warning)
  if (!verdict.allowed) throw deniedBy(name, verdict.result)
  return verdict
}

/** What the caller is answered when this ends the request; undefined when it goes on. */
export function endOf(error: unknown, webhook: Webhook, request: AdmissionRequest, deps: WebhookDeps): StatusError | undefined {
  if (error instanceof WebhookFailure) {
    if (!webhook.ignoresFailures) return internalError(error.message, { cause: error })
    deps.failedOpen?.(webhook.name, error)
    return request.signal?.().aborted === true ? timeout('request did not complete within requested timeout') : undefined
  }
  if (error instanceof StatusError) return error
  return internalError(error instanceof Error ? error.message : String(error), { cause: error })
}
