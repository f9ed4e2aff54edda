/**
 * Writers of one key wait for each other, so that sixteen patches of one object are sixteen writes and not a hundred conflicts.
 *
 * @module
 */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `job` when every earlier job of `key` has ended. Another key waits for nothing. */
  async run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    let release: () => void = () => {}
    const tail = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tails.set(key, tail)
    try {
      if (before !== undefined) await before
      return await job()
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
      release()
    }
  }
}
