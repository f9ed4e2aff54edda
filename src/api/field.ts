/**
 * Where in an object something is wrong, and what.
 *
 * @see apimachinery/pkg/util/validation/field/errors.go
 * @module
 */
import { quote } from './quote.ts'
import type { StatusCause } from './status.ts'

export type FieldErrorType =
  | 'Required'
  | 'Invalid'
  | 'TypeInvalid'
  | 'NotSupported'
  | 'Forbidden'
  | 'Duplicate'
  | 'NotFound'
  | 'TooLong'
  | 'TooMany'
  | 'InternalError'

export interface FieldError {
  type: FieldErrorType
  /** `spec.containers[0].name`; `''` prints as `<nil>`, as Go's nil path does. */
  field: string
  /** The text after the field: `Invalid value: "x": must be …`. */
  text: string
}

const REASONS: Record<FieldErrorType, string> = {
  Required: 'FieldValueRequired',
  Invalid: 'FieldValueInvalid',
  TypeInvalid: 'FieldValueTypeInvalid',
  NotSupported: 'FieldValueNotSupported',
  Forbidden: 'FieldValueForbidden',
  Duplicate: 'FieldValueDuplicate',
  NotFound: 'FieldValueNotFound',
  TooLong: 'FieldValueTooLong',
  TooMany: 'FieldValueTooMany',
  InternalError: 'InternalError',
}

export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${error.text}`
}

export function fieldErrorCause(error: FieldError): StatusCause {
  return { reason: REASONS[error.type], message: error.text, field: error.field }
}

export function required(field: string, detail = ''): FieldError {
  return { type: 'Required', field, text: withDetail('Required value', detail) }
}

/** `value` is printed as Go prints it: strings quoted, numbers and booleans plain, objects as JSON. */
export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  return { type: 'Invalid', field, text: withDetail(`Invalid value: ${printValue(value)}`, detail) }
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { type: 'TypeInvalid', field, text: withDetail(`Invalid value: ${printValue(value)}`, detail) }
}

/** `supported` is printed in the order given; upstream sorts, so callers pass it sorted. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const list = supported.map(quote).join(', ')
  return {
    type: 'NotSupported',
    field,
    text: `Unsupported value: ${printValue(value)}${supported.length ? `: supported values: ${list}` : ''}`,
  }
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { type: 'Forbidden', field, text: withDetail('Forbidden', detail) }
}

export function duplicate(field: string, value: unknown): FieldError {
  return { type: 'Duplicate', field, text: `Duplicate value: ${printValue(value)}` }
}

export function notFoundField(field: string, value: unknown): FieldError {
  return { type: 'NotFound', field, text: `Not found: ${printValue(value)}` }
}

/** `max` in bytes. */
export function tooLong(field: string, max: number): FieldError {
  return { type: 'TooLong', field, text: `Too long: may not be more than ${max} bytes` }
}

export function tooMany(field: string, actual: number, max: number): FieldError {
  return { type: 'TooMany', field, text: `Too many: ${actual}: must have at most ${max} items` }
}

export function internalFieldError(field: string, detail: string): FieldError {
  return { type: 'InternalError', field, text: withDetail('Internal error', detail) }
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`
}

function printValue(value: unknown): string {
  if (value === undefined || value === null) return 'null'
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return quote(value)
  return JSON.stringify(value)
}
