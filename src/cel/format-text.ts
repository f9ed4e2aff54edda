/**
 * `text.format(list)`, as the version of the library that Kubernetes uses: lists and maps are written as literals, numbers as in English.
 *
 * @see github.com/google/cel-go, ext/formatting.go
 * @module
 */
import { quote } from '../api/status.ts'
import { PER_CHARACTER } from './budget.ts'
import { WRONG_TYPES } from './formatting.ts'
import { numberText } from './number-text.ts'
import {
  adapt,
  CelError,
  CelType,
  Double,
  Duration,
  durationText,
  entryOf,
  isMap,
  mapKeys,
  Timestamp,
  timestampText,
  typeName,
  Uint,
} from './values.ts'

/** Of a text that an expression makes. */
export const MAX_MADE = 1_048_576
const DEFAULT_PRECISION = 6
/** Decimals that are really written; those behind are zeros anyway. */
const MAX_PRECISION = 100

type Spend = (cost: number) => void

export function formatted(text: string, args: readonly unknown[], spend: Spend): string {
  let next = 0
  const out = text.replace(/%(?:%|(\.\d*)?(.?))/gsu, (whole: string, precision: string | undefined, verb: string | undefined) => {
    if (whole === '%%') return '%'
    if (next >= args.length) throw new CelError(`index ${next} out of range`)
    if (whole === '%') throw new CelError('unexpected end of string')
    const made = clause(verb ?? '', decimals(precision, verb), adapt(args[next++]), spend)
    spend(made.length * PER_CHARACTER)
    return made
  })
  if (out.length > MAX_MADE) throw new CelError('the text is too long')
  return out
}

function decimals(precision: string | undefined, verb: string | undefined): number {
  if (precision === undefined) return DEFAULT_PRECISION
  const wrong = 'could not parse formatting clause: error while parsing precision'
  if (verb === '') throw new CelError(`${wrong}: could not find end of precision specifier`)
  if (precision === '.')
    throw new CelError(`${wrong}: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax`)
  return Math.min(Number(precision.slice(1)), MAX_PRECISION)
}

function clause(verb: string, precision: number, value: unknown, spend: Spend): string {
  const integer = typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined
  switch (verb) {
    case 's':
      return shown(value, spend)
    case 'd':
      return integer?.toString() ?? wrong(verb, value)
    case 'f':
    case 'e':
      return real(verb, precision, value)
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : (integer?.toString(2) ?? wrong(verb, value))
    case 'o':
      return integer?.toString(8) ?? wrong(verb, value)
    case 'x':
      return integer?.toString(16) ?? hexOf(value) ?? wrong(verb, value)
    case 'X':
      return (integer?.toString(16) ?? hexOf(value) ?? wrong(verb, value)).toUpperCase()
    default:
      throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`)
  }
}

function wrong(verb: string, value: unknown): never {
  throw new CelError(`error during formatting: ${WRONG_TYPES.get(verb)}, was given ${typeName(value)}`)
}

function hexOf(value: unknown): string | undefined {
  return typeof value === 'string' || value instanceof Uint8Array ? Buffer.from(value as string).toString('hex') : undefined
}

function real(verb: 'e' | 'f', precision: number, value: unknown): string {
  if (value === 'NaN') return 'NaN'
  if (value === 'Infinity' || value === '-Infinity') return value.replace('Infinity', '∞')
  if (!(value instanceof Double)) return wrong(verb, value)
  if (Number.isNaN(value.value)) return 'NaN'
  if (!Number.isFinite(value.value)) return value.value > 0 ? '∞' : '-∞'
  // Upstream gives the precision of exponents as a width, so there are always six decimals.
  return verb === 'f' ? grouped(fixed(value.value, precision)) : scientific(value.value)
}

function grouped(text: string): string {
  const [, sign = '', whole = '', rest = ''] = /^(-?)(\d+)(.*)$/.exec(text) ?? []
  return `${sign}${whole.replace(/\B(?=(?:\d{3})+$)/g, ',')}${rest}`
}

const RAISED = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹']

function scientific(value: number): string {
  const [mantissa = '', exponent = ''] = value.toExponential(DEFAULT_PRECISION).split('e')
  const digits = exponent.replace(/^[+-]/, '').padStart(2, '0')
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${[...digits].map((digit) => RAISED[Number(digit)]).join('')}`
}

/** What is exactly between two goes to the even one, as in Go. */
function fixed(value: number, digits: number): string {
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${digits === 0 ? '' : `.${'0'.repeat(digits)}`}`
  const exact = digits < 50 ? value.toFixed(100) : ''
  const kept = exact.length - 100 + digits
  if (!/^50*$/.test(exact.slice(kept))) return value.toFixed(digits)
  const cut = exact.slice(0, digits === 0 ? kept - 1 : kept)
  return Number(cut.at(-1) ?? '0') % 2 === 0 ? cut : value.toFixed(digits)
}

function shown(value: unknown, spend: Spend): string {
  spend(1)
  if (typeof value === 'string') return value
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Double) return numberText(value.value)
  if (value instanceof CelType) return value.name
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (value instanceof Duration) return durationText(value)
  if (value instanceof Timestamp) return timestampText(value)
  if (Array.isArray(value)) return `[${value.map((one) => literal(adapt(one), spend)).join(', ')}]`
  if (!isMap(value)) return wrong('s', value)
  const pairs = mapKeys(value).map((key): [string, string] => [keyText(key), literal(adapt(entryOf(value, key)), spend)])
  pairs.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${pairs.map(([key, inner]) => `${key}:${inner}`).join(', ')}}`
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return quote(key)
  if (typeof key === 'boolean' || typeof key === 'bigint') return String(key)
  throw new CelError(`no formatting function for map key of type ${typeName(key)}`)
}

/** As it would be written in an expression. */
function literal(value: unknown, spend: Spend): string {
  if (typeof value === 'string') return quote(value)
  if (value instanceof Uint8Array) return `b${quote(Buffer.from(value).toString())}`
  if (value instanceof Timestamp) return `timestamp(${quote(timestampText(value))})`
  if (value instanceof Duration) return `duration(${quote(durationText(value))})`
  if (value instanceof Double) {
    const text = numberText(value.value)
    return Number.isFinite(value.value) ? fixed(value.value, DEFAULT_PRECISION) : quote(text)
  }
  return shown(value, spend)
}
