/**
 * Requests, limits and claims of containers and pods.
 *
 * @see pkg/apis/core/validation/validation.go, validateResourceRequirements and validatePodResources
 * @module
 */
import { duplicate, type FieldError, forbiddenField, invalidValue, notFoundField, notSupported, required } from '../../../api/field.ts'
import type { PodSpec, ResourceClaim, ResourceRequirements } from '../../../api/types/core/v1.ts'
import { validateDNS1123Label } from '../../validation.ts'
import { isNativeResource, validateContainerResourceName, validateResourceName, validateResourceQuantity } from '../resource-names.ts'
import { aggregate, isHugePages, isPodLevelResource } from './podlevelresources.ts'
import { compareQuantities, isPositiveQuantity, milliValue, wholeValue } from './resourcelist.ts'

const HUGE_PAGES_PREFIX = 'hugepages-'

export interface RequirementsContext {
  /** Names of `spec.resourceClaims`. */
  claimNames: ReadonlySet<string>
  allowIndivisibleHugePages: boolean
}

type NameCheck = (name: string, field: string) => FieldError[]

export function containerResourcesErrors(resources: ResourceRequirements, field: string, context: RequirementsContext): FieldError[] {
  return requirementsErrors(resources, field, { ...context, nameErrors: quickContainerResourceName })
}

/** `spec.resources`: what the pod as a whole may use. */
export function podResourcesErrors(spec: PodSpec, path: string, context: RequirementsContext): FieldError[] {
  const { resources } = spec
  if (resources === undefined) return []
  const field = `${path}.resources`
  if (spec.os?.name === 'windows') return [forbiddenField(field, 'may not be set for a windows pod')]
  const errors: FieldError[] = []
  if (resources.claims !== undefined) errors.push(forbiddenField(`${field}.claims`, 'claims may not be set for Resources at pod-level'))
  errors.push(
    ...requirementsErrors(resources, field, { ...context, nameErrors: podResourceNameErrors }),
    ...consistencyErrors(spec, resources, field),
  )
  return errors
}

/** Whether a quantity of huge pages is a whole number of pages. */
export function hugePagesDivide(name: string, quantity: string): boolean {
  const page = name.slice(HUGE_PAGES_PREFIX.length)
  if (!isPositiveQuantity(page) || milliValue(page) % 1000n !== 0n) return false
  return wholeValue(quantity) % wholeValue(page) === 0n
}

function requirementsErrors(
  resources: ResourceRequirements,
  field: string,
  context: RequirementsContext & { nameErrors: NameCheck },
): FieldError[] {
  const { limits, requests, claims } = resources
  if (limits === undefined && requests === undefined && claims === undefined) return []
  const errors: FieldError[] = []
  let hasCompute = false
  let hasHugePages = false
  for (const name in limits) {
    errors.push(...quantityErrors(name, limits[name]!, `${field}.limits[${name}]`, context))
    if (isHugePages(name)) hasHugePages = true
    if (name === 'cpu' || name === 'memory') hasCompute = true
  }
  for (const name in requests) {
    const request = requests[name]!
    const at = `${field}.requests[${name}]`
    errors.push(...context.nameErrors(name, at), ...validateResourceQuantity(name, request, at))
    const limit = limits?.[name]
    const overcommit = isNativeResource(name) && !isHugePages(name)
    if (limit !== undefined) {
      const difference = compareQuantities(request, limit)
      if (difference !== 0 && !overcommit)
        errors.push(invalidValue(`${field}.requests`, request, `must be equal to ${name} limit of ${limit}`))
      else if (difference > 0)
        errors.push(invalidValue(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`))
    } else if (!overcommit) {
      errors.push(required(`${field}.limits`, 'Limit must be set for non overcommitable resources'))
    }
    if (isHugePages(name)) {
      hasHugePages = true
      errors.push(...hugePagesErrors(name, request, at, context))
    }
    if (name === 'cpu' || name === 'memory') hasCompute = true
  }
  if (hasHugePages && !hasCompute) errors.push(forbiddenField(field, 'HugePages require cpu or memory'))
  if (claims !== undefined) errors.push(...claimErrors(claims, `${field}.claims`, context.claimNames))
  return errors
}

function quantityErrors(
  name: string,
  quantity: string,
  field: string,
  context: RequirementsContext & { nameErrors: NameCheck },
): FieldError[] {
  const errors = context.nameErrors(name, field)
  errors.push(...validateResourceQuantity(name, quantity, field))
  if (isHugePages(name)) errors.push(...hugePagesErrors(name, quantity, field, context))
  return errors
}

function hugePagesErrors(name: string, quantity: string, field: string, { allowIndivisibleHugePages }: RequirementsContext): FieldError[] {
  if (allowIndivisibleHugePages || hugePagesDivide(name, quantity)) return []
  return [invalidValue(field, quantity, `${quantity} is not positive integer multiple of ${name}`)]
}

function quickContainerResourceName(name: string, field: string): FieldError[] {
  return name === 'cpu' || name === 'memory' ? [] : validateContainerResourceName(name, field)
}

function podResourceNameErrors(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field)
  if (errors.length === 0 && !isPodLevelResource(name)) errors.push(notSupported(field, name, ['cpu', 'hugepages-', 'memory']))
  return errors
}

function claimErrors(claims: readonly ResourceClaim[], field: string, claimNames: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { name = '', request = '' }] of claims.entries()) {
    const at = `${field}[${index}]`
    if (name === '') {
      errors.push(required(at))
      continue
    }
    if (seen.has(name)) {
      errors.push(duplicate(at, name))
    } else {
      const key = request === '' ? name : `${name}/${request}`
      if (request !== '') errors.push(...validateDNS1123Label(request, `${at}.request`))
      if (seen.has(key)) errors.push(duplicate(at, key))
      else if (request === '') for (const other of seen) if (other.startsWith(`${name}/`)) errors.push(duplicate(at, name))
      seen.add(key)
    }
    if (!claimNames.has(name)) {
      const names = claimNames.size === 0 ? ' which is empty' : `: ${[...claimNames].sort().join(', ')}`
      const error = notFoundField(at, name)
      errors.push({ ...error, text: `${error.text}: must be one of the names in pod.spec.resourceClaims${names}` })
    }
  }
  return errors
}

/** The pod must ask for at least what its containers ask for together, and no container may use more than the pod. */
function consistencyErrors(spec: PodSpec, { requests = {}, limits = {} }: ResourceRequirements, field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [name, sum] of Object.entries(aggregate(spec, 'requests'))) {
    const request = requests[name]
    if (request !== undefined && compareQuantities(sum, request) > 0) {
      errors.push(
        invalidValue(`${field}.requests[${name}]`, request, `must be greater than or equal to aggregate container requests of ${sum}`),
      )
    }
  }
  for (const [name, sum] of Object.entries(aggregate(spec, 'limits'))) {
    const limit = limits[name]
    if (isHugePages(name) && limit !== undefined && compareQuantities(sum, limit) > 0) {
      errors.push(invalidValue(`${field}.limits[${name}]`, limit, `must be greater than or equal to aggregate container limits of ${sum}`))
    }
  }
  for (const [index, container] of (spec.containers ?? []).entries()) {
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const most = limits[name]
      if (most !== undefined && compareQuantities(limit, most) > 0) {
        errors.push(
          invalidValue(`${field}.containers[${index}][${name}].limits`, limit, `must be less than or equal to pod limits of ${most}`),
        )
      }
    }
  }
  return errors
}
