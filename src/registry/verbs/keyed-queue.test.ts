import { expect, test } from 'vitest'
import { KeyedQueue } from './keyed-queue.ts'

test('jobs of one key run one after the other, in order', async () => {
  const queue = new KeyedQueue()
  const seen: string[] = []
  const job = (name: string) => async () => {
    seen.push(`${name} begins`)
    await Promise.resolve()
    seen.push(`${name} ends`)
  }
  await Promise.all([queue.run('k', job('a')), queue.run('k', job('b')), queue.run('k', job('c'))])
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('another key does not wait', async () => {
  const queue = new KeyedQueue()
  let open: () => void = () => {}
  const held = queue.run('held', () => new Promise<void>((resolve) => (open = resolve)))
  expect(await queue.run('free', async () => 'done')).toBe('done')
  open()
  await held
})

test('a job that throws lets the next one through', async () => {
  const queue = new KeyedQueue()
  await expect(queue.run('k', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await queue.run('k', async () => 1)).toBe(1)
})

test('a job that waits for a later one of its own key does not wait for ever', async () => {
  const queue = new KeyedQueue(10)
  const seen: string[] = []
  await queue.run('k', async () => {
    await queue.run('k', async () => void seen.push('inner'))
    seen.push('outer')
  })
  expect(seen).toEqual(['inner', 'outer'])
})
