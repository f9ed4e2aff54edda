/**
 * Lists, sets, maps, and the rules that claims, classes and slices of devices share.
 *
 * @see pkg/apis/resource/validation/validation.go
 * @module
 */

import { duplicate, type FieldError, invalidValue, notSupported, required, tooLong, tooMany } from '../../api/field.ts'
import { labelValueErrors, regexText } from '../../api/names.ts'
import type {
  DeviceClassConfiguration,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  OpaqueDeviceConfiguration,
} from '../../api/types/resource/v1.ts'
import { csiDriverNameErrors } from '../core/pod/volumes.ts'
import { byteLength, each, validateDNS1123Subdomain, validateLabelName } from '../validation.ts'

const MAX_SELECTORS = 32
const MAX_EXPRESSION_BYTES = 10 * 1024
const MAX_DATA_BYTES = 10 * 1024
const MAX_POOL_NAME = 253
const MAX_IDENTIFIER = 32
const EFFECTS = ['NoExecute', 'NoSchedule', 'None']
const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*'
const cIdentifier = new RegExp(`^${C_IDENTIFIER}$`)

type Check<T> = (item: T, field: string) => FieldError[]

/** Too many items are not looked at. */
export function validateSlice<T>(items: readonly T[] | undefined, max: number, check: Check<T>, field: string): FieldError[] {
  const list = items ?? []
  if (list.length > max) return [tooMany(field, list.length, max)]
  return list.flatMap((item, index) => check(item, `${field}[${index}]`))
}

export function validateSet<T>(
  items: readonly T[] | undefined,
  max: number,
  check: Check<T>,
  keyOf: (item: T) => string,
  field: string,
): FieldError[] {
  const list = items ?? []
  if (list.length > max) return [tooMany(field, list.length, max)]
  const errors = validateSlice(list, max, check, field)
  const seen = new Set<string>()
  for (const [index, item] of list.entries()) {
    const key = keyOf(item)
    if (seen.has(key)) errors.push(duplicate(`${field}[${index}]`, key))
    seen.add(key)
  }
  return errors
}

export function validateMap<T>(
  map: Readonly<Record<string, T>> | undefined,
  max: number,
  checkKey: Check<string>,
  check: Check<T>,
  field: string,
): FieldError[] {
  const entries = Object.entries(map ?? {})
  if (entries.length > max) return [tooMany(field, entries.length, max)]
  return entries.flatMap(([key, item]) => [...checkKey(key, field), ...check(item, `${field}[${key}]`)])
}

/** Whether an expression compiles is not asked: nothing here runs it. */
export function validateSelectors(selectors: readonly DeviceSelector[] | undefined, field: string): FieldError[] {
  return validateSlice(
    selectors,
    MAX_SELECTORS,
    ({ cel }, at) => {
      if (cel === undefined) return [required(`${at}.cel`)]
      return byteLength(cel.expression ?? '') > MAX_EXPRESSION_BYTES ? [tooLong(`${at}.cel.expression`, MAX_EXPRESSION_BYTES)] : []
    },
    field,
  )
}

export function validateConfiguration({ opaque }: DeviceClassConfiguration, field: string): FieldError[] {
  return opaque === undefined ? [required(`${field}.opaque`)] : validateOpaque(opaque, `${field}.opaque`)
}

function validateOpaque({ driver = '', parameters }: OpaqueDeviceConfiguration, field: string): FieldError[] {
  return [...csiDriverNameErrors(driver, `${field}.driver`), ...validateRaw(parameters, `${field}.parameters`)]
}

export function validateRaw(data: unknown, field: string): FieldError[] {
  if (data === undefined || data === null) return [required(field)]
  if (byteLength(JSON.stringify(data)) > MAX_DATA_BYTES) return [tooLong(field, MAX_DATA_BYTES)]
  if (typeof data === 'object' && !Array.isArray(data)) return []
  return [invalidValue(field, '<value omitted>', 'must be a valid JSON object')]
}

export function validatePoolName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)]
  const errors = byteLength(name) > MAX_POOL_NAME ? [tooLong(field, MAX_POOL_NAME)] : []
  return [...errors, ...name.split('/').flatMap((part) => validateDNS1123Subdomain(part, field))]
}

export function validateQualified(name: string, field: string): FieldError[] {
  const parts = name.split('/')
  if (parts.length === 1) return validateIdentifier(name, field)
  if (parts.length > 2) return []
  const [domain = '', id = ''] = parts
  return [
    ...(domain === '' ? [invalidValue(field, '', 'the domain must not be empty')] : csiDriverNameErrors(domain, field)),
    ...(id === '' ? [invalidValue(field, '', 'the name must not be empty')] : validateIdentifier(id, field)),
  ]
}

export function validateFullyQualified(name: string, field: string): FieldError[] {
  const errors = validateQualified(name, field)
  if (name.includes('/')) return errors
  return [...errors, invalidValue(field, name, 'a fully qualified name must be a domain and a name separated by a slash')]
}

function validateIdentifier(id: string, field: string): FieldError[] {
  const errors = byteLength(id) > MAX_IDENTIFIER ? [tooLong(field, MAX_IDENTIFIER)] : []
  if (cIdentifier.test(id)) return errors
  const rule = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
  return [...errors, invalidValue(field, id, regexText(rule, C_IDENTIFIER, 'my_name', 'MY_NAME', 'MyName'))]
}

export function validateTaint({ key = '', value = '', effect = '' }: DeviceTaint, field: string): FieldError[] {
  const errors = validateLabelName(key, `${field}.key`)
  if (value !== '') errors.push(...each(`${field}.value`, value, labelValueErrors(value)))
  if (effect === '') errors.push(required(`${field}.effect`))
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(`${field}.effect`, effect, EFFECTS))
  return errors
}

export function validateToleration({ key = '', operator = '', value = '', effect = '' }: DeviceToleration, field: string): FieldError[] {
  const errors = key === '' ? [] : validateLabelName(key, `${field}.key`)
  if (operator === '') errors.push(required(`${field}.operator`))
  else if (operator === 'Equal') errors.push(...each(`${field}.value`, value, labelValueErrors(value)))
  else if (operator !== 'Exists') errors.push(notSupported(`${field}.operator`, operator, ['Equal', 'Exists']))
  else if (value !== '') errors.push(invalidValue(`${field}.value`, value, 'must be empty for operator `Exists`'))
  if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${field}.effect`, effect, EFFECTS))
  return errors
}

export function validateBindingConditions(
  conditions: readonly string[] | undefined,
  failures: readonly string[] | undefined,
  field: string,
): FieldError[] {
  const on = `${field}.bindingConditions`
  const off = `${field}.bindingFailureConditions`
  const wanted = conditions ?? []
  const failed = failures ?? []
  const errors = [...validateSlice(wanted, 4, validateLabelName, on), ...validateSlice(failed, 4, validateLabelName, off)]
  const repeated = (list: readonly string[], index: number) => list.indexOf(list[index]!) < index
  for (const [index, one] of wanted.entries()) if (repeated(wanted, index)) errors.push(duplicate(`${on}[${index}]`, one))
  for (const [index, one] of failed.entries()) {
    if (repeated(failed, index)) errors.push(duplicate(`${off}[${index}]`, one))
    if (wanted.includes(one))
      errors.push(invalidValue(`${off}[${index}]`, one, 'bindingFailureConditions must not overlap with bindingConditions'))
  }
  if (wanted.length === 0 && failed.length > 0)
    errors.push(invalidValue(on, conditions, 'bindingConditions are required to use bindingFailureConditions'))
  if (failed.length === 0 && wanted.length > 0)
    errors.push(invalidValue(off, failures, 'bindingFailureConditions are required to use bindingConditions'))
  return errors
}
