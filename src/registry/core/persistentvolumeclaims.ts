/**
 * PersistentVolumeClaim.
 *
 * @see pkg/registry/core/persistentvolumeclaim/strategy.go
 * @see pkg/api/persistentvolumeclaim/util.go
 * @see pkg/apis/core/validation/validation.go, ValidatePersistentVolumeClaim
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { qualifiedNameErrors, subdomainName } from '../../api/names.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { each, semanticEqual, validateImmutable, validateLabelSelector } from '../validation.ts'
import { claimSpecErrors } from './pod/claimspec.ts'
import { compareQuantities, isNegativeQuantity, type ResourceList, wholeValue } from './pod/resourcelist.ts'
import { isNativeResource, validateResourceQuantity } from './resource-names.ts'
import { accessModesCell, CLASS_ANNOTATION, fractionWarnings } from './volume-access.ts'

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
]
const IMMUTABLE = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n'
const CURRENT_CLASS = 'when status.currentVolumeAttributesClassName is not nil'

export const persistentVolumeClaims = define<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  resource: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
  shortNames: ['pvc'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  storage: { prefix: '/registry/persistentvolumeclaims/' },
  strategy: {
    validateName: subdomainName,
    defaults(claim) {
      defaultClaimSpec(specOf(claim))
      claim.status ??= {}
      if (!claim.status.phase) claim.status.phase = 'Pending'
    },
    prepareForCreate(claim) {
      // Defaulting runs again on the way out, so the phase comes back.
      claim.status = { phase: 'Pending' }
      const spec = specOf(claim)
      dropForeignNamespace(spec, undefined)
      if (spec.dataSourceRef === undefined && !isClaimOrSnapshot(spec)) delete spec.dataSource
      normalizeSources(spec)
    },
    prepareForUpdate(claim, old) {
      claim.status = old.status
      const spec = specOf(claim)
      dropForeignNamespace(spec, old.spec)
      const used = old.spec?.dataSource !== undefined || old.spec?.dataSourceRef !== undefined
      if (!used && spec.dataSourceRef === undefined && !isClaimOrSnapshot(spec)) delete spec.dataSource
      normalizeSources(spec)
    },
    validate: ({ spec = {} }) => claimSpecErrors(spec, 'spec'),
    validateUpdate: validateClaimUpdate,
    warnings: claimWarnings,
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Status', 'doc:io.k8s.api.core.v1.PersistentVolumeClaimStatus.phase'),
      column('Volume', 'doc:io.k8s.api.core.v1.PersistentVolumeClaimSpec.volumeName'),
      column('Capacity', 'doc:io.k8s.api.core.v1.PersistentVolumeClaimStatus.capacity'),
      column('Access Modes', 'doc:io.k8s.api.core.v1.PersistentVolumeClaimStatus.accessModes'),
      column('StorageClass', 'StorageClass of the pvc'),
      column('VolumeAttributesClass', 'VolumeAttributesClass of the pvc'),
      AGE_COLUMN,
      wideColumn('VolumeMode', 'doc:io.k8s.api.core.v1.PersistentVolumeClaimSpec.volumeMode'),
    ],
    cells(claim, { nowMs }) {
      const { spec = {}, status = {}, metadata } = claim
      const bound = Boolean(spec.volumeName)
      return [
        nameCell(claim),
        metadata?.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
        spec.volumeName ?? '',
        bound ? (status.capacity?.['storage'] ?? '0') : '',
        bound ? accessModesCell(status.accessModes) : '',
        metadata?.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '',
        spec.volumeAttributesClassName ?? '<unset>',
        ageCell(claim, nowMs),
        spec.volumeMode ?? '<unset>',
      ]
    },
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(claim, old) {
          claim.spec = old.spec
        },
        validateUpdate: validateClaimStatus,
        resetFields: ['spec'],
      },
    },
  },
})

/** Also for claim templates of stateful sets and ephemeral volumes. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem'
}

function specOf(claim: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  claim.spec ??= {}
  return claim.spec
}

function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const spec = claim.spec ?? {}
  const before = old.spec ?? {}
  const errors = claimSpecErrors(spec, 'spec', {
    allowInvalidLabelValueInSelector: validateLabelSelector(before.selector, '').length > 0,
    allowInvalidDataSourceGroup: before.dataSource?.apiGroup !== undefined || before.dataSourceRef?.apiGroup !== undefined,
  })
  const oldAnnotation = old.metadata?.annotations?.[CLASS_ANNOTATION]
  const annotation = claim.metadata?.annotations?.[CLASS_ANNOTATION]
  const upgradesAnnotation =
    oldAnnotation !== undefined &&
    before.storageClassName === undefined &&
    spec.storageClassName === oldAnnotation &&
    (annotation === undefined || annotation === oldAnnotation)
  const upgradesNil =
    spec.storageClassName !== undefined &&
    before.storageClassName === undefined &&
    (oldAnnotation === undefined || spec.storageClassName === oldAnnotation)
  if (!upgradesAnnotation && (annotation ?? '') !== (oldAnnotation ?? '')) {
    errors.push(invalidValue(`metadata.annotations[${CLASS_ANNOTATION}]`, annotation ?? '', 'field is immutable'))
  }
  const bound = claim.status?.phase === 'Bound'
  const compared: PersistentVolumeClaimSpec = { ...spec }
  const previous: PersistentVolumeClaimSpec = { ...before }
  normalizeSources(previous)
  if (!before.volumeName) previous.volumeName = spec.volumeName
  if (upgradesAnnotation || upgradesNil) compared.storageClassName = previous.storageClassName
  if (bound) {
    compared.volumeAttributesClassName = previous.volumeAttributesClassName
    if (spec.resources?.requests !== undefined) {
      const storage = before.resources?.requests?.['storage'] ?? '0'
      compared.resources = { ...spec.resources, requests: { ...spec.resources.requests, storage } }
    }
  }
  if (!semanticEqual(compared, previous)) errors.push(forbiddenField('spec', IMMUTABLE))
  const size = spec.resources?.requests?.['storage'] ?? '0'
  const capacity = old.status?.capacity?.['storage'] ?? '0'
  if (compareQuantities(size, before.resources?.requests?.['storage'] ?? '0') < 0 && compareQuantities(size, capacity) <= 0) {
    errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'))
  }
  errors.push(...validateImmutable(spec.volumeMode, before.volumeMode, 'volumeMode'))
  if (spec.volumeAttributesClassName !== before.volumeAttributesClassName && old.status?.currentVolumeAttributesClassName !== undefined) {
    if (spec.volumeAttributesClassName === undefined)
      errors.push(forbiddenField('spec.volumeAttributesClassName', `update to nil is forbidden ${CURRENT_CLASS}`))
    else if (spec.volumeAttributesClassName === '')
      errors.push(forbiddenField('spec.volumeAttributesClassName', `update to empty string is forbidden ${CURRENT_CLASS}`))
  }
  return errors
}

function validateClaimStatus(claim: PersistentVolumeClaim): FieldError[] {
  const { status = {} } = claim
  const errors: FieldError[] = []
  if (!claim.metadata?.resourceVersion) errors.push(required('resourceVersion'))
  if ((claim.spec?.accessModes ?? []).length === 0) errors.push(required('Spec.accessModes'))
  errors.push(...validateBasic(status.capacity, 'status.capacity'))
  for (const [name, value] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    errors.push(...validateResourceKey(name, 'status.allocatedResourceStatuses'))
    if (!RESIZE_STATUSES.includes(value)) errors.push(notSupported('status.allocatedResourceStatuses', name, RESIZE_STATUSES))
  }
  for (const [name, quantity] of Object.entries(status.allocatedResources ?? {})) {
    const keyErrors = validateResourceKey(name, 'status.allocatedResources')
    const basic = validateBasic({ [name]: quantity }, 'status.allocatedResources')
    errors.push(
      ...(keyErrors.length > 0
        ? keyErrors
        : basic.length > 0
          ? basic
          : validateResourceQuantity('storage', quantity, `status.allocatedResources[${name}]`)),
    )
  }
  return errors
}

function validateBasic(amounts: ResourceList | undefined, field: string): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, quantity]) =>
    isNegativeQuantity(quantity) ? [invalidValue(`${field}[${name}]`, wholeValue(quantity), 'must be a valid resource quantity')] : [],
  )
}

function validateResourceKey(name: string, field: string): FieldError[] {
  const errors = each(field, name, qualifiedNameErrors(name))
  return errors.length === 0 && isNativeResource(name) && name !== 'storage' ? [notSupported(field, name, ['storage'])] : errors
}

/** Sources in other namespaces are off by default. */
function dropForeignNamespace(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined): void {
  if (spec.dataSourceRef?.namespace && old?.dataSourceRef === undefined) delete spec.dataSourceRef
}

function isClaimOrSnapshot({ dataSource }: PersistentVolumeClaimSpec): boolean {
  const { kind, apiGroup = '' } = dataSource ?? {}
  return (kind === 'PersistentVolumeClaim' && apiGroup === '') || (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')
}

/** The old and the new member for a source say the same. */
function normalizeSources(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSource !== undefined && spec.dataSourceRef === undefined) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef !== undefined && spec.dataSource === undefined && !spec.dataSourceRef.namespace) {
    const { namespace: _namespace, ...source } = spec.dataSourceRef
    spec.dataSource = source
  }
}

function claimWarnings(claim: PersistentVolumeClaim): string[] {
  const warnings: string[] = []
  if (claim.metadata?.annotations?.[CLASS_ANNOTATION] !== undefined) {
    warnings.push(`metadata.annotations[${CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`)
  }
  const { requests, limits } = claim.spec?.resources ?? {}
  return [
    ...warnings,
    ...fractionWarnings(requests?.['storage'], 'spec.resources.requests[storage]'),
    ...fractionWarnings(limits?.['storage'], 'spec.resources.limits[storage]'),
  ]
}
