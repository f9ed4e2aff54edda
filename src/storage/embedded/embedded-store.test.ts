import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeStore, manualClock } from '../conformance.ts'
import { openEmbeddedStore } from './embedded-store.ts'

describeStore('the embedded store', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-store-'))
  const clock = manualClock()
  const store = await openEmbeddedStore({ dir, clock })
  return {
    store,
    passSeconds: async (seconds) => clock.advance(seconds * 1000),
    dispose: async () => {
      await store.close()
      rmSync(dir, { recursive: true })
    },
  }
})
