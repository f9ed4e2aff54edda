/**
 * Several authorizers as one: the first that allows or denies decides.
 *
 * @see apiserver/pkg/authorization/union/union.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Attributes, Authorization, Authorizer, RulesOf } from './authorizer.ts'

export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    name: 'Union',
    authorize: (attributes) => decide(authorizers, attributes, 0, [], []),
    rulesFor: (user, namespace) => collect(authorizers, user, namespace),
  }
}

/** Stays synchronous until a member has to be awaited. */
function decide(
  authorizers: readonly Authorizer[],
  attributes: Attributes,
  from: number,
  reasons: string[],
  errors: string[],
): Authorization | Promise<Authorization> {
  for (let i = from; i < authorizers.length; i++) {
    const answer = authorizers[i]!.authorize(attributes)
    if (answer instanceof Promise) {
      return answer.then((settled) => note(settled, reasons, errors) ?? decide(authorizers, attributes, i + 1, reasons, errors))
    }
    const decided = note(answer, reasons, errors)
    if (decided !== undefined) return decided
  }
  const evaluationError = errors.length === 0 ? undefined : aggregateErrors(errors)
  const reason = reasons.join('\n')
  return evaluationError === undefined ? { decision: 'noOpinion', reason } : { decision: 'noOpinion', reason, evaluationError }
}

/** An answer that ends the chain is given back; of another its reason and error are kept. */
function note(answer: Authorization, reasons: string[], errors: string[]): Authorization | undefined {
  if (answer.decision !== 'noOpinion') return answer
  if (answer.reason !== '') reasons.push(answer.reason)
  if (answer.evaluationError !== undefined) errors.push(answer.evaluationError)
  return undefined
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
