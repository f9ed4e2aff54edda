/**
 * Keys of config maps and secrets as files of a volume.
 *
 * @see pkg/apis/core/validation/validation.go, validateKeyToPath
 * @module
 */
import { type FieldError, invalidValue, required } from '../../../api/field.ts'
import type { KeyToPath } from '../../../api/types/core/v1.ts'
import { localPathErrors } from './paths.ts'

export function keyToPathErrors({ key = '', path = '', mode }: KeyToPath, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (key === '') errors.push(required(`${field}.key`))
  if (path === '') errors.push(required(`${field}.path`))
  errors.push(...localPathErrors(path, `${field}.path`), ...fileModeErrors(mode, `${field}.mode`))
  return errors
}

/** A mode of files, three octal digits. */
export function fileModeErrors(mode: number | undefined, field: string): FieldError[] {
  const wrong = mode !== undefined && (mode > 0o777 || mode < 0)
  return wrong ? [invalidValue(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')] : []
}
