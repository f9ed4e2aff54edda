/**
 * CSIDriver, CSINode and CSIStorageCapacity: what a storage driver says of itself.
 *
 * @see pkg/apis/storage/validation/validation.go
 * @see pkg/registry/storage
 * @module
 */

import { duplicate, type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, subdomainName } from '../../api/names.ts'
import type { CSIDriver, CSIDriverSpec, CSINode, CSINodeDriver, CSIStorageCapacity, TokenRequest } from '../../api/types/storage/v1.ts'
import { nodeLabelWarnings } from '../core/node-labels.ts'
import { csiDriverNameErrors } from '../core/pod/volumes.ts'
import { validateNonnegativeQuantity } from '../core/resource-names.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, defaultTable, NAME_COLUMN, nameCell } from '../table-cells.ts'
import {
  byteLength,
  each,
  semanticEqual,
  validateImmutable,
  validateLabelSelector,
  validateNonnegative,
  validateQualifiedName,
} from '../validation.ts'

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType']
const MIN_TOKEN_SECONDS = 600
const MAX_TOKEN_SECONDS = 2 ** 32
const MAX_NODE_ID = 256
const TOKENS_IN_SECRETS =
  'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes'

export const csiDrivers = define<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'csidrivers',
  singular: 'csidriver',
  kind: 'CSIDriver',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSIDriver',
  storage: { prefix: '/registry/csidrivers/' },
  strategy: {
    validateName: subdomainName,
    defaults(driver) {
      const spec: CSIDriverSpec = driver.spec ?? {}
      driver.spec = spec
      spec.attachRequired ??= true
      spec.podInfoOnMount ??= false
      spec.storageCapacity ??= false
      spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
      if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent']
      spec.requiresRepublish ??= false
      spec.seLinuxMount ??= false
    },
    prepareForCreate(driver) {
      delete driver.spec?.preventPodSchedulingIfMissing
    },
    prepareForUpdate(driver, old) {
      if (old.spec?.preventPodSchedulingIfMissing === undefined) delete driver.spec?.preventPodSchedulingIfMissing
      // Unlike other kinds, a driver has no generation until it first changes.
      if (!semanticEqual(driver.spec, old.spec)) driver.metadata = { ...driver.metadata, generation: (old.metadata?.generation ?? 0) + 1 }
    },
    validate: ({ spec = {} }) => validateDriver(spec),
    validateUpdate: ({ spec = {} }, old) => [
      ...validateDriver(spec),
      ...validateImmutable(spec.attachRequired, old.spec?.attachRequired, 'spec.attachedRequired'),
      ...validateImmutable(spec.volumeLifecycleModes, old.spec?.volumeLifecycleModes, 'spec.volumeLifecycleModes'),
    ],
    warnings({ spec = {} }, old) {
      const changed = old === undefined || !semanticEqual(spec.tokenRequests, old.spec?.tokenRequests)
      return changed && (spec.tokenRequests ?? []).length > 0 && spec.serviceAccountTokenInSecrets === undefined ? [TOKENS_IN_SECRETS] : []
    },
    allowUnconditionalUpdate: false,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('AttachRequired', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.attachRequired', { type: 'boolean' }),
      column('PodInfoOnMount', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.podInfoOnMount', { type: 'boolean' }),
      column('StorageCapacity', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.storageCapacity', { type: 'boolean' }),
      column('TokenRequests', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.tokenRequests'),
      column('RequiresRepublish', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.requiresRepublish', { type: 'boolean' }),
      column('Modes', 'doc:io.k8s.api.storage.v1.CSIDriverSpec.volumeLifecycleModes'),
      AGE_COLUMN,
    ],
    cells(driver, { nowMs }) {
      const { spec = {} } = driver
      return [
        nameCell(driver),
        spec.attachRequired ?? true,
        spec.podInfoOnMount ?? false,
        spec.storageCapacity ?? false,
        spec.tokenRequests?.map(({ audience = '' }) => audience).join(',') ?? '<unset>',
        spec.requiresRepublish ?? false,
        (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
        ageCell(driver, nowMs),
      ]
    },
  },
})

export const csiNodes = define<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'csinodes',
  singular: 'csinode',
  kind: 'CSINode',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSINode',
  storage: { prefix: '/registry/csinodes/' },
  strategy: {
    validateName: subdomainName,
    validate: ({ spec = {} }) => validateNodeDrivers(spec.drivers ?? []),
    validateUpdate({ spec = {} }, old) {
      const drivers = spec.drivers ?? []
      const changes = (old.spec?.drivers ?? []).flatMap((before) =>
        drivers
          .filter(({ name }) => name === before.name)
          .flatMap((now) => validateImmutable(printedDriver(now), printedDriver(before), 'spec.drivers')),
      )
      return [...validateNodeDrivers(drivers), ...changes]
    },
    allowUnconditionalUpdate: false,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Drivers', 'Drivers indicates the number of CSI drivers registered on the node', { type: 'integer' }),
      AGE_COLUMN,
    ],
    cells: (node, { nowMs }) => [nameCell(node), (node.spec?.drivers ?? []).length, ageCell(node, nowMs)],
  },
})

export const csiStorageCapacities = define<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  kind: 'CSIStorageCapacity',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  storage: { prefix: '/registry/csistoragecapacities/' },
  strategy: {
    validateName: subdomainName,
    validate: (capacity) => validateCapacity(capacity, false),
    validateUpdate: (capacity, old) => [
      ...validateCapacity(capacity, validateLabelSelector(old.nodeTopology, '').length > 0),
      ...validateImmutable(capacity.nodeTopology, old.nodeTopology, 'nodeTopology'),
      ...validateImmutable(capacity.storageClassName ?? '', old.storageClassName ?? '', 'storageClassName'),
    ],
    warnings: topologyWarnings,
    allowUnconditionalUpdate: false,
  },
  table: defaultTable,
})

function validateDriver(spec: CSIDriverSpec): FieldError[] {
  const errors: FieldError[] = []
  const needed = (member: 'attachRequired' | 'podInfoOnMount' | 'storageCapacity' | 'seLinuxMount', field: string = member) => {
    if (spec[member] === undefined) errors.push(required(`spec.${field}`))
  }
  needed('attachRequired', 'attachedRequired')
  needed('podInfoOnMount')
  needed('storageCapacity')
  if (spec.fsGroupPolicy !== undefined && !FS_GROUP_POLICIES.includes(spec.fsGroupPolicy))
    errors.push(notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, FS_GROUP_POLICIES))
  errors.push(...validateTokenRequests(spec.tokenRequests ?? []))
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (mode !== 'Persistent' && mode !== 'Ephemeral')
      errors.push(notSupported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral']))
  }
  needed('seLinuxMount')
  const period = spec.nodeAllocatableUpdatePeriodSeconds
  if (period !== undefined && period < 10)
    errors.push(invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds'))
  if (spec.serviceAccountTokenInSecrets !== undefined && (spec.tokenRequests ?? []).length === 0) {
    errors.push(
      invalidValue(
        'spec.serviceAccountTokenInSecrets',
        spec.serviceAccountTokenInSecrets,
        'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
      ),
    )
  }
  return errors
}

function validateTokenRequests(requests: readonly TokenRequest[]): FieldError[] {
  const audiences = new Set<string>()
  return requests.flatMap(({ audience = '', expirationSeconds }, index) => {
    const field = `spec.tokenRequests[${index}]`
    if (audiences.has(audience)) return [duplicate(`${field}.audience`, audience)]
    audiences.add(audience)
    if (expirationSeconds === undefined) return []
    if (expirationSeconds < MIN_TOKEN_SECONDS)
      return [invalidValue(`${field}.expirationSeconds`, expirationSeconds, 'may not specify a duration less than 10 minutes')]
    return expirationSeconds > MAX_TOKEN_SECONDS
      ? [invalidValue(`${field}.expirationSeconds`, expirationSeconds, 'may not specify a duration larger than 2^32 seconds')]
      : []
  })
}

function validateNodeDrivers(drivers: readonly CSINodeDriver[]): FieldError[] {
  const names = new Set<string>()
  return drivers.flatMap(({ name = '', nodeID = '', allocatable, topologyKeys = [] }, index) => {
    const field = `spec.drivers[${index}]`
    const errors = csiDriverNameErrors(name, `${field}.name`)
    if (nodeID === '') errors.push(required(`${field}.nodeID`))
    if (byteLength(nodeID) > MAX_NODE_ID) errors.push(invalidValue(`${field}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`))
    if (allocatable?.count !== undefined) errors.push(...validateNonnegative(allocatable.count, `${field}.allocatable.count`))
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name))
    names.add(name)
    for (const [at, key] of topologyKeys.entries()) {
      if (key === '') errors.push(required(field))
      if (topologyKeys.indexOf(key) !== at) errors.push(duplicate(field, key))
      errors.push(...validateQualifiedName(key, field))
    }
    return errors
  })
}

/** Everything of a driver that may not change; its allocatable count may. */
function printedDriver({ name = '', nodeID = '', topologyKeys }: CSINodeDriver) {
  return { Name: name, NodeID: nodeID, TopologyKeys: topologyKeys ?? null, Allocatable: null }
}

function validateCapacity(
  { nodeTopology, storageClassName = '', capacity }: CSIStorageCapacity,
  allowInvalidLabelValue: boolean,
): FieldError[] {
  return [
    ...validateLabelSelector(nodeTopology, 'nodeTopology', { allowInvalidLabelValue }),
    ...each('storageClassName', storageClassName, dns1123SubdomainErrors(storageClassName)),
    ...(capacity === undefined ? [] : validateNonnegativeQuantity(capacity, 'capacity')),
  ]
}

function topologyWarnings({ nodeTopology }: CSIStorageCapacity): string[] {
  return [
    ...(nodeTopology?.matchExpressions ?? []).flatMap(({ key = '' }, index) =>
      nodeLabelWarnings(key, `nodeTopology.matchExpressions[${index}].key: ${key} is `),
    ),
    ...Object.keys(nodeTopology?.matchLabels ?? {}).flatMap((key) => nodeLabelWarnings(key, `nodeTopology.matchLabels.${key}: `)),
  ]
}
