/**
 * ResourceClaim and ResourceClaimTemplate: devices asked for, and which were given. Their specs never change.
 *
 * @see pkg/apis/resource/validation/validation.go
 * @see pkg/registry/resource/resourceclaim/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, internalFieldError, invalidValue, notSupported, required, tooLong } from '../../api/field.ts'
import { validateLabels } from '../../api/metadata.ts'
import { qualifiedNameErrors, subdomainName } from '../../api/names.ts'
import { quote } from '../../api/status.ts'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceRequestAllocationResult,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimTemplate,
} from '../../api/types/resource/v1.ts'
import { nodeSelectorErrors } from '../core/pod/affinity.ts'
import { csiDriverNameErrors } from '../core/pod/volumes.ts'
import { goStruct } from '../go-struct.ts'
import { formatIP, parseCIDR } from '../ip.ts'
import { ALL_VERBS, define, type Write } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import {
  byteLength,
  each,
  semanticEqual,
  validateConditions,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateImmutable,
} from '../validation.ts'
import { authorizeClaimStatus, deviceId } from './claimstatus-authorization.ts'
import {
  validateBindingConditions,
  validateConfiguration,
  validateFullyQualified,
  validatePoolName,
  validateRaw,
  validateSelectors,
  validateSet,
  validateSlice,
  validateToleration,
} from './limits.ts'

const MAX_REQUESTS = 32
const MAX_ALTERNATIVES = 8
const MAX_CONSUMERS = 256
const MODES = ['All', 'ExactCount']
const ADMIN_LABEL = 'resource.kubernetes.io/admin-access'
const NOT_A_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

export const resourceClaims = define<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  resource: 'resourceclaims',
  singular: 'resourceclaim',
  kind: 'ResourceClaim',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceClaim',
  storage: { prefix: '/registry/resourceclaims/' },
  strategy: {
    validateName: subdomainName,
    defaults: ({ spec }) => defaultRequests(spec?.devices),
    prepareForCreate(claim) {
      claim.status = {}
    },
    prepareForUpdate(claim, old) {
      claim.status = old.status ?? {}
    },
    validate: ({ spec = {} }, write) => [...adminAccess(spec.devices, write), ...validateDevices(spec.devices ?? {}, 'spec.devices')],
    validateUpdate: (claim, old) => validateImmutable(claim.spec, old.spec, 'spec'),
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [NAME_COLUMN, column('State', 'A summary of the current state (allocated, pending, reserved, etc.).'), AGE_COLUMN],
    cells: (claim, { nowMs }) => [nameCell(claim), stateOf(claim), ageCell(claim, nowMs)],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(claim: ResourceClaim, old: ResourceClaim) {
          keepAllButStatus(claim, old)
          dropDeallocated(claim, old)
        },
        authorizeUpdate: authorizeStatus,
        validateUpdate: validateStatus,
        allowUnconditionalUpdate: true,
        resetFields: ['metadata', 'spec'],
      },
    },
  },
})

export const resourceClaimTemplates = define<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  resource: 'resourceclaimtemplates',
  singular: 'resourceclaimtemplate',
  kind: 'ResourceClaimTemplate',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.ResourceClaimTemplate',
  storage: { prefix: '/registry/resourceclaimtemplates/' },
  strategy: {
    validateName: subdomainName,
    defaults: ({ spec }) => defaultRequests(spec?.spec?.devices),
    validate: (template, write) => [...adminAccess(template.spec?.spec?.devices, write), ...validateTemplate(template)],
    validateUpdate: (template, old) => [...validateTemplate(template), ...validateImmutable(template.spec, old.spec, 'spec')],
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [NAME_COLUMN, AGE_COLUMN],
    cells: (one, { nowMs }) => [nameCell(one), ageCell(one, nowMs)],
  },
})

function defaultRequests(devices: DeviceClaim | undefined): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? []) {
    for (const request of exactly === undefined ? firstAvailable : [exactly, ...firstAvailable]) {
      request.allocationMode ||= 'ExactCount'
      if (request.allocationMode === 'ExactCount' && !request.count) request.count = 1
    }
  }
}

function stateOf({ metadata, status = {} }: ResourceClaim): string {
  const deleted = metadata?.deletionTimestamp !== undefined
  const states = deleted ? ['deleted'] : []
  if (status.allocation === undefined) {
    if (!deleted) states.push('pending')
  } else {
    states.push('allocated')
    if ((status.reservedFor ?? []).length > 0) states.push('reserved')
  }
  return states.join(',')
}

function adminAccess(devices: DeviceClaim | undefined, write: Write): FieldError[] {
  const index = (devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true)
  return index < 0 ? [] : adminAccessOfNamespace(`spec.devices.requests[${index}].adminAccess`, write)
}

function adminAccessOfNamespace(field: string, { world, namespace }: Write): FieldError[] {
  const found = world.cache.resource('v1/namespaces')?.get(namespace)?.object
  if (found === undefined)
    return [internalFieldError(field, `could not retrieve namespace to verify admin access: namespaces "${namespace}" not found`)]
  if (found.metadata?.labels?.[ADMIN_LABEL] === 'true') return []
  return [forbiddenField(field, `admin access to devices requires the \`${ADMIN_LABEL}: true\` label on the containing namespace`)]
}

function validateTemplate({ spec = {} }: ResourceClaimTemplate): FieldError[] {
  const { labels, annotations = {} } = spec.metadata ?? {}
  return [
    ...validateLabels(labels, 'spec.metadata.labels'),
    ...Object.keys(annotations).flatMap((key) => each('spec.metadata.annotations', key, qualifiedNameErrors(key.toLowerCase()))),
    ...validateDevices(spec.spec?.devices ?? {}, 'spec.spec.devices'),
  ]
}

/** Of each request, its alternatives. */
type Requests = ReadonlyMap<string, ReadonlySet<string>>

function requestsOf({ requests = [] }: DeviceClaim): Requests {
  return new Map(requests.map(({ name = '', firstAvailable = [] }) => [name, new Set(firstAvailable.map((one) => one.name ?? ''))]))
}

function validateReference(requests: Requests): (name: string, field: string) => FieldError[] {
  return (name, field) => {
    const segments = name.split('/')
    if (segments.length > 2) return [invalidValue(field, name, NOT_A_REQUEST)]
    const errors = segments.flatMap((segment) => validateDNS1123Label(segment, field))
    const alternatives = requests.get(segments[0]!)
    const known = alternatives !== undefined && (segments.length === 1 || alternatives.has(segments[1]!))
    return known ? errors : [...errors, invalidValue(field, name, NOT_A_REQUEST)]
  }
}

const itself = (name: string) => name

function validateDevices(devices: DeviceClaim, field: string): FieldError[] {
  const requests = requestsOf(devices)
  return [
    ...validateSet(devices.requests, MAX_REQUESTS, validateRequest, ({ name = '' }) => name, `${field}.requests`),
    ...validateSlice(devices.constraints, 32, (one, at) => validateConstraint(one, requests, at), `${field}.constraints`),
    ...validateSlice(
      devices.config,
      32,
      (one, at) => [
        ...validateSet(one.requests, MAX_REQUESTS, validateReference(requests), itself, `${at}.requests`),
        ...validateConfiguration(one, at),
      ],
      `${field}.config`,
    ),
  ]
}

function validateRequest({ name = '', exactly, firstAvailable = [] }: DeviceRequest, field: string): FieldError[] {
  const errors = validateDNS1123Label(name, `${field}.name`)
  const some = firstAvailable.length > 0
  const rule = 'exactly one of `exactly` or `firstAvailable` is required'
  if (exactly === undefined && !some) errors.push(required(field, rule))
  else if (exactly !== undefined && some) errors.push(invalidValue(field, null, `${rule}, but multiple fields are set`))
  else if (exactly !== undefined) errors.push(...validateExact(exactly, `${field}.exactly`))
  else {
    const check = (one: (typeof firstAvailable)[number], at: string) => [
      ...validateDNS1123Label(one.name ?? '', `${at}.name`),
      ...validateExact(one, at),
    ]
    errors.push(...validateSet(firstAvailable, MAX_ALTERNATIVES, check, (one) => one.name ?? '', `${field}.firstAvailable`))
  }
  return errors
}

function validateExact(request: Omit<ExactDeviceRequest, 'adminAccess'>, field: string): FieldError[] {
  const { deviceClassName = '', allocationMode: mode = '', count = 0, tolerations = [] } = request
  const at = `${field}.deviceClassName`
  const errors = deviceClassName === '' ? [required(at)] : validateDNS1123Subdomain(deviceClassName, at)
  errors.push(...validateSelectors(request.selectors, `${field}.selectors`))
  if (!MODES.includes(mode)) errors.push(notSupported(`${field}.allocationMode`, mode, MODES))
  else if (mode === 'All' && count !== 0)
    errors.push(invalidValue(`${field}.count`, count, "must not be specified when allocationMode is 'All'"))
  else if (mode === 'ExactCount' && count <= 0) errors.push(invalidValue(`${field}.count`, count, 'must be greater than zero'))
  return [...errors, ...tolerations.flatMap((one, index) => validateToleration(one, `${field}.tolerations[${index}]`))]
}

function validateConstraint(constraint: DeviceConstraint, requests: Requests, field: string): FieldError[] {
  const errors = validateSet(constraint.requests, MAX_REQUESTS, validateReference(requests), itself, `${field}.requests`)
  const { matchAttribute, distinctAttribute } = constraint
  if (matchAttribute !== undefined) errors.push(...validateFullyQualified(matchAttribute, `${field}.matchAttribute`))
  else if (distinctAttribute !== undefined) errors.push(...validateFullyQualified(distinctAttribute, `${field}.distinctAttribute`))
  else {
    // What upstream says although none is set.
    const rule = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
    errors.push(required(field, rule))
  }
  return errors
}

function allocatedIds({ status }: ResourceClaim): Set<string> {
  return new Set((status?.allocation?.devices?.results ?? []).map(deviceId))
}

/** The status of a device does not outlive its allocation. */
function dropDeallocated(claim: ResourceClaim, old: ResourceClaim): void {
  if (claim.status?.devices === undefined) return
  const gone = allocatedIds(old)
  for (const id of allocatedIds(claim)) gone.delete(id)
  const left = claim.status.devices.filter((device) => !gone.has(deviceId(device)))
  if (left.length > 0) claim.status.devices = left
  else delete claim.status.devices
}

async function authorizeStatus(claim: ResourceClaim, old: ResourceClaim, write: Write): Promise<FieldError[]> {
  const grants = (one: ResourceClaim) => (one.status?.allocation?.devices?.results ?? []).findIndex((result) => result.adminAccess === true)
  const granted = grants(old) < 0 ? grants(claim) : -1
  return [
    ...(granted < 0 ? [] : adminAccessOfNamespace(`status.allocation.devices.results[${granted}].adminAccess`, write)),
    ...(await authorizeClaimStatus(claim.status ?? {}, old.status ?? {}, write)),
  ]
}

function validateStatus(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { status = {} } = claim
  const before = old.status ?? {}
  const errors = validateSet(
    status.reservedFor,
    MAX_CONSUMERS,
    ({ resource, name, uid }, at) =>
      Object.entries({ resource, name, uid }).flatMap(([member, value]) => (value ? [] : [required(`${at}.${member}`)])),
    ({ uid = '' }) => uid,
    'status.reservedFor',
  )
  const allocated = allocatedIds(claim)
  const check = (device: AllocatedDeviceStatus, at: string) => validateDeviceStatus(device, allocated, at)
  errors.push(...validateSet(status.devices, Number.POSITIVE_INFINITY, check, deviceId, 'status.devices'))
  const reserved = status.reservedFor ?? []
  if (reserved.length > 0 && status.allocation === undefined) {
    errors.push(forbiddenField('status.reservedFor', 'may not be specified when `allocated` is not set'))
  } else if (claim.metadata?.deletionTimestamp !== undefined) {
    const known = (one: (typeof reserved)[number]) => (before.reservedFor ?? []).some((other) => semanticEqual(one, other))
    const rule = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'
    if (!reserved.every(known)) errors.push(forbiddenField('status.reservedFor', rule))
  }
  if (status.allocation === undefined) return errors
  if (before.allocation !== undefined) return [...errors, ...validateImmutable(status.allocation, before.allocation, 'status.allocation')]
  return [...errors, ...validateAllocation(status.allocation, requestsOf(claim.spec?.devices ?? {}))]
}

function validateAllocation({ devices = {}, nodeSelector }: AllocationResult, requests: Requests): FieldError[] {
  const field = 'status.allocation.devices'
  return [
    ...validateSlice(
      devices.results,
      MAX_REQUESTS,
      (result, at) => [
        ...validateReference(requests)(result.request ?? '', `${at}.request`),
        ...validateDeviceName(result, at),
        ...validateBindingConditions(result.bindingConditions, result.bindingFailureConditions, at),
      ],
      `${field}.results`,
    ),
    ...validateSlice(
      devices.config,
      64,
      (config, at) => [
        ...validateSource(config.source ?? '', `${at}.source`),
        ...validateSet(config.requests, MAX_REQUESTS, validateReference(requests), itself, `${at}.requests`),
        ...validateConfiguration(config, at),
      ],
      `${field}.config`,
    ),
    ...(nodeSelector === undefined ? [] : nodeSelectorErrors(nodeSelector, 'status.allocation.nodeSelector', false)),
  ]
}

function validateSource(source: string, field: string): FieldError[] {
  if (source === '') return [required(field)]
  const sources = ['FromClaim', 'FromClass']
  return sources.includes(source) ? [] : [notSupported(field, source, sources)]
}

function validateDeviceName(
  { driver = '', pool = '', device = '' }: AllocatedDeviceStatus | DeviceRequestAllocationResult,
  field: string,
): FieldError[] {
  return [
    ...csiDriverNameErrors(driver, `${field}.driver`),
    ...validatePoolName(pool, `${field}.pool`),
    ...validateDNS1123Label(device, `${field}.device`),
  ]
}

function validateDeviceStatus(device: AllocatedDeviceStatus, allocated: ReadonlySet<string>, field: string): FieldError[] {
  const errors = validateDeviceName(device, field)
  if (!allocated.has(deviceId(device))) {
    const id = goStruct({ Driver: 'driver', Pool: 'pool', Device: 'device', ShareID: 'shareID' }, { ...device })
    errors.push(invalidValue(field, id, 'must be an allocated device in the claim'))
  }
  errors.push(...validateConditions(device.conditions, `${field}.conditions`))
  if (device.data !== undefined) errors.push(...validateRaw(device.data, `${field}.data`))
  const { networkData: network } = device
  if (network === undefined) return errors
  const at = `${field}.networkData`
  if (byteLength(network.interfaceName ?? '') > 256) errors.push(tooLong(`${at}.interfaceName`, 256))
  if (byteLength(network.hardwareAddress ?? '') > 128) errors.push(tooLong(`${at}.hardwareAddress`, 128))
  return [...errors, ...validateSet(network.ips, 16, validateInterfaceAddress, itself, `${at}.ips`)]
}

/** An address with the length of its network: `192.168.1.5/24`. */
function validateInterfaceAddress(text: string, field: string): FieldError[] {
  const block = parseCIDR(text)
  if (block === undefined) return [invalidValue(field, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)')]
  const canonical = `${formatIP(block.address)}/${block.bits}`
  return text === canonical ? [] : [invalidValue(field, text, `must be in canonical form (${quote(canonical)})`)]
}
