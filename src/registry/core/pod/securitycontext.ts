/**
 * Security contexts of pods and containers.
 *
 * @see pkg/apis/core/validation/validation.go, validatePodSpecSecurityContext and ValidateSecurityContext
 * @module
 */
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../../api/field.ts'
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, Sysctl } from '../../../api/types/core/v1.ts'
import { byteLength, each, rangeErrors } from '../../validation.ts'
import { goSeccompProfile, goSecurityContext } from './gostructs.ts'
import { descendingPathErrors } from './paths.ts'
import { windowsOptionsErrors } from './windows.ts'

const MAX_ID = 2_147_483_647
const MAX_APPARMOR_PROFILE = 4095
const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined']

const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SYSCTL = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`
const sysctlName = new RegExp(SYSCTL)
const SYSCTL_MAX_LENGTH = 253
/** Sysctls of the kernel that belong to a pod's own IPC namespace. */
const IPC_SYSCTLS = new Set([
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.shm',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.msg',
])

export interface PodSecurityOptions {
  allowHostSysctls: boolean
  allowAnySELinuxChangePolicy: boolean
}

export function podSecurityContextErrors(spec: PodSpec, field: string, options: PodSecurityOptions): FieldError[] {
  const context = spec.securityContext
  if (context === undefined) return []
  const errors: FieldError[] = []
  idErrors(context, ['fsGroup', 'runAsUser', 'runAsGroup'], field, errors)
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    errors.push(...each(`${field}.supplementalGroups[${index}]`, group, rangeErrors(group, 0, MAX_ID)))
  }
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    errors.push(invalidValue(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'))
  }
  if (context.sysctls?.length) errors.push(...sysctlErrors(context.sysctls, spec, `${field}.sysctls`, options.allowHostSysctls))
  pushUnsupported(context, 'fsGroupChangePolicy', ['Always', 'OnRootMismatch'], field, errors)
  errors.push(
    ...seccompProfileErrors(context.seccompProfile, `${field}.seccompProfile`),
    ...windowsOptionsErrors(context.windowsOptions, `${field}.windowsOptions`),
    ...appArmorProfileErrors(context.appArmorProfile, `${field}.appArmorProfile`),
  )
  pushUnsupported(context, 'supplementalGroupsPolicy', ['Merge', 'Strict'], field, errors)
  pushUnsupported(
    context,
    'seLinuxChangePolicy',
    options.allowAnySELinuxChangePolicy ? ['MountOption', 'Recursive'] : ['Recursive'],
    field,
    errors,
  )
  return errors
}

export interface ContainerSecurityOptions {
  allowPrivileged: boolean
  /** The pod uses the host's user namespace. */
  hostUsers: boolean
}

export function securityContextErrors(
  context: SecurityContext | undefined,
  field: string,
  options: ContainerSecurityOptions,
): FieldError[] {
  if (context === undefined) return []
  const errors: FieldError[] = []
  const { privileged, procMount, capabilities } = context
  if (privileged === true && !options.allowPrivileged) errors.push(forbiddenField(`${field}.privileged`, 'disallowed by cluster policy'))
  idErrors(context, ['runAsUser', 'runAsGroup'], field, errors)
  if (procMount !== undefined) {
    if (procMount !== 'Default' && procMount !== 'Unmasked')
      errors.push(notSupported(`${field}.procMount`, procMount, ['Default', 'Unmasked']))
    if (options.hostUsers && procMount === 'Unmasked')
      errors.push(invalidValue(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'))
  }
  errors.push(...seccompProfileErrors(context.seccompProfile, `${field}.seccompProfile`))
  if (context.allowPrivilegeEscalation === false) {
    if (privileged === true)
      errors.push(
        invalidValue(field, goSecurityContext(context), 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      )
    for (const capability of capabilities?.add ?? []) {
      if (capability !== 'CAP_SYS_ADMIN') continue
      errors.push(
        invalidValue(
          field,
          goSecurityContext(context),
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      )
    }
  }
  errors.push(
    ...windowsOptionsErrors(context.windowsOptions, `${field}.windowsOptions`),
    ...appArmorProfileErrors(context.appArmorProfile, `${field}.appArmorProfile`),
  )
  return errors
}

/** A sysctl of a namespace that the pod shares with its host. */
export function hostSysctlError(name: string, spec: PodSpec, field: string): FieldError | undefined {
  const normal = normalSysctl(name)
  if (spec.hostNetwork === true && normal.startsWith('net.'))
    return invalidValue(field, name, "may not be specified when 'hostNetwork' is true")
  if (spec.hostIPC === true && (IPC_SYSCTLS.has(normal) || normal.startsWith('fs.mqueue.'))) {
    return invalidValue(field, name, "may not be specified when 'hostIPC' is true")
  }
  return undefined
}

function idErrors<T>(context: T, members: readonly (keyof T & string)[], field: string, errors: FieldError[]): void {
  for (const member of members) {
    const id = context[member] as number | undefined
    if (id !== undefined) errors.push(...each(`${field}.${member}`, id, rangeErrors(id, 0, MAX_ID)))
  }
}

function pushUnsupported(
  context: PodSecurityContext,
  member: 'fsGroupChangePolicy' | 'supplementalGroupsPolicy' | 'seLinuxChangePolicy',
  supported: readonly string[],
  field: string,
  errors: FieldError[],
): void {
  const value = context[member]
  if (value !== undefined && !supported.includes(value)) errors.push(notSupported(`${field}.${member}`, value, supported))
}

function sysctlErrors(sysctls: readonly Sysctl[], spec: PodSpec, field: string, allowHostSysctls: boolean): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { name = '' }] of sysctls.entries()) {
    const at = `${field}[${index}].name`
    if (name === '') errors.push(required(at))
    else if (byteLength(name) > SYSCTL_MAX_LENGTH || !sysctlName.test(name)) {
      errors.push(invalidValue(at, name, `must have at most ${SYSCTL_MAX_LENGTH} characters and match regex ${SYSCTL}`))
    } else if (seen.has(name)) errors.push(duplicate(at, name))
    const shared = allowHostSysctls ? undefined : hostSysctlError(name, spec, at)
    if (shared !== undefined) errors.push(shared)
    seen.add(name)
  }
  return errors
}

/** Sysctls may be written with slashes, in which a dot is part of a name; the part before a `*` decides. */
function normalSysctl(name: string): string {
  const separator = /[./]/.exec(name)?.[0]
  const dotted = separator === '/' ? name.replace(/[./]/g, (one) => (one === '/' ? '.' : '/')) : name
  return dotted.split('*', 1)[0] ?? ''
}

function seccompProfileErrors(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return []
  const { type = '', localhostProfile } = profile
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${field}.type`, 'type is required when seccompProfile is set'))
  else if (!PROFILE_TYPES.includes(type)) errors.push(notSupported(`${field}.type`, type, PROFILE_TYPES))
  const at = `${field}.localhostProfile`
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined)
      errors.push(invalidValue(at, goSeccompProfile(profile), 'can only be set when seccomp type is Localhost'))
  } else if (localhostProfile === undefined) errors.push(required(at, 'must be set when seccomp type is Localhost'))
  else errors.push(...descendingPathErrors(localhostProfile, at))
  return errors
}

/** Also asked of profiles made from annotations. */
export function appArmorProfileErrors(profile: AppArmorProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return []
  const { type = '', localhostProfile } = profile
  const at = `${field}.localhostProfile`
  const missing = required(at, 'must be set when AppArmor type is Localhost')
  switch (type) {
    case 'Localhost': {
      if (localhostProfile === undefined) return [missing]
      const errors: FieldError[] = []
      if (localhostProfile.trim() !== localhostProfile)
        errors.push(invalidValue(at, localhostProfile, 'must not be padded with whitespace'))
      else if (localhostProfile === '') errors.push(missing)
      if (byteLength(localhostProfile) > MAX_APPARMOR_PROFILE) errors.push(tooLong(at, MAX_APPARMOR_PROFILE))
      return errors
    }
    case 'RuntimeDefault':
    case 'Unconfined':
      return localhostProfile === undefined ? [] : [invalidValue(at, localhostProfile, 'can only be set when AppArmor type is Localhost')]
    case '':
      return [required(`${field}.type`, 'type is required when appArmorProfile is set')]
    default:
      return [notSupported(`${field}.type`, type, PROFILE_TYPES)]
  }
}
