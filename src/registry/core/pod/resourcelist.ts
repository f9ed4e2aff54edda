/**
 * Resource lists: quantities as texts, brought to canonical form, compared and added.
 *
 * @see pkg/apis/core/v1/defaults.go, SetDefaults_ResourceList
 * @module
 */
import {
  addQuantities as add,
  compareQuantities as compare,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
  scaledValue,
} from '../../../api/quantity.ts'
import type { ResourceRequirements } from '../../../api/types/core/v1.ts'

export type ResourceList = Record<string, string>

interface Known {
  quantity: Quantity
  /** Rounded up to thousandths and printed as Kubernetes prints it. */
  canonical: string
}

const MILLI = -3
/** The same few quantities come again and again. */
const known = new Map<string, Known>()
const KNOWN_LIMIT = 4096
const ZERO: Quantity = { unscaled: 0n, scale: 0, format: 'DecimalSI' }

/** Rounds every quantity up to thousandths and writes it canonically; texts that are no quantities stay. */
export function canonicalResources(list: ResourceList | undefined): void {
  if (list === undefined) return
  for (const name in list) {
    const text = list[name]!
    const canonical = lookUp(text)?.canonical
    if (canonical !== undefined && canonical !== text) list[name] = canonical
  }
}

export function canonicalRequirements(resources: Pick<ResourceRequirements, 'limits' | 'requests'> | undefined): void {
  if (resources === undefined) return
  canonicalResources(resources.limits)
  canonicalResources(resources.requests)
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`. */
export function compareQuantities(a: string, b: string): number {
  return a === b ? 0 : compare(amountOf(a), amountOf(b))
}

export function isPositiveQuantity(text: string): boolean {
  return amountOf(text).unscaled > 0n
}

export function isNegativeQuantity(text: string): boolean {
  return amountOf(text).unscaled < 0n
}

export function isZeroQuantity(text: string): boolean {
  return amountOf(text).unscaled === 0n
}

/** The sum in the format of `a`, or of `b` when `a` is zero. */
export function addQuantities(a: string, b: string): string {
  return formatQuantity(add(amountOf(a), amountOf(b)))
}

/** Rounded up to a whole number. */
export function wholeValue(text: string): bigint {
  return scaledValue(amountOf(text))
}

/** Rounded up to thousandths, in thousandths. */
export function milliValue(text: string): bigint {
  return scaledValue(amountOf(text), MILLI)
}

/** Decoding has refused what is no quantity; what is left counts as nothing. */
function amountOf(text: string): Quantity {
  return lookUp(text)?.quantity ?? ZERO
}

function lookUp(text: string): Known | undefined {
  const found = known.get(text)
  if (found !== undefined) return found
  try {
    const quantity = parseQuantity(text)
    const rounded = quantity.scale < MILLI ? { ...quantity, unscaled: scaledValue(quantity, MILLI), scale: MILLI } : quantity
    const made = { quantity, canonical: formatQuantity(rounded) }
    if (known.size >= KNOWN_LIMIT) known.clear()
    known.set(text, made)
    return made
  } catch (error) {
    if (error instanceof QuantityError) return undefined
    throw error
  }
}
