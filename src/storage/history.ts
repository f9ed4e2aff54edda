/**
 * The recent past of a revision store: what happened since the last compaction, without the values.
 *
 * @module
 */
import type { OrderedMap } from './ordered-map.ts'

/** What the index knows of a live key. */
export interface IndexEntry {
  readonly revision: number
  readonly createRevision: number
}

export interface HistoryRecord {
  readonly revision: number
  readonly key: string
  readonly deleted: boolean
  readonly createRevision: number
  /** The record superseded by this one; 0 when the key was not there. */
  readonly previousRevision: number
}

export class History {
  #compactedRevision: number
  #records: HistoryRecord[] = []
  /** Records before this place are forgotten. */
  #head = 0

  constructor(compactedRevision: number) {
    this.#compactedRevision = compactedRevision
  }

  get compactedRevision(): number {
    return this.#compactedRevision
  }

  get length(): number {
    return this.#records.length - this.#head
  }

  push(record: HistoryRecord): void {
    if (record.revision > this.#compactedRevision) this.#records.push(record)
  }

  /** The first `limit` records after `revision`. */
  after(revision: number, limit: number): HistoryRecord[] {
    const from = this.#firstAfter(revision)
    return this.#records.slice(from, from + limit)
  }

  /** Revision of the n-th record kept. */
  revisionAt(n: number): number {
    return this.#records[this.#head + n]!.revision
  }

  /** Turns the present index into that of `revision`. */
  rewind(index: OrderedMap<IndexEntry>, revision: number): OrderedMap<IndexEntry> {
    const from = this.#firstAfter(revision)
    for (let at = this.#records.length - 1; at >= from; at--) {
      const { key, previousRevision, createRevision } = this.#records[at]!
      if (previousRevision === 0) index.delete(key)
      else index.set(key, { revision: previousRevision, createRevision })
    }
    return index
  }

  /** Forgets everything up to `revision`; answers the revisions whose records nobody can ask for any more. */
  compact(revision: number): number[] {
    const end = this.#firstAfter(revision)
    const superfluous: number[] = []
    for (let at = this.#head; at < end; at++) {
      const record = this.#records[at]!
      if (record.previousRevision > 0) superfluous.push(record.previousRevision)
      if (record.deleted) superfluous.push(record.revision)
    }
    this.#head = end
    if (this.#head > this.#records.length / 2) {
      this.#records = this.#records.slice(this.#head)
      this.#head = 0
    }
    this.#compactedRevision = revision
    return superfluous
  }

  #firstAfter(revision: number): number {
    let low = this.#head
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#records[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return low
  }
}
