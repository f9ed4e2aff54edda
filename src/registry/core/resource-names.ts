/**
 * Names and amounts of resources: which are known, which are counted in whole numbers.
 *
 * @see pkg/apis/core/helper/helpers.go
 * @see pkg/apis/core/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue } from '../../api/field.ts'
import { qualifiedNameErrors } from '../../api/names.ts'
import { each } from '../validation.ts'
import { isNegativeQuantity, milliValue } from './pod/resourcelist.ts'

const REQUESTS = 'requests.'
const HUGEPAGES = 'hugepages-'

const COUNTED = [
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage']

const QUOTA_ONLY = [
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
]

const integer = new Set(COUNTED)
const containerResources = new Set(COMPUTE)
const quotaResources = new Set([...COMPUTE, ...QUOTA_ONLY, ...COUNTED])
const standard = new Set([...quotaResources, 'storage'])

export function isHugePages(name: string): boolean {
  return name.startsWith(HUGEPAGES)
}

export function isQuotaHugePages(name: string): boolean {
  return name.startsWith(HUGEPAGES) || name.startsWith(`${REQUESTS}${HUGEPAGES}`)
}

/** Without a domain, or in kubernetes.io. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/')
}

export function isExtendedResource(name: string): boolean {
  return !isNativeResource(name) && !name.startsWith(REQUESTS) && qualifiedNameErrors(REQUESTS + name).length === 0
}

export function isIntegerResource(name: string): boolean {
  return integer.has(name) || isExtendedResource(name)
}

export function validateResourceName(name: string, field: string): FieldError[] {
  const errors = each(field, name, qualifiedNameErrors(name))
  if (errors.length > 0 || name.includes('/') || standard.has(name) || isQuotaHugePages(name)) return errors
  return [invalidValue(field, name, 'must be a standard resource type or fully qualified')]
}

export function validateContainerResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field)
  if (!name.includes('/')) {
    if (!containerResources.has(name) && !isHugePages(name))
      errors.push(invalidValue(field, name, 'must be a standard resource for containers'))
  } else if (!isNativeResource(name) && !isExtendedResource(name)) {
    errors.push(invalidValue(field, name, "doesn't follow extended resource name standard"))
  }
  return errors
}

export function validateQuotaResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field)
  if (!name.includes('/') && !quotaResources.has(name) && !isQuotaHugePages(name))
    errors.push(invalidValue(field, name, 'must be a standard resource for quota'))
  return errors
}

/** Not negative, and whole where the resource is counted. */
export function validateResourceQuantity(name: string, quantity: string, field: string): FieldError[] {
  const errors = validateNonnegativeQuantity(quantity, field)
  if (isIntegerResource(name) && milliValue(quantity) % 1000n !== 0n) errors.push(invalidValue(field, quantity, 'must be an integer'))
  return errors
}

export function validateNonnegativeQuantity(quantity: string, field: string): FieldError[] {
  return isNegativeQuantity(quantity) ? [invalidValue(field, quantity, 'must be greater than or equal to 0')] : []
}

/** Known to the quota system by its own name. */
export function isStandardQuotaResource(name: string): boolean {
  return quotaResources.has(name) || isQuotaHugePages(name)
}
