/**
 * 50,000 questions about random RBAC policies, put over HTTPS: each is decided as kube-apiserver 1.36.2 was recorded to decide it.
 */
import { expect, test } from 'vitest'
import { startServe } from '../podpass.ts'
import { replayDecisions } from './replay.ts'

test('ten random policies are decided as recorded', async () => {
  const server = await startServe('embedded')
  try {
    const { code, output } = await replayDecisions(server, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(code, output).toBe(0)
    expect(output).toContain('50000 passed, 0 failed')
  } finally {
    await server.stop()
  }
}, 240_000)
