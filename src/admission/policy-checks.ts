/**
 * What a policy said of a request, for those who count it.
 *
 * @see apiserver/pkg/admission/plugin/policy/{validating,mutating}/{errors.go,metrics}
 * @module
 */

export interface PolicyCheck {
  policy: string
  binding: string
  errorType: 'compile_error' | 'invalid_error' | 'out_of_budget' | 'no_error'
  /** What came of it; of a validating policy only. */
  action?: 'allow' | 'deny' | 'audit' | 'warn'
  seconds: number
}

/** Undefined: nothing went wrong. */
export function errorTypeOf(message: string | undefined): PolicyCheck['errorType'] {
  if (message === undefined) return 'no_error'
  if (message.startsWith('compilation')) return 'compile_error'
  return message.startsWith('validation failed due to running out of cost budget') ? 'out_of_budget' : 'invalid_error'
}
