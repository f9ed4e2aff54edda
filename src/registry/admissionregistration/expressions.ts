/**
 * What is wrong with expressions of webhooks and policies, told when they are written.
 *
 * @see pkg/apis/admissionregistration/validation/validation.go
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'
import type { Type } from '../../cel/types.ts'

interface Loaded {
  checker: typeof import('../../cel/checker.ts')
  environments: typeof import('../../cel/environments.ts')
  types: typeof import('../../cel/types.ts')
}

let loaded: Loaded | undefined

/** The type checker is loaded by the first webhook or policy that is written. Validation cannot wait, so this comes before it. */
export async function loadChecker(): Promise<void> {
  if (loaded !== undefined) return
  const [checker, environments, types] = await Promise.all([
    import('../../cel/checker.ts'),
    import('../../cel/environments.ts'),
    import('../../cel/types.ts'),
  ])
  loaded = { checker, environments, types }
}

/** What an expression is for, and so what it has to give and may name. */
export type Purpose =
  | 'matchCondition'
  | 'variable'
  | 'validation'
  | 'messageExpression'
  | 'auditAnnotation'
  | 'applyConfiguration'
  | 'jsonPatch'

/** The expressions of one policy, or of the webhooks of one configuration. */
export class Expressions {
  readonly #params: boolean
  readonly #variables: Map<string, Type> | undefined

  /** @param variables whether there is a `variables` */
  constructor({ params, variables }: { params: boolean; variables: boolean }) {
    this.#params = params
    this.#variables = variables ? new Map() : undefined
  }

  /** @param shown what the message shows as the value; the expression itself without */
  errors(purpose: Purpose, expression: string, field: string, shown = expression): FieldError[] {
    const checked = this.#check(purpose, expression)
    return 'problem' in checked ? [invalidValue(field, shown, checked.problem)] : []
  }

  /** Those that follow may name it, whether it is right or not. */
  variableErrors(name: string, expression: string, field: string): FieldError[] {
    const checked = this.#check('variable', expression)
    this.#variables?.set(name, need().types.declaredType('problem' in checked ? undefined : checked.type))
    return 'problem' in checked ? [invalidValue(field, expression, checked.problem)] : []
  }

  #check(purpose: Purpose, expression: string) {
    const { checker, environments, types } = need()
    const results: Record<Purpose, readonly Type[]> = {
      matchCondition: [types.BOOL],
      variable: [],
      validation: [types.BOOL],
      messageExpression: [types.STRING],
      auditAnnotation: [types.STRING, types.NULL],
      applyConfiguration: [types.struct('Object')],
      jsonPatch: [types.listOf(types.struct('JSONPatch'))],
    }
    const environment = environments.admissionEnvironment({
      params: this.#params,
      authorizer: purpose !== 'messageExpression',
      patches: purpose === 'applyConfiguration' || purpose === 'jsonPatch',
      ...(purpose !== 'matchCondition' && this.#variables !== undefined && { variables: this.#variables }),
    })
    return checker.checkExpression(expression, environment, results[purpose])
  }
}

function need(): Loaded {
  if (loaded === undefined) throw new Error('the type checker is loaded before anything is validated')
  return loaded
}
