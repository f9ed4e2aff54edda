/**
 * Keys to be looked at, each once at a time, again with back-off when that failed.
 *
 * @see client-go/util/workqueue
 * @module
 */
import type { Clock } from '../clock.ts'

const FIRST_RETRY_MS = 5
const LAST_RETRY_MS = 1_000_000

export interface WorkQueueOptions {
  clock: Clock
  /** Keys handled at once. */
  concurrency: number
  reconcile(key: string): Promise<void>
  /** A key failed for the nth time in a row. */
  onError(key: string, error: unknown, failures: number): void
}

export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  readonly #again = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, () => void>()
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
  }

  /** Keys that are waiting, running or waiting for a retry. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#timers.size
  }

  add(key: string): void {
    if (this.#closed) return
    if (this.#running.has(key)) this.#again.add(key)
    else if (!this.#waiting.has(key)) {
      this.#waiting.add(key)
      this.#next()
    }
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return
    this.#timers.get(key)?.()
    this.#timers.set(
      key,
      this.#options.clock.after(delayMs, () => {
        this.#timers.delete(key)
        this.add(key)
      }),
    )
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
    this.#waiting.clear()
  }

  #next(): void {
    while (!this.#closed && this.#running.size < this.#options.concurrency) {
      const next = this.#waiting.values().next()
      if (next.done === true) return
      this.#waiting.delete(next.value)
      this.#running.add(next.value)
      void this.#run(next.value)
    }
  }

  async #run(key: string): Promise<void> {
    try {
      // A turn of its own: whoever queued the key finishes first.
      await Promise.resolve()
      await this.#options.reconcile(key)
      this.#failures.delete(key)
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, failures)
      if (!this.#closed) {
        this.#options.onError(key, error, failures)
        this.addAfter(key, Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LAST_RETRY_MS))
      }
    } finally {
      this.#running.delete(key)
      if (this.#again.delete(key)) this.add(key)
      this.#next()
    }
  }
}
