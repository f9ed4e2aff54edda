/**
 * What volumes and claims have in common.
 *
 * @see pkg/apis/core/helper/helpers.go
 * @module
 */
import { type FieldError, forbiddenField, notSupported } from '../../api/field.ts'
import { quote } from '../../api/status.ts'
import { milliValue } from './pod/resourcelist.ts'

export const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class'

export const VOLUME_MODES = ['Block', 'Filesystem']

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']

const SHORT = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const

export function validateAccessModes(modes: readonly string[], field: string): FieldError[] {
  const errors = modes.flatMap((mode) => (ACCESS_MODES.includes(mode) ? [] : [notSupported(field, mode, ACCESS_MODES)]))
  if (modes.includes('ReadWriteOncePod') && modes.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode))) {
    errors.push(forbiddenField(field, 'may not use ReadWriteOncePod with other access modes'))
  }
  return errors
}

/** `RWO,RWX`, always in one order. */
export function accessModesCell(modes: readonly string[] | undefined): string {
  return SHORT.filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',')
}

export function fractionWarnings(quantity: string | undefined, field: string): string[] {
  if (quantity === undefined || milliValue(quantity) % 1000n === 0n) return []
  return [`${field}: fractional byte value ${quote(quantity)} is invalid, must be an integer`]
}
