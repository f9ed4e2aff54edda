/**
 * The newcomer's block, with every kubectl on this machine, each on a server of its own.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { kubectlByMinor } from '../machine.ts'
import { startUp } from '../podpass.ts'
import { newcomerBlock } from './newcomer.ts'

const MINORS = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33']

describe('podpass up', () => {
  for (const minor of new Set([...MINORS, ...kubectlByMinor().keys()])) {
    const kubectl = kubectlByMinor().get(minor)
    test.skipIf(kubectl === undefined)(`serves a newcomer with kubectl ${minor}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'podpass-up-'))
      const up = await startUp(folder)
      try {
        expect(up.kubeconfig).toBe(join(folder, 'kubeconfig'))
        expect(statSync(up.kubeconfig).mode & 0o777).toBe(0o600)
        await newcomerBlock(kubectl as string, up.kubeconfig, up.url, join(folder, 'pki', 'ca.crt'))
      } finally {
        await up.stop()
        rmSync(folder, { recursive: true })
      }
    })
  }
})
