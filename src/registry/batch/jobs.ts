/**
 * Jobs.
 *
 * @see pkg/registry/batch/job, pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { selectorFromObject } from '../../api/labels.ts'
import { dns1123LabelErrors, subdomainName } from '../../api/names.ts'
import type { Job, JobSpec } from '../../api/types/batch/v1.ts'
import type { PodTemplateSpec } from '../../api/types/core/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, selectorCell } from '../core/pod/templatecells.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import { goMap, podNameWarnings, restoreMember, unselectedErrors } from '../core/pod/workload.ts'
import { ALL_VERBS, define, type World } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, humanDuration, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { selectorHasInvalidLabelValue, validateLabelSelector } from '../validation.ts'
import { jobSpecErrors, jobSpecWarnings } from './jobspec.ts'
import { hasCondition, jobStatusUpdateErrors } from './jobstatus.ts'

const MAX_INT32 = 2_147_483_647
const CONTROLLER_UID = 'batch.kubernetes.io/controller-uid'
const JOB_NAME = 'batch.kubernetes.io/job-name'
const LEGACY_CONTROLLER_UID = 'controller-uid'
const LEGACY_JOB_NAME = 'job-name'
const TEMPLATE_LABELS = 'spec.template.metadata.labels'

const FIXED = [
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const satisfies readonly (keyof JobSpec)[]
const DOC = 'doc:io.k8s.api.batch.v1.Job'

export const jobs = define<Job>({
  group: 'batch',
  version: 'v1',
  resource: 'jobs',
  singular: 'job',
  kind: 'Job',
  namespaced: true,
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.batch.v1.Job',
  storage: { prefix: '/registry/jobs/' },
  strategy: {
    validateName: subdomainName,
    defaults: jobDefaults,
    prepareForCreate(job) {
      if (job.spec?.manualSelector !== true) generateSelector(job)
      labelLikeTemplate(job)
      job.status = {}
      dropDisabledTemplateFields(job.spec?.template, undefined)
    },
    prepareForUpdate(job, old) {
      restoreMember(job, old, 'status')
      dropDisabledTemplateFields(job.spec?.template, old.spec?.template)
    },
    validate: (job, { world }) => jobErrors(job, { options: templateOptions(world), prefixedLabels: true }),
    validateUpdate: (job, old, { world }) => jobUpdateErrors(job, old, world),
    warnings(job, old) {
      if (old === undefined) return [...podNameWarnings(job), ...jobSpecWarnings(job.spec ?? {}, 'spec')]
      return job.metadata?.generation === old.metadata?.generation ? [] : jobSpecWarnings(job.spec ?? {}, 'spec')
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    defaultPropagation: 'Orphan',
    defaultPropagationWarning:
      'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
    resetFields: ['status'],
  },
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Status', 'Status of the job.'),
      column('Completions', `${DOC}Status.succeeded`),
      column('Duration', 'Time required to complete the job.'),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', `${DOC}Spec.selector`),
    ],
    cells: (job, { nowMs }) => [
      nameCell(job),
      statusCell(job),
      completionsCell(job),
      durationCell(job, nowMs),
      ageCell(job, nowMs),
      ...containerCells(job.spec?.template),
      selectorCell(job.spec?.selector),
    ],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (job, old) => restoreMember(job, old, 'spec'),
        validateUpdate: (job, old) => jobStatusUpdateErrors(job, old),
        allowUnconditionalUpdate: true,
        resetFields: ['spec'],
      },
    },
  },
})

function isChanged(job: Job, old: Job): boolean {
  return !semanticEqual(job.spec, old.spec)
}

function jobDefaults(job: Job): void {
  job.spec ??= {}
  const { spec } = job
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32
  labelLikeTemplate(job)
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  spec.manualSelector ??= false
  failurePolicyDefaults(spec)
  spec.template ??= {}
  podTemplateDefaults(spec.template)
}

/** Also of cron jobs. */
export function failurePolicyDefaults({ podFailurePolicy }: JobSpec): void {
  for (const rule of podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) if (!pattern.status) pattern.status = 'True'
}

/** A job without labels has those of its template: the very same object, so that generated ones appear in both. */
function labelLikeTemplate(job: Job): void {
  job.metadata ??= {}
  const labels = job.spec?.template?.metadata?.labels
  if (labels !== undefined && Object.keys(job.metadata.labels ?? {}).length === 0) job.metadata.labels = labels
}

/** What the job's pods are told from others by: its uid. */
function generateSelector(job: Job): void {
  const { name = '', uid = '' } = job.metadata ?? {}
  job.spec ??= {}
  const { spec } = job
  spec.template ??= {}
  spec.template.metadata ??= {}
  spec.template.metadata.labels ??= {}
  const { labels } = spec.template.metadata
  for (const key of [LEGACY_JOB_NAME, JOB_NAME]) labels[key] ??= name
  for (const key of [LEGACY_CONTROLLER_UID, CONTROLLER_UID]) labels[key] ??= uid
  spec.selector ??= {}
  spec.selector.matchLabels ??= {}
  spec.selector.matchLabels[CONTROLLER_UID] ??= uid
}

interface JobOptions {
  options: PodValidationOptions
  /** Jobs of old releases have only the labels without a prefix. */
  prefixedLabels: boolean
}

function jobErrors(job: Job, { options, prefixedLabels }: JobOptions): FieldError[] {
  const { spec = {}, metadata = {} } = job
  const errors = [...generatedSelectorErrors(job, prefixedLabels), ...selectedJobSpecErrors(spec, options)]
  if (spec.completionMode === 'Indexed' && spec.completions !== undefined && spec.completions > 0) {
    const hostname = `${metadata.name ?? ''}-${spec.completions - 1}`
    if (dns1123LabelErrors(hostname).length > 0) {
      errors.push(invalidValue('metadata.name', metadata.name ?? '', `will not able to create pod with invalid DNS label: ${hostname}`))
    }
  }
  return errors
}

function selectedJobSpecErrors(spec: JobSpec, options: PodValidationOptions): FieldError[] {
  const { selector, template = {} } = spec
  const errors = jobSpecErrors(spec, 'spec', options)
  if (selector === undefined) errors.push(required('spec.selector'))
  else
    errors.push(...validateLabelSelector(selector, 'spec.selector', { allowInvalidLabelValue: options.allowInvalidLabelValueInSelector }))
  errors.push(...unselectedErrors(template, selector, 'spec.template'))
  return errors
}

/** Unless the author takes the selector upon himself, it is the generated one. */
function generatedSelectorErrors({ spec = {}, metadata = {} }: Job, prefixedLabels: boolean): FieldError[] {
  const { manualSelector, selector, template = {} } = spec
  if (manualSelector === true || selector === undefined) return []
  const { name = '', uid = '' } = metadata
  const errors: FieldError[] = uid === '' ? [required('metadata.uid')] : []
  const expected: Record<string, string> = { [LEGACY_CONTROLLER_UID]: uid, [LEGACY_JOB_NAME]: name }
  if (prefixedLabels) Object.assign(expected, { [CONTROLLER_UID]: uid, [JOB_NAME]: name })
  for (const [key, value] of Object.entries(expected)) errors.push(...labelErrors(template, key, value))
  if (!selectorFromObject(selector).matches(expected)) errors.push(invalidValue('spec.selector', selector, '`selector` not auto-generated'))
  return errors
}

function labelErrors({ metadata = {} }: PodTemplateSpec, key: string, value: string): FieldError[] {
  const label = metadata.labels?.[key]
  if (label === value) return []
  const field = `${TEMPLATE_LABELS}[${key}]`
  return [label === undefined ? required(field, `must be '${value}'`) : invalidValue(field, goMap(metadata.labels), `must be '${value}'`)]
}

function jobUpdateErrors(job: Job, old: Job, world: World): FieldError[] {
  const { spec = {} } = job
  const { spec: before = {} } = old
  const options = templateOptions(world, before.template)
  options.allowInvalidLabelValueInSelector ||= selectorHasInvalidLabelValue(before.selector)
  const labels = before.template?.metadata?.labels ?? {}
  const prefixedLabels = labels[JOB_NAME] !== undefined && labels[CONTROLLER_UID] !== undefined
  const errors = [
    ...jobErrors(job, { options, prefixedLabels }),
    ...selectedJobSpecErrors(spec, options),
    ...completionsErrors(spec, before),
  ]
  const immutable = (member: string, value: unknown, previous: unknown): void => {
    if (!semanticEqual(value, previous)) errors.push(invalidValue(`spec.${member}`, value ?? null, 'field is immutable'))
  }
  immutable('selector', spec.selector, before.selector)
  errors.push(...templateUpdateErrors(spec, old))
  for (const member of FIXED) immutable(member, spec[member], before[member])
  return errors
}

/** Only an indexed job is elastic, and only together with its parallelism. */
function completionsErrors(spec: JobSpec, old: JobSpec): FieldError[] {
  if (spec.completions === old.completions) return []
  if (spec.completionMode !== 'Indexed') return [invalidValue('spec.completions', spec.completions ?? null, 'field is immutable')]
  if (spec.completions === undefined || spec.completions === spec.parallelism) return []
  return [invalidValue('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism')]
}

/** While a job is suspended and nothing of it runs, where and with what its pods will run may change. */
function templateUpdateErrors({ template = {} }: JobSpec, old: Job): FieldError[] {
  const { suspend, template: before = {} } = old.spec ?? {}
  const { startTime, active = 0 } = old.status ?? {}
  const resting = suspend === true && (startTime === undefined || hasCondition(old, 'Suspended')) && active === 0
  const expected = resting ? withDirectivesOf(before, template) : before
  if (!resting) return semanticEqual(template, expected) ? [] : [invalidValue('spec.template', template, 'field is immutable')]
  const spec = {
    ...expected.spec,
    containers: withResourcesOf(expected, template, 'containers'),
    initContainers: withResourcesOf(expected, template, 'initContainers'),
  }
  return semanticEqual(template.spec, spec) ? [] : [invalidValue('spec.template.spec', template.spec, 'field is immutable')]
}

/** `before` with everything that says where pods go as it is in `template`. */
function withDirectivesOf(before: PodTemplateSpec, template: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = template.spec ?? {}
  const { nodeAffinity: _old, ...others } = before.spec?.affinity ?? {}
  const nodeAffinity = affinity?.nodeAffinity
  const hasOthers = Object.values(others).some((one) => one !== undefined)
  const kept = affinity === undefined && !hasOthers ? undefined : { ...others, ...(nodeAffinity === undefined ? {} : { nodeAffinity }) }
  return {
    ...before,
    metadata: { ...before.metadata, annotations: template.metadata?.annotations, labels: template.metadata?.labels },
    spec: { ...before.spec, nodeSelector, tolerations, schedulingGates, affinity: kept },
  }
}

function withResourcesOf(before: PodTemplateSpec, template: PodTemplateSpec, member: 'containers' | 'initContainers') {
  const containers = template.spec?.[member] ?? []
  const old = before.spec?.[member]
  if (containers.length !== (old?.length ?? 0)) return old
  return old?.map((one, index) => (one.name === containers[index]?.name ? { ...one, resources: containers[index]?.resources } : one))
}

function statusCell(job: Job): string {
  for (const type of ['Complete', 'Failed']) if (isCondition(job, type)) return type
  if (job.metadata?.deletionTimestamp !== undefined) return 'Terminating'
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find((type) => isCondition(job, type)) ?? 'Running'
}

/** The first condition of a type decides. */
function isCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.find((one) => one.type === type)?.status === 'True'
}

function completionsCell({ spec = {}, status = {} }: Job): string {
  const succeeded = status.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const { parallelism = 0 } = spec
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationCell({ status = {} }: Job, nowMs: number): string {
  const { startTime, completionTime } = status
  if (startTime === undefined) return ''
  return humanDuration((completionTime === undefined ? nowMs : Date.parse(completionTime)) - Date.parse(startTime))
}
