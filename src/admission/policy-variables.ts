/**
 * `variables.x` of policies.
 *
 * @see apiserver/pkg/admission/plugin/cel/composition.go
 * @module
 */
import type { Budget } from '../cel/budget.ts'
import type { Variables } from '../cel/scope.ts'
import { CelError, type Members } from '../cel/values.ts'
import type { Compiled } from './policy-expressions.ts'

export interface NamedExpression {
  name: string
  expression: Compiled
}

/** A variable is evaluated when it is first asked for, and paid for from the budget of whoever asks, but not from its limit. */
export function withVariables(variables: readonly NamedExpression[], base: Variables, budget: () => Budget): Variables {
  if (variables.length === 0) return base
  const values = new Map<string, unknown>()
  const problems = new Map<string, CelError>()
  // A variable sees those before it only.
  const seenBy = (count: number): Variables => {
    const object: Members = {
      celType: 'kubernetes.variables',
      member(name) {
        const index = variables.findIndex((variable) => variable.name === name)
        const variable = variables[index]
        if (variable === undefined || index >= count) return undefined
        if (values.has(name)) return values.get(name)
        const known = problems.get(name)
        if (known !== undefined) throw known
        try {
          const value = evaluateVariable(variable, seenBy(index))
          values.set(name, value)
          return value
        } catch (error) {
          if (error instanceof CelError) problems.set(name, error)
          throw error
        }
      },
    }
    return (name) => (name === 'variables' ? object : base(name))
  }
  return seenBy(variables.length)

  function evaluateVariable({ name, expression }: NamedExpression, names: Variables): unknown {
    if ('problem' in expression) throw new CelError(`composited variable "${name}" fails to compile: ${expression.problem}`)
    try {
      return budget().runInside((spend) => expression.evaluate(names, spend))
    } catch (error) {
      if (!(error instanceof CelError) || error.fatal) throw error
      throw new CelError(`composited variable "${name}" fails to evaluate: ${error.message}`)
    }
  }
}
