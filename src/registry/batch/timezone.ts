/**
 * Names of time zones.
 *
 * @see pkg/apis/batch/validation/validation.go, validateTimeZone
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'

const PART = /^[A-Za-z._\-0-9+]{1,14}$/

export function timeZoneErrors(timeZone: string | undefined, field: string): FieldError[] {
  if (timeZone === undefined) return []
  if (timeZone === '') return [invalidValue(field, timeZone, 'timeZone must be nil or non-empty string')]
  const unknown = invalidValue(field, timeZone, `unknown time zone ${timeZone}`)
  if (timeZone.split('/').some((part) => part === '.' || part === '..' || part.startsWith('-') || !PART.test(part))) return [unknown]
  const errors: FieldError[] = []
  if (timeZone.toLowerCase() === 'local') {
    errors.push(invalidValue(field, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'))
  }
  if (!isTimeZone(timeZone)) errors.push(unknown)
  return errors
}

/** Whether the IANA database has the name, spelt like this. */
export function isTimeZone(name: string): boolean {
  if (name === '' || name === 'UTC' || name === 'Local') return true
  // Offsets are no names, and names are files: their case counts, which Intl does not mind.
  if (!/^[A-Z]/.test(name)) return false
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    return timeZone === name || timeZone.toLowerCase() !== name.toLowerCase()
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
