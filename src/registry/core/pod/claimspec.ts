/**
 * Specs of persistent volume claims, on their own or as templates in pods and stateful sets.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePersistentVolumeClaimSpec and ValidatePersistentVolumeClaimTemplate
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../../api/field.ts'
import { METADATA_MEMBERS, validateAnnotations, validateLabels } from '../../../api/metadata.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, subdomainName } from '../../../api/names.ts'
import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '../../../api/types/core/v1.ts'
import { each, validateLabelSelector } from '../../validation.ts'
import { isPositiveQuantity } from './resourcelist.ts'

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const VOLUME_MODES = ['Block', 'Filesystem']

export interface ClaimSpecOptions {
  /** The stored claim has such a selector. */
  allowInvalidLabelValueInSelector?: boolean
  /** The stored claim names a group in its data source. */
  allowInvalidDataSourceGroup?: boolean
}

export function claimSpecErrors(spec: PersistentVolumeClaimSpec, field: string, options: ClaimSpecOptions = {}): FieldError[] {
  const { accessModes = [], selector, resources, storageClassName, volumeMode, volumeAttributesClassName } = spec
  const errors: FieldError[] = []
  if (accessModes.length === 0) errors.push(required(`${field}.accessModes`, 'at least 1 access mode is required'))
  errors.push(
    ...validateLabelSelector(selector, `${field}.selector`, { allowInvalidLabelValue: options.allowInvalidLabelValueInSelector === true }),
  )
  for (const mode of accessModes) if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(`${field}.accessModes`, mode, ACCESS_MODES))
  if (accessModes.includes('ReadWriteOncePod') && accessModes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode))) {
    errors.push(forbiddenField(`${field}.accessModes`, 'may not use ReadWriteOncePod with other access modes'))
  }
  const storage = resources?.requests?.storage
  if (storage === undefined) errors.push(required(`${field}.resources[storage]`))
  else if (!isPositiveQuantity(storage)) errors.push(invalidValue(`${field}.resources[storage]`, storage, 'must be greater than zero'))
  if (storageClassName) errors.push(...each(`${field}.storageClassName`, storageClassName, subdomainName(storageClassName, false)))
  if (volumeMode !== undefined && !VOLUME_MODES.includes(volumeMode))
    errors.push(notSupported(`${field}.volumeMode`, volumeMode, VOLUME_MODES))
  errors.push(...dataSourcesErrors(spec, field, options.allowInvalidDataSourceGroup === true))
  if (volumeAttributesClassName)
    errors.push(...each(`${field}.volumeAttributesClassName`, volumeAttributesClassName, subdomainName(volumeAttributesClassName, false)))
  return errors
}

/** A template may only have labels and annotations in its metadata. */
export function claimTemplateErrors({ metadata = {}, spec = {} }: PersistentVolumeClaimTemplate, field: string): FieldError[] {
  const errors = [
    ...validateAnnotations(metadata.annotations, `${field}.metadata.annotations`),
    ...validateLabels(metadata.labels, `${field}.metadata.labels`),
  ]
  for (const member of METADATA_MEMBERS) {
    if (member === 'labels' || member === 'annotations') continue
    const value = metadata[member]
    if (value !== undefined && value !== null && value !== '' && value !== 0)
      errors.push(forbiddenField(`${field}.metadata.${member === 'uid' ? 'uID' : member}`, 'cannot be set'))
  }
  errors.push(...claimSpecErrors(spec, `${field}.spec`))
  return errors
}

function dataSourcesErrors(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  field: string,
  allowInvalidGroup: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  if (dataSource !== undefined) errors.push(...dataSourceErrors(dataSource, `${field}.dataSource`, allowInvalidGroup))
  if (dataSourceRef !== undefined) {
    errors.push(...dataSourceErrors(dataSourceRef, `${field}.dataSourceRef`, allowInvalidGroup))
    const { namespace } = dataSourceRef
    if (namespace) errors.push(...each(`${field}.dataSourceRef.namespace`, namespace, dns1123LabelErrors(namespace)))
  }
  if (dataSource === undefined || dataSourceRef === undefined) return errors
  // Upstream prints the path itself as the value, which has nothing to show.
  if (dataSourceRef.namespace) errors.push(invalidValue(field, {}, 'may not be specified when dataSourceRef.namespace is specified'))
  else if (!sameSource(dataSource, dataSourceRef)) errors.push(invalidValue(field, {}, 'must match dataSourceRef'))
  return errors
}

function dataSourceErrors(
  { name = '', kind = '', apiGroup = '' }: TypedLocalObjectReference,
  field: string,
  allowInvalidGroup: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  if (kind === '') errors.push(required(`${field}.kind`))
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim')
    errors.push(invalidValue(field, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
  if (apiGroup !== '' && !allowInvalidGroup) errors.push(...each(`${field}.apiGroup`, apiGroup, dns1123SubdomainErrors(apiGroup)))
  return errors
}

function sameSource(a: TypedLocalObjectReference, b: TypedObjectReference): boolean {
  return a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name
}
