/**
 * Match conditions of an authorization webhook.
 *
 * @see apiserver/pkg/authorization/cel/{compile,matcher}.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { SubjectAccessReviewSpec } from '../api/types/authorization/v1.ts'
import type { CompileExpression } from '../authentication/expressions.ts'
import type { ConditionProblem } from './configuration.ts'
import type { MatchConditions } from './webhook.ts'

/** What is wrong with one of them. */
export function conditionProblem(compile: CompileExpression): ConditionProblem {
  return (text) => {
    const compiled = compile(text, 'request')
    if ('problem' in compiled) return compiled.problem
    return compiled.type === 'bool' ? undefined : `must evaluate to bool but got ${compiled.type}`
  }
}

/** Conditions that were found to be good; undefined where there are none. */
export function matchConditions(texts: readonly string[], compile: CompileExpression): MatchConditions | undefined {
  if (texts.length === 0) return undefined
  const expressions = texts.map((text) => {
    const compiled = compile(text, 'request')
    if ('problem' in compiled) throw new TypeError(compiled.problem)
    return compiled
  })
  return (spec) => {
    const request = requestValue(spec)
    const errors: string[] = []
    for (const expression of expressions) {
      try {
        if (expression.evaluate(request) === false) return false
      } catch (error) {
        errors.push(`cel evaluation error: ${(error as Error).message}`)
      }
    }
    return errors.length === 0 ? true : aggregateErrors(errors)
  }
}

/** With all that is a text or about the user, empty or not; of the other things only what is there. */
function requestValue(spec: SubjectAccessReviewSpec): Record<string, unknown> {
  const { user = '', groups = [], uid = '', extra = {}, resourceAttributes: resource, nonResourceAttributes: path } = spec
  return {
    user,
    groups,
    uid,
    extra,
    ...(resource !== undefined && {
      resourceAttributes: { namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '', ...resource },
    }),
    ...(path !== undefined && { nonResourceAttributes: { verb: '', path: '', ...path } }),
  }
}
