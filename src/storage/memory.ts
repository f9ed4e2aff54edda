/**
 * A store that forgets everything with its process: the contract without a disk, for tests and `podpass/testing`.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { LogRecord, RevisionLog } from './revision-log.ts'
import { RevisionStore } from './revision-store.ts'
import type { Store } from './store.ts'

export function memoryStore({ clock, historyLimit }: { clock: Clock; historyLimit?: number }): Store {
  return new RevisionStore({
    log: new MemoryLog(),
    clock,
    records: [],
    compactedRevision: 0,
    ...(historyLimit === undefined ? {} : { historyLimit }),
  })
}

class MemoryLog implements RevisionLog {
  readonly #values = new Map<number, Uint8Array>()
  #bytes = 0

  async append(records: readonly LogRecord[]): Promise<Uint8Array[]> {
    const lastValues: Uint8Array[] = []
    for (const { revision, value, previousRevision } of records) {
      if (value === undefined) lastValues.push(this.#values.get(previousRevision)!)
      else {
        this.#values.set(revision, value)
        this.#bytes += value.length
      }
    }
    return lastValues
  }

  async values(revisions: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return revisions.map((revision) => this.#values.get(revision))
  }

  async forget(_compactedRevision: number, revisions: readonly number[]): Promise<void> {
    for (const revision of revisions) {
      this.#bytes -= this.#values.get(revision)?.length ?? 0
      this.#values.delete(revision)
    }
  }

  async reopen(): Promise<never[]> {
    return []
  }

  async sizeBytes(): Promise<number> {
    return this.#bytes
  }

  async close(): Promise<void> {
    this.#values.clear()
  }
}
