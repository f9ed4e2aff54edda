/**
 * Priority and fairness: a request belongs to a flow schema, that to a priority level, which has seats for it at once, a queue, or none.
 *
 * @see KEP-1040; apiserver/pkg/util/flowcontrol/apf_controller.go, apiserver/pkg/server/filters/priority-and-fairness.go
 * @module
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../api/types/flowcontrol/v1.ts'
import { type Clock, systemClock } from '../clock.ts'
import { MANDATORY_FLOW_SCHEMAS, MANDATORY_PRIORITY_LEVELS } from '../registry/flowcontrol/mandatory.ts'
import { type Asked, type Fairness, isLongRunning, type Ticket, UNCOUNTED } from './fairness.ts'
import { FlowMatcher, flowDistinguisher } from './fairness-flows.ts'
import { FairnessMetrics, type FlowCells } from './fairness-metrics.ts'
import { charge, flowHash, type Queue, Queues, type Waiting } from './fairness-queues.ts'
import { RetryAfter } from './fairness-retry.ts'
import { divide, Level, Seats } from './fairness-seats.ts'
import type { Families } from './metrics-families.ts'
import type { RequestInfo } from './request-info.ts'

const OBJECTS_PER_SEAT = 100
const MAX_WAIT_MS = 60_000

export interface FairnessDeps {
  /** Seats of the whole server. */
  totalSeats: number
  clock: Clock
  /** Milliseconds that only grow: `performance.now()`. */
  monotonicMs(): number
  /** Longest non-watch request; a quarter of it may be spent waiting. */
  requestTimeoutMs: number
  /** How many objects a list goes through. */
  objectsListed(info: RequestInfo): number
  families: Families
}

interface Matched {
  level: Level
  cells: FlowCells
  uid: string
}

export class PriorityAndFairness implements Fairness {
  readonly #deps: FairnessDeps
  readonly #seats: Seats
  readonly #metrics: FairnessMetrics
  readonly #levels = new Map<string, Level>()
  readonly #retryAfter = new Map<string, RetryAfter>()
  #matcher: FlowMatcher<Matched>

  constructor(deps: FairnessDeps) {
    this.#deps = deps
    this.#seats = new Seats(deps.totalSeats)
    this.#metrics = new FairnessMetrics(deps.families, this.#seats)
    this.#matcher = this.#configured([], [])
  }

  /** What there is from now on. Who waits keeps waiting. */
  configure(levels: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    this.#matcher = this.#configured(levels, schemas)
  }

  admit(asked: Asked): Ticket | Promise<Ticket> {
    const { user, info } = asked
    if (isLongRunning(info)) return UNCOUNTED
    const { schema, value: matched } = this.#matcher.match(user, info)
    const { level, cells } = matched
    const seats = info.verb === 'list' ? this.#seatsOf(level, asked) : 1
    cells.estimated.observe(seats)
    if (this.#seats.free(level, seats)) {
      this.#seats.take(level, seats)
      if (!level.exempt) cells.waited.observe(0)
      return new SeatTicket(this.#seats, this.#deps, matched, info, seats, undefined)
    }
    const { queues } = level
    if (queues === undefined) return this.#refused(matched, 'concurrency-limit')
    return this.#queue(asked, matched, queues, seats, flowHash(schema.metadata?.name ?? '', flowDistinguisher(schema, user, info)))
  }

  #queue({ info, exchange }: Asked, matched: Matched, queues: Queues, seats: number, hash: bigint): Ticket | Promise<Ticket> {
    const { level, cells } = matched
    const sinceMs = this.#deps.monotonicMs()
    const waitedSeconds = () => (this.#deps.monotonicMs() - sinceMs) / 1000
    return new Promise((resolve) => {
      let cancelTimeout = () => {}
      let waiting = true
      const request: Waiting = {
        hash,
        seats,
        start: (queue) => {
          waiting = false
          cancelTimeout()
          cells.inQueue.value--
          cells.waited.observe(waitedSeconds())
          resolve(new SeatTicket(this.#seats, this.#deps, matched, info, seats, queue))
        },
      }
      if (!queues.add(request)) {
        resolve(this.#refused(matched, 'queue-full'))
        return
      }
      this.#seats.queued(1)
      cells.inQueue.value++
      const giveUp = (reason: 'time-out' | 'cancelled') => {
        // Settings may have changed meanwhile: the level knows where it waits now.
        if (!waiting || level.queues?.remove(request) !== true) return
        waiting = false
        cancelTimeout()
        this.#seats.queued(-1)
        cells.inQueue.value--
        cells.waitedInVain.observe(waitedSeconds())
        resolve(this.#refused(matched, reason))
      }
      // Of the connection, not of the objects: a turned clock has no say in it.
      cancelTimeout = systemClock.after(Math.min(this.#deps.requestTimeoutMs / 4, MAX_WAIT_MS), () => giveUp('time-out'))
      exchange.onClose(() => giveUp('cancelled'))
    })
  }

  #refused({ level, cells, uid }: Matched, reason: Parameters<FlowCells['rejected']>[0]): Ticket {
    cells.rejected(reason).value++
    let retry = this.#retryAfter.get(level.name)
    if (retry === undefined) {
      retry = new RetryAfter()
      this.#retryAfter.set(level.name, retry)
    }
    return {
      admitted: false,
      flowSchemaUid: uid,
      priorityLevelUid: level.uid,
      retryAfterSeconds: retry.refused(this.#deps.clock.nowMs()),
      release: () => {},
    }
  }

  /** A seat for each hundred objects that the list goes through. */
  #seatsOf(level: Level, { info, query }: Asked): number {
    if (info.name !== '') return 1
    let objects = this.#deps.objectsListed(info)
    if (objects <= OBJECTS_PER_SEAT) return 1
    const limit = query.size === 0 ? 0 : Number(query.get('limit') ?? 0)
    if (limit > 0) objects = Math.min(objects, limit)
    return Math.max(1, Math.min(Math.ceil(objects / OBJECTS_PER_SEAT), level.maxSeats))
  }

  #configured(given: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): FlowMatcher<Matched> {
    const configurations = withMandatory(given, MANDATORY_PRIORITY_LEVELS)
    const limits = divide(
      this.#seats.total,
      configurations.map(({ spec = {} }) => spec),
    )
    const wanted = new Set<Level>()
    configurations.forEach(({ metadata, spec }, at) => {
      const name = metadata?.name ?? ''
      const level = this.#levels.get(name) ?? new Level(name, '')
      this.#levels.set(name, level)
      wanted.add(level)
      level.uid = metadata?.uid ?? ''
      level.exempt = spec?.type === 'Exempt'
      level.limits = limits[at] as Level['limits']
      setQueues(level, spec?.limited?.limitResponse?.queuing)
    })
    // A level that is gone lives on until it is empty.
    for (const [name, level] of this.#levels)
      if (!wanted.has(level) && level.seatsInUse === 0 && level.waiting === 0) this.#levels.delete(name)
    this.#seats.setLevels([...this.#levels.values()])
    const flows = withMandatory(schemas, MANDATORY_FLOW_SCHEMAS).flatMap((schema) => {
      const level = this.#levels.get(schema.spec?.priorityLevelConfiguration?.name ?? '')
      if (level === undefined || !wanted.has(level)) return []
      const cells = this.#metrics.flow(schema.metadata?.name ?? '', level.name)
      return [{ schema, value: { level, cells, uid: schema.metadata?.uid ?? '' } }]
    })
    const fallback = flows.find(({ schema }) => schema.metadata?.name === 'catch-all')
    if (fallback === undefined) throw new TypeError('there is no flow schema catch-all')
    return new FlowMatcher(flows, fallback)
  }
}

/** Mandatory objects are there even when they are not (yet). */
function withMandatory<T extends PriorityLevelConfiguration | FlowSchema>(
  given: readonly T[],
  mandatory: Readonly<Record<string, T['spec']>>,
): T[] {
  const missing = Object.entries(mandatory).filter(([name]) => !given.some(({ metadata }) => metadata?.name === name))
  return [...given, ...missing.map(([name, spec]) => ({ metadata: { name }, spec }) as T)]
}

function setQueues(
  level: Level,
  queuing: { queues?: number | undefined; handSize?: number | undefined; queueLengthLimit?: number | undefined } | undefined,
): void {
  const settings = queuing && {
    queues: queuing.queues ?? 1,
    handSize: queuing.handSize ?? 1,
    queueLengthLimit: queuing.queueLengthLimit ?? 0,
  }
  const before = level.queues
  if (before !== undefined && settings !== undefined && sameSettings(before, settings)) return
  if (settings === undefined && (before?.waiting ?? 0) === 0) {
    level.queues = undefined
    return
  }
  // Who waits goes on to the new queues, however long they are.
  const moved = before?.drain() ?? []
  level.queues = new Queues(settings === undefined ? { queues: 1, handSize: 1, queueLengthLimit: moved.length } : settings)
  for (const request of moved) level.queues.add(request, true)
}

function sameSettings({ settings }: Queues, { queues, handSize, queueLengthLimit }: Queues['settings']): boolean {
  return settings.queues === queues && settings.handSize === handSize && settings.queueLengthLimit === queueLengthLimit
}

class SeatTicket implements Ticket {
  readonly admitted = true
  readonly flowSchemaUid: string
  readonly priorityLevelUid: string
  readonly retryAfterSeconds = 0
  readonly #pool: Seats
  readonly #deps: FairnessDeps
  readonly #matched: Matched
  readonly #watch: boolean
  readonly #seats: number
  readonly #queue: Queue | undefined
  readonly #sinceMs: number
  #held = true

  constructor(pool: Seats, deps: FairnessDeps, matched: Matched, info: RequestInfo, seats: number, queue: Queue | undefined) {
    this.#pool = pool
    this.#deps = deps
    this.#matched = matched
    this.#watch = info.verb === 'watch'
    this.#seats = seats
    this.#queue = queue
    this.#sinceMs = deps.monotonicMs()
    this.flowSchemaUid = matched.uid
    this.priorityLevelUid = matched.level.uid
    const { cells } = matched
    cells.dispatched.value++
    cells.executing.value++
    cells.executingSeats.value += seats
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    const { level, cells } = this.#matched
    const seconds = (this.#deps.monotonicMs() - this.#sinceMs) / 1000
    cells.executing.value--
    cells.executingSeats.value -= this.#seats
    ;(this.#watch ? cells.watchStarted : cells.executed).observe(seconds)
    if (this.#queue !== undefined) charge(this.#queue, this.#seats, seconds)
    this.#pool.give(level, this.#seats)
  }
}
