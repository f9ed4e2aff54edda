/**
 * What the status and the ephemeral containers of a pod may become.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodStatusUpdate and ValidatePodEphemeralContainersUpdate
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../../api/field.ts'
import { subdomainName } from '../../../api/names.ts'
import { quote } from '../../../api/status.ts'
import type {
  Container,
  ContainerStatus,
  LinuxContainerUser,
  Pod,
  PodCondition,
  PodExtendedResourceClaimStatus,
  PodSpec,
  PodStatus,
} from '../../../api/types/core/v1.ts'
import { isDualStack, validateLegacyIP } from '../../ip.ts'
import { byteLength, each, rangeErrors, validateDNS1123Label, validateQualifiedName } from '../../validation.ts'
import { MIRROR_ANNOTATION, podAnnotationUpdateErrors } from './annotations.ts'
import { difference } from './difference.ts'
import { goIPs } from './gostructs.ts'
import { semanticEqual } from './semanticequal.ts'
import { podErrors } from './validation.ts'
import type { PodValidationOptions } from './validationoptions.ts'

const MAX_ID = 2_147_483_647
const MAX_HEALTH_MESSAGE = 1024
const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized']
const HEALTH = ['Healthy', 'Unhealthy', 'Unknown']
const RESTARTED = 'may not be transitioned to non-terminated state'

export function podStatusUpdateErrors(pod: Pod, old: Pod, options: PodValidationOptions): FieldError[] {
  const { spec = {}, status = {} } = pod
  const { spec: oldSpec = {}, status: before = {} } = old
  const errors = podAnnotationUpdateErrors(pod, old, 'metadata.annotations', options)
  errors.push(...conditionErrors(status.conditions, 'status.conditions'), ...nominationErrors(pod, old))
  if ((status.observedGeneration ?? 0) < 0)
    errors.push(invalidValue('status.observedGeneration', status.observedGeneration, 'must be a non-negative integer'))
  if ((status.qosClass ?? '') !== (before.qosClass ?? ''))
    errors.push(invalidValue('status.qosClass', status.qosClass ?? '', 'field is immutable'))
  errors.push(
    ...restartErrors(status.containerStatuses, before.containerStatuses, 'status.containerStatuses', {
      spec: oldSpec,
      containers: oldSpec.containers,
    }),
    ...restartErrors(status.initContainerStatuses, before.initContainerStatuses, 'status.initContainerStatuses', {
      spec: oldSpec,
      containers: oldSpec.initContainers,
    }),
    ...restartErrors(status.ephemeralContainerStatuses, before.ephemeralContainerStatuses, 'status.ephemeralContainerStatuses', undefined),
    ...resourceClaimStatusErrors(status, spec),
    ...extendedClaimStatusErrors(status.extendedResourceClaimStatus, spec, 'status.extendedResourceClaimStatus'),
    ...addressErrors(status.podIPs, before.podIPs, 'status.podIPs'),
    ...hostAddressErrors(status, before),
  )
  const lists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const
  for (const list of lists) errors.push(...userErrors(status[list], `status.${list}`, spec.os?.name ?? 'linux'))
  errors.push(
    ...allocatedResourcesErrors(status.containerStatuses, 'status.containerStatuses', spec.containers),
    ...allocatedResourcesErrors(status.initContainerStatuses, 'status.initContainerStatuses', spec.initContainers),
  )
  for (const [index, one] of (status.ephemeralContainerStatuses ?? []).entries()) {
    if (!one.allocatedResourcesStatus?.length) continue
    errors.push(
      forbiddenField(`status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`, 'must not be specified in container status'),
    )
  }
  return errors
}

/** New ones may come; those there stay as they are. */
export function ephemeralContainersUpdateErrors(pod: Pod, old: Pod, options: PodValidationOptions): FieldError[] {
  if (old.metadata?.annotations?.[MIRROR_ANNOTATION] !== undefined)
    return [forbiddenField('[]', 'static pods do not support ephemeral containers')]
  const errors = [...podErrors(pod, options), ...podAnnotationUpdateErrors(pod, old, 'metadata.annotations', options)]
  const containers = new Map((pod.spec?.ephemeralContainers ?? []).map((one) => [one.name, one]))
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const name = quote(before.name ?? '')
    const after = containers.get(before.name)
    if (after === undefined)
      errors.push(forbiddenField('spec.ephemeralContainers', `existing ephemeral containers ${name} may not be removed\n`))
    else if (!semanticEqual(before, after)) {
      errors.push(
        forbiddenField(
          'spec.ephemeralContainers',
          `existing ephemeral containers ${name} may not be changed\n${difference(before, after)}`,
        ),
      )
    }
  }
  return errors
}

function conditionErrors(conditions: readonly PodCondition[] = [], field: string): FieldError[] {
  return conditions.flatMap(({ type = '', observedGeneration = 0 }, index) => {
    const errors: FieldError[] = []
    if (observedGeneration < 0)
      errors.push(invalidValue(`${field}[${index}].observedGeneration`, observedGeneration, 'must be a non-negative integer'))
    if (!SYSTEM_CONDITIONS.includes(type)) errors.push(...validateQualifiedName(type, `${field}[${index}].Type`))
    return errors
  })
}

function nominationErrors({ spec = {}, status = {} }: Pod, { spec: oldSpec = {}, status: before = {} }: Pod): FieldError[] {
  const errors: FieldError[] = []
  if ((spec.nodeName ?? '') !== (oldSpec.nodeName ?? '')) errors.push(forbiddenField('status.nodeName', 'may not be changed directly'))
  const { nominatedNodeName } = status
  if (!nominatedNodeName || nominatedNodeName === before.nominatedNodeName) return errors
  errors.push(...each('status.nominatedNodeName', nominatedNodeName, subdomainName(nominatedNodeName, false)))
  if (oldSpec.nodeName) errors.push(forbiddenField('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'))
  return errors
}

/** What has ended runs again only where a restart policy says so; `of` is undefined for ephemeral containers, which never do. */
function restartErrors(
  statuses: readonly ContainerStatus[] = [],
  old: readonly ContainerStatus[] = [],
  field: string,
  of: { spec: PodSpec; containers: readonly Container[] | undefined } | undefined,
): FieldError[] {
  if (of !== undefined && restartsAll(of.spec)) return []
  return old.flatMap((before, index) => {
    const terminated = before.state?.terminated
    if (terminated === undefined) return []
    const after = statuses.filter((one) => one.name === before.name && one.state?.terminated === undefined)
    if (after.length === 0) return []
    const error = forbiddenField(`${field}[${index}].state`, RESTARTED)
    if (of === undefined) return after.map(() => error)
    const container = of.containers?.find((one) => one.name === before.name)
    return container !== undefined && mayRestart(container, of.spec, terminated.exitCode ?? 0) ? [] : [error]
  })
}

function restartsAll({ initContainers = [], containers = [] }: PodSpec): boolean {
  return [...initContainers, ...containers].some((one) => one.restartPolicyRules?.some((rule) => rule.action === 'RestartAllContainers'))
}

/** The container's rules, then its own policy, then the pod's. */
function mayRestart(container: Container, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const rule = container.restartPolicyRules?.find(({ exitCodes }) => {
      const listed = exitCodes?.values?.includes(exitCode) ?? false
      return (exitCodes?.operator === 'In' && listed) || (exitCodes?.operator === 'NotIn' && !listed)
    })
    if (rule?.action === 'Restart' || rule?.action === 'RestartAllContainers') return true
  }
  const own = container.restartPolicy ?? ''
  const policy = ['Always', 'OnFailure', 'Never'].includes(own) ? own : spec.restartPolicy
  if (policy === 'Never') return false
  return policy !== 'OnFailure' || exitCode !== 0
}

function resourceClaimStatusErrors({ resourceClaimStatuses = [] }: PodStatus, { resourceClaims = [] }: PodSpec): FieldError[] {
  const names = new Set<string>()
  return resourceClaimStatuses.flatMap(({ name = '', resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`
    const errors: FieldError[] = []
    if (!resourceClaims.some((one) => one.name === name))
      errors.push(invalidValue(`${at}.name`, name, 'must match the name of an entry in `spec.resourceClaims`'))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    if (resourceClaimName !== undefined)
      errors.push(...each(`${at}.resourceClaimName`, resourceClaimName, subdomainName(resourceClaimName, false)))
    return errors
  })
}

function extendedClaimStatusErrors(status: PodExtendedResourceClaimStatus | undefined, spec: PodSpec, field: string): FieldError[] {
  if (status === undefined) return []
  const { requestMappings = [], resourceClaimName = '' } = status
  const containers = new Map([...(spec.initContainers ?? []), ...(spec.containers ?? [])].map((one) => [one.name ?? '', one]))
  const errors: FieldError[] = []
  if (requestMappings.length === 0) errors.push(required(`${field}.requestMappings`, 'at least one request mapping is required'))
  const seen = new Set<string>()
  for (const [index, { containerName = '', resourceName = '', requestName = '' }] of requestMappings.entries()) {
    const at = `${field}.requestMappings[${index}]`
    const container = containers.get(containerName)
    if (container === undefined) {
      errors.push(
        invalidValue(
          `${at}.containerName`,
          containerName,
          'must match the name of an entry in spec.initContainers.name or spec.containers.name',
        ),
      )
    } else if (container.resources?.requests?.[resourceName] === undefined) {
      const text =
        'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests'
      errors.push(invalidValue(`${at}.resourceName`, resourceName, text))
    }
    errors.push(...validateDNS1123Label(requestName, `${field}.requestName`))
    const key = JSON.stringify([containerName, resourceName, requestName])
    if (seen.has(key))
      errors.push(
        duplicate(`${at}.containerName`, containerName),
        duplicate(`${at}.resourceName`, resourceName),
        duplicate(`${at}.requestName`, requestName),
      )
    seen.add(key)
  }
  if (resourceClaimName === '') errors.push(required(`${field}.resourceClaimName`))
  else errors.push(...each(`${field}.resourceClaimName`, resourceClaimName, subdomainName(resourceClaimName, false)))
  return errors
}

type Addresses = readonly { ip?: string | undefined }[]

/** At most one address of each family. */
function addressErrors(addresses: Addresses = [], old: Addresses = [], field: string): FieldError[] {
  const texts = addresses.map(({ ip = '' }) => ip)
  const before = old.map(({ ip = '' }) => ip)
  const errors = texts.flatMap((ip, index) => validateLegacyIP(`${field}[${index}]`, ip, before))
  if (texts.length > 1 && (texts.length > 2 || !isDualStack(texts))) {
    errors.push(invalidValue(field, goIPs(addresses), 'may specify no more than one IP for each IP family'))
  }
  return errors
}

function hostAddressErrors({ hostIP = '', hostIPs = [] }: PodStatus, before: PodStatus): FieldError[] {
  const first = hostIPs[0]
  if (first === undefined) return []
  const errors: FieldError[] = []
  if (hostIP !== (first.ip ?? '')) errors.push(invalidValue('status.hostIPs[0].ip', first.ip ?? '', 'must be equal to `hostIP`'))
  errors.push(...addressErrors(hostIPs, before.hostIPs, 'status.hostIPs'))
  return errors
}

function userErrors(statuses: readonly ContainerStatus[] = [], field: string, os: string): FieldError[] {
  return statuses.flatMap(({ user }, index) => {
    const linux = user?.linux
    if (linux === undefined) return []
    const at = `${field}[${index}].user.linux`
    if (os === 'windows') return [forbiddenField(at, 'cannot be set for a windows pod')]
    return os === 'linux' ? linuxUserErrors(linux, at) : []
  })
}

function linuxUserErrors({ uid = 0, gid = 0, supplementalGroups = [] }: LinuxContainerUser, field: string): FieldError[] {
  return [
    ...each(`${field}.uid`, uid, rangeErrors(uid, 0, MAX_ID)),
    ...each(`${field}.gid`, gid, rangeErrors(gid, 0, MAX_ID)),
    ...supplementalGroups.flatMap((group, index) => each(`${field}.supplementalGroups[${index}]`, group, rangeErrors(group, 0, MAX_ID))),
  ]
}

function allocatedResourcesErrors(
  statuses: readonly ContainerStatus[] = [],
  field: string,
  containers: readonly Container[] = [],
): FieldError[] {
  return statuses.flatMap((status, index) =>
    (status.allocatedResourcesStatus ?? []).flatMap(({ name = '', resources = [] }, number) => {
      const at = `${field}[${index}].allocatedResourcesStatus[${number}]`
      const errors: FieldError[] = []
      const container = containers.find((one) => one.name === status.name)
      if (container !== undefined) errors.push(...allocatedNameErrors(name, container, `${at}.name`))
      const ids = new Set<string>()
      for (const [place, { health = '', message, resourceID = '' }] of resources.entries()) {
        const field = `${at}.resources[${place}]`
        if (!HEALTH.includes(health)) errors.push(notSupported(`${field}.health`, health, HEALTH))
        if (message === '') errors.push(required(`${field}.message`, 'must be non-empty if specified'))
        else if (message !== undefined && byteLength(message) > MAX_HEALTH_MESSAGE)
          errors.push(tooLong(`${field}.message`, MAX_HEALTH_MESSAGE))
        if (ids.has(resourceID)) errors.push(duplicate(`${field}.resourceID`, resourceID))
        ids.add(resourceID)
      }
      return errors
    }),
  )
}

function allocatedNameErrors(name: string, { resources = {} }: Container, field: string): FieldError[] {
  if (name.startsWith('claim:')) {
    const claims = (resources.claims ?? []).map((claim) => (claim.request ? `claim:${claim.name}/${claim.request}` : `claim:${claim.name}`))
    if (claims.includes(name)) return []
    const text =
      "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
    return [invalidValue(field, name, text)]
  }
  return resources.requests?.[name] === undefined ? [invalidValue(field, name, "must match one of the container's resource requests")] : []
}
