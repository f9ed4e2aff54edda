/**
 * Keeps priority and fairness at what the flow schemas and priority levels in the store say.
 *
 * @module
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../api/types/flowcontrol/v1.ts'
import type { Cache, ResourceCache } from '../cache/cache.ts'
import { LEVELS, SCHEMAS } from './bootstrap/flowcontrol.ts'
import { cached } from './bootstrap/system.ts'
import type { PriorityAndFairness } from './fairness-control.ts'

/** Several changes at once make one new configuration. */
export function followFlowControl(cache: Cache, fairness: PriorityAndFairness, signal: AbortSignal): void {
  const levels = cached(cache, LEVELS)
  const schemas = cached(cache, SCHEMAS)
  let due = false
  const configure = () => {
    due = false
    if (!signal.aborted) fairness.configure(objectsOf<PriorityLevelConfiguration>(levels), objectsOf<FlowSchema>(schemas))
  }
  const changed = () => {
    if (due) return
    due = true
    setImmediate(configure)
  }
  const subscriptions = [levels, schemas].map((resource) => resource.subscribe(resource.revision, changed))
  configure()
  signal.addEventListener(
    'abort',
    () => {
      for (const subscription of subscriptions) subscription?.close()
    },
    { once: true },
  )
}

function objectsOf<T>(resource: ResourceCache): T[] {
  return [...resource.snapshot().scan('')].map(({ object }) => object as T)
}
