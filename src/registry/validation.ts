/**
 * Checks of single values and fields that many kinds share, with upstream's words.
 *
 * A `…Errors` function judges a text and answers what is wrong with it; a `validate…` function turns that into errors of a field.
 *
 * @see apimachinery/pkg/util/validation/validation.go
 * @see apimachinery/pkg/api/validate/content
 * @see apimachinery/pkg/apis/meta/v1/validation/validation.go
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../api/field.ts'
import { validateLabels } from '../api/metadata.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, labelValueErrors, qualifiedNameErrors, regexText, SUBDOMAIN } from '../api/names.ts'
import type { Condition, LabelSelector, LabelSelectorRequirement } from '../api/types/meta/v1.ts'

const UNDERSCORE_LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const UNDERSCORE_SUBDOMAIN = `${UNDERSCORE_LABEL}(\\.${UNDERSCORE_LABEL})*`
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

const CONDITION_REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const CONDITION_STATUSES = ['False', 'True', 'Unknown']

const conditionReason = new RegExp(`^${CONDITION_REASON}$`)
const caselessSubdomain = new RegExp(`^${SUBDOMAIN}$`, 'i')
const underscoreSubdomain = new RegExp(`^${UNDERSCORE_SUBDOMAIN}$`)
const wildcardSubdomain = new RegExp(`^\\*\\.${SUBDOMAIN}$`)
const httpPath = new RegExp(`^${HTTP_PATH}$`)

export function maxLengthText(length: number): string {
  return `must be no more than ${length} characters`
}

export function caselessSubdomainErrors(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push('must be no more than 253 bytes')
  if (!caselessSubdomain.test(value)) {
    errors.push(
      regexText(
        "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        SUBDOMAIN,
        'Example.com',
      ),
    )
  }
  return errors
}

export function underscoreSubdomainErrors(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLengthText(253))
  if (!underscoreSubdomain.test(value)) {
    errors.push(
      regexText(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
        UNDERSCORE_SUBDOMAIN,
        'example.com',
      ),
    )
  }
  return errors
}

export function wildcardSubdomainErrors(value: string): string[] {
  const errors: string[] = []
  if (byteLength(value) > 253) errors.push(maxLengthText(253))
  if (!wildcardSubdomain.test(value)) {
    const text =
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
    errors.push(regexText(text, `\\*\\.${SUBDOMAIN}`, '*.example.com'))
  }
  return errors
}

export function portNumberErrors(port: number | undefined): string[] {
  return rangeErrors(port ?? 0, 1, 65535)
}

export function portNameErrors(port: string): string[] {
  const errors: string[] = []
  if (byteLength(port) > 15) errors.push(maxLengthText(15))
  if (!/^[-a-z0-9]+$/.test(port)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  if (!/[a-z]/.test(port)) errors.push('must contain at least one letter (a-z)')
  if (port.includes('--')) errors.push('must not contain consecutive hyphens')
  if (port.startsWith('-') || port.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

export function rangeErrors(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [`must be between ${low} and ${high}, inclusive`]
}

export function percentErrors(value: string): string[] {
  return /^[0-9]+%$/.test(value)
    ? []
    : [regexText("a valid percent string must be a numeric string followed by an ending '%'", '[0-9]+%', '1%', '93%')]
}

/** Each text as an `Invalid value` of the field. */
export function each(field: string, value: unknown, texts: readonly string[]): FieldError[] {
  return texts.map((text) => invalidValue(field, value, text))
}

export function validateQualifiedName(value: string, field: string): FieldError[] {
  return each(field, value, qualifiedNameErrors(value))
}

export function validateDNS1123Label(value: string, field: string): FieldError[] {
  return each(field, value, dns1123LabelErrors(value))
}

export function validateDNS1123Subdomain(value: string, field: string): FieldError[] {
  return each(field, value, dns1123SubdomainErrors(value))
}

/** A label key in a field. */
export function validateLabelName(value: string, field: string): FieldError[] {
  return each(field, value, qualifiedNameErrors(value))
}

export interface LabelSelectorOptions {
  /** Values that are no label values were stored before they were checked. */
  allowInvalidLabelValue?: boolean
  /** Newer clients may know operators that we do not (access reviews). */
  allowUnknownOperator?: boolean
}

export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
  options: LabelSelectorOptions = {},
): FieldError[] {
  if (selector === undefined) return []
  return [
    ...validateLabels(selector.matchLabels, `${field}.matchLabels`),
    ...(selector.matchExpressions ?? []).flatMap((one, index) =>
      validateLabelSelectorRequirement(one, `${field}.matchExpressions[${index}]`, options),
    ),
  ]
}

export const LABEL_OPERATORS: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist']

/** Whether an operator on labels has values exactly when it needs them; nothing of operators that are none. */
export function operatorErrors(operator: string, values: readonly unknown[], field: string): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    return [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    return [forbiddenField(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
  return []
}

export function validateLabelSelectorRequirement(
  requirement: LabelSelectorRequirement,
  field: string,
  options: LabelSelectorOptions = {},
): FieldError[] {
  const { operator = '', values = [] } = requirement
  const errors = operatorErrors(operator, values, field)
  if (options.allowUnknownOperator !== true && !LABEL_OPERATORS.includes(operator))
    errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'))
  errors.push(...validateLabelName(requirement.key ?? '', `${field}.key`))
  if (options.allowInvalidLabelValue !== true)
    errors.push(...values.flatMap((value, index) => each(`${field}.values[${index}]`, value, labelValueErrors(value))))
  return errors
}

/** Whether a stored selector would fail today's check of label values, so that an update may keep it. */
export function selectorHasInvalidLabelValue(selector: LabelSelector | undefined): boolean {
  return (selector?.matchExpressions ?? []).some((one) => (one.values ?? []).some((value) => labelValueErrors(value).length > 0))
}

export function validateNonnegative(value: number | bigint, field: string): FieldError[] {
  return value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : []
}

export function validatePositive(value: number | bigint, field: string): FieldError[] {
  return value <= 0 ? [invalidValue(field, value, 'must be greater than 0')] : []
}

export function validateImmutable(value: unknown, old: unknown, field: string): FieldError[] {
  return semanticEqual(value, old) ? [] : [invalidValue(field, value, 'field is immutable')]
}

/** Equality in which an absent member, an empty list and an empty map are the same, as in Go's Semantic.DeepEqual. */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b)
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((one, index) => semanticEqual(one, b[index]))
  if (!isObject(a) || !isObject(b)) return isDeepStrictEqual(a, b)
  for (const key of Object.keys(a)) if (!semanticEqual(a[key], b[key])) return false
  for (const key of Object.keys(b)) if (!Object.hasOwn(a, key) && !isEmpty(b[key])) return false
  return true
}

/** A domain with at least three parts. */
export function validateFullyQualifiedName(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)]
  const errors = dns1123SubdomainErrors(value)
  if (errors.length > 0) return [invalidValue(field, value, errors.join(','))]
  if (value.split('.').length < 3) return [invalidValue(field, value, 'should be a domain with at least three segments separated by dots')]
  return []
}

/** `acme.io/foo`, where the path may hold anything a URL path may. */
export function validateDomainPrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)]
  const slash = value.indexOf('/')
  const host = value.slice(0, slash)
  const path = value.slice(slash + 1)
  if (slash <= 0 || path === '') return [invalidValue(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  const errors = each(field, host, dns1123SubdomainErrors(host))
  if (!httpPath.test(path)) errors.push(invalidValue(field, path, regexText('Invalid path', HTTP_PATH)))
  return errors
}

/** Length as Go's `len` counts it. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text)
}

/** `metav1.Condition`s of a status. */
export function validateConditions(conditions: readonly Condition[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>()
  return (conditions ?? []).flatMap((condition, index) => {
    const { type = '', status = '', reason = '', message = '', observedGeneration = 0 } = condition
    const at = `${field}[${index}]`
    const errors: FieldError[] = []
    if (seen.has(type)) errors.push(duplicate(`${at}.type`, type))
    seen.add(type)
    errors.push(...validateLabelName(type, `${at}.type`))
    if (!CONDITION_STATUSES.includes(status)) errors.push(notSupported(`${at}.status`, status, CONDITION_STATUSES))
    if (observedGeneration < 0)
      errors.push(invalidValue(`${at}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'))
    if (!condition.lastTransitionTime) errors.push(required(`${at}.lastTransitionTime`))
    if (reason === '') errors.push(required(`${at}.reason`))
    else {
      if (!conditionReason.test(reason)) {
        const text =
          "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"
        errors.push(
          invalidValue(
            `${at}.reason`,
            reason,
            regexText(text, CONDITION_REASON, 'my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'),
          ),
        )
      }
      if (byteLength(reason) > 1024) errors.push(tooLong(`${at}.reason`, 1024))
    }
    if (byteLength(message) > 32_768) errors.push(tooLong(`${at}.message`, 32_768))
    return errors
  })
}

/** A number that is not negative, or a percentage up to 100. */
export function validateIntOrPercent(value: number | string, field: string): FieldError[] {
  if (typeof value === 'number') return validateNonnegative(value, field)
  const errors = each(field, value, percentErrors(value))
  if (errors.length === 0 && Number(value.slice(0, -1)) > 100) errors.push(invalidValue(field, value, 'must not be greater than 100%'))
  return errors
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  return isObject(value) && Object.keys(value).length === 0
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
