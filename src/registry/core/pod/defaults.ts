/**
 * The values a pod or pod template gets for what its author left out.
 *
 * What a `+default=` marker gives (protocol TCP, the GRPC service name, RBD and AzureDisk members) is in the schema and already there.
 *
 * @see pkg/apis/core/v1/defaults.go, pkg/apis/core/v1/conversion.go
 * @module
 */
import type {
  Container,
  EphemeralContainer,
  Lifecycle,
  LifecycleHandler,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  Volume,
} from '../../../api/types/core/v1.ts'
import { imageTag } from './image.ts'
import { defaultPodLevelResources } from './podlevelresources.ts'
import { canonicalRequirements, canonicalResources } from './resourcelist.ts'

/** Old releases kept init containers in these; they are dropped wherever a pod or template passes. */
const INIT_CONTAINER_ANNOTATIONS = [
  'pod.beta.kubernetes.io/init-containers',
  'pod.alpha.kubernetes.io/init-containers',
  'pod.beta.kubernetes.io/init-container-statuses',
  'pod.alpha.kubernetes.io/init-container-statuses',
]

/** Defaults of a Pod object. Some of them no template gets: requests from limits, service links, host ports. */
export function podDefaults(pod: Pod): void {
  pod.spec ??= {}
  const spec = pod.spec
  if (spec.containers !== undefined) for (const container of spec.containers) requestsFromLimits(container)
  if (spec.initContainers !== undefined) for (const container of spec.initContainers) requestsFromLimits(container)
  if (spec.resources !== undefined) defaultPodLevelResources(spec)
  spec.enableServiceLinks ??= true
  if (spec.hostNetwork === true) {
    hostPorts(spec.containers)
    hostPorts(spec.initContainers)
  }
  podSpecDefaults(spec)
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0) spec.terminationGracePeriodSeconds = 1
  dropInitContainerAnnotations(pod.metadata?.annotations === undefined ? undefined : pod.metadata)
  if (pod.status !== undefined) podStatusDefaults(pod.status)
}

/** Defaults of a template, as every workload holds one. */
export function podTemplateDefaults(template: PodTemplateSpec): void {
  template.spec ??= {}
  podSpecDefaults(template.spec)
  dropInitContainerAnnotations(template.metadata?.annotations === undefined ? undefined : template.metadata)
}

/** Defaults that pods and templates share, and the members whose deprecated aliases follow them. */
export function podSpecDefaults(spec: PodSpec): void {
  if (!spec.dnsPolicy) spec.dnsPolicy = 'ClusterFirst'
  if (!spec.restartPolicy) spec.restartPolicy = 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  if (!spec.schedulerName) spec.schedulerName = 'default-scheduler'
  if (spec.volumes !== undefined) for (const volume of spec.volumes) volumeDefaults(volume)
  if (spec.initContainers !== undefined) for (const container of spec.initContainers) containerDefaults(container)
  if (spec.containers !== undefined) for (const container of spec.containers) containerDefaults(container)
  if (spec.ephemeralContainers !== undefined) for (const container of spec.ephemeralContainers) containerDefaults(container)
  canonicalResources(spec.overhead)
  canonicalRequirements(spec.resources)
  if (!spec.serviceAccountName && spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
}

function podStatusDefaults(status: PodStatus): void {
  for (const statuses of [status.initContainerStatuses, status.containerStatuses, status.ephemeralContainerStatuses]) {
    if (statuses === undefined) continue
    for (const one of statuses) {
      canonicalResources(one.allocatedResources)
      canonicalRequirements(one.resources)
    }
  }
  canonicalResources(status.allocatedResources)
  canonicalRequirements(status.resources)
  const { podIP, podIPs } = status
  const first = podIPs?.[0]?.ip
  if (podIP && podIP !== first) status.podIPs = [{ ip: podIP }]
  else if (first) status.podIP = first
}

function requestsFromLimits(container: Container): void {
  const resources = container.resources
  const limits = resources?.limits
  if (resources === undefined || limits === undefined) return
  let requests = resources.requests
  for (const name of Object.keys(limits)) {
    if (requests === undefined) resources.requests = requests = {}
    if (requests[name] === undefined) requests[name] = limits[name]!
  }
}

function hostPorts(containers: Container[] | undefined): void {
  if (containers === undefined) return
  for (const container of containers) {
    if (container.ports === undefined) continue
    for (const port of container.ports) if (!port.hostPort) port.hostPort = port.containerPort
  }
}

function containerDefaults(container: Container | EphemeralContainer): void {
  if (!container.imagePullPolicy) container.imagePullPolicy = imageTag(container.image ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
  if (!container.terminationMessagePath) container.terminationMessagePath = '/dev/termination-log'
  if (!container.terminationMessagePolicy) container.terminationMessagePolicy = 'File'
  container.resources ??= {}
  canonicalRequirements(container.resources)
  if (container.env !== undefined) {
    for (const variable of container.env) {
      const fieldRef = variable.valueFrom?.fieldRef
      if (fieldRef !== undefined && !fieldRef.apiVersion) fieldRef.apiVersion = 'v1'
      const divisor = variable.valueFrom?.resourceFieldRef
      if (divisor !== undefined) divisor.divisor ??= '0'
    }
  }
  if (container.livenessProbe !== undefined) probeDefaults(container.livenessProbe)
  if (container.readinessProbe !== undefined) probeDefaults(container.readinessProbe)
  if (container.startupProbe !== undefined) probeDefaults(container.startupProbe)
  if (container.lifecycle !== undefined) lifecycleDefaults(container.lifecycle)
}

function probeDefaults(probe: Probe): void {
  if (!probe.timeoutSeconds) probe.timeoutSeconds = 1
  if (!probe.periodSeconds) probe.periodSeconds = 10
  if (!probe.successThreshold) probe.successThreshold = 1
  if (!probe.failureThreshold) probe.failureThreshold = 3
  httpGetDefaults(probe)
}

function lifecycleDefaults(lifecycle: Lifecycle): void {
  if (lifecycle.postStart !== undefined) httpGetDefaults(lifecycle.postStart)
  if (lifecycle.preStop !== undefined) httpGetDefaults(lifecycle.preStop)
}

function httpGetDefaults(handler: LifecycleHandler | Probe): void {
  const action = handler.httpGet
  if (action === undefined) return
  if (!action.path) action.path = '/'
  if (!action.scheme) action.scheme = 'HTTP'
}

function volumeDefaults(volume: Volume): void {
  let sources = 0
  for (const member in volume) if (member !== 'name' && volume[member as keyof Volume] !== undefined) sources++
  if (sources === 0) volume.emptyDir = {}
  if (volume.hostPath !== undefined) volume.hostPath.type ??= ''
  if (volume.secret !== undefined) volume.secret.defaultMode ??= 0o644
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= 0o644
  if (volume.image !== undefined && !volume.image.pullPolicy) {
    volume.image.pullPolicy = imageTag(volume.image.reference ?? '') === 'latest' ? 'Always' : 'IfNotPresent'
  }
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= 0o644
    downwardItems(volume.downwardAPI.items)
  }
  if (volume.projected !== undefined) {
    volume.projected.defaultMode ??= 0o644
    for (const source of volume.projected.sources ?? []) {
      downwardItems(source.downwardAPI?.items)
      if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600
    }
  }
  const claim = volume.ephemeral?.volumeClaimTemplate
  if (claim !== undefined) {
    claim.spec ??= {}
    claim.spec.volumeMode ??= 'Filesystem'
    canonicalRequirements(claim.spec.resources)
  }
}

function downwardItems(
  items:
    | { fieldRef?: { apiVersion?: string | undefined } | undefined; resourceFieldRef?: { divisor?: string | undefined } | undefined }[]
    | undefined,
): void {
  if (items === undefined) return
  for (const { fieldRef, resourceFieldRef } of items) {
    if (fieldRef !== undefined && !fieldRef.apiVersion) fieldRef.apiVersion = 'v1'
    if (resourceFieldRef !== undefined) resourceFieldRef.divisor ??= '0'
  }
}

function dropInitContainerAnnotations(metadata: { annotations?: Record<string, string> | undefined } | undefined): void {
  const annotations = metadata?.annotations
  if (metadata === undefined || annotations === undefined) return
  for (const name of INIT_CONTAINER_ANNOTATIONS) if (annotations[name] !== undefined) delete annotations[name]
}
