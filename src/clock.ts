/**
 * Wall time, API deadlines and waiting, so that tests and `--clock=virtual` can turn them. Nothing else reads the system clock.
 *
 * @module
 */

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number
  /** Runs `callback` once the clock has reached now + `delayMs`; the answer cancels it. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void
}

/** A clock that somebody turns: nothing passes by itself. */
export interface TurnableClock extends Clock {
  /** Resolves when everything up to the new time has run. Throws RangeError for a step back. */
  advance(byMs: number): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, callback) {
    // A longer delay would overflow the timer and fire at once.
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), 2_147_483_647))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Whole seconds since the epoch, as token claims use them. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000)
}

/** `metav1.Time` on the wire: RFC 3339, whole seconds, UTC. */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}

/** `metav1.MicroTime` on the wire. */
export function rfc3339Micro(ms: number): string {
  const iso = new Date(ms).toISOString()
  return `${iso.slice(0, 23)}000Z`
}
