/**
 * `ValidatingAdmissionWebhook`: all webhooks that a request concerns are asked at once, and each can refuse it.
 *
 * @see apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go
 * @module
 */
import { type StatusError, timeout } from '../api/status.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { ask, endOf, selected, shown, type WebhookDeps, WebhookFailure } from './webhook.ts'
import { followWebhooks, type Webhook } from './webhook-configurations.ts'
import { isAdmissionConfiguration } from './webhook-matching.ts'
import { sameKind } from './webhook-objects.ts'
import type { Shown } from './webhook-review.ts'

const FAILED_OPEN = 'failed-open.validating.webhook.admission.k8s.io/round_0_index_'

export function validatingAdmissionWebhook(deps: WebhookDeps): AdmissionPlugin {
  const webhooks = followWebhooks(deps.cache, 'validatingwebhookconfigurations')
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (request) => webhooks().length > 0 && !isAdmissionConfiguration(request),
    async validate(request) {
      const calls = await concerned(webhooks(), request, deps)
      if (calls.length > 0) await askAll(calls, request, deps)
    },
  }
}

interface Calling {
  webhook: Webhook
  showing: Shown
}

async function concerned(webhooks: readonly Webhook[], request: AdmissionRequest, deps: WebhookDeps): Promise<Calling[]> {
  const versions: Shown[] = []
  const calls: Calling[] = []
  for (const webhook of webhooks) {
    const name = await selected(webhook, request, deps)
    if (name === undefined) continue
    let showing = versions.find((one) => sameKind(one.name.kind, name.kind) && one.name.resource.resource === name.resource.resource)
    if (showing === undefined) {
      showing = shown(request, name, deps)
      versions.push(showing)
    }
    calls.push({ webhook, showing })
  }
  return calls
}

async function askAll(calls: readonly Calling[], request: AdmissionRequest, deps: WebhookDeps): Promise<void> {
  if (request.signal?.().aborted === true) throw timeout('request did not complete within requested timeout')
  const ends = await Promise.all(
    calls.map(async ({ webhook, showing }, index): Promise<StatusError | undefined> => {
      try {
        await ask(webhook, request, showing, false, deps)
        return undefined
      } catch (error) {
        const end = endOf(error, webhook, request, deps)
        if (end === undefined && error instanceof WebhookFailure) request.annotate(`${FAILED_OPEN}${index}`, webhook.name)
        return end
      }
    }),
  )
  const refusal = ends.find((end) => end !== undefined)
  if (refusal !== undefined) throw refusal
}
