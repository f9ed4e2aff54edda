/**
 * Counters, gauges and histograms, and their text in Prometheus' format.
 *
 * A cell is found once by its labels and counted on from then on: an increment is an addition, an observation a short search. A general
 * library spends more on one observation than a whole request may cost here.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 * @module
 */

export interface Cell {
  value: number
}

/** A family of figures that only grow, or that are set. */
export class Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  readonly labelNames: readonly string[]
  readonly #cells = new Map<string, Cell>()
  readonly #collect: ((family: Family) => void) | undefined

  constructor(name: string, help: string, type: 'counter' | 'gauge', labelNames: readonly string[], collect?: (family: Family) => void) {
    this.name = name
    this.help = help
    this.type = type
    this.labelNames = labelNames
    this.#collect = collect
  }

  /** The same cell for the same values, in the order of the names. */
  cell(...values: readonly string[]): Cell {
    const key = labelText(this.labelNames, values)
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      cell = { value: 0 }
      this.#cells.set(key, cell)
    }
    return cell
  }

  /** Forgets all cells: for families that are read off something else. */
  reset(): void {
    this.#cells.clear()
  }

  text(): string {
    this.#collect?.(this)
    if (this.#cells.size === 0) return ''
    let text = `# HELP ${this.name} ${this.help}\n# TYPE ${this.name} ${this.type}\n`
    for (const [labels, { value }] of this.#cells) text += `${this.name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`
    return text
  }
}

export class HistogramCell {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.#sum += value
  }

  text(name: string, labels: string): string {
    const before = labels === '' ? '' : `${labels},`
    const own = labels === '' ? '' : `{${labels}}`
    let text = ''
    let count = 0
    for (let at = 0; at <= this.#bounds.length; at++) {
      count += this.#counts[at] as number
      const bound = this.#bounds[at]
      text += `${name}_bucket{${before}le="${bound === undefined ? '+Inf' : numberText(bound)}"} ${count}\n`
    }
    return `${text}${name}_sum${own} ${numberText(this.#sum)}\n${name}_count${own} ${count}\n`
  }
}

export class HistogramFamily {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly #bounds: readonly number[]
  readonly #cells = new Map<string, HistogramCell>()

  constructor(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.labelNames = labelNames
    this.#bounds = bounds
  }

  cell(...values: readonly string[]): HistogramCell {
    const key = labelText(this.labelNames, values)
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      cell = new HistogramCell(this.#bounds)
      this.#cells.set(key, cell)
    }
    return cell
  }

  text(): string {
    if (this.#cells.size === 0) return ''
    let text = `# HELP ${this.name} ${this.help}\n# TYPE ${this.name} histogram\n`
    for (const [labels, cell] of this.#cells) text += cell.text(this.name, labels)
    return text
  }
}

/** All families of one server. */
export class Families {
  readonly #families: (Family | HistogramFamily)[] = []

  counter(name: string, help: string, labelNames: readonly string[] = []): Family {
    return this.#add(new Family(name, help, 'counter', labelNames))
  }
  gauge(name: string, help: string, labelNames: readonly string[] = []): Family {
    return this.#add(new Family(name, help, 'gauge', labelNames))
  }
  /** Read off at each scrape. */
  collected(
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (family: Family) => void,
  ): Family {
    return this.#add(new Family(name, help, type, labelNames, collect))
  }
  histogram(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]): HistogramFamily {
    return this.#add(new HistogramFamily(name, help, labelNames, bounds))
  }

  text(): string {
    return [...this.#families]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((family) => family.text())
      .join('')
  }

  #add<T extends Family | HistogramFamily>(family: T): T {
    this.#families.push(family)
    return family
  }
}

/** `first * factor^n`. */
export function exponentialBuckets(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => first * factor ** n)
}

function labelText(names: readonly string[], values: readonly string[]): string {
  let text = ''
  for (let at = 0; at < names.length; at++) {
    if (at > 0) text += ','
    text += `${names[at]}="${escaped(values[at] ?? '')}"`
  }
  return text
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}
