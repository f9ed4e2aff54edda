/**
 * StorageClass and VolumeAttributesClass: stored and validated; nothing here provisions.
 *
 * @see pkg/apis/storage/validation/validation.go
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { TopologySelectorTerm } from '../../api/types/core/v1.ts'
import type { StorageClass, VolumeAttributesClass } from '../../api/types/storage/v1.ts'
import { nodeLabelWarnings } from '../core/node-labels.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, semanticEqual, validateImmutable, validateLabelName, validateQualifiedName } from '../validation.ts'

const MAX_PARAMETERS = 512
const MAX_PARAMETERS_BYTES = 256 * 1024
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer']
const DEFAULT_ANNOTATIONS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export const storageClasses = define<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'storageclasses',
  singular: 'storageclass',
  kind: 'StorageClass',
  namespaced: false,
  shortNames: ['sc'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.StorageClass',
  storage: { prefix: '/registry/storageclasses/' },
  strategy: {
    validateName: subdomainName,
    defaults(one) {
      one.reclaimPolicy ??= 'Delete'
      one.volumeBindingMode ??= 'Immediate'
    },
    validate: validateClass,
    validateUpdate: (one, old) => [
      ...validateClass(one),
      ...validateImmutable(one.parameters, old.parameters, 'parameters'),
      ...validateImmutable(one.provisioner ?? '', old.provisioner ?? '', 'provisioner'),
      ...validateImmutable(one.reclaimPolicy, old.reclaimPolicy, 'reclaimPolicy'),
      ...validateImmutable(one.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode'),
    ],
    warnings: ({ allowedTopologies = [] }) =>
      allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
        matchLabelExpressions.flatMap(({ key = '' }, at) =>
          nodeLabelWarnings(key, `allowedTopologies[${index}].matchLabelExpressions[${at}].key: `),
        ),
      ),
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Provisioner', 'doc:io.k8s.api.storage.v1.StorageClass.provisioner'),
      column('ReclaimPolicy', 'doc:io.k8s.api.storage.v1.StorageClass.reclaimPolicy'),
      column('VolumeBindingMode', 'doc:io.k8s.api.storage.v1.StorageClass.volumeBindingMode'),
      column('AllowVolumeExpansion', 'doc:io.k8s.api.storage.v1.StorageClass.allowVolumeExpansion'),
      AGE_COLUMN,
    ],
    cells(one, { nowMs }) {
      const isDefault = DEFAULT_ANNOTATIONS.some((name) => one.metadata?.annotations?.[name] === 'true')
      return [
        isDefault ? `${nameCell(one)} (default)` : nameCell(one),
        one.provisioner ?? '',
        one.reclaimPolicy ?? 'Delete',
        one.volumeBindingMode ?? 'Immediate',
        one.allowVolumeExpansion ?? false,
        ageCell(one, nowMs),
      ]
    },
  },
})

export const volumeAttributesClasses = define<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'volumeattributesclasses',
  singular: 'volumeattributesclass',
  kind: 'VolumeAttributesClass',
  namespaced: false,
  shortNames: ['vac'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.VolumeAttributesClass',
  storage: { prefix: '/registry/volumeattributesclasses/' },
  strategy: {
    validateName: subdomainName,
    validate: validateAttributesClass,
    validateUpdate: (one, old) => [
      ...((one.driverName ?? '') === (old.driverName ?? '') ? [] : [forbiddenField('driverName', 'updates to driverName are forbidden.')]),
      ...(semanticEqual(one.parameters, old.parameters) ? [] : [forbiddenField('parameters', 'updates to parameters are forbidden.')]),
      ...validateAttributesClass(one),
    ],
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('DriverName', 'doc:io.k8s.api.storage.v1.VolumeAttributesClass.driverName'), AGE_COLUMN],
    cells: (one, { nowMs }) => [nameCell(one), one.driverName ?? '', ageCell(one, nowMs)],
  },
})

function validateClass({
  provisioner = '',
  parameters,
  reclaimPolicy,
  volumeBindingMode,
  allowedTopologies = [],
}: StorageClass): FieldError[] {
  const errors = [...validateProvisioner(provisioner, 'provisioner'), ...validateParameters(parameters, true)]
  if (reclaimPolicy && reclaimPolicy !== 'Delete' && reclaimPolicy !== 'Retain')
    errors.push(notSupported('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']))
  if (volumeBindingMode === undefined) errors.push(required('volumeBindingMode'))
  else if (!BINDING_MODES.includes(volumeBindingMode)) errors.push(notSupported('volumeBindingMode', volumeBindingMode, BINDING_MODES))
  return [...errors, ...validateTopologies(allowedTopologies)]
}

function validateAttributesClass({ driverName = '', parameters }: VolumeAttributesClass): FieldError[] {
  return [...validateProvisioner(driverName, 'driverName'), ...validateParameters(parameters, false)]
}

function validateProvisioner(name: string, field: string): FieldError[] {
  return name === '' ? [required(field)] : validateQualifiedName(name.toLowerCase(), field)
}

function validateParameters(parameters: Readonly<Record<string, string>> = {}, allowEmpty: boolean): FieldError[] {
  const field = 'parameters'
  const entries = Object.entries(parameters)
  if (entries.length > MAX_PARAMETERS) return [tooLong(field, MAX_PARAMETERS)]
  const errors = entries.flatMap(([key]) => (key === '' ? [invalidValue(field, key, 'field can not be empty.')] : []))
  const size = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  if (size > MAX_PARAMETERS_BYTES) errors.push(tooLong(field, MAX_PARAMETERS_BYTES))
  if (!allowEmpty && entries.length === 0) errors.push(required(field, 'must contain at least one key/value pair'))
  return errors
}

function validateTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const errors: FieldError[] = []
  // Upstream compares with as many empty terms as there are terms, too, so an empty one is always a duplicate.
  const seen = terms.length > 0 ? [JSON.stringify([])] : []
  for (const [index, { matchLabelExpressions = [] }] of terms.entries()) {
    const field = `allowedTopologies[${index}].matchLabelExpressions`
    const keys = new Map<string, string[]>()
    for (const [at, { key = '', values = [] }] of matchLabelExpressions.entries()) {
      if (values.length === 0) errors.push(required(`${field}[${at}].values`))
      errors.push(
        ...values.flatMap((value, which) =>
          values.indexOf(value) === which ? [] : [duplicate(`${field}[${at}].values[${which}]`, value)],
        ),
      )
      errors.push(...validateLabelName(key, `${field}[${at}].key`))
      if (keys.has(key)) errors.push(duplicate(`${field}[${at}].key`, key))
      keys.set(key, [...new Set(values)].sort())
    }
    const id = JSON.stringify([...keys].sort(([a], [b]) => (a < b ? -1 : 1)))
    if (seen.includes(id)) errors.push(...seen.filter((one) => one === id).map(() => duplicate(field, '')))
    seen.push(id)
  }
  return errors
}
