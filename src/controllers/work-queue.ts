/**
 * Keys to be looked at, each by one at a time, again with back-off when that failed.
 *
 * @see client-go/util/workqueue
 * @module
 */
import { type Clock, systemClock } from '../clock.ts'

const FIRST_RETRY_MS = 5
const LAST_RETRY_MS = 1_000_000

export interface WorkQueueOptions {
  /** For `addAfter`: deadlines of the API. */
  clock: Clock
  /** For the back-off after a failure, which is no matter of the API's time. */
  retryClock?: Clock
  /** Keys handled at once. */
  concurrency: number
  reconcile(key: string): Promise<void>
  /** A key failed for the nth time in a row. */
  onError(key: string, error: unknown, failures: number): void
  /** The wait after the first failure; doubled with each. */
  firstRetryMs?: number
  lastRetryMs?: number
  /** A key that failed so often waits for its next event; without it keys are tried for ever. */
  maxRetries?: number
}

export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  readonly #again = new Set<string>()
  readonly #failures = new Map<string, number>()
  /** Keys that come by themselves: when, and how to prevent it. */
  readonly #deadlines = new Map<string, { atMs: number; cancel: () => void }>()
  readonly #retries = new Map<string, () => void>()
  #awake = false
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
  }

  /** Keys that are waiting or running, now or later. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#deadlines.size + this.#retries.size
  }

  add(key: string): void {
    if (this.#closed) return
    if (this.#running.has(key)) this.#again.add(key)
    else {
      this.#waiting.add(key)
      this.#wake()
    }
  }

  /** Of several deadlines of one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return
    const { clock } = this.#options
    const atMs = clock.nowMs() + delayMs
    const known = this.#deadlines.get(key)
    if (known !== undefined && known.atMs <= atMs) return
    known?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#deadlines.delete(key)
      this.add(key)
    })
    this.#deadlines.set(key, { atMs, cancel })
  }

  close(): void {
    this.#closed = true
    for (const { cancel } of this.#deadlines.values()) cancel()
    for (const cancel of this.#retries.values()) cancel()
    this.#deadlines.clear()
    this.#retries.clear()
    this.#waiting.clear()
    this.#again.clear()
  }

  /** A turn of its own: whoever queues keys finishes first. */
  #wake(): void {
    if (this.#awake) return
    this.#awake = true
    queueMicrotask(() => {
      this.#awake = false
      this.#next()
    })
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
      await this.#options.reconcile(key)
      this.#failures.delete(key)
    } catch (error) {
      if (!this.#closed) this.#failed(key, error)
    } finally {
      this.#running.delete(key)
      if (this.#again.delete(key)) this.add(key)
      this.#next()
    }
  }

  #failed(key: string, error: unknown): void {
    const { firstRetryMs = FIRST_RETRY_MS, lastRetryMs = LAST_RETRY_MS, maxRetries = Number.POSITIVE_INFINITY } = this.#options
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#options.onError(key, error, failures)
    if (failures > maxRetries) {
      this.#failures.delete(key)
      return
    }
    this.#failures.set(key, failures)
    this.#retries.get(key)?.()
    const retry = () => {
      this.#retries.delete(key)
      this.add(key)
    }
    this.#retries.set(
      key,
      (this.#options.retryClock ?? systemClock).after(Math.min(firstRetryMs * 2 ** (failures - 1), lastRetryMs), retry),
    )
  }
}
