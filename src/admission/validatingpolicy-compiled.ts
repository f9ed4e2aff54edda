/**
 * A ValidatingAdmissionPolicy, ready to be asked: expressions compiled, and what they say of one request and one parameter.
 *
 * @see apiserver/pkg/admission/plugin/policy/validating/validator.go
 * @module
 */
import type { ValidatingAdmissionPolicy } from '../api/types/admissionregistration/v1.ts'
import { Budget, MATCH_CONDITIONS_BUDGET, POLICY_BUDGET } from '../cel/budget.ts'
import type { Variables } from '../cel/scope.ts'
import { typeName } from '../cel/values.ts'
import { type Compiled, compileAll, conditionsHold, evaluate, OutOfBudget, Turns } from './policy-expressions.ts'
import { type NamedExpression, withVariables } from './policy-variables.ts'

const MAX_MESSAGE_BYTES = 5 * 1024

interface CompiledValidation {
  expression: Compiled
  messageExpression: Compiled | undefined
  message: string
  reason: string
}

export interface CompiledPolicy {
  policy: ValidatingAdmissionPolicy
  ignoresFailures: boolean
  variables: readonly NamedExpression[]
  validations: readonly CompiledValidation[]
  auditAnnotations: readonly { key: string; expression: Compiled }[]
}

export interface Denial {
  /** Of the validation; 0 for a failure before the first. */
  index: number
  message: string
  /** `''`: the evaluation failed. */
  reason: string
  /** How long it took to find out. */
  seconds: number
}

export interface Findings {
  denials: readonly Denial[]
  /** What could not be told, where failures do not count. */
  ignored: readonly Denial[]
  /** Annotations by key. */
  published: readonly { key: string; value: string }[]
  /** Annotations that could not be made, where failures count. */
  failedAnnotations: readonly string[]
}

export async function compilePolicy(policy: ValidatingAdmissionPolicy): Promise<CompiledPolicy> {
  const { validations = [], variables = [], auditAnnotations = [], failurePolicy } = policy.spec ?? {}
  const expressions = await compileAll(validations.map(({ expression = '' }) => expression))
  const messages = await compileAll(validations.map(({ messageExpression }) => (messageExpression === '' ? undefined : messageExpression)))
  const variableExpressions = await compileAll(variables.map(({ expression = '' }) => expression))
  const annotationExpressions = await compileAll(auditAnnotations.map(({ valueExpression = '' }) => valueExpression))
  return {
    policy,
    ignoresFailures: failurePolicy === 'Ignore',
    // Lists of the same length as those they were made from.
    variables: variables.map(({ name = '' }, i) => ({ name, expression: variableExpressions[i] as Compiled })),
    validations: validations.map(({ message = '', reason = 'Invalid' }, i) => ({
      expression: expressions[i] as Compiled,
      messageExpression: messages[i],
      message,
      reason,
    })),
    auditAnnotations: auditAnnotations.map(({ key = '' }, i) => ({ key, expression: annotationExpressions[i] as Compiled })),
  }
}

/** @param params the parameter, null without one */
export async function askPolicy(compiled: CompiledPolicy, base: Variables, params: unknown): Promise<Findings> {
  const { policy, ignoresFailures, validations, auditAnnotations } = compiled
  const failed = (message: string): Findings => {
    const failure = [{ index: 0, message, reason: '', seconds: 0 }]
    return { denials: ignoresFailures ? [] : failure, ignored: ignoresFailures ? failure : [], published: [], failedAnnotations: [] }
  }
  const withParams: Variables = (name) => (name === 'params' && policy.spec?.paramKind !== undefined ? params : base(name))
  const held = await conditionsHold(policy.spec?.matchConditions ?? [], withParams, new Budget(MATCH_CONDITIONS_BUDGET))
  if (held === false) return { denials: [], ignored: [], published: [], failedAnnotations: [] }
  if (held !== true) return failed(held)

  const budget = new Budget(POLICY_BUDGET)
  const names = withVariables(compiled.variables, withParams, () => budget)
  try {
    const denials: Denial[] = []
    const ignored: Denial[] = []
    const turns = new Turns(budget)
    for (const [index, validation] of validations.entries()) {
      await turns.next()
      const denial = validate(validation, index, names, budget)
      if (denial !== undefined) (denial.failed && ignoresFailures ? ignored : denials).push(denial)
    }
    const annotationBudget = new Budget(POLICY_BUDGET)
    const annotationNames = withVariables(compiled.variables, withParams, () => annotationBudget)
    return { denials, ignored, ...annotate(auditAnnotations, annotationNames, { budget: annotationBudget, ignoresFailures }) }
  } catch (error) {
    if (error instanceof OutOfBudget) return failed(error.message)
    throw error
  }
}

interface Setting {
  budget: Budget
  ignoresFailures: boolean
}

function validate(
  validation: CompiledValidation,
  index: number,
  names: Variables,
  budget: Budget,
): (Denial & { failed: boolean }) | undefined {
  const startedMs = performance.now()
  const seconds = () => (performance.now() - startedMs) / 1000
  let value: unknown
  try {
    value = evaluate(validation.expression, names, budget)
  } catch (error) {
    if (error instanceof OutOfBudget) throw error
    return { index, message: (error as Error).message, reason: '', seconds: seconds(), failed: true }
  }
  if (value === true) return undefined
  const elapsed = seconds()
  return { index, message: messageOf(validation, names, budget), reason: validation.reason, seconds: elapsed, failed: false }
}

/** What the expression for it says, when that is one line of text; else the fixed text; else the expression. */
function messageOf({ expression, messageExpression, message }: CompiledValidation, names: Variables, budget: Budget): string {
  if (messageExpression !== undefined) {
    try {
      const made = evaluate(messageExpression, names, budget)
      const text = typeof made === 'string' ? made.trim() : ''
      if (text !== '' && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES && !text.includes('\n')) return text
    } catch (error) {
      if (error instanceof OutOfBudget) return `failed messageExpression: ${error.message}`
    }
  }
  const fixed = message.trim()
  return fixed === '' ? `failed expression: ${expression.expression.trim()}` : fixed
}

function annotate(
  annotations: CompiledPolicy['auditAnnotations'],
  names: Variables,
  { budget, ignoresFailures }: Setting,
): Pick<Findings, 'published' | 'failedAnnotations'> {
  const published: { key: string; value: string }[] = []
  const failedAnnotations: string[] = []
  for (const { key, expression } of annotations) {
    try {
      const value = evaluate(expression, names, budget)
      if (typeof value === 'string') {
        const text = value.trim()
        if (text !== '') published.push({ key, value: text })
      } else if (value !== null) {
        failedAnnotations.push(
          `valueExpression '${expression.expression}' resulted in unsupported return type: ${typeName(value)}. Return type must be either string or null.`,
        )
      }
    } catch (error) {
      if (error instanceof OutOfBudget) throw error
      if (!ignoresFailures) failedAnnotations.push((error as Error).message)
    }
  }
  return { published, failedAnnotations }
}
