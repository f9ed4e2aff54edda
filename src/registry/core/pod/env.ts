/**
 * Environment variables, and fields of the pod that containers may read.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateEnv, ValidateEnvFrom
 * @module
 */

import { type FieldError, invalidValue, notFoundField, notSupported, required } from '../../../api/field.ts'
import { configKeyErrors, subdomainName } from '../../../api/names.ts'
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  PodSpec,
  ResourceFieldSelector,
} from '../../../api/types/core/v1.ts'
import { each, validateDNS1123Label, validateQualifiedName } from '../../validation.ts'
import { backstepErrors } from './paths.ts'
import { isZeroQuantity } from './resourcelist.ts'
import { eachContainer } from './visit.ts'

const RELAXED_NAME = /^[ -<>-~]*$/
const RELAXED_TEXT = "a valid environment variable name must consist only of printable ASCII characters other than '='"

/** What an environment variable may show. */
const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
/** What a downward API volume may show. */
export const VOLUME_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']
/** What the downward API has a name for at all. */
const KNOWN_FIELDS = new Set([...ENV_FIELDS, ...VOLUME_FIELDS, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase'])

const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const HUGE_PAGES_FIELDS = ['limits.hugepages-', 'requests.hugepages-']
const CPU_DIVISORS = ['1m', '1']
const BYTE_DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

export function envErrors(variables: readonly EnvVar[] | undefined, field: string): FieldError[] {
  if (variables === undefined) return []
  const errors: FieldError[] = []
  for (let index = 0; index < variables.length; index++) {
    const { name = '', value, valueFrom } = variables[index]!
    if (name === '') errors.push(required(`${field}[${index}].name`))
    else if (!RELAXED_NAME.test(name)) errors.push(invalidValue(`${field}[${index}].name`, name, RELAXED_TEXT))
    if (valueFrom !== undefined) errors.push(...valueFromErrors(valueFrom, `${field}[${index}].valueFrom`, value ?? ''))
  }
  return errors
}

export function envFromErrors(sources: readonly EnvFromSource[] | undefined, field: string): FieldError[] {
  if (sources === undefined) return []
  const errors: FieldError[] = []
  for (const [index, { prefix = '', configMapRef, secretRef }] of sources.entries()) {
    const at = `${field}[${index}]`
    if (!RELAXED_NAME.test(prefix)) errors.push(invalidValue(`${at}.prefix`, prefix, RELAXED_TEXT))
    if (configMapRef !== undefined) errors.push(...referenceErrors(configMapRef.name, `${at}.configMapRef`))
    if (secretRef !== undefined) errors.push(...referenceErrors(secretRef.name, `${at}.secretRef`))
    if (configMapRef === undefined && secretRef === undefined)
      errors.push(invalidValue(field, '', 'must specify one of: `configMapRef` or `secretRef`'))
    else if (configMapRef !== undefined && secretRef !== undefined)
      errors.push(invalidValue(field, '', 'may not have more than one field specified at a time'))
  }
  return errors
}

/** A variable read from a file needs an emptyDir that the pod has. */
export function fileKeyRefErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = []
  eachContainer(spec, path, ({ env }, field) => {
    if (env === undefined) return
    for (let index = 0; index < env.length; index++) {
      const reference = env[index]!.valueFrom?.fileKeyRef
      if (reference === undefined) continue
      const { volumeName = '' } = reference
      const at = `${field()}.env[${index}].valueFrom.fileKeyRef.volumeName`
      const volume = spec.volumes?.findLast((one) => one.name === volumeName)
      if (volume === undefined) errors.push(notFoundField(at, volumeName))
      else if (volume.emptyDir === undefined) errors.push(invalidValue(at, volumeName, 'referenced volume must be of type emptyDir'))
    }
  })
  return errors
}

export function fieldRefErrors(reference: ObjectFieldSelector, field: string, allowed: readonly string[]): FieldError[] {
  const { apiVersion = '', fieldPath = '' } = reference
  const at = `${field}.fieldPath`
  if (apiVersion === '') return [required(`${field}.apiVersion`)]
  if (fieldPath === '') return [required(at)]
  const converting = (why: string): FieldError[] => [invalidValue(at, fieldPath, `error converting fieldPath: ${why}`)]
  if (apiVersion !== 'v1') return converting(`unsupported pod version: ${apiVersion}`)
  const subscripted = /^(.+?)\['(.*)'\]$/s.exec(fieldPath)
  if (subscripted !== null) {
    const [, path = '', key = ''] = subscripted
    if (path === 'metadata.annotations') return validateQualifiedName(key.toLowerCase(), field)
    if (path === 'metadata.labels') return validateQualifiedName(key, field)
    return converting(`field label does not support subscript: ${fieldPath}`)
  }
  const path = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath
  if (!KNOWN_FIELDS.has(path)) return converting(`field label not supported: ${fieldPath}`)
  return allowed.includes(path) ? [] : [notSupported(at, path, allowed)]
}

export function resourceFieldRefErrors(reference: ResourceFieldSelector, field: string, inVolume: boolean): FieldError[] {
  const { containerName = '', resource = '', divisor = '0' } = reference
  const errors: FieldError[] = []
  if (inVolume && containerName === '') errors.push(required(`${field}.containerName`))
  else if (resource === '') errors.push(required(`${field}.resource`))
  else if (!RESOURCE_FIELDS.includes(resource) && !HUGE_PAGES_FIELDS.some((prefix) => resource.startsWith(prefix))) {
    errors.push(notSupported(`${field}.resource`, resource, RESOURCE_FIELDS))
  }
  errors.push(...divisorErrors(resource, divisor, `${field}.divisor`))
  return errors
}

function divisorErrors(resource: string, divisor: string, field: string): FieldError[] {
  if (isZeroQuantity(divisor)) return []
  const [, name = ''] = resource.split(/\.(.*)/s)
  if (name === 'cpu')
    return CPU_DIVISORS.includes(divisor)
      ? []
      : [invalidValue(field, resource, "only divisor's values 1m and 1 are supported with the cpu resource")]
  const kind =
    name === 'memory'
      ? 'memory'
      : name === 'ephemeral-storage'
        ? 'local ephemeral storage'
        : name.startsWith('hugepages-')
          ? 'hugepages'
          : undefined
  if (kind === undefined || BYTE_DIVISORS.includes(divisor)) return []
  return [invalidValue(field, resource, `only divisor's values ${BYTE_DIVISORS.join(', ')} are supported with the ${kind} resource`)]
}

function valueFromErrors(source: EnvVarSource, field: string, value: string): FieldError[] {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source
  const errors: FieldError[] = []
  let sources = 0
  if (fieldRef !== undefined) {
    sources++
    errors.push(...fieldRefErrors(fieldRef, `${field}.fieldRef`, ENV_FIELDS))
  }
  if (resourceFieldRef !== undefined) {
    sources++
    errors.push(...resourceFieldRefErrors(resourceFieldRef, `${field}.resourceFieldRef`, false))
  }
  if (configMapKeyRef !== undefined) {
    sources++
    errors.push(...keySelectorErrors(configMapKeyRef, `${field}.configMapKeyRef`))
  }
  if (secretKeyRef !== undefined) {
    sources++
    errors.push(...keySelectorErrors(secretKeyRef, `${field}.secretKeyRef`))
  }
  if (fileKeyRef !== undefined) {
    sources++
    errors.push(...fileKeySelectorErrors(fileKeyRef, `${field}.fileKeyRef`))
  }
  if (sources === 0) {
    errors.push(
      invalidValue(field, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'),
    )
  } else if (value !== '') errors.push(invalidValue(field, '', 'may not be specified when `value` is not empty'))
  else if (sources > 1) errors.push(invalidValue(field, '', 'may not have more than one field specified at a time'))
  return errors
}

function keySelectorErrors({ name = '', key = '' }: { name?: string | undefined; key?: string | undefined }, field: string): FieldError[] {
  const errors = each(`${field}.name`, name, subdomainName(name, false))
  if (key === '') errors.push(required(`${field}.key`))
  else errors.push(...each(`${field}.key`, key, configKeyErrors(key)))
  return errors
}

function fileKeySelectorErrors({ key = '', volumeName = '', path = '' }: FileKeySelector, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (key === '') errors.push(required(`${field}.key`))
  else if (!RELAXED_NAME.test(key)) errors.push(invalidValue(`${field}.key`, key, RELAXED_TEXT))
  if (volumeName === '') errors.push(required(`${field}.volumeName`))
  else errors.push(...validateDNS1123Label(volumeName, `${field}.volumeName`))
  if (path === '') errors.push(required(`${field}.path`))
  else errors.push(...backstepErrors(path, `${field}.path`))
  return errors
}

/** A whole config map or secret; upstream checks the name as a prefix. */
function referenceErrors(name: string | undefined, field: string): FieldError[] {
  return name ? each(`${field}.name`, name, subdomainName(name, true)) : [required(`${field}.name`)]
}
