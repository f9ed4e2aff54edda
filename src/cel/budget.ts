/**
 * What an evaluation may cost: about one unit for each step, and more for steps that look at much. The unit and the limits are upstream's.
 *
 * @see apiserver/pkg/apis/cel/config.go; github.com/google/cel-go, interpreter/runtimecost.go
 * @module
 */
import { CelError } from './values.ts'

/** Of one expression. */
export const PER_CALL_LIMIT = 1_000_000
/** Of all expressions of one policy for one request. */
export const POLICY_BUDGET = 10_000_000
/** Of all match conditions of one webhook for one request. */
export const MATCH_CONDITIONS_BUDGET = 2_500_000

/** The cost of looking at one character. */
export const PER_CHARACTER = 0.1
/** The cost of one character of a pattern, for each character it may meet. */
export const PER_PATTERN_CHARACTER = 0.25

/** The cost of reading a text as an address, an amount, a URL or a moment, or of calculating with such. */
export const PER_PARSED = 10
/** The cost of a part of a moment in a zone of the world. */
export const PER_ZONED = 50

const EXCEEDED = 'operation cancelled: actual cost limit exceeded'

export class Budget {
  /** Units left to those who come after. */
  left: number
  /** Of the expression that is evaluated now. */
  #call = 0
  /** Spent by what it has evaluated meanwhile, and not yet taken from what is left. */
  #meanwhile = 0
  readonly spend: (cost: number) => void

  constructor(units: number) {
    this.left = units
    this.spend = (cost) => {
      this.#call -= cost
      if (this.#call < 0) throw new CelError(EXCEEDED, true)
    }
  }

  /** Runs one expression. Throws a fatal CelError when it or all of them together cost too much. */
  run<T>(evaluate: (spend: (cost: number) => void) => T): T {
    const limit = Math.min(this.left, PER_CALL_LIMIT)
    this.#call = limit
    this.#meanwhile = 0
    try {
      return evaluate(this.spend)
    } finally {
      this.left -= limit - Math.max(this.#call, 0) + this.#meanwhile
    }
  }

  /**
   * Runs an expression that another one waits for, with a limit of its own. Throws a CelError, which the other may do without, when it costs
   * too much; a fatal one when nothing is left for anybody.
   */
  runInside<T>(evaluate: (spend: (cost: number) => void) => T): T {
    const outer = this.#call
    const rest = this.left - this.#meanwhile
    const limit = Math.min(rest, PER_CALL_LIMIT)
    this.#call = limit
    try {
      return evaluate(this.spend)
    } catch (error) {
      throw error instanceof CelError && error.fatal && rest > limit ? new CelError(error.message) : error
    } finally {
      this.#meanwhile += limit - Math.max(this.#call, 0)
      this.#call = outer
    }
  }

  get exhausted(): boolean {
    return this.left <= 0
  }
}
