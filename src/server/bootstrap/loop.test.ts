import { expect, test } from 'vitest'
import { internalError } from '../../api/status.ts'
import type { Clock } from '../../clock.ts'
import { begin } from './loop.ts'

function world() {
  const due: (() => void)[] = []
  const clock: Clock = {
    nowMs: () => 0,
    after(_, task) {
      due.push(task)
      return () => {}
    },
  }
  const logged: string[] = []
  const log = { error: (_: object, text: string) => logged.push(text) } as unknown as Parameters<typeof begin>[0]['log']
  return { due, logged, options: { name: 'test', clock, log, signal: new AbortController().signal } }
}

test('work of the start that is refused is done later, and only until it is done', async () => {
  const { due, logged, options } = world()
  let runs = 0
  await begin({
    ...options,
    async work() {
      if (++runs < 3) throw internalError('failed calling webhook')
    },
  })
  while (due.length > 0) {
    due.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(runs).toBe(3)
  expect(logged).toHaveLength(2)
})

test('work that fails for another reason is the end of the start', async () => {
  const { options } = world()
  await expect(begin({ ...options, work: () => Promise.reject(new TypeError('a mistake')) })).rejects.toThrow('a mistake')
})
