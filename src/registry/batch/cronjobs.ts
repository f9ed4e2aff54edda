/**
 * Cron jobs.
 *
 * @see pkg/registry/batch/cronjob, pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { CronJob, CronJobSpec, JobTemplateSpec } from '../../api/types/batch/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, selectorCell } from '../core/pod/templatecells.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import { nonnegativeErrors, podNameWarnings, restoreMember } from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, ageOf, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { byteLength } from '../validation.ts'
import { failurePolicyDefaults } from './jobs.ts'
import { jobSpecErrors, jobSpecWarnings } from './jobspec.ts'
import { scheduleError } from './schedule.ts'
import { timeZoneErrors } from './timezone.ts'

/** A job's name is the cron job's and the minute it is for; a pod's name must still be a label. */
const MAX_NAME_LENGTH = 52
const CONCURRENCY_POLICIES = ['Allow', 'Forbid', 'Replace']
const JOB_SPEC = 'spec.jobTemplate.spec'
const DOC = 'doc:io.k8s.api.batch.v1.CronJob'

export const cronJobs = define<CronJob>({
  group: 'batch',
  version: 'v1',
  resource: 'cronjobs',
  singular: 'cronjob',
  kind: 'CronJob',
  namespaced: true,
  shortNames: ['cj'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.batch.v1.CronJob',
  storage: { prefix: '/registry/cronjobs/' },
  strategy: {
    validateName: subdomainName,
    defaults: cronJobDefaults,
    prepareForCreate(cronJob) {
      cronJob.status = {}
      dropDisabledTemplateFields(cronJob.spec?.jobTemplate?.spec?.template, undefined)
    },
    prepareForUpdate(cronJob, old) {
      restoreMember(cronJob, old, 'status')
      dropDisabledTemplateFields(cronJob.spec?.jobTemplate?.spec?.template, old.spec?.jobTemplate?.spec?.template)
    },
    validate({ spec = {}, metadata = {} }, { world }) {
      const errors = cronJobSpecErrors(spec, undefined, templateOptions(world))
      const { name = '' } = metadata
      if (byteLength(name) > MAX_NAME_LENGTH) errors.push(invalidValue('metadata.name', name, 'must be no more than 52 characters'))
      return errors
    },
    validateUpdate: ({ spec = {} }, { spec: old = {} }, { world }) =>
      cronJobSpecErrors(spec, old, templateOptions(world, old.jobTemplate?.spec?.template)),
    warnings(cronJob, old) {
      const { schedule = '', jobTemplate = {} } = cronJob.spec ?? {}
      const ofJob = jobSpecWarnings(jobTemplate.spec ?? {}, JOB_SPEC)
      if (old === undefined) return [...podNameWarnings(cronJob), ...ofJob]
      const warnings = cronJob.metadata?.generation === old.metadata?.generation ? [] : ofJob
      if (!schedule.includes('TZ')) return warnings
      const text = 'use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details'
      return [...warnings, `cannot use TZ or CRON_TZ in spec.spec.schedule, ${text}`]
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Schedule', `${DOC}Spec.schedule`),
      column('Timezone', `${DOC}Spec.timeZone`),
      column('Suspend', `${DOC}Spec.suspend`, { type: 'boolean' }),
      column('Active', `${DOC}Status.active`, { type: 'integer' }),
      column('Last Schedule', `${DOC}Status.lastScheduleTime`),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', 'doc:io.k8s.api.batch.v1.JobSpec.selector'),
    ],
    cells(cronJob, { nowMs }) {
      const { spec = {}, status = {} } = cronJob
      const job = spec.jobTemplate?.spec
      return [
        nameCell(cronJob),
        spec.schedule ?? '',
        spec.timeZone ?? '<none>',
        spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False',
        status.active?.length ?? 0,
        status.lastScheduleTime === undefined ? '<none>' : ageOf(status.lastScheduleTime, nowMs),
        ageCell(cronJob, nowMs),
        ...containerCells(job?.template),
        selectorCell(job?.selector),
      ]
    },
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (cronJob, old) => restoreMember(cronJob, old, 'spec'),
        allowUnconditionalUpdate: true,
        resetFields: ['spec'],
      },
    },
  },
})

function isChanged(cronJob: CronJob, old: CronJob): boolean {
  return !semanticEqual(cronJob.spec, old.spec)
}

function cronJobDefaults(cronJob: CronJob): void {
  cronJob.spec ??= {}
  const { spec } = cronJob
  if (!spec.concurrencyPolicy) spec.concurrencyPolicy = 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  spec.jobTemplate ??= {}
  spec.jobTemplate.spec ??= {}
  failurePolicyDefaults(spec.jobTemplate.spec)
  spec.jobTemplate.spec.template ??= {}
  podTemplateDefaults(spec.jobTemplate.spec.template)
}

function cronJobSpecErrors(spec: CronJobSpec, old: CronJobSpec | undefined, options: PodValidationOptions): FieldError[] {
  const { schedule = '', timeZone, concurrencyPolicy = '' } = spec
  const errors = schedule === '' ? [required('spec.schedule')] : scheduleErrors(schedule, timeZone, old?.schedule?.includes('TZ') ?? false)
  errors.push(...nonnegativeErrors(spec, ['startingDeadlineSeconds'], 'spec'))
  if (old === undefined || old.timeZone !== timeZone) errors.push(...timeZoneErrors(timeZone, 'spec.timeZone'))
  if (!CONCURRENCY_POLICIES.includes(concurrencyPolicy)) {
    const field = 'spec.concurrencyPolicy'
    errors.push(concurrencyPolicy === '' ? required(field) : notSupported(field, concurrencyPolicy, CONCURRENCY_POLICIES))
  }
  errors.push(
    ...jobTemplateErrors(spec.jobTemplate ?? {}, options),
    ...nonnegativeErrors(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], 'spec'),
  )
  return errors
}

function scheduleErrors(schedule: string, timeZone: string | undefined, zoneInOldSchedule: boolean): FieldError[] {
  const field = 'spec.schedule'
  const error = scheduleError(schedule)
  const errors = error === undefined ? [] : [invalidValue(field, schedule, error)]
  if (!schedule.includes('TZ')) return errors
  if (!zoneInOldSchedule) errors.push(invalidValue(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'))
  else if (timeZone !== undefined)
    errors.push(invalidValue(field, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule'))
  return errors
}

function jobTemplateErrors({ spec = {} }: JobTemplateSpec, options: PodValidationOptions): FieldError[] {
  const errors = jobSpecErrors(spec, JOB_SPEC, options)
  if (spec.selector !== undefined) errors.push(invalidValue(`${JOB_SPEC}.selector`, spec.selector, '`selector` will be auto-generated'))
  if (spec.manualSelector === true) errors.push(notSupported(`${JOB_SPEC}.manualSelector`, true, ['nil', 'false']))
  return errors
}
