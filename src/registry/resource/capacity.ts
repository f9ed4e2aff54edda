/**
 * How much of a device's capacity one request may take.
 *
 * @see pkg/apis/resource/validation/validation.go
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, required } from '../../api/field.ts'
import type { CapacityRequestPolicy, CapacityRequestPolicyRange } from '../../api/types/resource/v1.ts'
import { addQuantities, compareQuantities, wholeValue } from '../core/pod/resourcelist.ts'
import { validateSet } from './limits.ts'

const MAX_OPTIONS = 10

export function validateRequestPolicy(capacity: string, policy: CapacityRequestPolicy, field: string): FieldError[] {
  const { default: usual, validValues = [], validRange } = policy
  if (validValues.length > 0 && validRange !== undefined)
    return [forbiddenField(field, 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time')]
  if (validValues.length > 0) {
    if (usual === undefined) return [required(`${field}.default`, 'required when validValues is defined')]
    return validateOptions(usual, capacity, validValues, `${field}.validValues`)
  }
  if (validRange === undefined) return []
  if (usual === undefined) return [required(`${field}.default`, 'required when validRange is defined')]
  return validateRange(usual, capacity, validRange, `${field}.validRange`)
}

function validateOptions(usual: string, capacity: string, options: readonly string[], field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, option] of options.entries()) {
    if (index > 0 && compareQuantities(options[index - 1]!, option) > 0)
      errors.push(invalidValue(`${field}[${index}]`, option, 'values must be sorted in ascending order'))
  }
  const check = (option: string, at: string) =>
    compareQuantities(option, capacity) > 0 ? [invalidValue(at, option, `option is larger than capacity value: ${capacity}`)] : []
  errors.push(...validateSet(options, MAX_OPTIONS, check, (option) => String(wholeValue(option)), field))
  if (!options.some((option) => compareQuantities(option, usual) === 0))
    errors.push(invalidValue(field, usual, 'default value is not valid according to the requestPolicy'))
  return errors
}

function validateRange(usual: string, capacity: string, range: CapacityRequestPolicyRange, field: string): FieldError[] {
  const { min, max, step } = range
  if (min === undefined) return [required(`${field}.min`, 'required when validRange is defined')]
  const errors: FieldError[] = []
  const refuse = (member: string, value: string, detail: string) => errors.push(invalidValue(`${field}.${member}`, value, detail))
  if (compareQuantities(min, capacity) > 0) refuse('min', min, `min is larger than capacity value: ${capacity}`)
  if (compareQuantities(usual, min) < 0) refuse('min', usual, `default is less than min: ${min}`)
  if (max !== undefined) {
    if (compareQuantities(min, max) > 0) refuse('max', min, `min is larger than max: ${max}`)
    if (compareQuantities(max, capacity) > 0) refuse('max', max, `max is larger than capacity value: ${capacity}`)
    if (compareQuantities(usual, max) > 0) refuse('max', usual, `default is more than max: ${max}`)
  }
  if (step === undefined) return errors
  const first = addQuantities(min, step)
  if (compareQuantities(first, capacity) > 0) refuse('step', step, `one step ${first} is larger than capacity value: ${capacity}`)
  for (const value of max === undefined ? [usual] : [usual, max]) {
    const stride = wholeValue(step)
    // A step of nothing divides nothing; upstream would panic.
    if (stride === 0n || (wholeValue(value) - wholeValue(min)) % stride !== 0n)
      refuse('step', value, `value is not a multiple of a given step (${step}) from (${min})`)
  }
  return errors
}
