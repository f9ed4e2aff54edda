import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VirtualClock } from './virtual-clock.ts'

test('time stands still until it is turned', async () => {
  const clock = new VirtualClock({ startMs: 1000 })
  expect(clock.nowMs()).toBe(1000)
  await clock.advance(500)
  expect(clock.nowMs()).toBe(1500)
})

test('deadlines run in their order, each at its own time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(100), { maxLength: 50 }), async (delays) => {
      const clock = new VirtualClock({ startMs: 0, drain: async () => {} })
      const ran: [delay: number, index: number, at: number][] = []
      for (const [index, delay] of delays.entries()) clock.after(delay, () => ran.push([delay, index, clock.nowMs()]))
      await clock.advance(100)
      const expected = delays
        .map((delay, index): [number, number, number] => [delay, index, delay])
        .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      expect(ran).toEqual(expected)
    }),
  )
})

test('what a deadline sets off runs within the same advance', async () => {
  const clock = new VirtualClock({ startMs: 0 })
  const at: number[] = []
  const again = () => {
    at.push(clock.nowMs())
    Promise.resolve().then(() => clock.after(10, again))
  }
  clock.after(10, again)
  await clock.advance(35)
  expect(at).toEqual([10, 20, 30])
  expect(clock.pending).toBe(1)
})

test('a cancelled deadline never runs', async () => {
  const clock = new VirtualClock({ startMs: 0 })
  let ran = false
  const cancel = clock.after(10, () => {
    ran = true
  })
  cancel()
  await clock.advance(20)
  expect(ran).toBe(false)
  expect(clock.pending).toBe(0)
})

test('two advances wait for one another', async () => {
  const clock = new VirtualClock({ startMs: 0 })
  await Promise.all([clock.advance(10), clock.advance(10)])
  expect(clock.nowMs()).toBe(20)
})

test('time is not turned back', () => {
  const clock = new VirtualClock({ startMs: 0 })
  expect(() => clock.advance(-1)).toThrow(RangeError)
  expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
})
