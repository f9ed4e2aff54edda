/**
 * What a pod spec must be, in a pod or in a template.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodSpec
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../../api/field.ts'
import { validateLabels } from '../../../api/metadata.ts'
import { subdomainName } from '../../../api/names.ts'
import type {
  HostAlias,
  PodDNSConfig,
  PodReadinessGate,
  PodSchedulingGate,
  PodSchedulingGroup,
  PodSpec,
} from '../../../api/types/core/v1.ts'
import { validateLegacyIP } from '../../ip.ts'
import {
  byteLength,
  each,
  rangeErrors,
  underscoreSubdomainErrors,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateQualifiedName,
} from '../../validation.ts'
import { affinityErrors } from './affinity.ts'
import { type ContainerContext, containersErrors, ephemeralContainersErrors, initContainersErrors } from './containers.ts'
import { fileKeyRefErrors } from './env.ts'
import { resourceClaimsErrors } from './resourceclaims.ts'
import { containerResourcesErrors, podResourcesErrors } from './resourcerequirements.ts'
import { podSecurityContextErrors } from './securitycontext.ts'
import { tolerationErrors } from './tolerations.ts'
import { topologySpreadErrors } from './topologyspread.ts'
import type { PodLike, PodValidationOptions } from './validationoptions.ts'
import { eachContainer } from './visit.ts'
import { volumesErrors } from './volumes.ts'
import { hostProcessErrors, linuxErrors, windowsErrors } from './windows.ts'

const MAX_INT32 = 2_147_483_647
const RESTART_POLICIES = ['Always', 'OnFailure', 'Never']
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never']
const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048
const MAX_HOSTNAME_OVERRIDE = 64

/** `metadata` is the pod's; a template has none that counts here. */
export function podSpecErrors(spec: PodSpec, path: string, options: PodValidationOptions, metadata?: PodLike['metadata']): FieldError[] {
  const errors: FieldError[] = []
  if (spec.terminationGracePeriodSeconds === undefined) errors.push(required(`${path}.terminationGracePeriodSeconds`))
  const volumes = volumesErrors(spec.volumes, `${path}.volumes`, { podName: metadata?.name, options })
  errors.push(...volumes.errors)
  const claimNames = new Set<string>()
  if (spec.resourceClaims !== undefined) {
    for (const { name } of spec.resourceClaims) if (name) claimNames.add(name)
    errors.push(...resourceClaimsErrors(spec.resourceClaims, `${path}.resourceClaims`, metadata?.annotations))
  }
  const context: ContainerContext = {
    spec,
    volumes: volumes.valid,
    claimNames,
    gracePeriodSeconds: spec.terminationGracePeriodSeconds,
    os: spec.os,
    hostUsers: spec.hostUsers !== false,
    allowPrivileged: options.allowPrivileged,
    allowIndivisibleHugePages: options.allowIndivisibleHugePages,
    allowRestartContainerOfInitContainer: options.allowRestartContainerOfInitContainer,
  }
  errors.push(
    ...containersErrors(spec.containers, `${path}.containers`, context),
    ...initContainersErrors(spec.initContainers, `${path}.initContainers`, context),
    ...ephemeralContainersErrors(spec.ephemeralContainers, `${path}.ephemeralContainers`, context),
    ...podResourcesErrors(spec, path, context),
  )
  if (spec.hostNetwork === true) errors.push(...hostNetworkErrors(spec, path, options.resourceIsPod))
  errors.push(
    ...enumErrors(spec.restartPolicy ?? '', `${path}.restartPolicy`, RESTART_POLICIES),
    ...enumErrors(spec.dnsPolicy ?? '', `${path}.dnsPolicy`, DNS_POLICIES),
  )
  if (spec.nodeSelector !== undefined) errors.push(...validateLabels(spec.nodeSelector, `${path}.nodeSelector`))
  errors.push(
    ...podSecurityContextErrors(spec, `${path}.securityContext`, options),
    ...affinityErrors(spec.affinity, `${path}.affinity`, options),
    ...dnsConfigErrors(spec.dnsConfig, `${path}.dnsConfig`, spec.dnsPolicy),
    ...readinessGateErrors(spec.readinessGates, `${path}.readinessGates`),
    ...schedulingGateErrors(spec.schedulingGates, `${path}.schedulingGates`),
    ...topologySpreadErrors(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`, options),
    ...hostProcessErrors(spec, path, options.allowPrivileged),
    ...hostUsersErrors(spec, path, options),
    ...hostnameOverrideErrors(spec, path),
    ...nameErrors(spec, path),
    ...tolerationErrors(spec.tolerations, `${path}.tolerations`, options),
    ...hostAliasErrors(spec.hostAliases, `${path}.hostAliases`),
    ...classErrors(spec, path),
  )
  if (spec.overhead !== undefined) errors.push(...containerResourcesErrors({ limits: spec.overhead }, `${path}.overhead`, context))
  errors.push(...osErrors(spec, path))
  if (spec.schedulingGroup !== undefined) errors.push(...schedulingGroupErrors(spec.schedulingGroup, `${path}.schedulingGroup`))
  errors.push(...fileKeyRefErrors(spec, path))
  return errors
}

function enumErrors(value: string, field: string, supported: readonly string[]): FieldError[] {
  if (supported.includes(value)) return []
  return [value === '' ? required(field) : notSupported(field, value, supported)]
}

/** On the host's network a container's port is the host's. */
function hostNetworkErrors({ containers = [] }: PodSpec, path: string, resourceIsPod: boolean): FieldError[] {
  return containers.flatMap(({ ports = [] }, index) =>
    ports.flatMap(({ hostPort = 0, containerPort = 0 }, number) => {
      if (hostPort === containerPort || (hostPort === 0 && !resourceIsPod)) return []
      return [
        invalidValue(
          `${path}.containers[${index}].ports[${number}].hostPort`,
          hostPort,
          'must match `containerPort` when `hostNetwork` is true',
        ),
      ]
    }),
  )
}

function dnsConfigErrors(config: PodDNSConfig | undefined, field: string, dnsPolicy: string | undefined): FieldError[] {
  if (dnsPolicy === 'None') {
    if (config === undefined) return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    if (!config.nameservers?.length)
      return [required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')]
  }
  if (config === undefined) return []
  const { nameservers = [], searches = [], options = [] } = config
  const errors: FieldError[] = []
  if (nameservers.length > MAX_NAMESERVERS)
    errors.push(invalidValue(`${field}.nameservers`, nameservers, `must not have more than ${MAX_NAMESERVERS} nameservers`))
  for (const [index, address] of nameservers.entries()) errors.push(...validateLegacyIP(`${field}.nameservers[${index}]`, address))
  if (searches.length > MAX_SEARCHES)
    errors.push(invalidValue(`${field}.searches`, searches, `must not have more than ${MAX_SEARCHES} search paths`))
  if (byteLength(searches.join(' ')) > MAX_SEARCH_CHARACTERS) {
    errors.push(
      invalidValue(
        `${field}.searches`,
        searches,
        `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`,
      ),
    )
  }
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue
    const domain = search.endsWith('.') ? search.slice(0, -1) : search
    errors.push(...each(`${field}.searches[${index}]`, domain, underscoreSubdomainErrors(domain)))
  }
  for (const [index, { name }] of options.entries()) if (!name) errors.push(required(`${field}.options[${index}]`, 'must not be empty'))
  return errors
}

function readinessGateErrors(gates: readonly PodReadinessGate[] = [], field: string): FieldError[] {
  return gates.flatMap(({ conditionType = '' }, index) => validateQualifiedName(conditionType, `${field}[${index}].conditionType`))
}

function schedulingGateErrors(gates: readonly PodSchedulingGate[] = [], field: string): FieldError[] {
  const seen = new Set<string>()
  return gates.flatMap(({ name = '' }, index) => {
    const errors = validateQualifiedName(name, `${field}[${index}]`)
    if (seen.has(name)) errors.push(duplicate(`${field}[${index}]`, name))
    seen.add(name)
    return errors
  })
}

/** A user namespace of its own does not go with the host's other namespaces. */
function hostUsersErrors(spec: PodSpec, path: string, options: PodValidationOptions): FieldError[] {
  if (spec.hostUsers !== false) return []
  const text = 'when `hostUsers` is false'
  const errors: FieldError[] = []
  if (spec.hostNetwork === true && !options.allowUserNamespacesWithHostNetwork) errors.push(forbiddenField(`${path}.hostNetwork`, text))
  if (spec.hostPID === true) errors.push(forbiddenField(`${path}.HostPID`, text))
  if (spec.hostIPC === true) errors.push(forbiddenField(`${path}.HostIPC`, text))
  if (options.allowUserNamespacesWithVolumeDevices) return errors
  eachContainer(spec, path, (container, field) => {
    if (container.volumeDevices?.length) errors.push(forbiddenField(`${field()}.volumeDevices`, text))
  })
  return errors
}

function hostnameOverrideErrors(spec: PodSpec, path: string): FieldError[] {
  const { hostnameOverride } = spec
  if (hostnameOverride === undefined) return []
  const field = `${path}.hostnameOverride`
  const errors: FieldError[] = []
  if (spec.setHostnameAsFQDN === true) errors.push(forbiddenField(field, 'may not be specified when setHostnameAsFQDN is true'))
  if (spec.hostNetwork === true) errors.push(forbiddenField(field, 'may not be specified when hostNetwork is true'))
  if (byteLength(hostnameOverride) > MAX_HOSTNAME_OVERRIDE) errors.push(tooLong(field, MAX_HOSTNAME_OVERRIDE))
  errors.push(...validateDNS1123Subdomain(hostnameOverride, field))
  return errors
}

function nameErrors(spec: PodSpec, path: string): FieldError[] {
  const { serviceAccountName, nodeName, activeDeadlineSeconds, hostname, subdomain } = spec
  const errors: FieldError[] = []
  if (serviceAccountName) errors.push(...each(`${path}.serviceAccountName`, serviceAccountName, subdomainName(serviceAccountName, false)))
  if (nodeName) errors.push(...each(`${path}.nodeName`, nodeName, subdomainName(nodeName, false)))
  if (activeDeadlineSeconds !== undefined)
    errors.push(...each(`${path}.activeDeadlineSeconds`, activeDeadlineSeconds, rangeErrors(activeDeadlineSeconds, 1, MAX_INT32)))
  if (hostname) errors.push(...validateDNS1123Label(hostname, `${path}.hostname`))
  if (subdomain) errors.push(...validateDNS1123Label(subdomain, `${path}.subdomain`))
  return errors
}

function hostAliasErrors(aliases: readonly HostAlias[] = [], field: string): FieldError[] {
  return aliases.flatMap(({ ip = '', hostnames = [] }, index) => [
    ...validateLegacyIP(`${field}[${index}].ip`, ip),
    ...hostnames.flatMap((hostname, number) => validateDNS1123Subdomain(hostname, `${field}[${index}].hostnames[${number}]`)),
  ])
}

function classErrors(spec: PodSpec, path: string): FieldError[] {
  const { priorityClassName, runtimeClassName, preemptionPolicy } = spec
  const errors: FieldError[] = []
  if (priorityClassName) errors.push(...each(`${path}.priorityClassName`, priorityClassName, subdomainName(priorityClassName, false)))
  if (runtimeClassName !== undefined)
    errors.push(...each(`${path}.runtimeClassName`, runtimeClassName, subdomainName(runtimeClassName, false)))
  if (preemptionPolicy !== undefined) errors.push(...enumErrors(preemptionPolicy, `${path}.preemptionPolicy`, PREEMPTION_POLICIES))
  return errors
}

function osErrors(spec: PodSpec, path: string): FieldError[] {
  if (spec.os === undefined) return []
  const { name = '' } = spec.os
  switch (name) {
    case 'linux':
      return linuxErrors(spec, path)
    case 'windows':
      return windowsErrors(spec, path)
    case '':
      return [required(`${path}.os.name`)]
    default:
      return [notSupported(`${path}.os`, name, ['linux', 'windows'])]
  }
}

function schedulingGroupErrors({ podGroupName }: PodSchedulingGroup, field: string): FieldError[] {
  const at = `${field}.podGroupName`
  if (podGroupName === undefined) return [invalidValue(at, null, 'must specify one of: `podGroupName`')]
  return each(at, podGroupName, subdomainName(podGroupName, false))
}
