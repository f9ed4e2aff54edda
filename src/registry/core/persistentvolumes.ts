/**
 * PersistentVolume.
 *
 * @see pkg/registry/core/persistentvolume/strategy.go
 * @see pkg/apis/core/validation/validation.go, ValidatePersistentVolumeSpec
 * @module
 */

import { posix } from 'node:path'
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, labelValueErrors, subdomainName } from '../../api/names.ts'
import type { PersistentVolume, PersistentVolumeSpec, VolumeNodeAffinity } from '../../api/types/core/v1.ts'
import { rfc3339 } from '../../clock.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { each, semanticEqual, validateImmutable } from '../validation.ts'
import { VOLUME_SOURCES, validateVolumeSource } from './persistent-volume-sources.ts'
import { nodeSelectorErrors } from './pod/affinity.ts'
import { isNegativeQuantity, isPositiveQuantity, wholeValue } from './pod/resourcelist.ts'
import { accessModesCell, CLASS_ANNOTATION, VOLUME_MODES, validateAccessModes } from './volume-access.ts'

const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options'

const WITH_MOUNT_OPTIONS = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const

const GA_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
}

/** Sources that no longer do anything, with the name and the history that warnings give. */
const RETIRED = [
  ['cephfs', 'cephfs', 'v1.28', 'v1.31'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'v1.11', 'v1.16'],
  ['scaleIO', 'scaleIO', 'v1.16', 'v1.22'],
  ['storageos', 'storageOS', 'v1.22', 'v1.25'],
  ['glusterfs', 'glusterfs', 'v1.25', 'v1.26'],
  ['rbd', 'rbd', 'v1.28', 'v1.31'],
] as const

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain']

export const persistentVolumes = define<PersistentVolume>({
  group: '',
  version: 'v1',
  resource: 'persistentvolumes',
  singular: 'persistentvolume',
  kind: 'PersistentVolume',
  namespaced: false,
  shortNames: ['pv'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PersistentVolume',
  storage: { prefix: '/registry/persistentvolumes/' },
  strategy: {
    validateName: subdomainName,
    defaults(volume) {
      volume.status ??= {}
      if (!volume.status.phase) volume.status.phase = 'Pending'
      volume.spec ??= {}
      if (!volume.spec.persistentVolumeReclaimPolicy) volume.spec.persistentVolumeReclaimPolicy = 'Retain'
      volume.spec.volumeMode ??= 'Filesystem'
      defaultSources(volume.spec)
    },
    prepareForCreate(volume, { nowMs }) {
      volume.status = { phase: 'Pending', lastPhaseTransitionTime: rfc3339(nowMs) }
    },
    prepareForUpdate(volume, old) {
      volume.status = old.status
    },
    validate: (volume) => [...validateVolume(volume, undefined), ...mountOptionErrors(volume)],
    // Upstream validates twice, so each mistake is reported twice.
    validateUpdate: (volume, old) => [
      ...validateVolume(volume, old),
      ...mountOptionErrors(volume),
      ...validateVolume(volume, old),
      ...validateChange(volume, old),
    ],
    warnings: (volume) => volumeWarnings(volume),
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Capacity', 'doc:io.k8s.api.core.v1.PersistentVolumeSpec.capacity'),
      column('Access Modes', 'doc:io.k8s.api.core.v1.PersistentVolumeSpec.accessModes'),
      column('Reclaim Policy', 'doc:io.k8s.api.core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy'),
      column('Status', 'doc:io.k8s.api.core.v1.PersistentVolumeStatus.phase'),
      column('Claim', 'doc:io.k8s.api.core.v1.PersistentVolumeSpec.claimRef'),
      column('StorageClass', 'StorageClass of the pv'),
      column('VolumeAttributesClass', 'VolumeAttributesClass of the pv'),
      column('Reason', 'doc:io.k8s.api.core.v1.PersistentVolumeStatus.reason'),
      AGE_COLUMN,
      wideColumn('VolumeMode', 'doc:io.k8s.api.core.v1.PersistentVolumeSpec.volumeMode'),
    ],
    cells(volume, { nowMs }) {
      const { spec = {}, status = {}, metadata } = volume
      return [
        nameCell(volume),
        spec.capacity?.['storage'] ?? '0',
        accessModesCell(spec.accessModes),
        spec.persistentVolumeReclaimPolicy ?? '',
        metadata?.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
        spec.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
        metadata?.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '',
        spec.volumeAttributesClassName ?? '<unset>',
        status.reason ?? '',
        ageCell(volume, nowMs),
        spec.volumeMode ?? '<unset>',
      ]
    },
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(volume, old, { nowMs }) {
          volume.spec = old.spec
          const status = volume.status ?? {}
          const before = old.status ?? {}
          volume.status = status
          if (before.phase === status.phase) status.lastPhaseTransitionTime ??= before.lastPhaseTransitionTime
          else if (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === before.lastPhaseTransitionTime) {
            status.lastPhaseTransitionTime = rfc3339(nowMs)
          }
        },
        validateUpdate: ({ metadata }) => (metadata?.resourceVersion ? [] : [required('resourceVersion')]),
        resetFields: ['spec'],
      },
    },
  },
})

/** @see pkg/apis/core/v1/defaults.go, SetDefaults_…VolumeSource */
function defaultSources(spec: PersistentVolumeSpec): void {
  if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
  if (spec.iscsi !== undefined && !spec.iscsi.iscsiInterface) spec.iscsi.iscsiInterface = 'default'
  if (spec.rbd !== undefined) {
    if (!spec.rbd.pool) spec.rbd.pool = 'rbd'
    if (!spec.rbd.user) spec.rbd.user = 'admin'
    if (!spec.rbd.keyring) spec.rbd.keyring = '/etc/ceph/keyring'
  }
  if (spec.azureDisk !== undefined) {
    spec.azureDisk.cachingMode ??= 'ReadWrite'
    spec.azureDisk.kind ??= 'Shared'
    spec.azureDisk.fsType ??= 'ext4'
    spec.azureDisk.readOnly ??= false
  }
  if (spec.scaleIO !== undefined) {
    if (!spec.scaleIO.storageMode) spec.scaleIO.storageMode = 'ThinProvisioned'
    if (!spec.scaleIO.fsType) spec.scaleIO.fsType = 'xfs'
  }
}

function validateVolume({ metadata, spec = {} }: PersistentVolume, old: PersistentVolume | undefined): FieldError[] {
  const { accessModes = [], capacity = {}, persistentVolumeReclaimPolicy: policy, nodeAffinity } = spec
  const errors: FieldError[] = []
  if (accessModes.length === 0) errors.push(required('spec.accessModes'))
  errors.push(...validateAccessModes(accessModes, 'spec.accessModes'))
  if (Object.keys(capacity).length === 0) errors.push(required('spec.capacity'))
  if (capacity['storage'] === undefined || Object.keys(capacity).length > 1)
    errors.push(notSupported('spec.capacity', spec.capacity, ['storage']))
  for (const [name, quantity] of Object.entries(capacity)) {
    if (isNegativeQuantity(quantity))
      errors.push(invalidValue(`spec.capacity[${name}]`, wholeValue(quantity), 'must be a valid resource quantity'))
    if (!isPositiveQuantity(quantity)) errors.push(invalidValue(`spec.capacity[${name}]`, quantity, 'must be greater than zero'))
  }
  if (policy && !RECLAIM_POLICIES.includes(policy))
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, RECLAIM_POLICIES))
  if (nodeAffinity !== undefined) {
    if (nodeAffinity.required === undefined) errors.push(required('spec.nodeAffinity.required', 'must specify required node constraints'))
    else errors.push(...nodeSelectorErrors(nodeAffinity.required, 'spec.nodeAffinity.required', hasInvalidLabelValue(old?.spec)))
  }
  errors.push(...validateVolumeSource(spec, metadata?.name ?? '', nodeAffinity !== undefined, 'spec'))
  if (spec.hostPath !== undefined && posix.normalize(spec.hostPath.path || '.').replace(/(.)\/$/, '$1') === '/' && policy === 'Recycle') {
    errors.push(forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"))
  }
  if (spec.storageClassName)
    errors.push(...each('spec.storageClassName', spec.storageClassName, dns1123SubdomainErrors(spec.storageClassName)))
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode))
    errors.push(notSupported('spec.volumeMode', spec.volumeMode, VOLUME_MODES))
  const attributes = spec.volumeAttributesClassName
  if (attributes !== undefined) {
    if (attributes === '') errors.push(required('spec.volumeAttributesClassName', 'an empty string is disallowed'))
    else errors.push(...each('spec.volumeAttributesClassName', attributes, dns1123SubdomainErrors(attributes)))
    if (spec.csi === undefined) errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'))
  }
  return errors
}

function validateChange(volume: PersistentVolume, old: PersistentVolume): FieldError[] {
  const spec = volume.spec ?? {}
  const before = old.spec ?? {}
  const errors: FieldError[] = []
  const sourceOf = (of: PersistentVolumeSpec) => Object.fromEntries(VOLUME_SOURCES.map((member) => [member, of[member]]))
  const now = sourceOf(spec)
  // The secret for expansion may be added later.
  if (before.csi !== undefined && before.csi.controllerExpandSecretRef === undefined && spec.csi !== undefined) {
    now['csi'] = { ...spec.csi, controllerExpandSecretRef: undefined }
  }
  if (!semanticEqual(now, sourceOf(before)))
    errors.push(forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation\n'))
  errors.push(...validateImmutable(spec.volumeMode, before.volumeMode, 'volumeMode'))
  if (before.nodeAffinity !== undefined && !semanticEqual(withGALabels(spec.nodeAffinity, before.nodeAffinity), before.nodeAffinity)) {
    errors.push(invalidValue('nodeAffinity', spec.nodeAffinity, 'field is immutable, except for updating from beta label to GA'))
  }
  if (before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
    errors.push(forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'))
  }
  return errors
}

/** The new affinity with a key written as it was before wherever only a beta label became the GA one. */
function withGALabels(now: VolumeNodeAffinity | undefined, before: VolumeNodeAffinity): VolumeNodeAffinity | undefined {
  if (now?.required?.nodeSelectorTerms === undefined) return now
  const restored = now.required.nodeSelectorTerms.map((term, index) => ({
    ...term,
    matchExpressions: term.matchExpressions?.map((expression, at) => {
      const key = before.required?.nodeSelectorTerms?.[index]?.matchExpressions?.[at]?.key
      return key !== undefined && GA_LABELS[key] === expression.key ? { ...expression, key } : expression
    }),
  }))
  return { ...now, required: { ...now.required, nodeSelectorTerms: restored } }
}

function hasInvalidLabelValue(spec: PersistentVolumeSpec | undefined): boolean {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []
  return terms.some(({ matchExpressions = [] }) =>
    matchExpressions.some(({ values = [] }) => values.some((value) => labelValueErrors(value).length > 0)),
  )
}

function mountOptionErrors({ metadata, spec = {} }: PersistentVolume): FieldError[] {
  if (metadata?.annotations?.[MOUNT_OPTIONS] === undefined || WITH_MOUNT_OPTIONS.some((member) => spec[member] !== undefined)) return []
  return [forbiddenField(`metadata.annotations.${MOUNT_OPTIONS}`, 'may not specify mount options for this volume type')]
}

function volumeWarnings({ spec = {}, metadata }: PersistentVolume): string[] {
  const warnings: string[] = []
  const annotations = metadata?.annotations ?? {}
  if (annotations[CLASS_ANNOTATION] !== undefined) {
    warnings.push(`metadata.annotations[${CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`)
  }
  if (annotations[MOUNT_OPTIONS] !== undefined) {
    warnings.push(`metadata.annotations[${MOUNT_OPTIONS}]: deprecated since v1.31; use "mountOptions" attribute instead`)
  }
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    warnings.push(
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    )
  }
  for (const [member, name, deprecated, gone] of RETIRED) {
    if (spec[member] !== undefined) warnings.push(`spec.${name}: deprecated in ${deprecated}, non-functional in ${gone}+`)
  }
  return warnings
}
