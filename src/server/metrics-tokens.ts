/**
 * What service account tokens were presented, under kube-apiserver's names.
 *
 * @see pkg/serviceaccount/metrics.go
 * @module
 */
import type { TokenCounter } from '../authentication/serviceaccount.ts'
import type { Families } from './metrics-families.ts'

const HELP = {
  serviceaccount_legacy_tokens_total: 'Legacy service account tokens used.',
  serviceaccount_stale_tokens_total: 'Service account tokens used after the time of their warning.',
  serviceaccount_valid_tokens_total: 'Service account tokens used before the time of their warning.',
  serviceaccount_legacy_manual_token_uses_total: 'Legacy tokens used out of Secrets that somebody made.',
  serviceaccount_legacy_auto_token_uses_total: 'Legacy tokens used out of Secrets that were made for an account.',
  serviceaccount_invalid_legacy_auto_token_uses_total: 'Legacy tokens refused because their Secret was marked invalid.',
} as const satisfies Record<TokenCounter, string>

export function tokenCounts(families: Families): (counter: TokenCounter) => void {
  const cells = new Map(Object.entries(HELP).map(([name, help]) => [name, families.counter(name, help).cell()]))
  return (counter) => {
    const cell = cells.get(counter)
    if (cell !== undefined) cell.value++
  }
}
