/**
 * The spec of a job, on its own or as the template of a cron job.
 *
 * @see pkg/apis/batch/validation/validation.go, validateJobSpec
 * @module
 */
import { duplicate, type FieldError, invalidValue, notSupported, required, tooLong, tooMany } from '../../api/field.ts'
import { quote } from '../../api/status.ts'
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicy,
  SuccessPolicyRule,
} from '../../api/types/batch/v1.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import type { PodValidationOptions } from '../core/pod/validationoptions.ts'
import { templateWarnings } from '../core/pod/warnings.ts'
import { nonnegativeErrors } from '../core/pod/workload.ts'
import { byteLength, validateDomainPrefixedPath, validateNonnegative, validateQualifiedName } from '../validation.ts'
import { countIndexes } from './indexes.ts'

const MAX_INDEXED_PARALLELISM = 100_000
const MAX_FAILED_INDEXES = 100_000
const MANY_COMPLETIONS = 100_000
const MAX_OF_MANY = 10_000
const MAX_RULES = 20
const MAX_EXIT_CODES = 255
const MAX_CONDITIONS = 20
const MAX_MANAGED_BY = 63
const MAX_SUCCEEDED_INDEXES = 64 * 1024

const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const OPERATORS = ['In', 'NotIn']
const STATUSES = ['False', 'True', 'Unknown']
const INDEXED_ONLY = 'requires indexed completion mode'

/** `field` is `spec`, or `spec.jobTemplate.spec`. */
export function jobSpecErrors(spec: JobSpec, field: string, options: PodValidationOptions): FieldError[] {
  const { completionMode, backoffLimitPerIndex, maxFailedIndexes, managedBy, podFailurePolicy, successPolicy, template = {} } = spec
  const errors = nonnegativeErrors(
    spec,
    [
      'parallelism',
      'completions',
      'activeDeadlineSeconds',
      'backoffLimit',
      'ttlSecondsAfterFinished',
      'backoffLimitPerIndex',
      'maxFailedIndexes',
    ],
    field,
  )
  if (maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined)
    errors.push(required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'))
  if (managedBy !== undefined) {
    errors.push(...validateDomainPrefixedPath(managedBy, `${field}.managedBy`))
    if (byteLength(managedBy) > MAX_MANAGED_BY) errors.push(tooLong(`${field}.managedBy`, MAX_MANAGED_BY))
  }
  if (completionMode !== undefined && completionMode !== 'NonIndexed' && completionMode !== 'Indexed') {
    errors.push(notSupported(`${field}.completionMode`, completionMode, ['NonIndexed', 'Indexed']))
  }
  if (completionMode === 'Indexed') errors.push(...indexedErrors(spec, field))
  if (completionMode === undefined || completionMode === 'NonIndexed') {
    if (backoffLimitPerIndex !== undefined) errors.push(invalidValue(`${field}.backoffLimitPerIndex`, backoffLimitPerIndex, INDEXED_ONLY))
    if (maxFailedIndexes !== undefined) errors.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, INDEXED_ONLY))
  }
  if (podFailurePolicy !== undefined) errors.push(...podFailurePolicyErrors(spec, `${field}.podFailurePolicy.rules`))
  if (successPolicy !== undefined) errors.push(...successPolicyErrors(spec, successPolicy, `${field}.successPolicy`))
  errors.push(
    ...podReplacementPolicyErrors(spec, `${field}.podReplacementPolicy`),
    ...podTemplateErrors(template, `${field}.template`, options),
    ...restartPolicyErrors(spec, field),
  )
  return errors
}

/** Warnings of jobs and cron jobs. */
export function jobSpecWarnings(spec: JobSpec, field: string): string[] {
  const warnings = templateWarnings(spec.template, `${field}.template`)
  const { completionMode, completions = 0, parallelism = 0 } = spec
  if (completionMode !== 'Indexed' || completions <= MANY_COMPLETIONS || parallelism <= MAX_OF_MANY) return warnings
  const text =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail'
  return [`${field}: ${text}`, ...warnings]
}

function indexedErrors({ completions, parallelism, maxFailedIndexes, backoffLimitPerIndex }: JobSpec, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (completions === undefined) errors.push(required(`${field}.completions`, 'when completion mode is Indexed'))
  if (parallelism !== undefined && parallelism > MAX_INDEXED_PARALLELISM) {
    errors.push(
      invalidValue(
        `${field}.parallelism`,
        parallelism,
        `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`,
      ),
    )
  }
  if (maxFailedIndexes !== undefined) {
    const at = `${field}.maxFailedIndexes`
    if (completions !== undefined && maxFailedIndexes > completions)
      errors.push(invalidValue(at, maxFailedIndexes, 'must be less than or equal to completions'))
    if (maxFailedIndexes > MAX_FAILED_INDEXES)
      errors.push(invalidValue(at, maxFailedIndexes, `must be less than or equal to ${MAX_FAILED_INDEXES}`))
  }
  if (completions === undefined || completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors
  const most = `must be less than or equal to ${MAX_OF_MANY} when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
  if (maxFailedIndexes === undefined)
    errors.push(required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`))
  if (parallelism !== undefined && parallelism > MAX_OF_MANY) errors.push(invalidValue(`${field}.parallelism`, parallelism, most))
  if (maxFailedIndexes !== undefined && maxFailedIndexes > MAX_OF_MANY)
    errors.push(invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, most))
  return errors
}

function podReplacementPolicyErrors({ podReplacementPolicy, podFailurePolicy }: JobSpec, field: string): FieldError[] {
  if (podReplacementPolicy === undefined) return []
  const supported = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  return supported.includes(podReplacementPolicy) ? [] : [notSupported(field, podReplacementPolicy, supported)]
}

function restartPolicyErrors({ template, podFailurePolicy }: JobSpec, field: string): FieldError[] {
  const restartPolicy = template?.spec?.restartPolicy ?? ''
  const at = `${field}.template.spec.restartPolicy`
  if (restartPolicy === 'Always' || restartPolicy === '') return [required(at, 'valid values: "OnFailure", "Never"')]
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') return [notSupported(at, restartPolicy, ['OnFailure', 'Never'])]
  if (podFailurePolicy === undefined || restartPolicy === 'Never') return []
  return [invalidValue(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')]
}

function podFailurePolicyErrors(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? []
  const { containers = [], initContainers = [] } = spec.template?.spec ?? {}
  const names = [...containers, ...initContainers].map((one) => one.name ?? '')
  const errors: FieldError[] = rules.length > MAX_RULES ? [tooMany(field, rules.length, MAX_RULES)] : []
  for (const [index, rule] of rules.entries())
    errors.push(...failureRuleErrors(rule, `${field}[${index}]`, { names, perIndex: spec.backoffLimitPerIndex !== undefined }))
  return errors
}

function failureRuleErrors(
  { action = '', onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  field: string,
  job: { names: readonly string[]; perIndex: boolean },
): FieldError[] {
  const errors: FieldError[] = []
  const at = `${field}.action`
  if (action === '') errors.push(required(at, validValues(ACTIONS)))
  else if (action === 'FailIndex') {
    if (!job.perIndex) errors.push(invalidValue(at, action, 'requires the backoffLimitPerIndex to be set'))
  } else if (!ACTIONS.includes(action)) errors.push(notSupported(at, action, ACTIONS))
  if (onExitCodes !== undefined) errors.push(...exitCodesErrors(onExitCodes, `${field}.onExitCodes`, job.names))
  if (onPodConditions.length > 0) errors.push(...podConditionsErrors(onPodConditions, `${field}.onPodConditions`))
  const both = onExitCodes !== undefined && onPodConditions.length > 0
  const none = onExitCodes === undefined && onPodConditions.length === 0
  if (both) errors.push(invalidWithoutValue(field, 'specifying both OnExitCodes and OnPodConditions is not supported'))
  if (none) errors.push(invalidWithoutValue(field, 'specifying one of OnExitCodes and OnPodConditions is required'))
  return errors
}

function exitCodesErrors(
  { operator = '', containerName, values = [] }: PodFailurePolicyOnExitCodesRequirement,
  field: string,
  names: readonly string[],
): FieldError[] {
  const errors: FieldError[] = []
  const at = `${field}.values`
  if (operator === '') errors.push(required(`${field}.operator`, validValues(OPERATORS)))
  else if (!OPERATORS.includes(operator)) errors.push(notSupported(`${field}.operator`, operator, OPERATORS))
  if (containerName !== undefined && !names.includes(containerName)) {
    errors.push(
      invalidValue(`${field}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template'),
    )
  }
  if (values.length === 0) errors.push(invalidValue(at, values, 'at least one value is required'))
  else if (values.length > MAX_EXIT_CODES) errors.push(tooMany(at, values.length, MAX_EXIT_CODES))
  const seen = new Set<number>()
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0) errors.push(invalidValue(`${at}[${index}]`, value, 'must not be 0 for the In operator'))
    if (seen.has(value)) errors.push(duplicate(`${at}[${index}]`, value))
    seen.add(value)
  }
  if (values.some((value, index) => index > 0 && values[index - 1]! > value)) errors.push(invalidValue(at, values, 'must be ordered'))
  return errors
}

function podConditionsErrors(patterns: readonly PodFailurePolicyOnPodConditionsPattern[], field: string): FieldError[] {
  const errors: FieldError[] = patterns.length > MAX_CONDITIONS ? [tooMany(field, patterns.length, MAX_CONDITIONS)] : []
  for (const [index, { type = '', status = '' }] of patterns.entries()) {
    const at = `${field}[${index}]`
    errors.push(...validateQualifiedName(type, `${at}.type`))
    if (status === '') errors.push(required(`${at}.status`, validValues(STATUSES)))
    else if (!STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, STATUSES))
  }
  return errors
}

function successPolicyErrors({ completionMode, completions = 0 }: JobSpec, policy: SuccessPolicy, field: string): FieldError[] {
  const { rules = [] } = policy
  if (completionMode !== 'Indexed') return [invalidValue(field, { Rules: policy.rules?.map(goSuccessRule) ?? null }, INDEXED_ONLY)]
  const errors: FieldError[] = []
  if (rules.length === 0)
    errors.push(required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'))
  if (rules.length > MAX_RULES) errors.push(tooMany(`${field}.rules`, rules.length, MAX_RULES))
  for (const [index, rule] of rules.entries()) errors.push(...successRuleErrors(rule, `${field}.rules[${index}]`, completions))
  return errors
}

function goSuccessRule({ succeededIndexes, succeededCount }: SuccessPolicyRule): unknown {
  return { SucceededIndexes: succeededIndexes ?? null, SucceededCount: succeededCount ?? null }
}

function successRuleErrors({ succeededIndexes, succeededCount }: SuccessPolicyRule, field: string, completions: number): FieldError[] {
  const errors: FieldError[] = []
  if (succeededIndexes === undefined && succeededCount === undefined) {
    errors.push(required(field, 'at least one of succeededCount or succeededIndexes must be specified'))
  }
  let total = 0
  if (succeededIndexes !== undefined) {
    const at = `${field}.succeededIndexes`
    if (byteLength(succeededIndexes) > MAX_SUCCEEDED_INDEXES) errors.push(tooLong(at, MAX_SUCCEEDED_INDEXES))
    const counted = countIndexes(succeededIndexes, completions)
    if (typeof counted === 'string') errors.push(invalidValue(at, succeededIndexes, `error parsing succeededIndexes: ${counted}`))
    else total = counted
  }
  if (succeededCount === undefined) return errors
  const at = `${field}.succeededCount`
  errors.push(...validateNonnegative(succeededCount, at))
  if (succeededCount > completions)
    errors.push(invalidValue(at, succeededCount, `must be less than or equal to ${completions} (the number of specified completions)`))
  if (succeededIndexes !== undefined && succeededCount > total) {
    errors.push(
      invalidValue(
        at,
        succeededCount,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    )
  }
  return errors
}

/** An error at a value that is not printed. */
export function invalidWithoutValue(field: string, detail: string): FieldError {
  return { type: 'Invalid', field, text: `Invalid value: ${detail}` }
}

function validValues(values: readonly string[]): string {
  return `valid values: [${values.map(quote).join(' ')}]`
}
