import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalMicroTime, canonicalTime, formatMicroTime, formatTime, parseMicroTime, parseTime, TimeError } from './time.ts'

describe('canonicalTime()', () => {
  const cases: [given: string, written: string | undefined][] = [
    ['2024-01-02T03:04:05Z', '2024-01-02T03:04:05Z'],
    ['2024-01-02T05:04:05+02:00', '2024-01-02T03:04:05Z'],
    ['2024-01-02T03:04:05.999Z', '2024-01-02T03:04:05Z'],
    ['2024-02-29T23:59:59Z', '2024-02-29T23:59:59Z'],
    ['2024-01-02T3:04:05Z', '2024-01-02T03:04:05Z'],
    ['0001-01-01T00:00:00Z', undefined],
    ['0099-12-31T00:00:00Z', '0099-12-31T00:00:00Z'],
  ]
  for (const [given, written] of cases) test(`writes ${given} as ${written}`, () => expect(canonicalTime(given)).toBe(written))

  const layout = '"2006-01-02T15:04:05Z07:00"'
  const wrong: [given: string, message: string][] = [
    ['x', `parsing time "x" as ${layout}: cannot parse "x" as "2006"`],
    ['', `parsing time "" as ${layout}: cannot parse "" as "2006"`],
    ['2024-1-02T00:00:00Z', `parsing time "2024-1-02T00:00:00Z" as ${layout}: cannot parse "1-02T00:00:00Z" as "01"`],
    ['2024-01-02 03:04:05Z', `parsing time "2024-01-02 03:04:05Z" as ${layout}: cannot parse " 03:04:05Z" as "T"`],
    ['2024-13-02T03:04:05Z', 'parsing time "2024-13-02T03:04:05Z": month out of range'],
    ['2023-02-29T03:04:05Z', 'parsing time "2023-02-29T03:04:05Z": day out of range'],
    ['2024-01-02T24:04:05Z', 'parsing time "2024-01-02T24:04:05Z": hour out of range'],
    ['2024-01-02T03:04:05', `parsing time "2024-01-02T03:04:05" as ${layout}: cannot parse "" as "Z07:00"`],
    ['2024-01-02T03:04:05Zx', 'parsing time "2024-01-02T03:04:05Zx": extra text: "x"'],
    ['é"', `parsing time "\\xc3\\xa9\\"" as ${layout}: cannot parse "\\xc3\\xa9\\"" as "2006"`],
  ]
  for (const [given, message] of wrong)
    test(`refuses ${JSON.stringify(given)} as Go does`, () => expect(() => canonicalTime(given)).toThrow(new TimeError(message)))
})

describe('canonicalMicroTime()', () => {
  test('wants six digits of fraction', () => {
    expect(canonicalMicroTime('2024-01-02T03:04:05.123456Z')).toBe('2024-01-02T03:04:05.123456Z')
    expect(canonicalMicroTime('2024-01-02T05:04:05.000001+02:00')).toBe('2024-01-02T03:04:05.000001Z')
    expect(canonicalMicroTime('0001-01-01T00:00:00.000000Z')).toBeUndefined()
    expect(() => canonicalMicroTime('yesterday')).toThrow(
      new TimeError('parsing time "yesterday" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "yesterday" as "2006"'),
    )
    expect(() => canonicalMicroTime('2024-01-02T03:04:05Z')).toThrow('cannot parse "Z" as ".000000"')
  })
})

test('times are read back as they were written', () => {
  fc.assert(
    fc.property(fc.integer({ min: -60_000_000_000, max: 250_000_000_000 }), fc.nat(999_999), (seconds, micros) => {
      expect(parseTime(formatTime(seconds))).toEqual({ seconds, nanos: 0 })
      expect(parseMicroTime(formatMicroTime({ seconds, nanos: micros * 1000 }))).toEqual({ seconds, nanos: micros * 1000 })
    }),
  )
})
