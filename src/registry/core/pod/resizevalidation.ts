/**
 * Resizing a running pod: only CPU and memory, and never to another quality of service.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodResize
 * @module
 */
import { type FieldError, forbiddenField, invalidValue } from '../../../api/field.ts'
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../api/types/core/v1.ts'
import { MIRROR_ANNOTATION } from './annotations.ts'
import { computeQOS, podQOS } from './qos.ts'
import type { ResourceList } from './resourcelist.ts'
import { semanticEqual } from './semanticequal.ts'
import { podErrors } from './validation.ts'
import type { PodValidationOptions } from './validationoptions.ts'

const ONLY_CPU_AND_MEMORY = 'only cpu and memory resources are mutable'

export function podResizeErrors(pod: Pod, old: Pod, options: PodValidationOptions): FieldError[] {
  if (old.metadata?.annotations?.[MIRROR_ANNOTATION] !== undefined) return [forbiddenField('[]', 'static pods cannot be resized')]
  if (old.spec?.os?.name === 'windows') return [forbiddenField('[]', 'windows pods cannot be resized')]
  const { spec = {} } = pod
  const { spec: before = {} } = old
  const errors = podErrors(pod, options)
  if (podQOS(old) !== computeQOS(pod))
    errors.push(invalidValue('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  if (!nodeResizes(old)) errors.push(forbiddenField('spec', 'Pod running on node without support for resize'))
  const masked: PodSpec = { ...spec }
  if (asksForItself(spec) || asksForItself(before)) errors.push(...podLevelErrors(masked, spec, before))
  if (old.status?.nodeAllocatableResourceClaimStatuses?.length)
    errors.push(forbiddenField('spec', 'pods with node allocatable resource claims cannot be resized'))
  const order = [...orderErrors(spec, before, 'containers'), ...orderErrors(spec, before, 'initContainers')]
  if (order.length > 0) return [...errors, ...order]

  errors.push(...removedErrors(spec, before, 'initContainers'), ...removedErrors(spec, before, 'containers'))
  masked.containers = spec.containers?.map((container, index) => {
    const same = withComputeOf(container, before.containers?.[index])
    if (!semanticEqual(same, before.containers?.[index])) errors.push(forbiddenField('spec', ONLY_CPU_AND_MEMORY))
    return same
  })
  masked.initContainers = spec.initContainers?.map((container, index) => {
    const previous = before.initContainers?.[index]
    const same = withComputeOf(container, previous)
    const field = `spec.initContainers[${index}]`
    if (!semanticEqual(same, previous))
      errors.push(forbiddenField(field, 'only cpu and memory resources for init or sidecar containers are mutable'))
    if (container.restartPolicy !== 'Always' && !semanticEqual(container, previous)) {
      for (const { restartPolicy } of container.resizePolicy ?? []) {
        if (restartPolicy !== 'RestartContainer') continue
        errors.push(forbiddenField(field, 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'))
      }
    }
    return same
  })
  if (errors.length === 0 && !semanticEqual(masked, before)) errors.push(forbiddenField('spec', ONLY_CPU_AND_MEMORY))
  return errors
}

/** A node that reports no resources of a running container cannot resize it. */
function nodeResizes({ status = {} }: Pod): boolean {
  const running = status.containerStatuses?.find((one) => one.state?.running !== undefined)
  return running === undefined || running.resources !== undefined
}

function asksForItself({ resources = {} }: PodSpec): boolean {
  return count(resources.requests) + count(resources.limits) > 0
}

/** Sets `masked.resources` to what they would be with the old CPU and memory. */
function podLevelErrors(masked: PodSpec, { resources }: PodSpec, { resources: before }: PodSpec): FieldError[] {
  if (before !== undefined && resources === undefined) return [forbiddenField('spec.resources', 'pod-level resources cannot be removed')]
  const errors: FieldError[] = []
  if (before !== undefined) {
    if (isRemoved(resources?.requests, before.requests))
      errors.push(forbiddenField('spec.resources.requests', 'pod-level resource requests cannot be removed'))
    if (isRemoved(resources?.limits, before.limits))
      errors.push(forbiddenField('spec.resources.limits', 'pod-level resource limits cannot be removed'))
  }
  const same =
    resources === undefined
      ? undefined
      : { ...resources, requests: computeOf(resources.requests, before?.requests), limits: computeOf(resources.limits, before?.limits) }
  const nothing = before === undefined && same !== undefined && count(same.requests) + count(same.limits) === 0 && !same.claims?.length
  masked.resources = nothing ? undefined : same
  if (!semanticEqual(masked.resources, before))
    errors.push(forbiddenField('spec', 'only cpu and memory resources are mutable at pod-level'))
  return errors
}

type Member = 'containers' | 'initContainers'

function orderErrors(spec: PodSpec, before: PodSpec, member: Member): FieldError[] {
  const containers = spec[member] ?? []
  const old = before[member] ?? []
  if (containers.length !== old.length) return [forbiddenField(`spec.${member}`, `${member} may not be added or removed on resize`)]
  return old.flatMap(({ name }, index) =>
    containers[index]?.name === name
      ? []
      : [forbiddenField(`spec.${member}[${index}].name`, `${member} may not be renamed or reordered on resize`)],
  )
}

function removedErrors(spec: PodSpec, before: PodSpec, member: Member): FieldError[] {
  return (before[member] ?? []).flatMap(({ resources: old = {} }, index) => {
    const resources: ResourceRequirements = spec[member]?.[index]?.resources ?? {}
    const field = `spec.${member}[${index}].resources`
    const errors: FieldError[] = []
    if (isRemoved(resources.requests, old.requests)) errors.push(forbiddenField(`${field}.requests`, 'resource requests cannot be removed'))
    if (isRemoved(resources.limits, old.limits)) errors.push(forbiddenField(`${field}.limits`, 'resource limits cannot be removed'))
    return errors
  })
}

function withComputeOf(container: Container, old: Container | undefined): Container {
  const { limits, requests } = container.resources ?? {}
  return {
    ...container,
    resources: { limits: computeOf(limits, old?.resources?.limits), requests: computeOf(requests, old?.resources?.requests) },
  }
}

/** The list with CPU and memory as they were. */
function computeOf(list: ResourceList | undefined, old: ResourceList | undefined): ResourceList {
  const { cpu: _cpu, memory: _memory, ...others } = list ?? {}
  return { ...others, ...(old?.cpu === undefined ? {} : { cpu: old.cpu }), ...(old?.memory === undefined ? {} : { memory: old.memory }) }
}

function isRemoved(list: ResourceList | undefined, old: ResourceList | undefined): boolean {
  return Object.keys(old ?? {}).some((name) => list?.[name] === undefined)
}

function count(list: ResourceList | undefined): number {
  return list === undefined ? 0 : Object.keys(list).length
}
