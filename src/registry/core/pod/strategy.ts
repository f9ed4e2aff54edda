/**
 * What happens to a pod on its way in, per endpoint: the pod itself, its status, its ephemeral containers, its resources.
 *
 * @see pkg/registry/core/pod/strategy.go
 * @module
 */

import { subdomainName } from '../../../api/names.ts'
import type { Container, Pod, PodAffinityTerm, TopologySpreadConstraint } from '../../../api/types/core/v1.ts'
import type { LabelSelector } from '../../../api/types/meta/v1.ts'
import type { ObjectSubresource, Strategy } from '../../resource.ts'
import { applyAppArmorAnnotations } from './apparmor.ts'
import { updatePodCondition } from './conditions.ts'
import { podDefaults } from './defaults.ts'
import { dropDisabledPodFields } from './disabledfields.ts'
import { podQOS } from './qos.ts'
import { podResizeErrors } from './resizevalidation.ts'
import { semanticEqual } from './semanticequal.ts'
import { ephemeralContainersUpdateErrors, podStatusUpdateErrors } from './updatevalidation.ts'
import { podCreateErrors, podUpdateErrors } from './validation.ts'
import { podOptions } from './validationoptions.ts'
import { podWarnings, statusAddressWarnings } from './warnings.ts'
import { restoreMember } from './workload.ts'

export const podStrategy: Strategy<Pod> = {
  validateName: subdomainName,
  defaults: podDefaults,
  prepareForCreate(pod, write) {
    pod.status = { phase: 'Pending', qosClass: podQOS(pod) }
    dropDisabledPodFields(pod, undefined)
    if (pod.spec?.schedulingGates?.length) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates'
      updatePodCondition(pod.status, { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }, write.nowMs)
    }
    mergeLabelKeys(pod)
    applyAppArmorAnnotations(pod, (text) => write.warn(text))
  },
  prepareForUpdate(pod, old) {
    restoreStatus(pod, old)
    dropDisabledPodFields(pod, old)
  },
  validate: (pod, { world }) => podCreateErrors(pod, podOptions(world)),
  validateUpdate: (pod, old, { world }) => podUpdateErrors(pod, old, podOptions(world, old)),
  warnings: (pod, old) => (old === undefined ? podWarnings(pod) : []),
  specChanged: isSpecChanged,
  allowUnconditionalUpdate: true,
  returnsDeletedObject: true,
  gracePeriodSeconds,
  resetFields: ['status'],
}

/** `pods/status`: everything but the spec, and of the metadata not what decides about deletion. */
export const podStatus: ObjectSubresource<Pod> = {
  type: 'object',
  verbs: ['get', 'patch', 'update'],
  strategy: {
    prepareForUpdate(pod, old) {
      restoreSpec(pod, old)
      pod.metadata ??= {}
      restoreMember(pod.metadata, old.metadata ?? {}, 'ownerReferences')
      pod.status ??= {}
      const { status } = pod
      if (!status.qosClass && old.status?.qosClass) status.qosClass = old.status.qosClass
      keepObservedGenerations(pod, old)
      dropDisabledPodFields(pod, old)
    },
    validateUpdate: (pod, old, { world }) => podStatusUpdateErrors(pod, old, podOptions(world, old)),
    warnings: (pod) => statusAddressWarnings(pod),
    allowUnconditionalUpdate: true,
    resetFields: ['spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'],
  },
}

/** `pods/ephemeralcontainers`: takes `spec.ephemeralContainers` and nothing else. */
export const podEphemeralContainers: ObjectSubresource<Pod> = {
  type: 'object',
  verbs: ['get', 'patch', 'update'],
  strategy: {
    prepareForUpdate(pod, old) {
      const ephemeralContainers = pod.spec?.ephemeralContainers
      restoreSpec(pod, old)
      if (ephemeralContainers === undefined) delete pod.spec!.ephemeralContainers
      else pod.spec!.ephemeralContainers = ephemeralContainers
      restoreStatus(pod, old)
      restoreMetadata(pod, old)
      dropDisabledPodFields(pod, old)
    },
    specChanged: isSpecChanged,
    validateUpdate: (pod, old, { world }) => ephemeralContainersUpdateErrors(pod, old, podOptions(world, old)),
    allowUnconditionalUpdate: true,
  },
}

/** `pods/resize`: takes the resources and resize policies of containers, and the resources of the pod. */
export const podResize: ObjectSubresource<Pod> = {
  type: 'object',
  verbs: ['get', 'patch', 'update'],
  strategy: {
    prepareForUpdate(pod, old) {
      dropNonResizeChanges(pod, old)
      dropDisabledPodFields(pod, old)
    },
    specChanged: isSpecChanged,
    validateUpdate: (pod, old, { world }) => podResizeErrors(pod, old, podOptions(world, old)),
    allowUnconditionalUpdate: true,
  },
}

/** The grace of a deletion: as asked, else the pod's own; none for a pod that is on no node or has ended. */
export function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  if (!pod.spec?.nodeName || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 0
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0
  return seconds < 0 ? 1 : seconds
}

// What is restored is shared with the old object: nothing behind these hooks changes it.

function restoreStatus(pod: Pod, old: Pod): void {
  if (old.status === undefined) delete pod.status
  else pod.status = old.status
}

function restoreSpec(pod: Pod, old: Pod): void {
  pod.spec = { ...old.spec }
}

/** What a status-like endpoint never changes of the metadata. */
function restoreMetadata(pod: Pod, old: Pod): void {
  pod.metadata ??= {}
  const { metadata } = pod
  for (const member of ['deletionTimestamp', 'generation', 'selfLink', 'labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    restoreMember(metadata, old.metadata ?? {}, member)
  }
}

function isSpecChanged(pod: Pod, old: Pod): boolean {
  return !semanticEqual(pod.spec, old.spec)
}

/** Old kubelets know nothing of observed generations: what a status write leaves out stays. */
function keepObservedGenerations(pod: Pod, old: Pod): void {
  pod.status ??= {}
  const { status } = pod
  if (!status.observedGeneration && old.status?.observedGeneration) status.observedGeneration = old.status.observedGeneration
  const before = new Map<string, (number | undefined)[]>()
  for (const { type = '', observedGeneration } of old.status?.conditions ?? []) {
    const list = before.get(type)
    if (list === undefined) before.set(type, [observedGeneration])
    else list.push(observedGeneration)
  }
  for (const condition of status.conditions ?? []) {
    const generation = before.get(condition.type ?? '')?.shift()
    if (!condition.observedGeneration && generation) condition.observedGeneration = generation
  }
}

function dropNonResizeChanges(pod: Pod, old: Pod): void {
  const spec = pod.spec ?? {}
  const oldSpec = old.spec ?? {}
  // Containers that came, went or moved are left for validation to refuse.
  if ((spec.containers?.length ?? 0) !== (oldSpec.containers?.length ?? 0)) return
  if ((spec.initContainers?.length ?? 0) !== (oldSpec.initContainers?.length ?? 0)) return
  const { resources } = spec
  const containers = withOnlyResizes(spec.containers, oldSpec.containers)
  const initContainers = withOnlyResizes(spec.initContainers, oldSpec.initContainers)
  restoreSpec(pod, old)
  const restored = pod.spec!
  if (resources === undefined) delete restored.resources
  else restored.resources = resources
  if (containers !== undefined) restored.containers = containers
  if (initContainers !== undefined) restored.initContainers = initContainers
  restoreStatus(pod, old)
  restoreMetadata(pod, old)
}

function withOnlyResizes(containers: Container[] | undefined, old: Container[] | undefined): Container[] | undefined {
  if (containers === undefined || old === undefined) return containers
  if (containers.some((one, index) => one.name !== old[index]?.name)) return containers
  return containers.map((one, index) => {
    const merged = { ...old[index]! }
    if (one.resources === undefined) delete merged.resources
    else merged.resources = one.resources
    if (one.resizePolicy === undefined) delete merged.resizePolicy
    else merged.resizePolicy = one.resizePolicy
    return merged
  })
}

/** `matchLabelKeys` and `mismatchLabelKeys` become expressions on the values that the pod's own labels have. */
function mergeLabelKeys(pod: Pod): void {
  const labels = pod.metadata?.labels ?? {}
  const { affinity, topologySpreadConstraints } = pod.spec ?? {}
  for (const kind of [affinity?.podAffinity, affinity?.podAntiAffinity]) {
    for (const { podAffinityTerm } of kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(podAffinityTerm ?? {}, labels)
    for (const term of kind?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeTerm(term, labels)
  }
  for (const constraint of topologySpreadConstraints ?? []) mergeTerm(constraint, labels)
}

function mergeTerm(term: PodAffinityTerm | TopologySpreadConstraint, labels: Record<string, string>): void {
  const selector = term.labelSelector
  if (selector === undefined) return
  mergeKeys(selector, term.matchLabelKeys, { operator: 'In', labels })
  if ('mismatchLabelKeys' in term) mergeKeys(selector, term.mismatchLabelKeys, { operator: 'NotIn', labels })
}

function mergeKeys(
  selector: LabelSelector,
  keys: readonly string[] | undefined,
  { operator, labels }: { operator: 'In' | 'NotIn'; labels: Record<string, string> },
): void {
  for (const key of keys ?? []) {
    const value = labels[key]
    if (value === undefined) continue
    selector.matchExpressions ??= []
    selector.matchExpressions.push({ key, operator, values: [value] })
  }
}
