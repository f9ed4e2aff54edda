/**
 * Tolerations.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateTolerations and validateOnlyAddedTolerations
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported } from '../../../api/field.ts'
import { labelValueErrors } from '../../../api/names.ts'
import { quote } from '../../../api/status.ts'
import type { Toleration } from '../../../api/types/core/v1.ts'
import { validateLabelName } from '../../validation.ts'
import { semanticEqual } from './semanticequal.ts'

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const MATCH_ALL = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
const DECIMAL = /^(0|-?[1-9][0-9]*)$/

export interface TolerationOptions {
  /** `Lt` and `Gt`, which are off by default. */
  allowTolerationComparison: boolean
}

export function tolerationErrors(tolerations: readonly Toleration[] | undefined, field: string, options: TolerationOptions): FieldError[] {
  if (tolerations === undefined) return []
  const errors: FieldError[] = []
  for (let index = 0; index < tolerations.length; index++) {
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = tolerations[index]!
    const at = `${field}[${index}]`
    if (key !== '') errors.push(...validateLabelName(key, `${at}.key`))
    else if (operator !== 'Exists') errors.push(invalidValue(`${at}.operator`, operator, MATCH_ALL))
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
    }
    errors.push(...operatorErrors(operator, value, at, options))
    if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS))
  }
  return errors
}

/** Tolerations may be added; of those there only the seconds may change. */
export function addedTolerationErrors(
  tolerations: readonly Toleration[],
  old: readonly Toleration[],
  field: string,
  options: TolerationOptions,
): FieldError[] {
  const kept = old.every((one) => tolerations.some((other) => semanticEqual({ ...one, tolerationSeconds: other.tolerationSeconds }, other)))
  if (!kept) return [forbiddenField(field, 'existing toleration can not be modified except its tolerationSeconds')]
  return tolerationErrors(tolerations, field, options)
}

function operatorErrors(operator: string, value: string, at: string, { allowTolerationComparison }: TolerationOptions): FieldError[] {
  switch (operator) {
    case '':
    case 'Equal': {
      const texts = value === '' ? [] : labelValueErrors(value)
      return texts.length === 0 ? [] : [invalidValue(`${at}.operator`, value, texts.join(';'))]
    }
    case 'Exists':
      return value === '' ? [] : [invalidValue(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'")]
    case 'Lt':
    case 'Gt':
      if (!allowTolerationComparison) return [notSupported(`${at}.operator`, operator, ['Equal', 'Exists', 'Lt', 'Gt'])]
      return comparisonErrors(value, `${at}.value`)
    default:
      return [notSupported(`${at}.operator`, operator, ['Equal', 'Exists'])]
  }
}

function comparisonErrors(value: string, field: string): FieldError[] {
  const errors: FieldError[] = []
  const decimal = DECIMAL.test(value)
  if (!decimal) errors.push(invalidValue(field, value, 'must be a valid decimal integer in canonical form'))
  const integer = /^[+-]?[0-9]+$/.test(value) ? BigInt(value) : undefined
  if (integer === undefined) errors.push(invalidValue(field, value, `strconv.ParseInt: parsing ${quote(value)}: invalid syntax`))
  else if (BigInt.asIntN(64, integer) !== integer)
    errors.push(invalidValue(field, value, `strconv.ParseInt: parsing ${quote(value)}: value out of range`))
  return errors
}
