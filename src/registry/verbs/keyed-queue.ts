/**
 * Writers of one key wait for each other, so that sixteen patches of one object are sixteen writes and not a hundred conflicts.
 *
 * It only saves work: what keeps writers apart is the revision that the store expects. So nobody waits for long, and a webhook that
 * writes the very object it is being asked about is let through.
 *
 * @module
 */
import { systemClock } from '../../clock.ts'

/** Longer than any write takes that calls nobody outside. */
const PATIENCE_MS = 500

export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>()
  readonly #patienceMs: number

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
  }

  /** Runs `job` when the earlier jobs of `key` have ended, or have taken too long. Another key waits for nothing. */
  async run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    let release: () => void = () => {}
    const tail = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tails.set(key, tail)
    try {
      if (before !== undefined) await this.#patiently(before)
      return await job()
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
      release()
    }
  }

  #patiently(before: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      // Real time: this is patience with a process, not a date of the API.
      const cancel = systemClock.after(this.#patienceMs, resolve)
      void before.then(() => {
        cancel()
        resolve()
      })
    })
  }
}
