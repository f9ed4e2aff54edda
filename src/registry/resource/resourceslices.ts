/**
 * ResourceSlice: the devices a driver publishes.
 *
 * @see pkg/apis/resource/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import { quote } from '../../api/status.ts'
import type { Counter, CounterSet, Device, DeviceAttribute, ResourceSlice, ResourceSliceSpec } from '../../api/types/resource/v1.ts'
import { nodeSelectorErrors } from '../core/pod/affinity.ts'
import { csiDriverNameErrors } from '../core/pod/volumes.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, each, semanticEqual, validateDNS1123Label, validateImmutable } from '../validation.ts'
import { validateRequestPolicy } from './capacity.ts'
import {
  validateBindingConditions,
  validateMap,
  validatePoolName,
  validateQualified,
  validateSet,
  validateSlice,
  validateTaint,
} from './limits.ts'

const MAX_DEVICES = 128
/** When any has taints or consumes counters. */
const MAX_ADVANCED_DEVICES = 64
const MAX_ATTRIBUTES = 32
const MAX_VALUE_BYTES = 64
const NUMBER = '(0|[1-9]\\d*)'
const PRERELEASE = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)'
const BUILD = '[0-9a-zA-Z-]+'
const semver = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(-${PRERELEASE}(\\.${PRERELEASE})*)?(\\+${BUILD}(\\.${BUILD})*)?$`)

export const resourceSlices = define<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  resource: 'resourceslices',
  singular: 'resourceslice',
  kind: 'ResourceSlice',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceSlice',
  storage: { prefix: '/registry/resourceslices/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate: dropDisabled,
    prepareForUpdate: dropDisabled,
    specChanged: (one, old) => !semanticEqual(one.spec, old.spec),
    validate: ({ spec = {} }) => validateSpec(spec, undefined),
    validateUpdate: ({ spec = {} }, old) => validateSpec(spec, old.spec ?? {}),
    warnings({ spec }) {
      const driver = spec?.driver ?? ''
      if (driver === driver.toLowerCase()) return []
      return [`spec.driver: driver names should be lowercase; ${quote(driver)} contains uppercase characters`]
    },
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  fields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Node', 'doc:io.k8s.api.resource.v1.ResourceSliceSpec.nodeName'),
      column('Driver', 'doc:io.k8s.api.resource.v1.ResourceSliceSpec.driver'),
      column('Pool', 'doc:io.k8s.api.resource.v1.ResourcePool.name'),
      AGE_COLUMN,
    ],
    cells: (one, { nowMs }) => [
      nameCell(one),
      one.spec?.nodeName ?? '',
      one.spec?.driver ?? '',
      one.spec?.pool?.name ?? '',
      ageCell(one, nowMs),
    ],
  },
})

/** Fields of features that are off by default; the time of a taint is the server's when the driver gives none. */
function dropDisabled(slice: ResourceSlice, _oldOrWrite: unknown, write?: { nowMs: number }): void {
  const nowMs = (write ?? (_oldOrWrite as { nowMs: number })).nowMs
  for (const device of slice.spec?.devices ?? []) {
    delete device.nodeAllocatableResourceMappings
    for (const taint of device.taints ?? []) taint.timeAdded ??= new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z')
    for (const attribute of Object.values(device.attributes ?? {})) {
      delete attribute.bools
      delete attribute.ints
      delete attribute.strings
      delete attribute.versions
    }
  }
}

function validateSpec(spec: ResourceSliceSpec, old: ResourceSliceSpec | undefined): FieldError[] {
  const { pool = {}, devices = [] } = spec
  const errors = [...csiDriverNameErrors(spec.driver ?? '', 'spec.driver'), ...validatePoolName(pool.name ?? '', 'spec.pool.name')]
  const { resourceSliceCount: count = 0, generation = 0 } = pool
  if (count <= 0) errors.push(invalidValue('spec.pool.resourceSliceCount', count, 'must be greater than zero'))
  if (generation < 0) errors.push(invalidValue('spec.pool.generation', generation, 'must be greater than or equal to zero'))
  if (old !== undefined) {
    errors.push(
      ...validateImmutable(pool.name, old.pool?.name, 'spec.pool.name'),
      ...validateImmutable(spec.driver, old.driver, 'spec.driver'),
      ...validateImmutable(spec.nodeName, old.nodeName, 'spec.nodeName'),
    )
  }
  errors.push(...validatePlace(spec))
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    errors.push(invalidValue('spec', '', 'only one of `sharedCounters` or `devices` is allowed'))
  const advanced = devices.some((one) => (one.taints ?? []).length > 0 || (one.consumesCounters ?? []).length > 0)
  const perDevice = spec.perDeviceNodeSelection === true
  errors.push(
    ...validateSet(
      devices,
      advanced ? MAX_ADVANCED_DEVICES : MAX_DEVICES,
      (device, at) =>
        validateDevice(
          device,
          (old?.devices ?? []).find(({ name }) => name === device.name),
          perDevice,
          at,
        ),
      ({ name = '' }) => name,
      'spec.devices',
    ),
    ...validateSet(spec.sharedCounters, 8, validateCounterSet, ({ name = '' }) => name, 'spec.sharedCounters'),
  )
  return errors
}

/** Where the devices of the slice are: said in exactly one way. */
function validatePlace(spec: ResourceSliceSpec): FieldError[] {
  const errors: FieldError[] = []
  const said: string[] = []
  if (spec.nodeName === '') errors.push(invalidValue('spec.nodeName', '', 'must be either unset or set to a non-empty string'))
  else if (spec.nodeName !== undefined) {
    said.push('`nodeName`')
    errors.push(...each('spec.nodeName', spec.nodeName, subdomainName(spec.nodeName, false)))
  }
  if (spec.nodeSelector !== undefined) {
    said.push('`nodeSelector`')
    errors.push(...nodeSelectorErrors(spec.nodeSelector, 'spec.nodeSelector', false))
    const { nodeSelectorTerms: terms } = spec.nodeSelector
    if (terms?.length !== 1)
      errors.push(invalidValue('spec.nodeSelector.nodeSelectorTerms', terms, 'must have exactly one node selector term'))
  }
  for (const member of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[member] === true) said.push(`\`${member}\``)
    else if (spec[member] === false) errors.push(invalidValue(`spec.${member}`, false, 'must be either unset or set to true'))
  }
  const rule = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (said.length === 0) errors.push(required('spec', rule))
  if (said.length > 1) errors.push(invalidValue('spec', `{${said.join(', ')}}`, `${rule}, but multiple fields are set`))
  return errors
}

function validateCounterSet({ name = '', counters }: CounterSet, field: string): FieldError[] {
  return [
    ...(name === '' ? [required(`${field}.name`)] : validateDNS1123Label(name, `${field}.name`)),
    ...validateCounters(counters, `${field}.counters`),
  ]
}

function validateCounters(counters: Readonly<Record<string, Counter>> | undefined, field: string): FieldError[] {
  if (Object.keys(counters ?? {}).length === 0) return [required(field)]
  return validateMap(counters, 32, validateDNS1123Label, () => [], field)
}

function validateDevice(device: Device, old: Device | undefined, perDevice: boolean, field: string): FieldError[] {
  const errors = validateDNS1123Label(device.name ?? '', `${field}.name`)
  const total = Object.keys(device.attributes ?? {}).length + Object.keys(device.capacity ?? {}).length
  if (total > MAX_ATTRIBUTES)
    errors.push(invalidValue(field, total, `the total number of attributes and capacities must not exceed ${MAX_ATTRIBUTES}`))
  const unlimited = Number.POSITIVE_INFINITY
  errors.push(
    ...validateMap(device.attributes, unlimited, validateQualified, validateAttribute, `${field}.attributes`),
    ...validateMap(
      device.capacity,
      unlimited,
      validateQualified,
      ({ value = '0', requestPolicy }, at) => {
        if (requestPolicy === undefined) return []
        if (device.allowMultipleAllocations === true) return validateRequestPolicy(value, requestPolicy, `${at}.requestPolicy`)
        return [forbiddenField(`${at}.requestPolicy`, 'allowMultipleAllocations must be true')]
      },
      `${field}.capacity`,
    ),
  )
  if (old === undefined || !semanticEqual(old.taints, device.taints))
    errors.push(...validateSlice(device.taints, 16, validateTaint, `${field}.taints`))
  errors.push(
    ...validateSet(
      device.consumesCounters,
      2,
      ({ counterSet = '', counters }, at) => [
        ...(counterSet === '' ? [required(`${at}.counterSet`)] : validateDNS1123Label(counterSet, `${at}.counterSet`)),
        ...validateCounters(counters, `${at}.counters`),
      ],
      ({ counterSet = '' }) => counterSet,
      `${field}.consumesCounters`,
    ),
    ...validateDevicePlace(device, perDevice, field),
    ...validateBindingConditions(device.bindingConditions, device.bindingFailureConditions, field),
  )
  return errors
}

function validateDevicePlace({ nodeName, nodeSelector, allNodes }: Device, perDevice: boolean, field: string): FieldError[] {
  if (!perDevice) {
    if (nodeName === undefined && nodeSelector === undefined && allNodes === undefined) return []
    const rule =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
    return [invalidValue(field, null, rule)]
  }
  const errors: FieldError[] = []
  const said: string[] = []
  if (nodeName === '') errors.push(invalidValue(`${field}.nodeName`, '', 'must not be empty'))
  else if (nodeName !== undefined) {
    said.push('`nodeName`')
    errors.push(...each(`${field}.nodeName`, nodeName, subdomainName(nodeName, false)))
  }
  if (nodeSelector !== undefined) {
    said.push('`nodeSelector`')
    errors.push(...nodeSelectorErrors(nodeSelector, `${field}.nodeSelector`, false))
  }
  if (allNodes === true) said.push('`allNodes`')
  else if (allNodes === false) errors.push(invalidValue(`${field}.allNodes`, false, 'must be either unset or set to true'))
  const rule =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  if (said.length === 0) errors.push(required(field, rule))
  if (said.length > 1) errors.push(invalidValue(field, `{${said.join(', ')}}`, rule))
  return errors
}

const ATTRIBUTE_MEMBERS = {
  IntValue: 'int',
  BoolValue: 'bool',
  StringValue: 'string',
  VersionValue: 'version',
  IntValues: 'ints',
  BoolValues: 'bools',
  StringValues: 'strings',
  VersionValues: 'versions',
} as const

function validateAttribute(attribute: DeviceAttribute, field: string): FieldError[] {
  const errors: FieldError[] = []
  const { string, version } = attribute
  if (string !== undefined && byteLength(string) > MAX_VALUE_BYTES) errors.push(tooLong(`${field}.string`, MAX_VALUE_BYTES))
  if (version !== undefined) {
    if (!semver.test(version))
      errors.push(invalidValue(`${field}.version`, version, 'must be a string compatible with semver.org spec 2.0.0'))
    if (byteLength(version) > MAX_VALUE_BYTES) errors.push(tooLong(`${field}.version`, MAX_VALUE_BYTES))
  }
  const values = Object.values(attribute).filter((value) => value !== undefined)
  const rule = 'exactly one value must be specified'
  if (values.length === 0) errors.push(invalidValue(field, '', rule))
  if (values.length > 1)
    errors.push(
      invalidValue(field, Object.fromEntries(Object.entries(ATTRIBUTE_MEMBERS).map(([go, wire]) => [go, attribute[wire] ?? null])), rule),
    )
  return errors
}
