/**
 * What a pod or a pod template must be to be stored, and what an update of a pod may change.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodCreate, ValidatePodUpdate, ValidatePodTemplateSpec
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, required } from '../../../api/field.ts'
import { validateAnnotations, validateLabels } from '../../../api/metadata.ts'
import type { Container, Pod, PodSchedulingGate, PodSpec, PodTemplateSpec } from '../../../api/types/core/v1.ts'
import { each, rangeErrors } from '../../validation.ts'
import { nodeAffinityChangeErrors } from './affinity.ts'
import { podAnnotationErrors, podAnnotationUpdateErrors, profileAgreementErrors } from './annotations.ts'
import { imagePaddingErrors } from './containers.ts'
import { difference } from './difference.ts'
import { podSpecErrors } from './podspec.ts'
import { semanticEqual } from './semanticequal.ts'
import { addedTolerationErrors } from './tolerations.ts'
import type { PodValidationOptions } from './validationoptions.ts'

const MAX_INT32 = 2_147_483_647
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')

export function podCreateErrors(pod: Pod, options: PodValidationOptions): FieldError[] {
  const { spec = {}, metadata } = pod
  const errors = podErrors(pod, options)
  if (spec.ephemeralContainers?.length) errors.push(forbiddenField('spec.ephemeralContainers', 'cannot be set on create'))
  if (spec.nodeName && spec.schedulingGates?.length)
    errors.push(forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  errors.push(...profileAgreementErrors(metadata?.annotations, spec, 'spec'))
  return errors
}

/** What must hold of every pod, new or changed. */
export function podErrors({ spec = {}, metadata }: Pod, options: PodValidationOptions): FieldError[] {
  const errors = podAnnotationErrors(metadata?.annotations, spec, 'metadata.annotations', options)
  errors.push(...podSpecErrors(spec, 'spec', options, metadata))
  if (!spec.serviceAccountName) errors.push(...tokenWithoutAccountErrors(spec))
  for (const member of ['containers', 'initContainers'] as const) {
    const containers = spec[member]
    if (containers === undefined) continue
    for (let index = 0; index < containers.length; index++)
      errors.push(...imagePaddingErrors(containers[index]!, `spec.${member}[${index}]`))
  }
  return errors
}

/** The template of a workload; `path` is `spec.template`. */
export function podTemplateErrors(
  { metadata = {}, spec = {} }: PodTemplateSpec,
  path: string,
  options: PodValidationOptions,
): FieldError[] {
  const errors = [
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...podAnnotationErrors(metadata.annotations, spec, `${path}.annotations`, options),
    ...podSpecErrors(spec, `${path}.spec`, options),
    ...profileAgreementErrors(metadata.annotations, spec, `${path}.spec`),
  ]
  if (spec.ephemeralContainers?.length)
    errors.push(forbiddenField(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
  return errors
}

export function podUpdateErrors(pod: Pod, old: Pod, options: PodValidationOptions): FieldError[] {
  const { spec = {} } = pod
  const { spec: before = {} } = old
  const errors = [...podErrors(pod, options), ...podAnnotationUpdateErrors(pod, old, 'metadata.annotations', options)]
  for (const member of ['containers', 'initContainers'] as const) {
    if ((spec[member]?.length ?? 0) !== (before[member]?.length ?? 0)) {
      return [...errors, forbiddenField(`spec.${member}`, 'pod updates may not add or remove containers')]
    }
    for (const [index, container] of (spec[member] ?? []).entries()) {
      const at = `spec.${member}[${index}]`
      if (!container.image) errors.push(required(`${at}.image`))
      errors.push(...imagePaddingErrors(container, at))
    }
  }
  const deadline = activeDeadlineErrors(spec.activeDeadlineSeconds, before.activeDeadlineSeconds)
  errors.push(...deadline)
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return errors
  errors.push(
    ...addedTolerationErrors(spec.tolerations ?? [], before.tolerations ?? [], 'spec.tolerations', options),
    ...addedGateErrors(spec.schedulingGates ?? [], before.schedulingGates ?? [], 'spec.schedulingGates'),
  )
  if (semanticEqual(spec, before)) return errors

  const unchanged: PodSpec = {
    ...spec,
    containers: withImagesOf(spec.containers, before.containers),
    initContainers: withImagesOf(spec.initContainers, before.initContainers),
    activeDeadlineSeconds: before.activeDeadlineSeconds,
    schedulingGates: before.schedulingGates,
    tolerations: before.tolerations,
  }
  const grace = before.terminationGracePeriodSeconds
  if (grace !== undefined && grace < 0 && unchanged.terminationGracePeriodSeconds === 1) unchanged.terminationGracePeriodSeconds = grace
  if (before.schedulingGates?.length) errors.push(...gatedChangeErrors(unchanged, before))
  if (!semanticEqual(unchanged, before)) {
    errors.push(forbiddenField('spec', `pod updates may not change fields other than ${UPDATABLE}\n${difference(before, unchanged)}`))
  }
  return errors
}

/** May be set, and may be lowered. */
function activeDeadlineErrors(seconds: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds'
  if (seconds === undefined)
    return old === undefined ? [] : [invalidValue(field, null, 'must not update from a positive integer to nil value')]
  const outside = rangeErrors(seconds, 0, MAX_INT32)
  if (outside.length > 0) return each(field, seconds, outside)
  return old !== undefined && old < seconds ? [invalidValue(field, seconds, 'must be less than or equal to previous value')] : []
}

function addedGateErrors(gates: readonly PodSchedulingGate[], old: readonly PodSchedulingGate[], field: string): FieldError[] {
  return gates.flatMap(({ name = '' }, index) => {
    if (old.some((one) => one.name === name)) return []
    return [forbiddenField(`${field}[${index}].name`, `only deletion is allowed, but found new scheduling gate '${name}'`)]
  })
}

/** Before it is scheduled, a gated pod may be sent to fewer nodes. What was so checked is set back in `spec`. */
function gatedChangeErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = []
  const selector = spec.nodeSelector ?? {}
  if (Object.entries(old.nodeSelector ?? {}).some(([key, value]) => selector[key] !== value)) {
    errors.push(
      invalidValue('spec.nodeSelector', spec.nodeSelector, 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'),
    )
  }
  spec.nodeSelector = old.nodeSelector
  const { affinity } = spec
  const before = old.affinity?.nodeAffinity
  if (semanticEqual(affinity?.nodeAffinity, before)) return errors
  errors.push(...nodeAffinityChangeErrors(affinity?.nodeAffinity, before, 'spec.affinity.nodeAffinity'))
  if (affinity === undefined) spec.affinity = { nodeAffinity: before }
  else if (old.affinity === undefined && affinity.podAffinity === undefined && affinity.podAntiAffinity === undefined)
    spec.affinity = undefined
  else spec.affinity = { ...affinity, nodeAffinity: before }
  return errors
}

function withImagesOf(containers: Container[] | undefined, old: readonly Container[] | undefined): Container[] | undefined {
  return containers?.map((container, index) => ({ ...container, image: old?.[index]?.image }))
}

function tokenWithoutAccountErrors({ volumes = [] }: PodSpec): FieldError[] {
  return volumes.flatMap(({ projected }, index) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, number) => {
      if (serviceAccountToken === undefined) return []
      const field = `spec.volumes[${index}].projected.sources[${number}].serviceAccountToken`
      return [forbiddenField(field, 'must not be specified when serviceAccountName is not set')]
    }),
  )
}
