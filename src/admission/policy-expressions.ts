/**
 * Expressions of webhooks and policies: compiled once, evaluated within a budget, with upstream's texts for what goes wrong.
 *
 * @see apiserver/pkg/admission/plugin/cel/activation.go; apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go
 * @module
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { aggregateErrors } from '../api/aggregate.ts'
import type { MatchCondition } from '../api/types/admissionregistration/v1.ts'
import type { Budget } from '../cel/budget.ts'
import type { Program } from '../cel/evaluate.ts'
import type { Variables } from '../cel/scope.ts'
import { CelError } from '../cel/values.ts'

/** No more expressions are evaluated for this request and policy. */
export class OutOfBudget extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
    this.name = 'OutOfBudget'
  }
}

export type Compiled = Program | { expression: string; problem: string }

let evaluator: Promise<typeof import('../cel/evaluate.ts')> | undefined

/** Loaded by the first expression: parser and regular expressions are heavy. */
export async function compileAll<T extends string | undefined>(
  expressions: readonly T[],
): Promise<(T extends string ? Compiled : Compiled | undefined)[]> {
  evaluator ??= import('../cel/evaluate.ts')
  const { compileExpression } = await evaluator
  const compile = (expression: string): Compiled => {
    try {
      return compileExpression(expression)
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      return { expression, problem: `compilation error: compilation failed: ${error.message}` }
    }
  }
  // An absent expression stays absent.
  return expressions.map((expression) => (expression === undefined ? undefined : compile(expression))) as (T extends string
    ? Compiled
    : Compiled | undefined)[]
}

/** Throws an Error with the text for the caller, or OutOfBudget. */
export function evaluate(compiled: Compiled, variables: Variables, budget: Budget): unknown {
  if ('problem' in compiled) throw new Error(compiled.problem)
  try {
    return budget.run((spend) => compiled.evaluate(variables, spend))
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    if (error.fatal && budget.exhausted) throw new OutOfBudget()
    throw new Error(`expression '${compiled.expression}' resulted in error: ${error.message}`)
  }
}

const conditions = new WeakMap<readonly MatchCondition[], Promise<Compiled[]>>()

/** What may be spent before others are served: a few milliseconds. */
const TURN_COST = 50_000

/** Others are served before the next expression when those before it have cost much. */
export class Turns {
  readonly #budget: Budget
  #left: number
  constructor(budget: Budget) {
    this.#budget = budget
    this.#left = budget.left
  }
  /** Undefined: there is no need to wait. */
  next(): Promise<void> | undefined {
    if (this.#left - this.#budget.left < TURN_COST) return undefined
    this.#left = this.#budget.left
    return nextTurn()
  }
}

/** Whether all conditions hold: false when one does not, a text when it cannot be told. */
export async function conditionsHold(of: readonly MatchCondition[], variables: Variables, budget: Budget): Promise<boolean | string> {
  if (of.length === 0) return true
  let compiling = conditions.get(of)
  if (compiling === undefined) {
    compiling = compileAll(of.map(({ expression = '' }) => expression))
    conditions.set(of, compiling)
  }
  const errors: string[] = []
  let held = true
  const turns = new Turns(budget)
  for (const compiled of await compiling) {
    await turns.next()
    try {
      const value = evaluate(compiled, variables, budget)
      if (value === false) held = false
      else if (value !== true) errors.push(`expression '${compiled.expression}' must evaluate to bool`)
    } catch (error) {
      if (error instanceof OutOfBudget) return error.message
      errors.push((error as Error).message)
    }
  }
  if (!held) return false
  return errors.length === 0 ? true : aggregateErrors(errors)
}
