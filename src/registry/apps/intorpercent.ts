/**
 * Numbers of pods given as a count or as a percentage.
 *
 * @see pkg/apis/apps/validation/validation.go, ValidatePositiveIntOrPercent
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'
import { each, percentErrors, validateNonnegative } from '../validation.ts'

export type IntOrPercent = number | string | undefined

export function intOrPercentErrors(value: IntOrPercent, field: string): FieldError[] {
  if (typeof value === 'string') return each(field, value, percentErrors(value))
  return validateNonnegative(value ?? 0, field)
}

export function over100PercentErrors(value: IntOrPercent, field: string): FieldError[] {
  if (typeof value !== 'string' || percentErrors(value).length > 0 || amountOf(value) <= 100) return []
  return [invalidValue(field, value, 'must not be greater than 100%')]
}

/** The count or the percentage as a number; a text that is neither counts as 0. */
export function amountOf(value: IntOrPercent): number {
  if (typeof value !== 'string') return value ?? 0
  const digits = /^([+-]?[0-9]+)%?$/.exec(value)?.[1]
  return digits === undefined ? 0 : Number(digits)
}
