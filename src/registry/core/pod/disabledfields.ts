/**
 * Members that a default 1.36 server forgets, because their feature is still off there; kept when the stored object already has them.
 *
 * Off by default: ClusterTrustBundleProjection, PodCertificateRequest, GenericWorkload, ContainerStopSignals, ImageVolumeWithDigest,
 * DRANodeAllocatableResources.
 *
 * @see pkg/api/pod/util.go, DropDisabledPodFields and DropDisabledTemplateFields
 * @module
 */
import type {
  Container,
  ContainerStatus,
  EphemeralContainer,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  VolumeProjection,
} from '../../../api/types/core/v1.ts'

export function dropDisabledTemplateFields(template: PodTemplateSpec | undefined, old: PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) dropDisabledSpecFields(template.spec, old?.spec)
}

export function dropDisabledPodFields(pod: Pod, old: Pod | undefined): void {
  if (pod.spec !== undefined) dropDisabledSpecFields(pod.spec, old?.spec)
  if (pod.status !== undefined) dropDisabledStatusFields(pod.status, old?.status)
}

function dropDisabledSpecFields(spec: PodSpec, old: PodSpec | undefined): void {
  if (spec.volumes !== undefined) {
    dropProjection(spec, old, 'clusterTrustBundle')
    dropProjection(spec, old, 'podCertificate')
  }
  if (spec.schedulingGroup !== undefined && old?.schedulingGroup === undefined) delete spec.schedulingGroup
  dropStopSignals(spec, old)
}

function dropProjection(spec: PodSpec, old: PodSpec | undefined, member: 'clusterTrustBundle' | 'podCertificate'): void {
  const inUse = (one: VolumeProjection): boolean => one[member] !== undefined
  let checked = false
  for (const volume of spec.volumes ?? []) {
    for (const source of volume.projected?.sources ?? []) {
      if (source[member] === undefined) continue
      if (!checked && old?.volumes?.some((one) => one.projected?.sources?.some(inUse))) return
      checked = true
      delete source[member]
    }
  }
}

function dropStopSignals(spec: PodSpec, old: PodSpec | undefined): void {
  let checked = false
  for (const container of allContainers(spec)) {
    const lifecycle = container.lifecycle
    if (lifecycle?.stopSignal === undefined) continue
    if (!checked && old !== undefined && allContainers(old).some((one) => one.lifecycle?.stopSignal !== undefined)) return
    checked = true
    delete lifecycle.stopSignal
    if (lifecycle.preStop === undefined && lifecycle.postStart === undefined) delete container.lifecycle
  }
}

function dropDisabledStatusFields(status: PodStatus, old: PodStatus | undefined): void {
  if (allStatuses(status).some(hasVolumeStatus) && (old === undefined || !allStatuses(old).some(hasVolumeStatus))) {
    for (const one of allStatuses(status)) for (const mount of one.volumeMounts ?? []) delete mount.volumeStatus
  }
  if (status.nodeAllocatableResourceClaimStatuses !== undefined && !old?.nodeAllocatableResourceClaimStatuses?.length) {
    delete status.nodeAllocatableResourceClaimStatuses
  }
}

function allStatuses(status: PodStatus): ContainerStatus[] {
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? []), ...(status.ephemeralContainerStatuses ?? [])]
}

function hasVolumeStatus(status: ContainerStatus): boolean {
  return status.volumeMounts?.some((mount) => mount.volumeStatus !== undefined) ?? false
}

/** Init containers, containers, ephemeral containers: the order in which upstream visits them. */
export function allContainers(spec: PodSpec): (Container | EphemeralContainer)[] {
  const { initContainers, containers, ephemeralContainers } = spec
  if (initContainers === undefined && ephemeralContainers === undefined) return containers ?? []
  return [...(initContainers ?? []), ...(containers ?? []), ...(ephemeralContainers ?? [])]
}
