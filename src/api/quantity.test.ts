import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  QuantityError,
  scaledValue,
  subtractQuantities,
} from './quantity.ts'

describe('canonicalQuantity() writes what Go writes', () => {
  // Each pair was asked of `resource.ParseQuantity`.
  const cases: [given: string, written: string][] = [
    ['0', '0'],
    ['0m', '0'],
    ['-0', '0'],
    ['00', '0'],
    ['1', '1'],
    ['+5', '+5'],
    ['-5', '-5'],
    ['01', '01'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['100m', '100m'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1.500', '1.500'],
    ['1.', '1.'],
    ['.5', '500m'],
    ['1000', '1k'],
    ['1000000', '1M'],
    ['500k', '500k'],
    ['3.14M', '3140k'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['1e2', '100'],
    ['100e-3', '100e-3'],
    ['1E', '1E'],
    ['1Ki', '1Ki'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['1024Mi', '1Gi'],
    ['1025Ki', '1025Ki'],
    ['1536Mi', '1536Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['8Ki', '8Ki'],
    ['1n', '1n'],
    ['1u', '1u'],
    ['0.0000000001', '1n'],
    ['1.5Ki', '1536'],
    ['0.1Gi', '107374182400m'],
    ['12345678901234567890', '12345678901234567890'],
    ['9Ei', '9223372036854775807'],
    ['Ki', '0'],
  ]
  for (const [given, written] of cases) test(`${given} as ${written}`, () => expect(canonicalQuantity(given)).toBe(written))
})

describe('parseQuantity() refuses in upstream words', () => {
  const pattern = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  const cases: [given: string, message: string][] = [
    ['', pattern],
    ['abc', pattern],
    ['1 ', pattern],
    ['1..2', pattern],
    ['1ki', "unable to parse quantity's suffix"],
    ['1K', "unable to parse quantity's suffix"],
    ['1e', "unable to parse quantity's suffix"],
    ['1e99999999999', "unable to parse quantity's suffix"],
  ]
  for (const [given, message] of cases)
    test(JSON.stringify(given), () => expect(() => parseQuantity(given)).toThrow(new QuantityError(message)))
})

const suffix = fc.constantFrom('', 'm', 'k', 'Ki', 'Mi', 'Gi', 'n', 'u', 'M', 'G', 'e3', 'E-2')
const quantity = fc
  .tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.nat(999), suffix)
  .map(([whole, part, end]) => `${whole}.${part}${end}`)

describe('quantities', () => {
  test('keep their value in canonical form', () => {
    fc.assert(
      fc.property(quantity, (text) => {
        const canonical = canonicalQuantity(text)
        expect(compareQuantities(parseQuantity(text), parseQuantity(canonical))).toBe(0)
        expect(canonicalQuantity(canonical)).toBe(canonical)
      }),
    )
  })

  test('add up and compare exactly', () => {
    fc.assert(
      fc.property(quantity, quantity, (a, b) => {
        const [x, y] = [parseQuantity(a), parseQuantity(b)]
        expect(compareQuantities(subtractQuantities(addQuantities(x, y), y), x)).toBe(0)
        expect(Math.sign(compareQuantities(x, y))).toBe(-Math.sign(compareQuantities(y, x)) + 0)
      }),
    )
    expect(formatQuantity(addQuantities(parseQuantity('500m'), parseQuantity('500m')))).toBe('1')
    expect(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('1Gi')))).toBe('1Gi')
  })

  test('round away from zero', () => {
    expect(scaledValue(parseQuantity('1500m'))).toBe(2n)
    expect(scaledValue(parseQuantity('-26.5'))).toBe(-27n)
    expect(scaledValue(parseQuantity('1.5'), -3)).toBe(1500n)
    expect(scaledValue(parseQuantity('1Gi'))).toBe(1_073_741_824n)
  })
})
