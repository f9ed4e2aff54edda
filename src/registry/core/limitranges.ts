/**
 * LimitRange.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateLimitRange
 * @see pkg/apis/core/v1/defaults.go, SetDefaults_LimitRangeItem
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '../../api/field.ts'
import { qualifiedNameErrors, subdomainName } from '../../api/names.ts'
import type { LimitRange, LimitRangeItem } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { defaultTable } from '../table-cells.ts'
import { each } from '../validation.ts'
import { compareQuantities, milliValue } from './pod/resourcelist.ts'
import { isHugePages, isNativeResource, validateContainerResourceName, validateResourceName } from './resource-names.ts'

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim']

export const limitRanges = define<LimitRange>({
  group: '',
  version: 'v1',
  resource: 'limitranges',
  singular: 'limitrange',
  kind: 'LimitRange',
  namespaced: true,
  shortNames: ['limits'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.LimitRange',
  storage: { prefix: '/registry/limitranges/' },
  strategy: {
    validateName: subdomainName,
    defaults({ spec }) {
      for (const item of spec?.limits ?? []) if (item.type === 'Container') defaultContainerLimits(item)
    },
    prepareForCreate(range, { world }) {
      // A limit range without a name gets a UUID for one.
      if (!range.metadata?.name) range.metadata = { ...range.metadata, name: world.newUid() }
    },
    validate: validateLimitRange,
    validateUpdate: validateLimitRange,
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: defaultTable,
})

/** The maximum is the default limit, the default limit the default request, and else the minimum. */
function defaultContainerLimits(item: LimitRangeItem): void {
  const limits = { ...item.max, ...item.default }
  const requests = { ...item.min, ...limits, ...item.defaultRequest }
  if (Object.keys(limits).length > 0) item.default = limits
  if (Object.keys(requests).length > 0) item.defaultRequest = requests
}

function validateLimitRange({ spec = {} }: LimitRange): FieldError[] {
  const seen = new Set<string>()
  return (spec.limits ?? []).flatMap((item, index) => {
    const field = `spec.limits[${index}]`
    const { type = '' } = item
    const errors = each(`${field}.type`, type, qualifiedNameErrors(type))
    if (errors.length === 0 && !type.includes('/') && !TYPES.includes(type)) {
      errors.push(invalidValue(`${field}.type`, type, 'must be a standard limit type or fully qualified'))
    }
    if (seen.has(type)) errors.push(duplicate(`${field}.type`, type))
    seen.add(type)
    return [...errors, ...validateItem(item, field)]
  })
}

function validateItem(item: LimitRangeItem, field: string): FieldError[] {
  const { type = '', max = {}, min = {}, maxLimitRequestRatio: ratios = {} } = item
  const isPod = type === 'Pod'
  const defaults = isPod ? {} : (item.default ?? {})
  const requests = isPod ? {} : (item.defaultRequest ?? {})
  const names = (list: Readonly<Record<string, string>>, member: string) =>
    Object.keys(list).flatMap((name) => {
      const at = `${field}.${member}[${name}]`
      return isPod || type === 'Container' ? validateContainerResourceName(name, at) : validateResourceName(name, at)
    })
  const errors = [...names(max, 'max'), ...names(min, 'min')]
  if (isPod) {
    for (const member of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[member] ?? {}).length > 0)
        errors.push(forbiddenField(`${field}.${member}`, "may not be specified when `type` is 'Pod'"))
    }
  } else errors.push(...names(defaults, 'default'), ...names(requests, 'defaultRequest'))
  if (type === 'PersistentVolumeClaim' && min['storage'] === undefined && max['storage'] === undefined) {
    errors.push(required(`${field}.limits`, 'either minimum or maximum storage value is required, but neither was provided'))
  }
  errors.push(...names(ratios, 'maxLimitRequestRatio'))
  const all = new Set([max, min, defaults, requests, ratios].flatMap((list) => Object.keys(list)))
  for (const name of all) {
    errors.push(
      ...compareLimits(name, field, {
        min: min[name],
        max: max[name],
        fallback: defaults[name],
        request: requests[name],
        ratio: ratios[name],
      }),
    )
  }
  return errors
}

interface Limits {
  min: string | undefined
  max: string | undefined
  fallback: string | undefined
  request: string | undefined
  ratio: string | undefined
}

function compareLimits(name: string, field: string, { min, max, fallback, request, ratio }: Limits): FieldError[] {
  const errors: FieldError[] = []
  const greater = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined && compareQuantities(a, b) > 0
  if (greater(min, max)) errors.push(invalidValue(`${field}.min[${name}]`, min, `min value ${min} is greater than max value ${max}`))
  const requestField = `${field}.defaultRequest[${name}]`
  if (greater(min, request))
    errors.push(invalidValue(requestField, request, `min value ${min} is greater than default request value ${request}`))
  if (greater(request, max))
    errors.push(invalidValue(requestField, request, `default request value ${request} is greater than max value ${max}`))
  if (greater(request, fallback))
    errors.push(invalidValue(requestField, request, `default request value ${request} is greater than default limit value ${fallback}`))
  const fallbackField = `${field}.default[${name}]`
  if (greater(min, fallback)) errors.push(invalidValue(fallbackField, min, `min value ${min} is greater than default value ${fallback}`))
  if (greater(fallback, max)) errors.push(invalidValue(fallbackField, max, `default value ${fallback} is greater than max value ${max}`))
  if (ratio !== undefined) {
    const ratioField = `${field}.maxLimitRequestRatio[${name}]`
    if (compareQuantities(ratio, '1') < 0) errors.push(invalidValue(ratioField, ratio, `ratio ${ratio} is less than 1`))
    if (min !== undefined && max !== undefined) {
      const limit = Number(milliValue(max)) / Number(milliValue(min))
      if (Number(milliValue(ratio)) / 1000 > limit)
        errors.push(invalidValue(ratioField, ratio, `ratio ${ratio} is greater than max/min = ${limit.toFixed(6)}`))
    }
  }
  const overcommits = isNativeResource(name) && !isHugePages(name)
  if (!overcommits && fallback !== undefined && request !== undefined && compareQuantities(fallback, request) !== 0) {
    errors.push(invalidValue(requestField, request, `default value ${fallback} must equal to defaultRequest value ${request} in ${name}`))
  }
  return errors
}
