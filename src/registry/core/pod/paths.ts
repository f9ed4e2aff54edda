/**
 * Paths inside volumes: relative, and never out of them.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateLocalNonReservedPath
 * @module
 */
import { type FieldError, invalidValue } from '../../../api/field.ts'

/** No `..` between slashes. */
export function backstepErrors(path: string, field: string): FieldError[] {
  return path.includes('..') && path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : []
}

/** Relative, and no `..`. */
export function descendingPathErrors(path: string, field: string): FieldError[] {
  return path.startsWith('/')
    ? [invalidValue(field, path, 'must be a relative path'), ...backstepErrors(path, field)]
    : backstepErrors(path, field)
}

/** Relative, no `..`, and no name that begins with two dots: those are the volume's own. */
export function localPathErrors(path: string, field: string): FieldError[] {
  const errors = descendingPathErrors(path, field)
  if (path.startsWith('..') && !path.startsWith('../')) errors.push(invalidValue(field, path, "must not start with '..'"))
  return errors
}
