/**
 * Keys with a time to live: an alarm for the one that goes next.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { Heap } from './heap.ts'

interface Due {
  readonly key: string
  readonly revision: number
  readonly expiresMs: number
}

/** Keys that go in one turn of the event loop. */
const AT_ONCE = 500
/** Until a key that could not be removed is tried again. */
const RETRY_MS = 1000

export class Expiry {
  readonly #clock: Clock
  readonly #expire: (key: string, revision: number) => Promise<boolean>
  readonly #heap = new Heap<Due>((left, right) => left.expiresMs < right.expiresMs)
  #alarmMs = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  /** @param expire Removes the key if it is still at the revision; answers false when it has to be tried again. */
  constructor(clock: Clock, expire: (key: string, revision: number) => Promise<boolean>) {
    this.#clock = clock
    this.#expire = expire
  }

  add(key: string, revision: number, expiresMs: number): void {
    this.#heap.push({ key, revision, expiresMs })
    this.#arm()
  }

  close(): void {
    this.#heap.clear()
    this.#cancel()
  }

  #arm(): void {
    const next = this.#heap.first
    if (next === undefined || next.expiresMs >= this.#alarmMs) return
    this.#cancel()
    this.#alarmMs = next.expiresMs
    this.#cancel = this.#clock.after(next.expiresMs - this.#clock.nowMs(), () => this.#ring())
  }

  #ring(): void {
    this.#alarmMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.nowMs()
    for (let n = 0; n < AT_ONCE; n++) {
      const due = this.#heap.first
      if (due === undefined || due.expiresMs > nowMs) break
      this.#heap.shift()
      this.#expire(due.key, due.revision).then((gone) => {
        if (!gone) this.add(due.key, due.revision, this.#clock.nowMs() + RETRY_MS)
      })
    }
    this.#arm()
  }
}
