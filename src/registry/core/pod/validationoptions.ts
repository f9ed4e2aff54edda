/**
 * What validation of a pod spec tolerates: today's rules for new objects, yesterday's for what the stored object already has.
 *
 * Features that are on in a default 1.36 server are simply on here.
 *
 * @see pkg/api/pod/util.go, GetValidationOptionsFromPodSpecAndMeta
 * @module
 */
import { labelValueErrors } from '../../../api/names.ts'
import type { PodSpec, PodTemplateSpec } from '../../../api/types/core/v1.ts'
import type { ObjectMeta } from '../../../api/types/meta/v1.ts'
import type { World } from '../../resource.ts'
import { selectorHasInvalidLabelValue, validateLabelSelector } from '../../validation.ts'
import { deletionCostIsValid } from './annotations.ts'
import { allContainers } from './disabledfields.ts'
import { localPathErrors } from './paths.ts'
import { isHugePages } from './podlevelresources.ts'
import { hugePagesDivide } from './resourcerequirements.ts'
import { hostSysctlError } from './securitycontext.ts'
import { labelKeysErrors } from './topologyspread.ts'

export interface PodValidationOptions {
  /** The object is a pod, not something with a template. */
  resourceIsPod: boolean
  /** `--allow-privileged`. */
  allowPrivileged: boolean
  /** All below: because the stored object has it. */
  allowInvalidPodDeletionCost: boolean
  allowInvalidLabelValueInSelector: boolean
  allowInvalidLabelValueInRequiredNodeAffinity: boolean
  allowIndivisibleHugePages: boolean
  allowInvalidSpreadSelector: boolean
  allowInvalidSpreadLabelKeys: boolean
  allowNonLocalTokenPath: boolean
  allowHostSysctls: boolean
  allowAnySELinuxChangePolicy: boolean
  allowTolerationComparison: boolean
  allowUserNamespacesWithHostNetwork: boolean
  allowUserNamespacesWithVolumeDevices: boolean
  allowRestartContainerOfInitContainer: boolean
}

export interface PodLike {
  metadata?: ObjectMeta | undefined
  spec?: PodSpec | undefined
}

export function podOptions(world: World, old?: PodLike): PodValidationOptions {
  return {
    ...STRICT,
    resourceIsPod: true,
    allowPrivileged: world.features.allowPrivileged,
    ...(old === undefined ? undefined : tolerated(old)),
  }
}

export function templateOptions(world: World, old?: PodTemplateSpec): PodValidationOptions {
  return { ...STRICT, allowPrivileged: world.features.allowPrivileged, ...(old === undefined ? undefined : tolerated(old)) }
}

const STRICT: PodValidationOptions = {
  resourceIsPod: false,
  allowPrivileged: false,
  allowInvalidPodDeletionCost: false,
  allowInvalidLabelValueInSelector: false,
  allowInvalidLabelValueInRequiredNodeAffinity: false,
  allowIndivisibleHugePages: false,
  allowInvalidSpreadSelector: false,
  allowInvalidSpreadLabelKeys: false,
  allowNonLocalTokenPath: false,
  allowHostSysctls: false,
  allowAnySELinuxChangePolicy: false,
  allowTolerationComparison: false,
  allowUserNamespacesWithHostNetwork: false,
  allowUserNamespacesWithVolumeDevices: false,
  allowRestartContainerOfInitContainer: false,
}

function tolerated({ metadata, spec = {} }: PodLike): Partial<PodValidationOptions> {
  const options: Partial<PodValidationOptions> = { allowInvalidPodDeletionCost: !deletionCostIsValid(metadata?.annotations) }
  const { affinity, securityContext, tolerations, topologySpreadConstraints, volumes } = spec
  if (affinity !== undefined) {
    options.allowInvalidLabelValueInSelector = affinityTerms(spec).some(
      (term) => selectorHasInvalidLabelValue(term.labelSelector) || selectorHasInvalidLabelValue(term.namespaceSelector),
    )
    const terms = affinity.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
    options.allowInvalidLabelValueInRequiredNodeAffinity = terms.some((term) =>
      term.matchExpressions?.some((one) => one.values?.some((value) => labelValueErrors(value).length > 0)),
    )
  }
  if (topologySpreadConstraints !== undefined) {
    options.allowInvalidSpreadSelector = topologySpreadConstraints.some((one) => validateLabelSelector(one.labelSelector, '').length > 0)
    options.allowInvalidSpreadLabelKeys = topologySpreadConstraints.some((one) => labelKeysErrors(one, '').length > 0)
  }
  if (volumes !== undefined) {
    options.allowNonLocalTokenPath = volumes.some((volume) =>
      volume.projected?.sources?.some(
        ({ serviceAccountToken }) => serviceAccountToken !== undefined && localPathErrors(serviceAccountToken.path ?? '', '').length > 0,
      ),
    )
  }
  options.allowHostSysctls = securityContext?.sysctls?.some((one) => hostSysctlError(one.name ?? '', spec, '') !== undefined) ?? false
  options.allowAnySELinuxChangePolicy = securityContext?.seLinuxChangePolicy !== undefined
  options.allowTolerationComparison = tolerations?.some((one) => one.operator === 'Lt' || one.operator === 'Gt') ?? false
  if (spec.hostUsers === false) {
    options.allowUserNamespacesWithHostNetwork = spec.hostNetwork === true
    options.allowUserNamespacesWithVolumeDevices = allContainers(spec).some((one) => (one.volumeDevices?.length ?? 0) > 0)
  }
  options.allowIndivisibleHugePages = allContainers(spec).some((one) =>
    [one.resources?.limits, one.resources?.requests].some(hasIndivisibleHugePages),
  )
  options.allowRestartContainerOfInitContainer =
    spec.initContainers?.some(
      (one) => one.restartPolicy !== 'Always' && one.resizePolicy?.some((policy) => policy.restartPolicy === 'RestartContainer'),
    ) ?? false
  return options
}

function affinityTerms({ affinity }: PodSpec) {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((kind) => [
    ...(kind?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(kind?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((one) => one.podAffinityTerm ?? {}),
  ])
}

function hasIndivisibleHugePages(list: Record<string, string> | undefined): boolean {
  return list !== undefined && Object.entries(list).some(([name, value]) => isHugePages(name) && !hugePagesDivide(name, value))
}
