/**
 * Kubernetes' quantity library: `quantity("1.5Gi")`.
 *
 * @see apiserver/pkg/cel/library/quantity.go
 * @module
 */
import { addQuantities, compareQuantities, parseQuantity, type Quantity, QuantityError, subtractQuantities } from '../api/quantity.ts'
import { PER_PARSED } from './budget.ts'
import { type Call, type Calls, parsing } from './call.ts'
import { CelError, Double, MAX_INT, MIN_INT, noOverload, type Opaque } from './values.ts'

class CelQuantity implements Opaque {
  readonly celType = 'kubernetes.Quantity'
  readonly quantity: Quantity
  /** Written without decimals, or calculated: what Go holds as an integer. */
  readonly whole: boolean
  constructor(quantity: Quantity, whole = true) {
    this.quantity = quantity
    this.whole = whole
  }
  equals(other: unknown): boolean {
    return other instanceof CelQuantity && compareQuantities(this.quantity, other.quantity) === 0
  }
}

function parse(text: string): CelQuantity | string {
  try {
    return new CelQuantity(parseQuantity(text), isWhole(text))
  } catch (error) {
    if (error instanceof QuantityError) return error.message
    throw error
  }
}

const EXPONENTS: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }

/** `1.5k` is, `1.0`, `1000m` and `1.5Gi` are not. */
function isWhole(text: string): boolean {
  const [, decimals = '', suffix = ''] = /^[+-]?\d*(?:\.(\d*))?(.*)$/.exec(text) ?? []
  if (suffix.endsWith('i')) return decimals === ''
  const power = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1]
  return (power === undefined ? (EXPONENTS[suffix] ?? 0) : Number(power)) >= decimals.length
}

/** Undefined unless it is a whole number of 64 bits. */
function integer({ quantity: { unscaled, scale }, whole }: CelQuantity): bigint | undefined {
  if (!whole) return undefined
  const divisor = scale < 0 ? 10n ** BigInt(-scale) : 1n
  if (unscaled % divisor !== 0n) return undefined
  const value = scale < 0 ? unscaled / divisor : unscaled * 10n ** BigInt(scale)
  return value >= MIN_INT && value <= MAX_INT ? value : undefined
}

function method(
  name: string,
  run: (quantity: Quantity, other: Quantity | undefined, otherInt: bigint | undefined, receiver: CelQuantity) => unknown,
  other: 'none' | 'quantity' | 'number',
): readonly [string, Call] {
  return [
    name,
    (args, spend) => {
      spend(PER_PARSED)
      const [receiver, argument] = args
      const fits =
        other === 'none' ? argument === undefined : argument instanceof CelQuantity || (other === 'number' && typeof argument === 'bigint')
      if (!(receiver instanceof CelQuantity) || !fits) throw noOverload(name, ...args)
      return run(
        receiver.quantity,
        argument instanceof CelQuantity ? argument.quantity : undefined,
        typeof argument === 'bigint' ? argument : undefined,
        receiver,
      )
    },
  ]
}

function operand(quantity: Quantity | undefined, int: bigint | undefined): Quantity {
  return quantity ?? { unscaled: int ?? 0n, scale: 0, format: 'DecimalSI' }
}

/** Upstream declares it as a function; as a method it reads better, and was so here before. */
const SIGN = method('sign', ({ unscaled }) => (unscaled > 0n ? 1n : unscaled < 0n ? -1n : 0n), 'none')

export const QUANTITY_FUNCTIONS: Calls = [
  SIGN,
  parsing('isQuantity', ['string'], ([text]) => typeof parse(text as string) !== 'string'),
  parsing('quantity', ['string'], ([text]) => {
    const made = parse(text as string)
    if (typeof made === 'string') throw new CelError(made)
    return made
  }),
]

export const QUANTITY_METHODS: Calls = [
  SIGN,
  method('isInteger', (_, __, ___, receiver) => integer(receiver) !== undefined, 'none'),
  method(
    'asInteger',
    (_, __, ___, receiver) => {
      const value = integer(receiver)
      if (value === undefined) throw new CelError('cannot convert value to integer')
      return value
    },
    'none',
  ),
  method('asApproximateFloat', ({ unscaled, scale }) => new Double(Number(unscaled) * 10 ** scale), 'none'),
  method('add', (quantity, other, int) => new CelQuantity(addQuantities(quantity, operand(other, int))), 'number'),
  method('sub', (quantity, other, int) => new CelQuantity(subtractQuantities(quantity, operand(other, int))), 'number'),
  method('isGreaterThan', (quantity, other) => compareQuantities(quantity, operand(other, undefined)) > 0, 'quantity'),
  method('isLessThan', (quantity, other) => compareQuantities(quantity, operand(other, undefined)) < 0, 'quantity'),
  method('compareTo', (quantity, other) => BigInt(Math.sign(compareQuantities(quantity, operand(other, undefined)))), 'quantity'),
]
