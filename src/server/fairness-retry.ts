/**
 * How long refused clients are told to stay away: longer while many are refused, shorter again when it calms down.
 *
 * @see apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go
 * @module
 */
const MAX_SECONDS = 32

export class RetryAfter {
  #seconds = 1
  #raisedAt = 0
  #current = 0
  #count = 0
  #history: { second: number; count: number }[] = []

  /** Counts a refusal; answers the seconds to say. */
  refused(nowMs: number): number {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#current) {
      this.#history.push({ second: this.#current, count: this.#count })
      const kept = Math.min(2 * this.#seconds, MAX_SECONDS)
      this.#history = this.#history.filter((entry) => second - entry.second <= kept)
      this.#current = second
      this.#count = 0
      this.#adjust(second)
    }
    this.#count++
    return this.#seconds
  }

  #adjust(second: number): void {
    let refused = 0
    for (const entry of this.#history) if (second - entry.second <= this.#seconds) refused += entry.count
    if (second - this.#raisedAt >= this.#seconds && refused >= 3 * this.#seconds) {
      this.#seconds = Math.min(this.#seconds * 2, MAX_SECONDS)
      this.#raisedAt = second
    } else if (refused < this.#seconds && this.#seconds > 1) this.#seconds--
  }
}
