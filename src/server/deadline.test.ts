import { describe, expect, test } from 'vitest'
import { goDurationMs, requestTimeoutMs } from './deadline.ts'

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

describe('requestTimeoutMs()', () => {
  const asked = (query: string) => requestTimeoutMs(new URLSearchParams(query), 60_000)

  test('takes what the client asks for when it is less', () => {
    expect(asked('timeout=5s')).toBe(5000)
  })
  test('takes the longest for none, for zero and for what has passed', () => {
    for (const query of ['', 'timeout=', 'timeout=0s', 'timeout=-5s', 'timeout=2h']) expect(asked(query)).toBe(60_000)
  })
  test('refuses what is no duration', () => {
    expect(() => asked('timeout=soon')).toThrow('invalid timeout specified in the request URL - time: invalid duration "soon"')
  })
})
