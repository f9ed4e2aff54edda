/**
 * The queues of one priority level: a flow is dealt a few of them by its hash, so that a noisy flow blocks few others, and they take
 * turns by the seat-seconds that each has had.
 *
 * @see KEP-1040, "Queue Assignment with Shuffle Sharding" and "Fair Queuing for Server Requests"
 * @see apiserver/pkg/util/flowcontrol/fairqueuing/queueset, apiserver/pkg/util/shufflesharding
 * @module
 */
import { createHash } from 'node:crypto'

/** What a request is taken to hold its seats for, until it is known. */
const ESTIMATED_SECONDS = 0.003

/** One that waits. */
export interface Waiting {
  readonly hash: bigint
  readonly seats: number
  /** Its turn has come. */
  start(queue: Queue): void
}

export interface QueueSettings {
  queues: number
  handSize: number
  queueLengthLimit: number
}

export interface Queue {
  readonly waiting: Waiting[]
  /** Where its next request starts in virtual time: seat-seconds, of what all queues had. */
  nextStart: number
}

export class Queues {
  readonly settings: QueueSettings
  readonly #queues: Queue[]
  /** Those with somebody in them. */
  readonly #busy = new Set<Queue>()
  #virtualNow = 0
  #waiting = 0

  constructor(settings: QueueSettings) {
    this.settings = settings
    this.#queues = Array.from({ length: settings.queues }, () => ({ waiting: [], nextStart: 0 }))
  }

  get waiting(): number {
    return this.#waiting
  }

  /** False when the shortest queue of the hand is full, unless the request has been let in before. */
  add(request: Waiting, letIn = false): boolean {
    const { queues, handSize, queueLengthLimit } = this.settings
    const hand = deal(request.hash, queues, handSize).map((card) => this.#queues[card] as Queue)
    const shortest = hand.reduce((best, queue) => (seatsWaiting(queue) < seatsWaiting(best) ? queue : best))
    if (!letIn && shortest.waiting.length >= queueLengthLimit) return false
    if (shortest.waiting.length === 0) shortest.nextStart = Math.max(shortest.nextStart, this.#virtualNow)
    shortest.waiting.push(request)
    this.#busy.add(shortest)
    this.#waiting++
    return true
  }

  /** Who is next; undefined when nobody waits. */
  peek(): Waiting | undefined {
    return this.#next()?.waiting[0]
  }

  /** Takes the next one out; the caller starts it. */
  take(): { request: Waiting; queue: Queue } | undefined {
    const queue = this.#next()
    const request = queue?.waiting.shift()
    if (queue === undefined || request === undefined) return undefined
    this.#waiting--
    if (queue.waiting.length === 0) this.#busy.delete(queue)
    this.#virtualNow = Math.max(this.#virtualNow, queue.nextStart)
    queue.nextStart += request.seats * ESTIMATED_SECONDS
    return { request, queue }
  }

  /** Gave up waiting. */
  remove(request: Waiting): boolean {
    for (const queue of this.#busy) {
      const at = queue.waiting.indexOf(request)
      if (at === -1) continue
      queue.waiting.splice(at, 1)
      this.#waiting--
      if (queue.waiting.length === 0) this.#busy.delete(queue)
      return true
    }
    return false
  }

  /** Everybody, out of all queues: for other settings. */
  drain(): Waiting[] {
    const all = [...this.#busy].flatMap((queue) => queue.waiting.splice(0))
    this.#busy.clear()
    this.#waiting = 0
    return all
  }

  #next(): Queue | undefined {
    let next: Queue | undefined
    for (const queue of this.#busy) if (next === undefined || queue.nextStart < next.nextStart) next = queue
    return next
  }
}

/** The queue is charged for what its request really took. */
export function charge(queue: Queue, seats: number, seconds: number): void {
  queue.nextStart += seats * (seconds - ESTIMATED_SECONDS)
}

/** `handSize` different cards out of `deckSize`, by the hash alone. */
export function deal(hash: bigint, deckSize: number, handSize: number): number[] {
  const cards: number[] = []
  const remainders: number[] = []
  let rest = hash
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i)
    remainders.push(Number(rest % left))
    rest /= left
  }
  for (let i = 0; i < handSize; i++) {
    let card = remainders[i] as number
    for (let j = i; j > 0; j--) if (card >= (remainders[j - 1] as number)) card++
    cards.push(card)
  }
  return cards
}

/** A flow is its schema and what keeps it apart there. */
export function flowHash(schema: string, distinguisher: string): bigint {
  return createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE(0)
}

function seatsWaiting({ waiting }: Queue): number {
  let seats = 0
  for (const request of waiting) seats += request.seats
  return seats
}
