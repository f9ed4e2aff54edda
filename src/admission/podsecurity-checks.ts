/**
 * The Pod Security Standards: what `baseline` and `restricted` forbid, by version. Pure.
 *
 * @see pod-security-admission/policy, "Pod Security Standards"
 * @module
 */
import { quote } from '../api/status.ts'
import type { Container, LifecycleHandler, PodSpec, Probe, SELinuxOptions, Volume } from '../api/types/core/v1.ts'
import type { ObjectMeta } from '../api/types/meta/v1.ts'

export type Level = 'privileged' | 'baseline' | 'restricted'

/** `minor` of Kubernetes 1.x; infinity is `latest`. */
export interface LevelVersion {
  level: Level
  minor: number
}

/** Why a pod is forbidden: in one word, and in detail. */
export interface Violation {
  reason: string
  detail: string
}

type Check = (spec: PodSpec, metadata: ObjectMeta) => Violation | undefined

interface CheckVersions {
  id: string
  restricted: boolean
  /** From which minor version on which check holds, oldest first. */
  versions: readonly (readonly [minor: number, check: Check])[]
  /** A baseline check that this one includes. */
  overrides?: string
}

/** The last minor version that changed a check: newer ones mean this one. */
export const NEWEST_MINOR = 35

export function levelVersionText({ level, minor }: LevelVersion): string {
  return `${level}:${minor === Number.POSITIVE_INFINITY ? 'latest' : `v1.${minor}`}`
}

/** All that the level forbids of a pod, baseline first, by name of the check. */
export function podViolations({ level, minor }: LevelVersion, spec: PodSpec, metadata: ObjectMeta): Violation[] {
  if (level === 'privileged') return []
  const version = Math.min(minor, NEWEST_MINOR)
  const applying = CHECKS.flatMap((check) => {
    const found = check.versions.findLast(([since]) => since <= version)
    return found === undefined || (check.restricted && level !== 'restricted') ? [] : [{ check, run: found[1] }]
  })
  const overridden = new Set(applying.map(({ check }) => check.overrides))
  return applying.filter(({ check }) => !overridden.has(check.id)).flatMap(({ run }) => run(spec, metadata) ?? [])
}

function containersOf({ initContainers = [], containers = [], ephemeralContainers = [] }: PodSpec): Container[] {
  return [...initContainers, ...containers, ...(ephemeralContainers as Container[])]
}

function namesOf(spec: PodSpec, isBad: (container: Container) => boolean): string[] {
  return containersOf(spec)
    .filter(isBad)
    .map(({ name = '' }) => name)
}

/** Quoted as they are: names hold nothing to escape, and values are shown as given. */
function joinQuote(items: readonly string[]): string {
  return `"${items.join('", "')}"`
}

function sorted(items: Iterable<string>): string[] {
  return [...new Set(items)].sort()
}

function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many
}

function containerList(names: readonly string[]): string {
  return `${plural(names.length, 'container', 'containers')} ${joinQuote(names)}`
}

/** `pod and container "a"`: who set something. */
function setters(pod: boolean, names: readonly string[]): string[] {
  return [...(pod ? ['pod'] : []), ...(names.length > 0 ? [containerList(names)] : [])]
}

/** Windows has no such thing. */
function unlessWindows(check: Check): Check {
  return (spec, metadata) => (spec.os?.name === 'windows' ? undefined : check(spec, metadata))
}

/** In a user namespace root is nobody on the host. */
function unlessUserNamespace(check: Check): Check {
  return (spec, metadata) => (spec.hostUsers === false ? undefined : check(spec, metadata))
}

const appArmorProfile: Check = (spec, { annotations = {} }) => {
  const isBad = (type: string | undefined) => type !== 'RuntimeDefault' && type !== 'Localhost'
  const podProfile = spec.securityContext?.appArmorProfile
  const pod = podProfile !== undefined && isBad(podProfile.type)
  const profileOf = (container: Container) => container.securityContext?.appArmorProfile
  const bad = containersOf(spec).filter((container) => profileOf(container) !== undefined && isBad(profileOf(container)?.type))
  const prefix = 'container.apparmor.security.beta.kubernetes.io/'
  const forbidden = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(prefix) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    .map(([key, value]) => `${key}=${quote(value)}`)
  const values = [
    ...sorted([...(pod ? [podProfile.type ?? ''] : []), ...bad.map((container) => profileOf(container)?.type ?? '')]),
    ...sorted(forbidden),
  ]
  const who = setters(
    pod,
    bad.map(({ name = '' }) => name),
  )
  if (forbidden.length > 0) who.push(plural(forbidden.length, 'annotation', 'annotations'))
  if (who.length === 0) return undefined
  return {
    reason: plural(values.length, 'forbidden AppArmor profile', 'forbidden AppArmor profiles'),
    detail: `${who.join(' and ')} must not set AppArmor profile type to ${joinQuote(values)}`,
  }
}

const DEFAULT_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]

/** Containers that add other capabilities, as one sentence. */
function addedCapabilities(spec: PodSpec, allowed: readonly string[]): string | undefined {
  const added = ({ securityContext }: Container) =>
    (securityContext?.capabilities?.add ?? []).filter((capability) => !allowed.includes(capability))
  const names = namesOf(spec, (container) => added(container).length > 0)
  if (names.length === 0) return undefined
  return `${containerList(names)} must not include ${joinQuote(sorted(containersOf(spec).flatMap(added)))} in securityContext.capabilities.add`
}

const capabilitiesBaseline: Check = (spec) => {
  const detail = addedCapabilities(spec, DEFAULT_CAPABILITIES)
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail }
}

const capabilitiesRestricted: Check = (spec) => {
  const keeping = namesOf(spec, ({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes('ALL'))
  const dropping = keeping.length === 0 ? undefined : `${containerList(keeping)} must set securityContext.capabilities.drop=["ALL"]`
  const details = [dropping, addedCapabilities(spec, ['NET_BIND_SERVICE'])].filter((detail) => detail !== undefined)
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const hostNamespaces: Check = (spec) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((member) => spec[member] === true).map((member) => `${member}=true`)
  return used.length === 0 ? undefined : { reason: 'host namespaces', detail: used.join(', ') }
}

const hostPathVolumes: Check = ({ volumes = [] }) => {
  const names = volumes.filter(({ hostPath }) => hostPath !== undefined).map(({ name = '' }) => name)
  return names.length === 0
    ? undefined
    : { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume', 'volumes')} ${joinQuote(names)}` }
}

const hostPorts: Check = (spec) => {
  const portsOf = ({ ports = [] }: Container) => ports.map(({ hostPort }) => hostPort ?? 0).filter((port) => port !== 0)
  const names = namesOf(spec, (container) => portsOf(container).length > 0)
  if (names.length === 0) return undefined
  const ports = sorted(containersOf(spec).flatMap(portsOf).map(String))
  const verb = `${plural(names.length, 'uses', 'use')} ${plural(ports.length, 'hostPort', 'hostPorts')}`
  return { reason: 'hostPort', detail: `${containerList(names)} ${verb} ${ports.join(', ')}` }
}

const hostProbes: Check = (spec) => {
  const hosts = (handler: Probe | LifecycleHandler | undefined) =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host !== undefined && host !== '') as string[]
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hosts)
  const names = sorted(namesOf(spec, (container) => hostsOf(container).length > 0))
  if (names.length === 0) return undefined
  const all = sorted(containersOf(spec).flatMap(hostsOf))
  const verb = `${plural(names.length, 'uses', 'use')} ${plural(all.length, 'probe or lifecycle host', 'probe or lifecycle hosts')}`
  return { reason: 'probe or lifecycle host', detail: `${containerList(names)} ${verb} ${joinQuote(all)}` }
}

const privileged: Check = (spec) => {
  const names = namesOf(spec, ({ securityContext }) => securityContext?.privileged === true)
  return names.length === 0
    ? undefined
    : { reason: 'privileged', detail: `${containerList(names)} must not set securityContext.privileged=true` }
}

const procMount: Check = (spec) => {
  const typeOf = ({ securityContext }: Container) => securityContext?.procMount
  const bad = containersOf(spec).filter((container) => typeOf(container) !== undefined && typeOf(container) !== 'Default')
  if (bad.length === 0) return undefined
  const types = sorted(bad.map((container) => typeOf(container) ?? ''))
  return {
    reason: 'procMount',
    detail: `${containerList(bad.map(({ name = '' }) => name))} must not set securityContext.procMount to ${joinQuote(types)}`,
  }
}

function seLinuxOptions(allowed: readonly string[]): Check {
  return (spec) => {
    const isBad = (options: SELinuxOptions | undefined) =>
      options !== undefined && (!allowed.includes(options.type ?? '') || (options.user ?? '') !== '' || (options.role ?? '') !== '')
    const pod = spec.securityContext?.seLinuxOptions
    const bad = containersOf(spec).filter(({ securityContext }) => isBad(securityContext?.seLinuxOptions))
    const who = setters(
      isBad(pod),
      bad.map(({ name = '' }) => name),
    )
    if (who.length === 0) return undefined
    const all = [...(isBad(pod) ? [pod] : []), ...bad.map(({ securityContext }) => securityContext?.seLinuxOptions)]
    const types = sorted(all.map((options) => options?.type ?? '').filter((type) => !allowed.includes(type)))
    const what = [
      ...(types.length > 0 ? [`${plural(types.length, 'type', 'types')} ${joinQuote(types)}`] : []),
      ...(all.some((options) => (options?.user ?? '') !== '') ? ['user may not be set'] : []),
      ...(all.some((options) => (options?.role ?? '') !== '') ? ['role may not be set'] : []),
    ]
    return { reason: 'seLinuxOptions', detail: `${who.join(' and ')} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}` }
  }
}

/** Profiles were annotations before 1.19. */
const seccompAnnotations: Check = (spec, { annotations = {} }) => {
  const keys = [
    'seccomp.security.alpha.kubernetes.io/pod',
    ...containersOf(spec).map(({ name }) => `container.seccomp.security.alpha.kubernetes.io/${name}`),
  ]
  const isBad = (value: string) => value !== 'runtime/default' && value !== 'docker/default' && !value.startsWith('localhost/')
  const forbidden = sorted(
    keys.flatMap((key) => (annotations[key] !== undefined && isBad(annotations[key]) ? [`${key}=${quote(annotations[key])}`] : [])),
  )
  if (forbidden.length === 0) return undefined
  return { reason: 'seccompProfile', detail: `forbidden ${plural(forbidden.length, 'annotation', 'annotations')} ${forbidden.join(', ')}` }
}

/** @param mustBeSet somebody has to name a profile: the pod or every container. */
function seccompProfile(mustBeSet: boolean): Check {
  return (spec) => {
    const isGood = (type: string | undefined) => type === 'RuntimeDefault' || type === 'Localhost'
    const pod = spec.securityContext?.seccompProfile
    const profileOf = ({ securityContext }: Container) => securityContext?.seccompProfile
    const bad = containersOf(spec).filter((container) => profileOf(container) !== undefined && !isGood(profileOf(container)?.type))
    const podIsBad = pod !== undefined && !isGood(pod.type)
    const who = setters(
      podIsBad,
      bad.map(({ name = '' }) => name),
    )
    if (who.length > 0) {
      const values = sorted([...(podIsBad ? [pod.type ?? ''] : []), ...bad.map((container) => profileOf(container)?.type ?? '')])
      return {
        reason: 'seccompProfile',
        detail: `${who.join(' and ')} must not set securityContext.seccompProfile.type to ${joinQuote(values)}`,
      }
    }
    if (!mustBeSet || pod !== undefined) return undefined
    const names = namesOf(spec, (container) => profileOf(container) === undefined)
    if (names.length === 0) return undefined
    return {
      reason: 'seccompProfile',
      detail: `pod or ${containerList(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
    }
  }
}

const SYSCTLS_1_0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const SYSCTLS_1_27 = [...SYSCTLS_1_0, 'net.ipv4.ip_local_reserved_ports']
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]
const SYSCTLS_1_32 = [...SYSCTLS_1_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

function sysctls(allowed: readonly string[]): Check {
  return ({ securityContext }) => {
    const forbidden = (securityContext?.sysctls ?? []).map(({ name = '' }) => name).filter((name) => !allowed.includes(name))
    return forbidden.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: forbidden.join(', ') }
  }
}

const windowsHostProcess: Check = (spec) => {
  const pod = spec.securityContext?.windowsOptions?.hostProcess === true
  const who = setters(
    pod,
    namesOf(spec, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true),
  )
  return who.length === 0
    ? undefined
    : { reason: 'hostProcess', detail: `${who.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true` }
}

const allowPrivilegeEscalation: Check = (spec) => {
  const names = namesOf(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false)
  if (names.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containerList(names)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

const ALLOWED_VOLUMES: readonly (keyof Volume)[] = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const RESTRICTED_VOLUMES: readonly (keyof Volume)[] = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
]

const restrictedVolumes: Check = ({ volumes = [] }) => {
  const bad = volumes.filter((volume) => !ALLOWED_VOLUMES.some((member) => volume[member] !== undefined))
  if (bad.length === 0) return undefined
  const types = sorted(bad.map((volume) => RESTRICTED_VOLUMES.find((member) => volume[member] !== undefined) ?? 'unknown'))
  const names = `${plural(bad.length, 'volume', 'volumes')} ${joinQuote(bad.map(({ name = '' }) => name))}`
  const verb = `${plural(bad.length, 'uses', 'use')} ${plural(types.length, 'restricted volume type', 'restricted volume types')}`
  return { reason: 'restricted volume types', detail: `${names} ${verb} ${joinQuote(types)}` }
}

const runAsNonRoot: Check = (spec) => {
  const reason = 'runAsNonRoot != true'
  const pod = spec.securityContext?.runAsNonRoot
  const who = setters(
    pod === false,
    namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false),
  )
  if (who.length > 0) return { reason, detail: `${who.join(' and ')} must not set securityContext.runAsNonRoot=false` }
  if (pod === true) return undefined
  const silent = namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === undefined)
  return silent.length === 0 ? undefined : { reason, detail: `pod or ${containerList(silent)} must set securityContext.runAsNonRoot=true` }
}

const runAsUser: Check = (spec) => {
  const isRoot = (user: number | bigint | undefined) => user !== undefined && Number(user) === 0
  const who = setters(
    isRoot(spec.securityContext?.runAsUser),
    namesOf(spec, ({ securityContext }) => isRoot(securityContext?.runAsUser)),
  )
  return who.length === 0 ? undefined : { reason: 'runAsUser=0', detail: `${who.join(' and ')} must not set runAsUser=0` }
}

const SELINUX_1_0 = ['', 'container_t', 'container_init_t', 'container_kvm_t']

/** In the order of evaluation: baseline, then restricted, each by name. */
const CHECKS: readonly CheckVersions[] = [
  { id: 'appArmorProfile', restricted: false, versions: [[0, appArmorProfile]] },
  { id: 'capabilities_baseline', restricted: false, versions: [[0, capabilitiesBaseline]] },
  { id: 'hostNamespaces', restricted: false, versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', restricted: false, versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', restricted: false, versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', restricted: false, versions: [[34, hostProbes]] },
  { id: 'privileged', restricted: false, versions: [[0, privileged]] },
  {
    id: 'procMount',
    restricted: false,
    versions: [
      [0, procMount],
      [35, unlessUserNamespace(procMount)],
    ],
  },
  {
    id: 'seLinuxOptions',
    restricted: false,
    versions: [
      [0, seLinuxOptions(SELINUX_1_0)],
      [31, seLinuxOptions([...SELINUX_1_0, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    restricted: false,
    versions: [
      [0, seccompAnnotations],
      [19, seccompProfile(false)],
    ],
  },
  {
    id: 'sysctls',
    restricted: false,
    versions: [
      [0, sysctls(SYSCTLS_1_0)],
      [27, sysctls(SYSCTLS_1_27)],
      [29, sysctls(SYSCTLS_1_29)],
      [32, sysctls(SYSCTLS_1_32)],
    ],
  },
  { id: 'windowsHostProcess', restricted: false, versions: [[0, windowsHostProcess]] },
  {
    id: 'allowPrivilegeEscalation',
    restricted: true,
    versions: [
      [8, allowPrivilegeEscalation],
      [25, unlessWindows(allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    restricted: true,
    versions: [
      [22, capabilitiesRestricted],
      [25, unlessWindows(capabilitiesRestricted)],
    ],
    overrides: 'capabilities_baseline',
  },
  { id: 'procMount_restricted', restricted: true, versions: [[35, procMount]], overrides: 'procMount' },
  { id: 'restrictedVolumes', restricted: true, versions: [[0, restrictedVolumes]], overrides: 'hostPathVolumes' },
  {
    id: 'runAsNonRoot',
    restricted: true,
    versions: [
      [0, runAsNonRoot],
      [35, unlessUserNamespace(runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    restricted: true,
    versions: [
      [23, runAsUser],
      [35, unlessUserNamespace(runAsUser)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    restricted: true,
    versions: [
      [19, seccompProfile(true)],
      [25, unlessWindows(seccompProfile(true))],
    ],
    overrides: 'seccompProfile_baseline',
  },
]
