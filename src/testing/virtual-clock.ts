/**
 * A clock that is turned by hand: deadlines of hours are lived through in milliseconds, in their order.
 *
 * Advancing runs to the next deadline, lets everything that it set off come to rest, and repeats.
 *
 * @module
 */
import type { TurnableClock } from '../clock.ts'
import { Heap } from '../storage/heap.ts'

interface Timer {
  atMs: number
  /** Of two deadlines at one moment the older runs first. */
  sequence: number
  callback: () => void
  cancelled: boolean
}

export interface VirtualClockOptions {
  startMs: number
  /** Resolves when what the last deadline set off has come to rest; a few turns of the event loop by default. */
  drain?: () => Promise<void>
}

export class VirtualClock implements TurnableClock {
  #nowMs: number
  #sequence = 0
  readonly #drain: () => Promise<void>
  /** Earliest first. */
  readonly #timers = new Heap(before)
  #advancing: Promise<void> = Promise.resolve()

  constructor({ startMs, drain = fewTurns }: VirtualClockOptions) {
    this.#nowMs = startMs
    this.#drain = drain
  }

  nowMs(): number {
    return this.#nowMs
  }

  /** A deadline that is due already runs with the next advance, even of nothing. */
  after(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), sequence: this.#sequence++, callback, cancelled: false }
    this.#timers.push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  /** Deadlines that wait. */
  get pending(): number {
    return this.#timers.items.filter((timer) => !timer.cancelled).length
  }

  /** Resolves when everything up to the new time has run. Calls wait for one another. */
  advance(byMs: number): Promise<void> {
    if (!(byMs >= 0)) throw new RangeError(`a clock is turned forward, not by ${byMs} ms`)
    this.#advancing = this.#advancing.then(() => this.#runTo(this.#nowMs + byMs))
    return this.#advancing
  }

  advanceTo(atMs: number): Promise<void> {
    return this.advance(Math.max(0, atMs - this.#nowMs))
  }

  async #runTo(targetMs: number): Promise<void> {
    await this.#drain()
    for (;;) {
      const next = this.#timers.first
      if (next === undefined || next.atMs > targetMs) break
      this.#timers.shift()
      if (next.cancelled) continue
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.callback()
      await this.#drain()
    }
    this.#nowMs = targetMs
    await this.#drain()
  }
}

/** Promises, immediates and what they queue. */
async function fewTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function before(left: Timer, right: Timer): boolean {
  return left.atMs === right.atMs ? left.sequence < right.sequence : left.atMs < right.atMs
}
