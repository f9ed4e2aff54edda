/**
 * What only Windows pods may have, and what they may not.
 *
 * @see pkg/apis/core/validation/validation.go, validateWindows, validateWindowsHostProcessPod, validateWindowsSecurityContextOptions
 * @module
 */

import { type FieldError, forbiddenField, invalidValue } from '../../../api/field.ts'
import { dns1123SubdomainErrors } from '../../../api/names.ts'
import type { PodSpec, SecurityContext, WindowsSecurityContextOptions } from '../../../api/types/core/v1.ts'
import { byteLength, each } from '../../validation.ts'
import { eachContainer } from './visit.ts'

const MAX_CREDENTIAL_SPEC_KIB = 64
const MAX_DOMAIN_LENGTH = 256
const MAX_USER_LENGTH = 104

const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?'
const DNS_DOMAIN = new RegExp(`^${DNS_LABEL}(?:\\.${DNS_LABEL})*$`)
const USER_FORBIDDEN = /["/\\:;|=,+*?<>@[\]]/
const ONLY_DOTS_AND_SPACES = /^[. ]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/

const WINDOWS = 'cannot be set for a windows pod'

const NOT_FOR_CONTAINERS = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const satisfies readonly (keyof SecurityContext)[]

export function windowsOptionsErrors(options: WindowsSecurityContextOptions | undefined, field: string): FieldError[] {
  if (options === undefined) return []
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options
  const errors: FieldError[] = []
  if (gmsaCredentialSpecName !== undefined)
    errors.push(...each(`${field}.gmsaCredentialSpecName`, gmsaCredentialSpecName, dns1123SubdomainErrors(gmsaCredentialSpecName)))
  if (gmsaCredentialSpec !== undefined) {
    const at = `${field}.gmsaCredentialSpec`
    if (gmsaCredentialSpec === '') errors.push(invalidValue(at, '', 'gmsaCredentialSpec cannot be an empty string'))
    else if (byteLength(gmsaCredentialSpec) > MAX_CREDENTIAL_SPEC_KIB * 1024) {
      errors.push(invalidValue(at, gmsaCredentialSpec, `gmsaCredentialSpec size must be under ${MAX_CREDENTIAL_SPEC_KIB} KiB`))
    }
  }
  if (runAsUserName !== undefined) errors.push(...each(`${field}.runAsUserName`, runAsUserName, userNameErrors(runAsUserName)))
  return errors
}

function userNameErrors(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string']
  if (CONTROL.test(name)) return ['runAsUserName cannot contain control characters']
  const parts = name.split('\\')
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const user = parts.at(-1) ?? ''
  const domain = parts.length === 2 ? parts[0] : undefined
  const errors: string[] = []
  if (domain !== undefined) {
    if (byteLength(domain) >= MAX_DOMAIN_LENGTH) errors.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN_LENGTH} characters`)
    if (!NETBIOS.test(domain) && !DNS_DOMAIN.test(domain))
      errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
  }
  if (user === '') errors.push("runAsUserName's User cannot be empty")
  else if (byteLength(user) > MAX_USER_LENGTH)
    errors.push(`runAsUserName's User length must not be longer than ${MAX_USER_LENGTH} characters`)
  if (ONLY_DOTS_AND_SPACES.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces")
  if (USER_FORBIDDEN.test(user)) errors.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]')
  return errors
}

/** Either all containers of a pod are host processes or none is. */
export function hostProcessErrors(spec: PodSpec, path: string, allowPrivileged: boolean): FieldError[] {
  const errors: FieldError[] = []
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  let containers = 0
  let hostProcesses = 0
  eachContainer(spec, path, (container, field) => {
    containers++
    const own = container.securityContext?.windowsOptions?.hostProcess
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const text = `pod hostProcess value must be identical if both are specified, was ${ofPod}`
      errors.push(invalidValue(`${field()}.securityContext.windowsOptions.hostProcess`, own, text))
    }
    if (own ?? ofPod) hostProcesses++
  })
  if (hostProcesses === 0) return errors
  if (hostProcesses !== containers)
    errors.push(invalidValue(path, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers'))
  if (spec.hostNetwork !== true)
    errors.push(invalidValue(`${path}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers'))
  if (!allowPrivileged) errors.push(forbiddenField(path, 'hostProcess containers are disallowed by cluster policy'))
  return errors
}

/** `spec.os.name: linux`. */
export function linuxErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = []
  const text = 'windows options cannot be set for a linux pod'
  if (spec.securityContext?.windowsOptions !== undefined) errors.push(forbiddenField(`${path}.securityContext.windowsOptions`, text))
  eachContainer(spec, path, (container, field) => {
    if (container.securityContext?.windowsOptions !== undefined)
      errors.push(forbiddenField(`${field()}.securityContext.windowsOptions`, text))
  })
  return errors
}

/** `spec.os.name: windows`. */
export function windowsErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = []
  const refuse = (present: boolean, field: string): void => {
    if (present) errors.push(forbiddenField(`${path}.${field}`, WINDOWS))
  }
  const context = spec.securityContext ?? {}
  refuse(context.appArmorProfile !== undefined, 'securityContext.appArmorProfile')
  refuse(context.seLinuxOptions !== undefined, 'securityContext.seLinuxOptions')
  refuse(spec.hostUsers !== undefined, 'hostUsers')
  refuse(spec.hostPID === true, 'hostPID')
  refuse(spec.hostIPC === true, 'hostIPC')
  refuse(context.seccompProfile !== undefined, 'securityContext.seccompProfile')
  refuse(context.fsGroup !== undefined, 'securityContext.fsGroup')
  refuse(context.fsGroupChangePolicy !== undefined, 'securityContext.fsGroupChangePolicy')
  refuse((context.sysctls?.length ?? 0) > 0, 'securityContext.sysctls')
  refuse(spec.shareProcessNamespace !== undefined, 'shareProcessNamespace')
  refuse(context.runAsUser !== undefined, 'securityContext.runAsUser')
  refuse(context.runAsGroup !== undefined, 'securityContext.runAsGroup')
  refuse(context.supplementalGroups !== undefined, 'securityContext.supplementalGroups')
  refuse(context.supplementalGroupsPolicy !== undefined, 'securityContext.supplementalGroupsPolicy')
  refuse(context.seLinuxChangePolicy !== undefined, 'securityContext.seLinuxChangePolicy')
  eachContainer(spec, path, ({ securityContext }, field) => {
    if (securityContext === undefined) return
    for (const member of NOT_FOR_CONTAINERS) {
      if (securityContext[member] !== undefined) errors.push(forbiddenField(`${field()}.securityContext.${member}`, WINDOWS))
    }
  })
  return errors
}
