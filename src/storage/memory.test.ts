import { memoryStore } from './memory.ts'
import { describeStore, manualClock } from './store.conformance.ts'

describeStore('the memory store', async () => {
  const clock = manualClock()
  const store = memoryStore({ clock })
  return { store, passSeconds: async (seconds) => clock.advance(seconds * 1000), dispose: () => store.close() }
})
