/**
 * What is counted about fair limits.
 *
 * @see apiserver/pkg/util/flowcontrol/metrics/metrics.go
 * @module
 */
import type { Seats } from './fairness-seats.ts'
import type { Cell, Families, Family, HistogramCell, HistogramFamily } from './metrics-families.ts'

const WAIT_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
const EXECUTION_BUCKETS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
const SEAT_BUCKETS = [1, 2, 4, 10]
const FLOW_LABELS = ['flow_schema', 'priority_level']

/** The cells of one flow schema at its level. */
export interface FlowCells {
  dispatched: Cell
  executing: Cell
  executingSeats: Cell
  inQueue: Cell
  estimated: HistogramCell
  waited: HistogramCell
  waitedInVain: HistogramCell
  executed: HistogramCell
  watchStarted: HistogramCell
  rejected(reason: 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled'): Cell
}

export class FairnessMetrics {
  readonly #dispatched: Family
  readonly #rejected: Family
  readonly #executing: Family
  readonly #executingSeats: Family
  readonly #inQueue: Family
  readonly #estimated: HistogramFamily
  readonly #waited: HistogramFamily
  readonly #executed: HistogramFamily

  constructor(families: Families, seats: Seats) {
    const name = (rest: string) => `apiserver_flowcontrol_${rest}`
    this.#dispatched = families.counter(name('dispatched_requests_total'), 'Requests that were given seats.', FLOW_LABELS)
    this.#rejected = families.counter(name('rejected_requests_total'), 'Requests that were refused, by reason.', [...FLOW_LABELS, 'reason'])
    this.#executing = families.gauge(
      name('current_executing_requests'),
      'Requests that hold seats; watches until they have begun.',
      FLOW_LABELS,
    )
    this.#executingSeats = families.gauge(name('current_executing_seats'), 'Seats that are held.', FLOW_LABELS)
    this.#inQueue = families.gauge(name('current_inqueue_requests'), 'Requests that wait for seats.', FLOW_LABELS)
    this.#estimated = families.histogram(name('work_estimated_seats'), 'Seats that a request is taken to need.', FLOW_LABELS, SEAT_BUCKETS)
    this.#waited = families.histogram(name('request_wait_duration_seconds'), 'Time in a queue.', ['execute', ...FLOW_LABELS], WAIT_BUCKETS)
    this.#executed = families.histogram(
      name('request_execution_seconds'),
      'Time that seats were held.',
      [...FLOW_LABELS, 'type'],
      EXECUTION_BUCKETS,
    )
    const limit = (rest: string, help: string, read: (level: Seats['levels'][number]) => number) =>
      families.collected('gauge', name(rest), help, ['priority_level'], (family) => {
        family.reset()
        for (const level of seats.levels) family.cell(level.name).value = read(level)
      })
    limit('nominal_limit_seats', "A level's own seats.", ({ limits }) => limits.nominal)
    limit('lower_limit_seats', 'Seats that a level never lends.', ({ limits }) => limits.lower)
    limit('upper_limit_seats', 'Seats that a level has at most, borrowed ones among them.', ({ limits }) => limits.upper)
    limit(
      'current_limit_seats',
      'Seats that a level has just now: its own, and those that it holds beyond them.',
      ({ limits, seatsInUse }) => Math.max(limits.nominal, seatsInUse),
    )
  }

  flow(schema: string, level: string): FlowCells {
    return {
      dispatched: this.#dispatched.cell(schema, level),
      executing: this.#executing.cell(schema, level),
      executingSeats: this.#executingSeats.cell(schema, level),
      inQueue: this.#inQueue.cell(schema, level),
      estimated: this.#estimated.cell(schema, level),
      waited: this.#waited.cell('true', schema, level),
      waitedInVain: this.#waited.cell('false', schema, level),
      executed: this.#executed.cell(schema, level, 'regular'),
      watchStarted: this.#executed.cell(schema, level, 'watch'),
      rejected: (reason) => this.#rejected.cell(schema, level, reason),
    }
  }
}
