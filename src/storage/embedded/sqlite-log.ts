/**
 * The revision log in a SQLite file: packs batches for the worker thread and unpacks its answers.
 *
 * @module
 */
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../clock.ts'
import type { LoadedRecord, LogRecord, RevisionLog } from '../revision-log.ts'
import { StoreUnavailableError } from '../store.ts'
import {
  type LoadedColumns,
  PACKED_NUMBERS,
  type PackedValues,
  sqliteWorker,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSettings,
} from './sqlite-worker.ts'
import { unavailable } from './unavailable.ts'

type Done = Extract<WorkerReply, { type: 'done' }>
/** A request without its id; distributes over the union. */
type Asked = WorkerRequest extends infer R ? (R extends WorkerRequest ? Omit<R, 'id'> : never) : never

/** Values that come along when the file is opened, so that the cache, which wants them all, need not ask for each. */
const PRELOAD_BYTES = 32 << 20
/** What nobody has asked for by then is let go. */
const PRELOAD_MS = 10_000

interface Waiting {
  resolve: (reply: Done) => void
  reject: (error: Error) => void
}

export interface OpenedLog {
  log: RevisionLog
  records: LoadedRecord[]
  compactedRevision: number
}

/** Opens the file, or creates it. Throws StoreUnavailableError. */
export function openSqliteLog(file: string): Promise<OpenedLog> {
  const log = new SqliteLog(file)
  return log.opened
}

class SqliteLog implements RevisionLog {
  readonly opened: Promise<OpenedLog>
  readonly #file: string
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #preloaded = new Map<number, Uint8Array>()
  #lastId = 0
  /** Why the thread is gone. */
  #gone: StoreUnavailableError | undefined

  constructor(file: string) {
    this.#file = file
    this.#worker = new Worker(`(${sqliteWorker})()`, {
      eval: true,
      workerData: { file, preloadBytes: PRELOAD_BYTES } satisfies WorkerSettings,
      // The thread makes little garbage: what it reads and writes are SQLite's own pages and transferred buffers.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: {},
    })
    this.opened = new Promise((resolve, reject) => {
      const records: LoadedRecord[] = []
      this.#worker.on('message', (reply: WorkerReply) => {
        if (reply.type === 'records') {
          const values = reply.values && unpackValues(reply.values)
          let n = 0
          for (const record of loadedRecords(reply.records)) {
            const value = values?.[n++]
            if (value !== undefined) this.#preloaded.set(record.revision, value)
            records.push(record)
          }
        } else if (reply.type === 'opened') {
          this.#worker.unref()
          systemClock.after(PRELOAD_MS, () => this.#preloaded.clear())
          resolve({ log: this, records, compactedRevision: reply.compactedRevision })
        } else if (reply.id === 0 && reply.type === 'failed') reject(unavailable(this.#file, reply.code, reply.message))
        else this.#answered(reply)
      })
      const gone = (why: string) => {
        this.#gone ??= new StoreUnavailableError(why)
        reject(this.#gone)
        for (const { reject } of this.#waiting.values()) reject(this.#gone)
        this.#waiting.clear()
      }
      this.#worker.on('error', (error) => gone(`the thread of the store in ${file} failed: ${error.message}`))
      this.#worker.on('exit', () => gone('the store is closed'))
    })
  }

  async append(records: readonly LogRecord[]): Promise<Uint8Array[]> {
    const { numbers, bytes } = packRecords(records)
    const { values } = await this.#ask({ op: 'append', numbers, bytes }, [numbers.buffer, bytes.buffer])
    // The worker read each of them in the same transaction.
    return unpackValues(values!) as Uint8Array[]
  }

  async values(revisions: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const found = this.#preloaded.size === 0 ? [] : revisions.map((revision) => this.#takePreloaded(revision))
    const missing = found.length === 0 ? revisions : revisions.filter((_, n) => found[n] === undefined)
    if (missing.length === 0) return found
    const { values } = await this.#ask({ op: 'values', revisions: Float64Array.from(missing) })
    const read = unpackValues(values!)
    if (missing.length === revisions.length) return read
    let next = 0
    return found.map((value) => value ?? read[next++])
  }

  async forget(compactedRevision: number, revisions: readonly number[]): Promise<void> {
    await this.#ask({ op: 'forget', compactedRevision, revisions: Float64Array.from(revisions) })
  }

  async reopen(revision: number): Promise<LoadedRecord[]> {
    const { records } = await this.#ask({ op: 'reopen', revision })
    return [...loadedRecords(records!)]
  }

  async sizeBytes(): Promise<number | undefined> {
    return (await this.#ask({ op: 'size' })).bytes
  }

  async close(): Promise<void> {
    await this.#ask({ op: 'close' })
    await new Promise<void>((resolve) => {
      this.#worker.once('exit', () => resolve())
      this.#worker.ref()
      if (this.#gone !== undefined) resolve()
    })
  }

  #takePreloaded(revision: number): Uint8Array | undefined {
    const value = this.#preloaded.get(revision)
    if (value !== undefined) this.#preloaded.delete(revision)
    return value
  }

  #ask(request: Asked, transfer: ArrayBufferLike[] = []): Promise<Done> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone)
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      if (this.#waiting.size === 0) this.#worker.ref()
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id }, transfer as ArrayBuffer[])
    })
  }

  #answered(reply: Exclude<WorkerReply, { id: 0 }>): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if (reply.type === 'failed') waiting?.reject(unavailable(this.#file, reply.code, reply.message))
    else if (reply.type === 'done') waiting?.resolve(reply)
  }
}

function packRecords(records: readonly LogRecord[]): { numbers: Float64Array; bytes: Uint8Array } {
  let most = 0
  // A UTF-16 unit is at most three bytes of UTF-8.
  for (const { key, value } of records) most += key.length * 3 + (value?.length ?? 0)
  const numbers = new Float64Array(records.length * PACKED_NUMBERS)
  const bytes = Buffer.allocUnsafeSlow(most)
  let at = 0
  let n = 0
  for (const { key, value, revision, createRevision, previousRevision, expiresMs } of records) {
    const keyLength = bytes.write(key, at, 'utf8')
    at += keyLength
    numbers[n] = revision
    numbers[n + 1] = createRevision
    numbers[n + 2] = previousRevision
    numbers[n + 3] = expiresMs
    numbers[n + 4] = keyLength
    numbers[n + 5] = value === undefined ? -1 : value.length
    if (value !== undefined) {
      bytes.set(value, at)
      at += value.length
    }
    n += PACKED_NUMBERS
  }
  return { numbers, bytes }
}

function unpackValues({ lengths, bytes }: PackedValues): (Uint8Array | undefined)[] {
  let at = 0
  return Array.from(lengths, (length) => {
    if (length < 0) return undefined
    at += length
    return bytes.subarray(at - length, at)
  })
}

function* loadedRecords({ keys, numbers }: LoadedColumns): Generator<LoadedRecord> {
  for (const [n, key] of keys.entries()) {
    yield {
      key,
      revision: numbers[n * 4]!,
      createRevision: numbers[n * 4 + 1]!,
      expiresMs: numbers[n * 4 + 2]!,
      deleted: numbers[n * 4 + 3] === 1,
    }
  }
}
