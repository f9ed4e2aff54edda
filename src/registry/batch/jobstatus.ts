/**
 * What the status of a job may become.
 *
 * A rule is only asked when what it is about has changed: what is stored may be older than the rule.
 *
 * @see pkg/apis/batch/validation/validation.go, ValidateJobStatusUpdate; pkg/registry/batch/job/strategy.go, getStatusValidationOptions
 * @module
 */
import { duplicate, type FieldError, invalidValue, required } from '../../api/field.ts'
import type { Job, JobStatus, UncountedTerminatedPods } from '../../api/types/batch/v1.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { nonnegativeErrors } from '../core/pod/workload.ts'
import { countIndexes, overlapError } from './indexes.ts'
import { invalidWithoutValue } from './jobspec.ts'

const CONDITIONS = 'status.conditions'
const INDEXED = 'Indexed'

export function jobStatusUpdateErrors(job: Job, old: Job): FieldError[] {
  return [...jobStatusErrors(job, old), ...transitionErrors(job, old)]
}

export function hasCondition(job: Job, type: string, status = 'True'): boolean {
  return job.status?.conditions?.some((one) => one.type === type && one.status === status) ?? false
}

function isFinished(job: Job): boolean {
  return hasCondition(job, 'Complete') || hasCondition(job, 'Failed')
}

interface Changes {
  finished: boolean
  complete: boolean
  failed: boolean
  failureTarget: boolean
  successCriteriaMet: boolean
  member(name: keyof JobStatus): boolean
}

function changesOf(job: Job, old: Job): Changes {
  const changed = (type: string): boolean => hasCondition(job, type) !== hasCondition(old, type)
  return {
    finished: isFinished(job) !== isFinished(old),
    complete: changed('Complete'),
    failed: changed('Failed'),
    failureTarget: changed('FailureTarget'),
    successCriteriaMet: changed('SuccessCriteriaMet'),
    member: (name) => !semanticEqual(job.status?.[name] || undefined, old.status?.[name] || undefined),
  }
}

function jobStatusErrors(job: Job, old: Job): FieldError[] {
  const { status = {}, spec = {} } = job
  const changes = changesOf(job, old)
  const complete = hasCondition(job, 'Complete')
  const failed = hasCondition(job, 'Failed')
  const failureTarget = hasCondition(job, 'FailureTarget')
  const successCriteriaMet = hasCondition(job, 'SuccessCriteriaMet')
  const errors = nonnegativeErrors(status, ['active', 'succeeded', 'failed', 'ready', 'terminating'], 'status')
  if (status.uncountedTerminatedPods !== undefined)
    errors.push(...uncountedErrors(status.uncountedTerminatedPods, 'status.uncountedTerminatedPods'))
  const refuse = (condition: boolean, text: string): void => {
    if (condition) errors.push(invalidWithoutValue(CONDITIONS, text))
  }
  refuse((changes.complete || changes.failed) && complete && failed, 'cannot set Complete=True and Failed=true conditions')
  refuse(
    (changes.complete || changes.failureTarget) && complete && failureTarget,
    'cannot set Complete=True and FailureTarget=true conditions',
  )
  errors.push(...timeErrors(job, changes))
  refuse(
    (changes.failed || changes.member('failedIndexes')) && failed && !failureTarget,
    'cannot set Failed=True condition without the FailureTarget=true condition',
  )
  refuse(
    (changes.complete || changes.successCriteriaMet) && complete && !successCriteriaMet,
    'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
  )
  errors.push(...finishedErrors(job, changes), ...indexErrors(job, changes))
  if ((changes.finished || changes.member('terminating')) && isFinished(job) && (status.terminating ?? 0) > 0) {
    errors.push(invalidValue('status.terminating', status.terminating, 'terminating>0 is invalid for finished job'))
  }
  if ((changes.member('ready') || changes.member('active')) && (status.ready ?? 0) > (status.active ?? 0)) {
    errors.push(invalidValue('status.ready', status.ready, 'cannot set more ready pods than active'))
  }
  refuse(successCriteriaMet && failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions')
  refuse(successCriteriaMet && failureTarget, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  refuse(
    spec.successPolicy !== undefined && !successCriteriaMet && complete,
    'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
  )
  return errors
}

function uncountedErrors(pods: UncountedTerminatedPods, field: string): FieldError[] {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap((member) =>
    (pods[member] ?? []).flatMap((uid, index) => {
      const at = `${field}.${member}[${index}]`
      if (uid === '') return [invalidValue(at, uid, 'must not be empty')]
      if (seen.has(uid)) return [duplicate(at, uid)]
      seen.add(uid)
      return []
    }),
  )
}

function timeErrors(job: Job, changes: Changes): FieldError[] {
  const { startTime, completionTime } = job.status ?? {}
  const complete = hasCondition(job, 'Complete')
  const field = 'status.completionTime'
  const errors: FieldError[] = []
  if (changes.complete || changes.member('completionTime')) {
    if (completionTime !== undefined && !complete)
      errors.push(invalidValue(field, completionTime, 'cannot set completionTime when there is no Complete=True condition'))
    if (completionTime === undefined && complete) errors.push(required(field, 'completionTime is required for Complete jobs'))
  }
  const moved = changes.member('startTime') || changes.member('completionTime')
  if (moved && startTime !== undefined && completionTime !== undefined && Date.parse(completionTime) < Date.parse(startTime)) {
    errors.push(invalidValue(field, completionTime, 'must be equal to or after `startTime`'))
  }
  return errors
}

function finishedErrors(job: Job, changes: Changes): FieldError[] {
  if (!isFinished(job)) return []
  const { status = {}, spec = {} } = job
  const errors: FieldError[] = []
  if ((changes.finished || changes.member('active')) && (status.active ?? 0) > 0) {
    errors.push(invalidValue('status.active', status.active, 'active>0 is invalid for finished job'))
  }
  const neverStarted = spec.suspend === true && spec.completions === 0
  if ((changes.finished || changes.member('startTime')) && !neverStarted && status.startTime === undefined) {
    errors.push(required('status.startTime', 'startTime is required for finished job'))
  }
  const { succeeded, failed } = status.uncountedTerminatedPods ?? {}
  if ((changes.finished || changes.member('uncountedTerminatedPods')) && (succeeded?.length ?? 0) + (failed?.length ?? 0) > 0) {
    errors.push(
      invalidValue(
        'status.uncountedTerminatedPods',
        { Succeeded: succeeded ?? null, Failed: failed ?? null },
        'must be empty for finished job',
      ),
    )
  }
  return errors
}

function indexErrors({ status = {}, spec = {} }: Job, changes: Changes): FieldError[] {
  const { completedIndexes = '', failedIndexes } = status
  const { completions, backoffLimitPerIndex } = spec
  const completedChanged = changes.member('completedIndexes')
  const failedChanged = changes.member('failedIndexes')
  const errors: FieldError[] = []
  const parse = (text: string, member: string): void => {
    const counted = completions === undefined ? 0 : countIndexes(text, completions)
    if (typeof counted === 'string') errors.push(invalidValue(`status.${member}`, text, `error parsing ${member}: ${counted}`))
  }
  if (completedChanged) parse(completedIndexes, 'completedIndexes')
  if (failedChanged && backoffLimitPerIndex !== undefined && failedIndexes !== undefined) parse(failedIndexes, 'failedIndexes')
  if (completedChanged && completedIndexes !== '' && spec.completionMode !== INDEXED) {
    errors.push(
      invalidValue('status.completedIndexes', completedIndexes, 'cannot set non-empty completedIndexes when non-indexed completion mode'),
    )
  }
  if (failedIndexes === undefined) return errors
  if (failedChanged && backoffLimitPerIndex === undefined) {
    errors.push(invalidValue('status.failedIndexes', failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'))
  }
  if ((failedChanged || completedChanged) && completions !== undefined) {
    const overlap = overlapError(completedIndexes, failedIndexes, completions)
    if (overlap !== undefined) errors.push(invalidValue('status.failedIndexes', failedIndexes, overlap))
  }
  return errors
}

/** What a status never takes back. */
function transitionErrors(job: Job, old: Job): FieldError[] {
  const { status = {}, spec = {} } = job
  const { status: before = {} } = old
  const errors: FieldError[] = []
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (hasCondition(old, type) && !hasCondition(job, type))
      errors.push(invalidWithoutValue(CONDITIONS, `cannot disable the terminal ${type}=True condition`))
  }
  if ((status.failed ?? 0) < (before.failed ?? 0))
    errors.push(invalidValue('status.failed', status.failed ?? 0, 'cannot decrease the failed counter'))
  const elastic = spec.completionMode === INDEXED && spec.completions === spec.parallelism
  if (!elastic && (status.succeeded ?? 0) < (before.succeeded ?? 0)) {
    errors.push(invalidValue('status.succeeded', status.succeeded ?? 0, 'cannot decrease the succeeded counter'))
  }
  if (status.completionTime !== undefined && before.completionTime !== undefined && status.completionTime !== before.completionTime) {
    errors.push(invalidValue('status.completionTime', status.completionTime, 'field is immutable'))
  }
  const resuming = hasCondition(old, 'Suspended') && hasCondition(job, 'Suspended', 'False')
  if (!resuming && before.startTime !== undefined && status.startTime !== before.startTime && spec.suspend !== true) {
    errors.push(invalidValue('status.startTime', status.startTime ?? null, 'field is immutable for unsuspended job once set'))
  }
  const met = hasCondition(job, 'SuccessCriteriaMet')
  const wasMet = hasCondition(old, 'SuccessCriteriaMet')
  if (wasMet && !met) errors.push(invalidWithoutValue(CONDITIONS, 'cannot disable the SuccessCriteriaMet=True condition'))
  if (hasCondition(old, 'Complete') && !wasMet && met) {
    errors.push(invalidWithoutValue(CONDITIONS, 'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'))
  }
  return errors
}
