/**
 * The server's seats, divided among priority levels by their shares, lent and borrowed as they are needed.
 *
 * A level always has its lower limit. Above it seats are taken from what nobody has reserved; above its nominal limit only while no
 * level waits for seats within its own. Upstream moves the limits every ten seconds; here they follow at once, which one event loop can.
 *
 * @see apiserver/pkg/util/flowcontrol/conc_alloc.go; KEP-1040, "Dispatching"
 * @module
 */
import type { PriorityLevelConfigurationSpec } from '../api/types/flowcontrol/v1.ts'
import type { Queues } from './fairness-queues.ts'

export interface Limits {
  nominal: number
  lower: number
  upper: number
}

export class Level {
  readonly name: string
  uid: string
  exempt = false
  limits: Limits = { nominal: 0, lower: 0, upper: 0 }
  /** Undefined: who finds no seat is refused. */
  queues: Queues | undefined
  seatsInUse = 0

  constructor(name: string, uid: string) {
    this.name = name
    this.uid = uid
  }

  get waiting(): number {
    return this.queues?.waiting ?? 0
  }

  /** Most seats that one request takes: a small part, lest a few lists fill the level. */
  get maxSeats(): number {
    return Math.max(1, Math.min(10, Math.ceil(this.limits.nominal * 0.15)))
  }
}

/** The limits of all levels, from their specs. */
export function divide(totalSeats: number, specs: readonly PriorityLevelConfigurationSpec[]): Limits[] {
  const shares = specs.map(({ limited, exempt }) => limited?.nominalConcurrencyShares ?? exempt?.nominalConcurrencyShares ?? 0)
  const sum = shares.reduce((a, b) => a + b, 0)
  return specs.map(({ limited, exempt }, at) => {
    const nominal = sum === 0 ? 0 : Math.ceil((totalSeats * (shares[at] as number)) / sum)
    const lendable = Math.round((nominal * (limited?.lendablePercent ?? exempt?.lendablePercent ?? 0)) / 100)
    const borrowing = limited?.borrowingLimitPercent
    return {
      nominal,
      lower: nominal - lendable,
      upper: nominal + (borrowing === undefined ? totalSeats : Math.round((nominal * borrowing) / 100)),
    }
  })
}

export class Seats {
  readonly total: number
  #levels: Level[] = []
  /** Sum over all limited levels of what they use, or of their lower limit where that is more. */
  #reserved = 0
  #waiting = 0
  #turn = 0

  constructor(total: number) {
    this.total = total
  }

  get levels(): readonly Level[] {
    return this.#levels
  }

  /** After limits or levels have changed. */
  setLevels(levels: readonly Level[]): void {
    this.#levels = [...levels]
    this.#reserved = 0
    this.#waiting = 0
    for (const level of this.#levels) {
      if (!level.exempt) this.#reserved += Math.max(level.seatsInUse, level.limits.lower)
      this.#waiting += level.waiting
    }
    this.dispatch()
  }

  /** Nobody is before a new request of this level, and its seats are free. */
  free(level: Level, seats: number): boolean {
    return level.exempt || (level.waiting === 0 && this.#mayTake(level, seats))
  }

  take(level: Level, seats: number): void {
    this.#move(level, seats)
  }

  give(level: Level, seats: number): void {
    this.#move(level, -seats)
    if (this.#waiting > 0) this.dispatch()
  }

  queued(change: 1 | -1): void {
    this.#waiting += change
  }

  /** Starts all whose turn has come: first in levels that have less than their own, then in the others by turns. */
  dispatch(): void {
    if (this.#waiting === 0) return
    for (const own of [true, false]) {
      for (let progress = true; progress; ) {
        progress = false
        for (let step = 0; step < this.#levels.length; step++) {
          const level = this.#levels[(this.#turn + step) % this.#levels.length] as Level
          if (own && level.seatsInUse >= level.limits.nominal) continue
          const next = level.queues?.peek()
          if (next === undefined || !this.#mayTake(level, next.seats)) continue
          const taken = level.queues?.take()
          if (taken === undefined) continue
          this.#waiting--
          this.take(level, taken.request.seats)
          taken.request.start(taken.queue)
          progress = true
        }
        this.#turn++
      }
    }
  }

  #mayTake(level: Level, seats: number): boolean {
    if (level.exempt) return true
    const { nominal, lower, upper } = level.limits
    const wanted = level.seatsInUse + seats
    // Without this a request that is wider than its level would never run.
    if (level.seatsInUse === 0 && wanted > upper) return true
    if (wanted <= lower) return true
    if (wanted > upper) return false
    if (wanted > nominal && this.#waiting > level.waiting && this.#anotherLacksItsOwn(level)) return false
    return this.#reserved - Math.max(level.seatsInUse, lower) + Math.max(wanted, lower) <= this.total
  }

  #anotherLacksItsOwn(level: Level): boolean {
    return this.#levels.some((other) => other !== level && other.waiting > 0 && other.seatsInUse < other.limits.nominal)
  }

  #move(level: Level, seats: number): void {
    if (!level.exempt) this.#reserved -= Math.max(level.seatsInUse, level.limits.lower)
    level.seatsInUse += seats
    if (!level.exempt) this.#reserved += Math.max(level.seatsInUse, level.limits.lower)
  }
}
