/**
 * What an object uses up of a quota, and which quotas are about it. Pure; the quota controller counts by the same rules.
 *
 * @see pkg/quota/v1/evaluator/core, apiserver/pkg/quota/v1/generic/evaluator.go
 * @module
 */
import { type GroupResource, groupResourceName, type KubeObject } from '../api/object.ts'
import { addTo, parseQuantities, podResources, type Quantities } from '../api/pod-resources.ts'
import { compareQuantities, parseQuantity, type Quantity, scaledValue } from '../api/quantity.ts'
import type {
  Container,
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
  Service,
} from '../api/types/core/v1.ts'
import type { ResourceClaim } from '../api/types/resource/v1.ts'

const ONE: Quantity = { unscaled: 1n, scale: 0, format: 'DecimalSI' }
export const ZERO: Quantity = { unscaled: 0n, scale: 0, format: 'DecimalSI' }

/** How one resource is counted. */
export interface QuotaEvaluator {
  usage(object: KubeObject, nowMs: number): Quantities
  /** Of the names of a quota those that this resource uses up. */
  matchingNames(names: readonly string[]): string[]
  matchesScope(scope: ScopedResourceSelectorRequirement, object: KubeObject): boolean
  /** What an object must say when these names are limited; undefined when it does. */
  constraintError?(names: readonly string[], object: KubeObject): string | undefined
}

const ALIASES = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'])

/** Virtual resources, and events, which were never counted. */
const IGNORED = new Set([
  'bindings',
  'componentstatuses',
  'tokenreviews.authentication.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'events',
  'events.events.k8s.io',
])

/** Undefined for resources that quotas leave alone. */
export function quotaEvaluator(of: GroupResource): QuotaEvaluator | undefined {
  const name = groupResourceName(of)
  if (IGNORED.has(name)) return undefined
  if (name === 'pods') return podEvaluator
  if (name === 'services') return serviceEvaluator
  if (name === 'persistentvolumeclaims') return claimEvaluator
  if (name === 'resourceclaims.resource.k8s.io') return resourceClaimEvaluator
  return countEvaluator(ALIASES.has(name) ? [`count/${name}`, name] : [`count/${name}`])
}

/** A quota is about an object when it limits something the object uses, and all its scopes hold. */
export function quotaMatches(quota: ResourceQuota, evaluator: QuotaEvaluator, object: KubeObject): boolean {
  if (evaluator.matchingNames(Object.keys(quota.status?.hard ?? {})).length === 0) return false
  return quotaScopes(quota).every((scope) => evaluator.matchesScope(scope, object))
}

export function quotaScopes({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
  const scopes = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }))
  return [...scopes, ...(spec?.scopeSelector?.matchExpressions ?? [])]
}

function countEvaluator(names: readonly string[]): QuotaEvaluator {
  return {
    usage: () => new Map(names.map((name) => [name, ONE])),
    matchingNames: (limited) => limited.filter((name) => names.includes(name)),
    matchesScope: () => false,
  }
}

const POD_NAMES = new Set([
  'count/pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
])

/** Upstream's old mistake, kept: who limits these makes every container name them. */
const REQUIRED_NAMES = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']

const DEVICE_CLASS = 'deviceclass.resource.kubernetes.io/'

const podEvaluator: QuotaEvaluator = {
  usage(object, nowMs) {
    const pod = object as Pod
    const usage: Quantities = new Map([['count/pods', ONE]])
    if (!isAlive(pod, nowMs)) return usage
    const requests = podResources(pod, 'requests')
    const limits = podResources(pod, 'limits')
    const overhead = parseQuantities(pod.spec?.overhead)
    addTo(requests, overhead)
    addTo(limits, new Map([...overhead].filter(([name]) => limits.has(name))))
    addTo(usage, computeUsage(requests, limits))
    return usage
  },
  matchingNames: (names) =>
    names.filter(
      (name) => POD_NAMES.has(name) || name.startsWith('hugepages-') || name.startsWith('requests.hugepages-') || isExtendedRequest(name),
    ),
  matchesScope: (scope, object) => podMatchesScope(scope, object as Pod),
  constraintError(names, object) {
    const pod = object as Pod
    if (hasPodLevelResources(pod)) return undefined
    const required = REQUIRED_NAMES.filter((name) => names.includes(name))
    const missing = new Map<string, Set<string>>()
    for (const { name = '', resources } of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
      const given = computeUsage(parseQuantities(resources?.requests), parseQuantities(resources?.limits))
      for (const wanted of required) {
        if (given.has(wanted)) continue
        const containers = missing.get(wanted)
        if (containers === undefined) missing.set(wanted, new Set([name]))
        else containers.add(name)
      }
    }
    if (missing.size === 0) return undefined
    return `must specify ${[...missing.keys()]
      .sort()
      .map((name) => `${name} for: ${[...(missing.get(name) ?? [])].sort().join(',')}`)
      .join('; ')}`
  },
}

function isExtendedRequest(name: string): boolean {
  if (!name.startsWith('requests.')) return false
  return !isNative(name) || name.startsWith(`requests.${DEVICE_CLASS}`)
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

function computeUsage(requests: ReadonlyMap<string, Quantity>, limits: ReadonlyMap<string, Quantity>): Quantities {
  const usage: Quantities = new Map([['pods', ONE]])
  for (const [name, quantity] of requests) {
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-'))
      usage.set(name, quantity).set(`requests.${name}`, quantity)
    else if ((!isNative(name) && !name.startsWith('requests.')) || name.startsWith(DEVICE_CLASS)) usage.set(`requests.${name}`, quantity)
  }
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const quantity = limits.get(name)
    if (quantity !== undefined) usage.set(`limits.${name}`, quantity)
  }
  return usage
}

/** A pod that has ended, or should long be gone, uses nothing but its place in the store. */
function isAlive({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false
  if (metadata?.deletionTimestamp === undefined || metadata.deletionGracePeriodSeconds === undefined) return true
  return nowMs <= Date.parse(metadata.deletionTimestamp) + Number(metadata.deletionGracePeriodSeconds) * 1000
}

function hasPodLevelResources({ spec }: Pod): boolean {
  const names = [...Object.keys(spec?.resources?.requests ?? {}), ...Object.keys(spec?.resources?.limits ?? {})]
  return names.some((name) => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-'))
}

export function isTerminating({ spec }: Pod): boolean {
  return Number(spec?.activeDeadlineSeconds ?? -1) >= 0
}

function podMatchesScope(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating(pod)
    case 'NotTerminating':
      return !isTerminating(pod)
    case 'BestEffort':
      return isBestEffort(pod)
    case 'NotBestEffort':
      return !isBestEffort(pod)
    case 'PriorityClass':
      return selects(scope, [pod.spec?.priorityClassName])
    case 'CrossNamespacePodAffinity':
      return reachesOtherNamespaces(pod)
    default:
      return false
  }
}

function isBestEffort(pod: Pod): boolean {
  if (pod.status?.qosClass !== undefined) return pod.status.qosClass === 'BestEffort'
  if (hasPodLevelResources(pod)) return false
  const asksForSomething = ({ resources }: Container) =>
    [resources?.requests, resources?.limits].some((list) =>
      ['cpu', 'memory'].some((name) => scaledValue(parseQuantity(list?.[name] ?? '0'), -9) > 0n),
    )
  return ![...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].some(asksForSomething)
}

/** Whether one of the names of an object is selected; names that are absent or empty count as no label. */
function selects({ operator, values = [] }: ScopedResourceSelectorRequirement, names: readonly (string | undefined)[]): boolean {
  const present = names.filter((name) => name !== undefined && name !== '') as string[]
  switch (operator) {
    case 'Exists':
      return present.length > 0
    case 'DoesNotExist':
      return present.length === 0
    case 'In':
      return present.some((name) => values.includes(name))
    case 'NotIn':
      return present.length === 0 || present.some((name) => !values.includes(name))
    default:
      return false
  }
}

function reachesOtherNamespaces({ spec }: Pod): boolean {
  const terms: (PodAffinityTerm | undefined)[] = [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ])
  return terms.some((term) => (term?.namespaces ?? []).length > 0 || term?.namespaceSelector !== undefined)
}

const SERVICE_NAMES = new Set(['count/services', 'services', 'services.nodeports', 'services.loadbalancers'])

const serviceEvaluator: QuotaEvaluator = {
  usage(object) {
    const { spec = {} } = object as Service
    const ports = spec.ports ?? []
    const usage: Quantities = new Map([
      ['count/services', ONE],
      ['services', ONE],
      ['services.loadbalancers', spec.type === 'LoadBalancer' ? ONE : ZERO],
      ['services.nodeports', ZERO],
    ])
    const count = (of: number) => usage.set('services.nodeports', { ...ONE, unscaled: BigInt(of) })
    // They are not allocated yet: what counts is the intent.
    if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false)
      count(ports.filter(({ nodePort }) => (nodePort ?? 0) !== 0).length)
    else if (spec.type === 'LoadBalancer' || spec.type === 'NodePort') count(ports.length)
    return usage
  },
  matchingNames: (names) => names.filter((name) => SERVICE_NAMES.has(name)),
  matchesScope: () => false,
}

const CLASS_SUFFIX = '.storageclass.storage.k8s.io/'

const claimEvaluator: QuotaEvaluator = {
  usage(object) {
    const { metadata, spec, status } = object as PersistentVolumeClaim
    const usage: Quantities = new Map([
      ['persistentvolumeclaims', ONE],
      ['count/persistentvolumeclaims', ONE],
    ])
    const storageClass = metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? ''
    if (storageClass !== '') usage.set(`${storageClass}${CLASS_SUFFIX}persistentvolumeclaims`, ONE)
    const requested = spec?.resources?.requests?.['storage']
    if (requested === undefined) return usage
    const allocated = status?.allocatedResources?.['storage']
    const larger =
      allocated !== undefined && compareQuantities(parseQuantity(allocated), parseQuantity(requested)) > 0 ? allocated : requested
    const storage = wholeBytes(parseQuantity(larger))
    usage.set('requests.storage', storage)
    if (storageClass !== '') usage.set(`${storageClass}${CLASS_SUFFIX}requests.storage`, storage)
    return usage
  },
  matchingNames: (names) =>
    names.filter(
      (name) =>
        name === 'count/persistentvolumeclaims' ||
        name === 'persistentvolumeclaims' ||
        name === 'requests.storage' ||
        name.endsWith(`${CLASS_SUFFIX}persistentvolumeclaims`) ||
        name.endsWith(`${CLASS_SUFFIX}requests.storage`),
    ),
  matchesScope(scope, object) {
    if (scope.scopeName !== 'VolumeAttributesClass') return false
    const { spec, status } = object as PersistentVolumeClaim
    return selects(scope, [
      spec?.volumeAttributesClassName,
      status?.currentVolumeAttributesClassName,
      status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
    ])
  },
}

const DEVICES_SUFFIX = '.deviceclass.resource.k8s.io/devices'
const RESOURCE_CLAIMS = 'count/resourceclaims.resource.k8s.io'
/** An allocation has no more devices. */
const ALL_DEVICES = 32

const resourceClaimEvaluator: QuotaEvaluator = {
  usage(object) {
    const usage: Quantities = new Map([[RESOURCE_CLAIMS, ONE]])
    const devices = new Map<string, number>()
    for (const { exactly, firstAvailable = [] } of (object as ResourceClaim).spec?.devices?.requests ?? []) {
      // Of alternatives the most that each class may have to give.
      const most = new Map<string, number>()
      for (const one of firstAvailable.length > 0 ? firstAvailable : exactly === undefined ? [] : [exactly]) {
        const { deviceClassName = '', allocationMode, count = 0 } = one
        const wanted = allocationMode === 'All' ? ALL_DEVICES : allocationMode === 'ExactCount' ? Number(count) : 0
        most.set(deviceClassName, Math.max(most.get(deviceClassName) ?? 0, wanted))
      }
      for (const [name, wanted] of most) devices.set(name, (devices.get(name) ?? 0) + wanted)
    }
    for (const [name, wanted] of devices) usage.set(name + DEVICES_SUFFIX, { ...ONE, unscaled: BigInt(wanted) })
    return usage
  },
  matchingNames: (names) => names.filter((name) => name === RESOURCE_CLAIMS || name.endsWith(DEVICES_SUFFIX)),
  matchesScope: () => false,
}

function wholeBytes(quantity: Quantity): Quantity {
  return quantity.scale >= 0 ? quantity : { ...quantity, unscaled: scaledValue(quantity), scale: 0 }
}
