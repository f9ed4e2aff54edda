/**
 * The webhooks of all configurations, as the cache knows them, in the order in which they are asked.
 *
 * @see apiserver/pkg/admission/configuration/{mutating,validating}_webhook_manager.go; apiserver/pkg/admission/plugin/webhook/accessors.go
 * @module
 */
import { byteOrder } from '../api/byte-order.ts'
import { type LabelSelector, selectorFromObject } from '../api/labels.ts'
import type {
  MatchCondition,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from '../api/types/admissionregistration/v1.ts'
import type { Cache } from '../cache/cache.ts'

/** One webhook, with what is read of it once. */
export interface Webhook {
  /** Tells webhooks of one name apart; stays the same while the configuration does. */
  id: string
  name: string
  configuration: string
  clientConfig: WebhookClientConfig
  rules: readonly RuleWithOperations[]
  namespaceSelector: LabelSelector
  objectSelector: LabelSelector
  matchConditions: readonly MatchCondition[]
  /** A request for another version of the same object counts too. */
  matchesEquivalent: boolean
  ignoresFailures: boolean
  /** May be asked about a dry run. */
  dryRunSafe: boolean
  reinvocable: boolean
  timeoutMs: number
  /** The first of its versions that is spoken here. */
  reviewVersion: 'v1' | 'v1beta1' | undefined
}

const DEFAULT_TIMEOUT_SECONDS = 10

/** Answers the webhooks of the moment; the list stays the same one until a configuration changes. */
export function followWebhooks(
  cache: Cache,
  resource: 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations',
): () => readonly Webhook[] {
  const byConfiguration = new Map<string, readonly Webhook[]>()
  let all: readonly Webhook[] | undefined = []
  cache.resource(`admissionregistration.k8s.io/v1/${resource}`)?.follow(({ type, object }) => {
    if (type === 'DELETED') byConfiguration.delete(object.key)
    else byConfiguration.set(object.key, webhooksOf(object.object as MutatingWebhookConfiguration | ValidatingWebhookConfiguration))
    all = undefined
  })
  return () => {
    all ??= [...byConfiguration.keys()].sort(byteOrder).flatMap((name) => byConfiguration.get(name) ?? [])
    return all
  }
}

function webhooksOf({ metadata, webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration): Webhook[] {
  const configuration = metadata?.name ?? ''
  const seen = new Map<string, number>()
  return (webhooks ?? []).map((webhook) => {
    const name = webhook.name ?? ''
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return compiled(webhook, configuration, `${configuration}/${name}/${count}`)
  })
}

function compiled(webhook: MutatingWebhook | ValidatingWebhook, configuration: string, id: string): Webhook {
  const { sideEffects, admissionReviewVersions = [] } = webhook
  return {
    id,
    name: webhook.name ?? '',
    configuration,
    clientConfig: webhook.clientConfig ?? {},
    rules: webhook.rules ?? [],
    namespaceSelector: selectorFromObject(webhook.namespaceSelector ?? {}),
    objectSelector: selectorFromObject(webhook.objectSelector ?? {}),
    matchConditions: webhook.matchConditions ?? [],
    matchesEquivalent: webhook.matchPolicy !== 'Exact',
    ignoresFailures: webhook.failurePolicy === 'Ignore',
    dryRunSafe: sideEffects === 'None' || sideEffects === 'NoneOnDryRun',
    reinvocable: 'reinvocationPolicy' in webhook && webhook.reinvocationPolicy === 'IfNeeded',
    timeoutMs: (webhook.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    reviewVersion: admissionReviewVersions.find((version) => version === 'v1' || version === 'v1beta1'),
  }
}
