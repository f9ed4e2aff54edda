import { describeStore, manualClock } from './conformance.ts'
import { memoryStore } from './memory.ts'

describeStore('the memory store', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  return { store, passSeconds: async (seconds) => clock.advance(seconds * 1000), dispose: () => store.close() }
})
