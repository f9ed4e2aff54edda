/**
 * What is allowed in a pod or template, but is probably not meant.
 *
 * @see pkg/registry/core/pod/strategy.go, WarningsOnCreate; pkg/api/pod/warnings.go
 * @module
 */
import { dns1123LabelErrors, labelValueErrors } from '../../../api/names.ts'
import { quote } from '../../../api/status.ts'
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  NodeSelectorTerm,
  PersistentVolumeClaimSpec,
  Pod,
  PodAffinity,
  PodSpec,
  PodTemplateSpec,
} from '../../../api/types/core/v1.ts'
import type { ObjectMeta } from '../../../api/types/meta/v1.ts'
import { ipWarnings } from '../../ip.ts'
import { nodeLabelWarnings } from '../node-labels.ts'
import { SECCOMP_CONTAINER_PREFIX, SECCOMP_POD_ANNOTATION } from './annotations.ts'
import { APPARMOR_ANNOTATION_PREFIX, appArmorProfileOfAnnotation } from './apparmor.ts'
import { pathOverlapWarnings } from './pathoverlaps.ts'
import { milliValue, type ResourceList } from './resourcelist.ts'
import { semanticEqual } from './semanticequal.ts'
import { eachContainer } from './visit.ts'

const DEPRECATED_ANNOTATIONS: readonly [key: string, text: string][] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
]

const DEPRECATED_VOLUMES = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

const MATCHES_NOTHING = 'a null labelSelector results in matching no pod'
const USE_SECCOMP_FIELD = 'non-functional in v1.27+; use the "seccompProfile" field instead'

/** Warnings for a new pod. */
export function podWarnings({ spec = {}, metadata = {} }: Pod): string[] {
  const warnings = specWarnings(spec, metadata, '')
  const texts = dns1123LabelErrors(metadata.name ?? '')
  if (texts.length === 0) return warnings
  const name = `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [${texts.join(' ')}]`
  return [name, ...warnings]
}

/** Warnings for the template of a workload; `path` is `spec.template`. */
export function templateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  if (template === undefined) return []
  const { spec = {}, metadata = {} } = template
  return specWarnings(spec, metadata, `${path}.`)
}

/** Warnings for addresses in a status. */
export function statusAddressWarnings({ status = {} }: Pod): string[] {
  return [
    ...(status.podIPs ?? []).flatMap(({ ip = '' }, index) => ipWarnings(`status.podIPs[${index}].ip`, ip)),
    ...(status.hostIPs ?? []).flatMap(({ ip = '' }, index) => ipWarnings(`status.hostIPs[${index}].ip`, ip)),
  ]
}

export function claimSpecWarnings({ resources = {} }: PersistentVolumeClaimSpec, path: string): string[] {
  return [
    ...fractionWarnings(resources.requests, ['storage'], `${path}.resources.requests`),
    ...fractionWarnings(resources.limits, ['storage'], `${path}.resources.limits`),
  ]
}

/** `prefix` is empty for a pod, and ends with a dot for a template. */
function specWarnings(spec: PodSpec, { annotations = {} }: ObjectMeta, prefix: string): string[] {
  const warnings: string[] = []
  const at = `${prefix}spec`
  for (const key in spec.nodeSelector) warnings.push(...nodeLabelWarnings(key, `${at}.nodeSelector[${key}]: `))
  if (spec.affinity?.nodeAffinity !== undefined) warnings.push(...nodeAffinityWarnings(spec, `${at}.affinity.nodeAffinity`))
  for (const [index, { topologyKey = '', labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const field = `${at}.topologySpreadConstraints[${index}]`
    warnings.push(...nodeLabelWarnings(topologyKey, `${field}.topologyKey: ${topologyKey} is `))
    if (labelSelector === undefined) warnings.push(`${field}.labelSelector: ${MATCHES_NOTHING}`)
  }
  for (const [key, text] of DEPRECATED_ANNOTATIONS)
    if (annotations[key] !== undefined) warnings.push(`${prefix}metadata.annotations[${key}]: ${text}`)
  if (spec.volumes !== undefined) warnings.push(...volumeWarnings(spec, `${at}.volumes`))
  warnings.push(
    ...duplicateWarnings(
      spec.hostAliases?.map((one) => one.ip),
      (index, ip) => `${at}.hostAliases[${index}].ip: duplicate ip ${quote(ip)}`,
    ),
    ...duplicateWarnings(
      spec.imagePullSecrets?.map((one) => one.name),
      (index, name) => `${at}.imagePullSecrets[${index}].name: duplicate name ${quote(name)}`,
    ),
  )
  for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries())
    if (!name) warnings.push(`${at}.imagePullSecrets[${index}].name: invalid empty name ""`)
  warnings.push(...fractionWarnings(spec.overhead, ['memory', 'ephemeral-storage'], `${at}.overhead`))
  if (spec.securityContext?.seccompProfile === undefined && annotations[SECCOMP_POD_ANNOTATION] !== undefined) {
    warnings.push(`${prefix}metadata.annotations[${SECCOMP_POD_ANNOTATION}]: ${USE_SECCOMP_FIELD}`)
  }
  eachContainer(spec, at, (container, field) => {
    warnings.push(...profileWarnings(container, { spec, annotations, prefix }), ...containerWarnings(container, field))
  })
  warnings.push(...portWarnings(spec, at))
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0) {
    warnings.push(`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`)
  }
  warnings.push(
    ...podAffinityWarnings(spec.affinity?.podAffinity, `${at}.affinity.podAffinity`),
    ...podAffinityWarnings(spec.affinity?.podAntiAffinity, `${at}.affinity.podAntiAffinity`),
  )
  for (const [index, address] of (spec.dnsConfig?.nameservers ?? []).entries())
    warnings.push(...ipWarnings(`${at}.dnsConfig.nameservers[${index}]`, address))
  for (const [index, { ip = '' }] of (spec.hostAliases ?? []).entries()) warnings.push(...ipWarnings(`${at}.hostAliases[${index}].ip`, ip))
  return warnings
}

function nodeAffinityWarnings({ affinity }: PodSpec, field: string): string[] {
  const { requiredDuringSchedulingIgnoredDuringExecution: needed, preferredDuringSchedulingIgnoredDuringExecution: preferred } =
    affinity?.nodeAffinity ?? {}
  return [
    ...(needed?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      nodeTermWarnings(term, `${field}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`, false),
    ),
    ...(preferred ?? []).flatMap(({ preference = {} }, index) =>
      nodeTermWarnings(preference, `${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`, true),
    ),
  ]
}

function nodeTermWarnings({ matchExpressions = [] }: NodeSelectorTerm, field: string, checkValues: boolean): string[] {
  return matchExpressions.flatMap(({ key = '', values = [] }, index) => {
    const at = `${field}.matchExpressions[${index}]`
    const warnings = nodeLabelWarnings(key, `${at}.key: ${key} is `)
    if (checkValues)
      warnings.push(
        ...values.flatMap((value, place) =>
          labelValueErrors(value).map((error) => `${at}.values[${place}]: ${value} is invalid, ${error}`),
        ),
      )
    return warnings
  })
}

function volumeWarnings({ volumes = [] }: PodSpec, field: string): string[] {
  const warnings: string[] = []
  for (const [index, volume] of volumes.entries()) {
    for (const [source, printed, text] of DEPRECATED_VOLUMES)
      if (volume[source] !== undefined) warnings.push(`${field}[${index}].${printed}: ${text}`)
    const claim = volume.ephemeral?.volumeClaimTemplate
    if (claim !== undefined) warnings.push(...claimSpecWarnings(claim.spec ?? {}, `${field}[${index}].ephemeral.volumeClaimTemplate.spec`))
  }
  warnings.push(...pathOverlapWarnings(volumes))
  return warnings
}

function duplicateWarnings(values: readonly (string | undefined)[] | undefined, text: (index: number, value: string) => string): string[] {
  if (values === undefined) return []
  const seen = new Set<string>()
  return values.flatMap((value = '', index) => {
    if (seen.has(value)) return [text(index, value)]
    seen.add(value)
    return []
  })
}

/** Bytes come whole. */
function fractionWarnings(list: ResourceList | undefined, names: readonly string[], field: string): string[] {
  if (list === undefined) return []
  return names.flatMap((name) => {
    const value = list[name]
    if (value === undefined || milliValue(value) % 1000n === 0n) return []
    return [`${field}[${name}]: fractional byte value ${quote(value)} is invalid, must be an integer`]
  })
}

interface ProfileContext {
  spec: PodSpec
  annotations: Readonly<Record<string, string>>
  prefix: string
}

/** Profiles given only as annotations. Those of a pod for AppArmor are warned about where they become fields. */
function profileWarnings(
  { name = '', securityContext = {} }: Container | EphemeralContainer,
  { spec, annotations, prefix }: ProfileContext,
): string[] {
  const warnings: string[] = []
  const seccomp = `${SECCOMP_CONTAINER_PREFIX}${name}`
  if (securityContext.seccompProfile === undefined && annotations[seccomp] !== undefined)
    warnings.push(`${prefix}metadata.annotations[${seccomp}]: ${USE_SECCOMP_FIELD}`)
  const appArmor = `${APPARMOR_ANNOTATION_PREFIX}${name}`
  const annotation = annotations[appArmor]
  if (prefix === '' || annotation === undefined || securityContext.appArmorProfile !== undefined) return warnings
  const ofPod = spec.securityContext?.appArmorProfile
  if (ofPod === undefined || !semanticEqual(ofPod, appArmorProfileOfAnnotation(annotation))) {
    warnings.push(`${prefix}metadata.annotations[${appArmor}]: deprecated since v1.30; use the "appArmorProfile" field instead`)
  }
  return warnings
}

function containerWarnings({ resources, env }: Container | EphemeralContainer, field: () => string): string[] {
  const warnings: string[] = []
  for (const name of ['memory', 'ephemeral-storage']) {
    for (const member of ['limits', 'requests'] as const) {
      if (resources?.[member]?.[name] !== undefined)
        warnings.push(...fractionWarnings(resources[member], [name], `${field()}.resources.${member}`))
    }
  }
  if (env === undefined || env.length < 2) return warnings
  const names = new Set<string>()
  for (const [index, { name = '', value = '', valueFrom }] of env.entries()) {
    const reference = `$(${name})`
    const hides = valueFrom !== undefined || value === reference || !value.includes(reference)
    if (names.has(name) && hides)
      warnings.push(`${field()}.env[${index}]: hides previous definition of ${quote(name)}, which may be dropped when using apply`)
    names.add(name)
  }
  return warnings
}

function portWarnings(spec: PodSpec, path: string): string[] {
  const ports: { field: string; port: ContainerPort }[] = []
  eachContainer(spec, path, (container, field) => {
    for (const [index, port] of (container.ports ?? []).entries()) ports.push({ field: `${field()}.ports[${index}]`, port })
  })
  const warnings: string[] = []
  for (const [index, { field, port }] of ports.entries()) {
    const { name = '', hostPort = 0, containerPort = 0, protocol = '', hostIP = '' } = port
    if (hostIP !== '' && hostPort === 0) {
      const printed = `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`
      warnings.push(`${field}: hostIP set without hostPort: ${printed}`)
    }
    for (const other of ports.slice(0, index)) {
      if (other.port.containerPort !== port.containerPort || other.port.protocol !== port.protocol) continue
      const overlap = portOverlap(port, other.port)
      if (overlap !== undefined) warnings.push(`${field}: ${overlap} port definition with ${other.field}`)
    }
  }
  const names = new Map<string, string>()
  for (const { field, port } of ports) {
    if (!port.name) continue
    const other = names.get(port.name)
    if (other === undefined) names.set(port.name, field)
    else
      warnings.push(
        `${field}: duplicate port name ${quote(port.name)} with ${other}, services and probes that select ports by name will use ${other}`,
      )
  }
  return warnings
}

/** How two ports of one number and protocol stand in each other's way. */
function portOverlap(
  { hostIP = '', hostPort = 0 }: ContainerPort,
  { hostIP: otherIP = '', hostPort: otherPort = 0 }: ContainerPort,
): string | undefined {
  if (hostIP === otherIP && hostPort === otherPort) return 'duplicate'
  if (hostPort === 0 || otherPort === 0) return 'overlapping'
  return hostPort === otherPort && (hostIP === '') !== (otherIP === '') ? 'dangerously ambiguous' : undefined
}

function podAffinityWarnings(affinity: PodAffinity | undefined, field: string): string[] {
  if (affinity === undefined) return []
  const { requiredDuringSchedulingIgnoredDuringExecution: needed = [], preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } =
    affinity
  return [
    ...needed.flatMap(({ labelSelector }, index) =>
      labelSelector === undefined
        ? [`${field}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector: ${MATCHES_NOTHING}`]
        : [],
    ),
    ...preferred.flatMap(({ podAffinityTerm }, index) =>
      podAffinityTerm?.labelSelector === undefined
        ? [`${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.labelSelector: ${MATCHES_NOTHING}`]
        : [],
    ),
  ]
}
