/**
 * A piece of work that is repeated: after changes of what it looks after, after a period, after a failure.
 *
 * @module
 */
import { isStatusError } from '../../api/status.ts'
import type { CacheEvent, ResourceCache } from '../../cache/cache.ts'
import type { Clock } from '../../clock.ts'
import type { ServerLog } from '../options.ts'

const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 60_000

export interface LoopOptions {
  name: string
  clock: Clock
  log: ServerLog
  /** May run again at any time; a failure is logged and repeated with back-off. */
  work(): Promise<void>
  /** Between the end of one run and the next. Absent: only changes cause a run. */
  everyMs?: number
  /** A change that concerns the work starts it after this long; changes until then share the run. */
  settleMs?: number
  watch?: readonly { resource: ResourceCache; concerns(event: CacheEvent): boolean }[]
  /** The caller's run failed: it is made up for. */
  late?: boolean
  signal: AbortSignal
}

/** The work itself was done once by the caller already. */
export function repeat(options: LoopOptions): void {
  const { clock, log, name, signal, everyMs, settleMs = 0 } = options
  let cancel: (() => void) | undefined
  let dueMs = Number.POSITIVE_INFINITY
  let running = false
  let retryMs = FIRST_RETRY_MS
  const schedule = (delayMs: number) => {
    const atMs = clock.nowMs() + delayMs
    if (signal.aborted || running || dueMs <= atMs) return
    cancel?.()
    dueMs = atMs
    cancel = clock.after(delayMs, () => void run())
  }
  let changed = false
  const run = async () => {
    running = true
    changed = false
    dueMs = Number.POSITIVE_INFINITY
    let nextMs = everyMs
    try {
      await options.work()
      retryMs = FIRST_RETRY_MS
      if (changed) nextMs = Math.min(settleMs, nextMs ?? settleMs)
    } catch (err) {
      if (!signal.aborted) log.error({ err, loop: name }, 'work failed, it is tried again')
      nextMs = retryMs
      retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)
    }
    running = false
    if (nextMs !== undefined) schedule(nextMs)
  }
  const subscriptions = (options.watch ?? []).map(({ resource, concerns }) =>
    resource.subscribe(resource.revision, (event) => {
      if (!concerns(event)) return
      changed = true
      schedule(settleMs)
    }),
  )
  if (options.late === true) schedule(FIRST_RETRY_MS)
  else if (everyMs !== undefined) schedule(everyMs)
  signal.addEventListener(
    'abort',
    () => {
      cancel?.()
      for (const subscription of subscriptions) subscription?.close()
    },
    { once: true },
  )
}

/**
 * Work of the start, tried again in the background where it is refused: an admission webhook that refuses everything must not keep
 * down the server by which it would be removed. Other failures are the caller's.
 */
export async function begin(options: Omit<LoopOptions, 'everyMs' | 'settleMs' | 'watch' | 'late'>): Promise<void> {
  const { clock, log, name, signal, work } = options
  try {
    await work()
  } catch (err) {
    if (!isStatusError(err)) throw err
    log.error({ err, loop: name }, 'work failed, it is tried again')
    repeat({ name, clock, log, signal, work, late: true })
  }
}

/** Whether an event is about one of these keys. */
export function about(...keys: readonly string[]): (event: CacheEvent) => boolean {
  return ({ object }) => keys.includes(object.key)
}
