/**
 * `resource.Quantity`: exact decimal numbers with SI suffixes, and the canonical form that the server answers with.
 *
 * @see apimachinery/pkg/api/resource/{quantity,amount,suffix}.go
 * @module
 */

/** An exact value: `unscaled` × 10^`scale`. */
export interface Quantity {
  unscaled: bigint
  scale: number
  format: 'DecimalSI' | 'BinarySI' | 'DecimalExponent'
}

/** The text is no quantity; the message is upstream's. */
export class QuantityError extends Error {
  override name = 'QuantityError'
}

const FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const BINARY_SUFFIX = new Map(Object.entries(BINARY).map(([suffix, exponent]) => [exponent, suffix]))
const DECIMAL_SUFFIX = new Map(Object.entries(DECIMAL).map(([suffix, exponent]) => [exponent, suffix]))
const MAX = (1n << 63n) - 1n

interface Parsed extends Quantity {
  /** The text is its own canonical form. */
  asWritten: boolean
}

/** @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  const { unscaled, scale, format } = parse(text)
  return { unscaled, scale, format }
}

/** Longer texts are no amounts of anything, and take long to read. */
const MAX_LENGTH = 1000

// Upstream also takes texts whose number is missing before a suffix, for zero.
const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/

function parse(text: string): Parsed {
  if (text.length > MAX_LENGTH) throw new QuantityError('unable to parse numeric part of quantity')
  const shape = text === '' ? null : SHAPE.exec(text)
  if (shape === null) throw new QuantityError(FORMAT_WRONG)
  const [, sign, digits, fraction = '', suffix] = shape as unknown as [string, string, string, string | undefined, string]
  const whole = digits.replace(/^0+/, '') || '0'
  const { base, exponent, format } = interpret(suffix)
  const written = BigInt(whole + fraction)
  const signed = sign === '-' ? -written : written
  const quick =
    base === 10
      ? 18 - (whole.length + fraction.length) >= 0 && exponent - fraction.length >= -9
      : fraction === '' && 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1 >= 0
  if (quick) {
    const scale = base === 10 ? exponent - fraction.length : 0
    const shifted = whole + fraction
    const asWritten = base === 2 ? (written & 7n) !== 0n : scale % 3 === 0 && !shifted.endsWith('000') && !shifted.startsWith('0')
    const value = base === 2 ? signed << BigInt(exponent) : signed
    if (value <= MAX && value >= -MAX) return { unscaled: value, scale, format, asWritten: asWritten || text === '0' }
  }
  if (digits === '' && fraction === '') throw new QuantityError('unable to parse numeric part of quantity')
  let unscaled = base === 2 ? written << BigInt(exponent) : written
  let scale = -fraction.length + (base === 10 ? exponent : 0)
  if (scale < -9) {
    // What is asked for in too small pieces is rounded up: some resources, never none.
    const lost = 10n ** BigInt(-9 - scale)
    unscaled = (unscaled + lost - 1n) / lost
    scale = -9
  }
  let kept = format
  if (format === 'BinarySI') {
    if (compareValues(unscaled, scale, MAX, 0) > 0) {
      unscaled = MAX
      scale = 0
    }
    if (unscaled !== 0n && compareValues(unscaled, scale, 1n, 0) < 0) kept = 'DecimalSI'
  }
  return { unscaled: sign === '-' ? -unscaled : unscaled, scale, format: kept, asWritten: false }
}

/** Largest exponent that is computed with; a body must not order gigabytes of zeros. */
const MAX_EXPONENT = 10_000

function interpret(suffix: string): { base: 2 | 10; exponent: number; format: Quantity['format'] } {
  const decimal = Object.hasOwn(DECIMAL, suffix) ? DECIMAL[suffix] : undefined
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' }
  const binary = Object.hasOwn(BINARY, suffix) ? BINARY[suffix] : undefined
  if (binary !== undefined) return { base: 2, exponent: binary, format: 'BinarySI' }
  if (/^[eE][-+]?\d+$/.test(suffix)) {
    const exponent = Number(suffix.slice(1))
    if (Math.abs(exponent) <= MAX_EXPONENT) return { base: 10, exponent, format: 'DecimalExponent' }
  }
  throw new QuantityError("unable to parse quantity's suffix")
}

const canonicalForms = new Map<string, string>()

/**
 * The form in which the server writes a quantity: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is `500m`.
 *
 * @throws QuantityError
 */
export function canonicalQuantity(text: string): string {
  let form = canonicalForms.get(text)
  if (form === undefined) {
    const parsed = parse(text)
    form = parsed.asWritten ? text : formatQuantity(parsed)
    // Few distinct quantities are in use at any time; what is not should not stay.
    if (canonicalForms.size >= 4096) canonicalForms.clear()
    canonicalForms.set(text, form)
  }
  return form
}

/** The canonical text of a value. */
export function formatQuantity(quantity: Quantity): string {
  const { unscaled, scale } = quantity
  if (unscaled === 0n) return '0'
  let { format } = quantity
  const magnitude = unscaled < 0n ? -unscaled : unscaled
  if (format === 'BinarySI') {
    const whole = compareValues(magnitude, scale, 1024n, 0) < 0 ? undefined : integerValue(magnitude, scale)
    if (whole !== undefined) {
      const [amount, times] = withoutFactors(whole, 1024n)
      return `${unscaled < 0n ? '-' : ''}${amount}${BINARY_SUFFIX.get(times * 10) ?? ''}`
    }
    format = 'DecimalSI'
  }
  let [amount, times] = withoutFactors(magnitude, 10n)
  let exponent = scale + times
  while (exponent % 3 !== 0) {
    amount *= 10n
    exponent--
  }
  const suffix = format === 'DecimalSI' ? (DECIMAL_SUFFIX.get(exponent) ?? '') : exponent === 0 ? '' : `e${exponent}`
  return `${unscaled < 0n ? '-' : ''}${amount}${suffix}`
}

function withoutFactors(value: bigint, factor: bigint): [rest: bigint, times: number] {
  let times = 0
  let rest = value
  while (rest >= factor && rest % factor === 0n) {
    rest /= factor
    times++
  }
  return [rest, times]
}

/** The value when it is a whole number. */
function integerValue(unscaled: bigint, scale: number): bigint | undefined {
  if (scale >= 0) return unscaled * 10n ** BigInt(scale)
  const divisor = 10n ** BigInt(-scale)
  return unscaled % divisor === 0n ? unscaled / divisor : undefined
}

function compareValues(a: bigint, aScale: number, b: bigint, bScale: number): number {
  const scale = Math.min(aScale, bScale)
  const x = a * 10n ** BigInt(aScale - scale)
  const y = b * 10n ** BigInt(bScale - scale)
  return x < y ? -1 : x > y ? 1 : 0
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return compareValues(a.unscaled, a.scale, b.unscaled, b.scale)
}

/** `a` + `b`, in the format of `a` unless that is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  const scale = Math.min(a.scale, b.scale)
  const unscaled = a.unscaled * 10n ** BigInt(a.scale - scale) + b.unscaled * 10n ** BigInt(b.scale - scale)
  return { unscaled, scale, format: a.unscaled === 0n ? b.format : a.format }
}

/** `a` - `b`, in the format of `a` unless that is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return addQuantities(a, { ...b, unscaled: -b.unscaled })
}

/** The value in units of 10^`scale`, rounded away from zero: `scaledValue(q, -3)` is milli-units. */
export function scaledValue(quantity: Quantity, scale = 0): bigint {
  const shift = quantity.scale - scale
  if (shift >= 0) return quantity.unscaled * 10n ** BigInt(shift)
  const divisor = 10n ** BigInt(-shift)
  const whole = quantity.unscaled / divisor
  if (quantity.unscaled % divisor === 0n) return whole
  return quantity.unscaled > 0n ? whole + 1n : whole - 1n
}
