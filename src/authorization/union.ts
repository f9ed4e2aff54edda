/**
 * Several authorizers as one: the first that allows or denies decides.
 *
 * @see apiserver/pkg/authorization/union/union.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorization, Authorizer, RulesOf } from './authorizer.ts'

/** Hears which member ended the chain, by its place, and how. */
export type Decided = (member: number, decision: 'allow' | 'deny') => void

export function unionAuthorizer(authorizers: readonly Authorizer[], decided: Decided = () => {}): Authorizer {
  return {
    name: 'Union',
    authorize: (attributes) => decide(authorizers, decided, attributes, 0, [], []),
    rulesFor: (user, namespace) => collect(authorizers, user, namespace),
  }
}

/** Stays synchronous until a member has to be awaited. */
function decide(
  authorizers: readonly Authorizer[],
  decided: Decided,
  attributes: Attributes,
  from: number,
  reasons: string[],
  errors: string[],
): Authorization | Promise<Authorization> {
  for (let i = from; i < authorizers.length; i++) {
    const answer = authorizers[i]!.authorize(attributes)
    if (answer instanceof Promise) {
      return answer.then((settled) => {
        if (settled.decision !== 'noOpinion') {
          decided(i, settled.decision)
          return settled
        }
        note(settled, reasons, errors)
        return decide(authorizers, decided, attributes, i + 1, reasons, errors)
      })
    }
    if (answer.decision !== 'noOpinion') {
      decided(i, answer.decision)
      return answer
    }
    note(answer, reasons, errors)
  }
  const evaluationError = errors.length === 0 ? undefined : aggregateErrors(errors)
  const reason = reasons.join('\n')
  return evaluationError === undefined ? { decision: 'noOpinion', reason } : { decision: 'noOpinion', reason, evaluationError }
}

/** Of an answer that leaves it to others, its reason and error are kept. */
function note(answer: Authorization, reasons: string[], errors: string[]): void {
  if (answer.reason !== '') reasons.push(answer.reason)
  if (answer.evaluationError !== undefined) errors.push(answer.evaluationError)
}

async function collect(authorizers: readonly Authorizer[], user: UserInfo, namespace: string): Promise<RulesOf> {
  const all: RulesOf[] = []
  for (const authorizer of authorizers) if (authorizer.rulesFor !== undefined) all.push(await authorizer.rulesFor(user, namespace))
  const errors = all.flatMap(({ evaluationError }) => evaluationError ?? [])
  const rules: RulesOf = {
    resourceRules: all.flatMap(({ resourceRules }) => resourceRules),
    nonResourceRules: all.flatMap(({ nonResourceRules }) => nonResourceRules),
    incomplete: all.some(({ incomplete }) => incomplete),
  }
  return errors.length === 0 ? rules : { ...rules, evaluationError: aggregateErrors(errors) }
}
