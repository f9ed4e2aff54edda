/**
 * Resource lists of pods: quantities in their canonical form, compared and added.
 *
 * @see pkg/apis/core/v1/defaults.go, SetDefaults_ResourceList; apimachinery/pkg/api/resource/quantity.go
 * @module
 */
import type { ResourceRequirements } from '../../../api/types/core/v1.ts'

export type ResourceList = Record<string, string>

interface Quantity {
  /** In billionths. */
  nano: bigint
  format: Format
  /** Rounded up to thousandths and printed as Kubernetes prints it. */
  canonical: string
}

type Format = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

const NANO = 1_000_000_000n
const PER_MILLI = 1_000_000n
const MAX = (2n ** 63n - 1n) * NANO
const DECIMAL: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const SUFFIX_OF_EXPONENT = new Map(Object.entries(DECIMAL).map(([suffix, exponent]) => [exponent, suffix]))
const PATTERN = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,3}))?$/

/** The same few quantities come again and again. */
const known = new Map<string, Quantity>()
const KNOWN_LIMIT = 4096

/** Rounds every quantity up to thousandths and writes it canonically; texts that are no quantities stay. */
export function canonicalResources(list: ResourceList | undefined): void {
  if (list === undefined) return
  for (const name in list) {
    const text = list[name]!
    const canonical = quantity(text)?.canonical
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
  if (a === b) return 0
  const difference = nanoOf(a) - nanoOf(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

export function isPositiveQuantity(text: string): boolean {
  return nanoOf(text) > 0n
}

export function isNegativeQuantity(text: string): boolean {
  return nanoOf(text) < 0n
}

export function isZeroQuantity(text: string): boolean {
  return nanoOf(text) === 0n
}

/** The sum in the format of `a`, or of `b` when `a` is zero. */
export function addQuantities(a: string, b: string): string {
  const left = quantity(a)
  const right = quantity(b)
  if (left === undefined || right === undefined) return a
  return print(left.nano + right.nano, left.nano === 0n ? right.format : left.format)
}

/** Rounded up to a whole number. */
export function wholeValue(text: string): bigint {
  return roundUp(nanoOf(text), NANO) / NANO
}

/** Rounded up to thousandths, in thousandths. */
export function milliValue(text: string): bigint {
  return roundUp(nanoOf(text), PER_MILLI) / PER_MILLI
}

function nanoOf(text: string): bigint {
  return quantity(text)?.nano ?? 0n
}

function quantity(text: string): Quantity | undefined {
  let found = known.get(text)
  if (found === undefined) {
    found = parse(text)
    if (found === undefined) return undefined
    if (known.size >= KNOWN_LIMIT) known.clear()
    known.set(text, found)
  }
  return found
}

function parse(text: string): Quantity | undefined {
  const match = PATTERN.exec(text.trim())
  if (match === null || text.length > 256) return undefined
  const [, sign, whole = '', fraction = '', suffix = '', exponent] = match
  if (whole === '' && fraction === '') return undefined
  const format: Format = exponent !== undefined ? 'DecimalExponent' : suffix.endsWith('i') ? 'BinarySI' : 'DecimalSI'
  const binary = format === 'BinarySI' ? 1024n ** BigInt(BINARY.indexOf(suffix)) : 1n
  const tens = 9 - fraction.length + (exponent === undefined ? (DECIMAL[suffix] ?? 0) : Number(exponent))
  const digits = BigInt(whole + fraction) * binary
  const absolute = tens >= 0 ? digits * 10n ** BigInt(tens) : roundUp(digits, 10n ** BigInt(-tens)) / 10n ** BigInt(-tens)
  const capped = absolute > MAX ? MAX : absolute
  const nano = sign === '-' ? -capped : capped
  return { nano, format, canonical: print(roundUp(nano, PER_MILLI), format) }
}

/** Away from zero. */
function roundUp(value: bigint, unit: bigint): bigint {
  const rest = value % unit
  if (rest === 0n) return value
  return value - rest + (value < 0n ? -unit : unit)
}

function print(nano: bigint, format: Format): string {
  if (nano === 0n) return '0'
  if (format === 'BinarySI' && (nano <= -1024n * NANO || nano >= 1024n * NANO)) {
    let value = roundUp(nano, NANO) / NANO
    let power = 0
    while (power < BINARY.length - 1 && value % 1024n === 0n) {
      value /= 1024n
      power++
    }
    return `${value}${BINARY[power]}`
  }
  let value = nano
  let exponent = -9
  while (exponent < 18 && value % 1000n === 0n) {
    value /= 1000n
    exponent += 3
  }
  if (format === 'DecimalExponent') return exponent === 0 ? String(value) : `${value}e${exponent}`
  return `${value}${SUFFIX_OF_EXPONENT.get(exponent)}`
}
