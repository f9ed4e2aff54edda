import { describe, expect, test } from 'vitest'
import { goDurationMs, goDurationText } from './goduration.ts'

const durations: [text: string, want: number | string][] = [
  ['0', 0],
  ['1.5s', 1500],
  ['1h2m3s4ms', 3_723_004],
  ['.5s', 500],
  ['2µs', 0.002],
  ['-1s', -1000],
  ['5', 'time: missing unit in duration "5"'],
  ['5x', 'time: unknown unit "x" in duration "5x"'],
  ['s', 'time: invalid duration "s"'],
  ['', 'time: invalid duration ""'],
]

describe('goDurationMs()', () => {
  test.each(durations)('reads %j as Go does', (text, want) => {
    expect(goDurationMs(text)).toBe(want)
  })
})

const texts: [ms: number, want: string][] = [
  [0, '0s'],
  [0.002, '2µs'],
  [500, '500ms'],
  [1500, '1.5s'],
  [30_000, '30s'],
  [300_000, '5m0s'],
  [-300_000, '-5m0s'],
  [3_600_000, '1h0m0s'],
]

describe('goDurationText()', () => {
  test.each(texts)('writes %d ms as Go does', (ms, want) => {
    expect(goDurationText(ms)).toBe(want)
  })
})
