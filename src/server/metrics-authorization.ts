/**
 * What is counted of authorization webhooks.
 *
 * @see apiserver/plugin/pkg/authorizer/webhook/metrics/metrics.go; apiserver/pkg/authorization/cel/metrics.go
 * @module
 */
import type { WebhookObserver } from '../authorization/webhook.ts'
import type { Families } from './metrics-families.ts'

const DEFAULT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const CONDITION_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25]
const PREFIX = 'apiserver_authorization_'

/** By the name of the authorizer. */
export function webhookMetrics(families: Families): (name: string) => WebhookObserver {
  const results = ['name', 'result']
  const evaluations = families.counter(`${PREFIX}webhook_evaluations_total`, 'Questions to authorization webhooks.', results)
  const durations = families.histogram(
    `${PREFIX}webhook_duration_seconds`,
    'Time to the answer of an authorization webhook.',
    results,
    DEFAULT_BUCKETS,
  )
  const failOpen = families.counter(
    `${PREFIX}webhook_evaluations_fail_open_total`,
    'Questions that a webhook did not answer and others decided.',
    results,
  )
  const of = ['type', 'name']
  const errors = families.counter(`${PREFIX}match_condition_evaluation_errors_total`, 'Match conditions that could not be told.', of)
  const exclusions = families.counter(
    `${PREFIX}match_condition_exclusions_total`,
    'Questions that match conditions kept from a webhook.',
    of,
  )
  const seconds = families.histogram(
    `${PREFIX}match_condition_evaluation_seconds`,
    'Time that the match conditions of a webhook take.',
    of,
    CONDITION_BUCKETS,
  )
  return (name) => ({
    evaluated(result, took) {
      evaluations.cell(name, result).value++
      durations.cell(name, result).observe(took)
    },
    failedOpen(result) {
      failOpen.cell(name, result).value++
    },
    conditionsEvaluated(took, outcome) {
      seconds.cell('Webhook', name).observe(took)
      if (outcome === 'failed') errors.cell('Webhook', name).value++
      if (outcome === 'excluded') exclusions.cell('Webhook', name).value++
    },
  })
}
