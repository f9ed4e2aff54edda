/**
 * Keys with a time to live: an alarm for the one that goes next.
 *
 * @module
 */
import type { Clock } from '../clock.ts'

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
  /** A binary heap: the parent of `n` is at `(n - 1) / 2` and not later. */
  readonly #heap: Due[] = []
  #alarmMs = Number.POSITIVE_INFINITY
  #cancel: () => void = () => {}

  /** @param expire Removes the key if it is still at the revision; answers false when it has to be tried again. */
  constructor(clock: Clock, expire: (key: string, revision: number) => Promise<boolean>) {
    this.#clock = clock
    this.#expire = expire
  }

  add(key: string, revision: number, expiresMs: number): void {
    this.#push({ key, revision, expiresMs })
    this.#arm()
  }

  close(): void {
    this.#heap.length = 0
    this.#cancel()
  }

  #arm(): void {
    const next = this.#heap[0]
    if (next === undefined || next.expiresMs >= this.#alarmMs) return
    this.#cancel()
    this.#alarmMs = next.expiresMs
    this.#cancel = this.#clock.after(next.expiresMs - this.#clock.nowMs(), () => this.#ring())
  }

  #ring(): void {
    this.#alarmMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.nowMs()
    for (let n = 0; n < AT_ONCE; n++) {
      const due = this.#heap[0]
      if (due === undefined || due.expiresMs > nowMs) break
      this.#pop()
      this.#expire(due.key, due.revision).then((gone) => {
        if (!gone) this.add(due.key, due.revision, this.#clock.nowMs() + RETRY_MS)
      })
    }
    this.#arm()
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (heap[parent]!.expiresMs <= due.expiresMs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.expiresMs < heap[child]!.expiresMs) child++
      if (heap[child]!.expiresMs >= last.expiresMs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}
