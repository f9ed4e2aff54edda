import { describe, expect, test } from 'vitest'
import { requestTimeoutMs } from './deadline.ts'

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
