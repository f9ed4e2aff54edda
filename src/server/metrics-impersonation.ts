/**
 * What is counted of acting as somebody else.
 *
 * @see apiserver/pkg/endpoints/filters/impersonation/metrics/metrics.go
 * @module
 */
import type { Authorizer } from '../authorization/authorizer.ts'
import { exponentialBuckets, type Families } from './metrics-families.ts'

const PREFIX = 'apiserver_impersonation_'
const LABELS = ['decision', 'mode']
const CONSTRAINED = /^impersonate(?:-on)?:(associated-node|arbitrary-node|serviceaccount|user-info)(?::|$)/

export interface ImpersonationMetrics {
  /** @param constraint the verb that allowed it, undefined for the old way. */
  allowed(constraint: string | undefined, startedMs: number): void
  denied(startedMs: number): void
  /** Counts the questions that impersonation asks. */
  counted(authorizer: Authorizer): Authorizer
}

export function impersonationMetrics(families: Families, now: () => number = () => performance.now()): ImpersonationMetrics {
  const counts = (name: string, help: string, duration: string) => {
    const total = families.counter(`${PREFIX}${name}_total`, help, LABELS)
    const seconds = families.histogram(`${PREFIX}${name}_duration_seconds`, duration, LABELS, exponentialBuckets(0.001, 2, 15))
    return (decision: string, mode: string, startedMs: number) => {
      total.cell(decision, mode).value++
      seconds.cell(decision, mode).observe((now() - startedMs) / 1000)
    }
  }
  const attempted = counts('attempts', 'Attempts to act as somebody else.', 'Time of an attempt to act as somebody else.')
  const asked = counts('authorization_attempts', 'Questions whether somebody may act as another.', 'Time of such a question.')
  return {
    allowed: (constraint, startedMs) => attempted('allowed', modeOf(constraint ?? 'impersonate'), startedMs),
    denied: (startedMs) => attempted('denied', '', startedMs),
    counted: (authorizer) => ({
      name: authorizer.name,
      async authorize(attributes) {
        const startedMs = now()
        const answer = await authorizer.authorize(attributes)
        asked(answer.decision === 'allow' ? 'allowed' : 'denied', modeOf(attributes.verb), startedMs)
        return answer
      },
    }),
  }
}

function modeOf(verb: string): string {
  return verb === 'impersonate' ? 'legacy' : (CONSTRAINED.exec(verb)?.[1] ?? 'unknown')
}
