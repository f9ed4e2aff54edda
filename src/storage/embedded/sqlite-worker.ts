/**
 * The thread that owns the database file.
 *
 * `sqliteWorker` is handed to the worker as its own source text, so that it works alike when Node runs the TypeScript files and when
 * everything is bundled into one file. It must therefore use nothing from outside itself: built-in modules come through
 * `process.getBuiltinModule`, types vanish, and a bundler must not slip calls of its own into it (esbuild's `keepNames` does).
 *
 * A separate thread keeps the checkpoint (several milliseconds) and every fsync away from the event loop that serves requests.
 *
 * @module
 */
import type { DatabaseSync } from 'node:sqlite'

/** Numbers of one packed record: revision, createRevision, previousRevision, expiresMs, length of the key, length of the value (-1: deletion). */
export const PACKED_NUMBERS = 6

export type WorkerRequest =
  | { id: number; op: 'append'; numbers: Float64Array; bytes: Uint8Array }
  | { id: number; op: 'values'; revisions: Float64Array }
  | { id: number; op: 'forget'; compactedRevision: number; revisions: Float64Array }
  | { id: number; op: 'reopen'; revision: number }
  | { id: number; op: 'size' }
  | { id: number; op: 'close' }

/** Records without their values, column by column. */
export interface LoadedColumns {
  keys: string[]
  /** revision, createRevision, expiresMs, 1 for a deletion. */
  numbers: Float64Array
}

/** Values one after the other; a length of -1 is a value that is not there. */
export interface PackedValues {
  lengths: Int32Array
  bytes: Uint8Array
}

export type WorkerReply =
  | { id: 0; type: 'records'; records: LoadedColumns; values?: PackedValues }
  | { id: 0; type: 'opened'; compactedRevision: number }
  | { id: number; type: 'done'; values?: PackedValues; records?: LoadedColumns; bytes?: number }
  | { id: number; type: 'failed'; code: number; message: string }

export interface WorkerSettings {
  file: string
  /** So many bytes of values come along with the records when the file is opened: whoever opens it reads them next. */
  preloadBytes: number
}

export function sqliteWorker(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const { DatabaseSync: Database } = process.getBuiltinModule('node:sqlite')
  const { statSync } = process.getBuiltinModule('node:fs')
  const port = parentPort!
  const { file, preloadBytes } = workerData as WorkerSettings
  const LOAD_CHUNK = 2000
  const FORGET_SLICE = 500

  let database: DatabaseSync
  let insert: ReturnType<DatabaseSync['prepare']>
  let select: ReturnType<DatabaseSync['prepare']>

  function open(): number {
    database = new Database(file, { timeout: 0 })
    // Exclusive before WAL: the lock dies with the process, and no shared memory file is needed.
    database.exec(
      'PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000; BEGIN EXCLUSIVE',
    )
    const version = Number(database.prepare('PRAGMA user_version').get()!['user_version'])
    if (version > 1) throw Object.assign(new Error(`its layout is version ${version}, this podpass knows version 1`), { errcode: -1 })
    if (version === 0) {
      database.exec(`
        CREATE TABLE log (
          revision INTEGER PRIMARY KEY, key TEXT NOT NULL, create_revision INTEGER NOT NULL, expires_ms INTEGER NOT NULL, value BLOB
        );
        CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO meta VALUES ('compacted', 0);
        PRAGMA user_version=1`)
    }
    database.exec('COMMIT')
    insert = database.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?)')
    select = database.prepare('SELECT value FROM log WHERE revision = ?')
    return Number(database.prepare("SELECT value FROM meta WHERE name = 'compacted'").get()!['value'])
  }

  /** @param valueBytes values of at most about so many bytes in all come along. */
  function* load(after: number, valueBytes: number): Generator<{ records: LoadedColumns; values?: PackedValues }> {
    let left = valueBytes
    let last = after
    for (;;) {
      const withValues = left > 0
      const statement = database.prepare(
        `SELECT revision, key, create_revision, expires_ms, ${withValues ? 'value' : 'NULL'}, value IS NULL FROM log WHERE revision > ? ORDER BY revision LIMIT ${LOAD_CHUNK}`,
      )
      statement.setReturnArrays(true)
      const rows = statement.all(last) as unknown as [number, string, number, number, Uint8Array | null, number][]
      const numbers = new Float64Array(rows.length * 4)
      const values: (Uint8Array | undefined)[] = []
      for (const [n, [revision, , createRevision, expiresMs, value, deleted]] of rows.entries()) {
        numbers.set([revision, createRevision, expiresMs, deleted], n * 4)
        if (withValues) values.push(value ?? undefined)
        last = revision
        left -= value?.length ?? 0
      }
      const records = { keys: rows.map(([, key]) => key), numbers }
      yield withValues ? { records, values: pack(values) } : { records }
      if (rows.length < LOAD_CHUNK) return
    }
  }

  function value(revision: number): Uint8Array | undefined {
    return (select.get(revision)?.['value'] ?? undefined) as Uint8Array | undefined
  }

  function pack(values: (Uint8Array | undefined)[]): PackedValues {
    let total = 0
    for (const one of values) total += one?.length ?? 0
    const bytes = new Uint8Array(total)
    const lengths = new Int32Array(values.length)
    let at = 0
    for (const [n, one] of values.entries()) {
      lengths[n] = one?.length ?? -1
      if (one === undefined) continue
      bytes.set(one, at)
      at += one.length
    }
    return { lengths, bytes }
  }

  function append(numbers: Float64Array, packed: Uint8Array): PackedValues {
    const text = Buffer.from(packed.buffer, packed.byteOffset, packed.length)
    const last: (Uint8Array | undefined)[] = []
    let at = 0
    database.exec('BEGIN')
    for (let n = 0; n < numbers.length; n += 6) {
      const keyEnd = at + numbers[n + 4]!
      const key = text.toString('utf8', at, keyEnd)
      const length = numbers[n + 5]!
      at = keyEnd + Math.max(length, 0)
      if (length < 0) last.push(value(numbers[n + 2]!))
      insert.run(numbers[n]!, key, numbers[n + 1]!, numbers[n + 3]!, length < 0 ? null : packed.subarray(keyEnd, at))
    }
    database.exec('COMMIT')
    return pack(last)
  }

  /** In slices, so that a write does not wait for thousands of deletions. */
  function forget(id: number, compactedRevision: number, revisions: Float64Array): void {
    database.prepare("UPDATE meta SET value = max(value, ?) WHERE name = 'compacted'").run(compactedRevision)
    const remove = database.prepare('DELETE FROM log WHERE revision = ?')
    let at = 0
    const slice = () =>
      answer(id, () => {
        if (at >= revisions.length) return {}
        const end = Math.min(at + FORGET_SLICE, revisions.length)
        database.exec('BEGIN')
        for (; at < end; at++) remove.run(revisions[at]!)
        database.exec('COMMIT')
        setImmediate(slice)
        return undefined
      })
    slice()
  }

  function closeQuietly(): void {
    try {
      database.close()
    } catch {
      // It never opened, or is beyond closing.
    }
  }

  function answer(id: number, work: () => Omit<Extract<WorkerReply, { type: 'done' }>, 'id' | 'type'> | undefined): void {
    try {
      const result = work()
      if (result === undefined) return
      const transfer = result.values === undefined ? [] : [result.values.bytes.buffer as ArrayBuffer]
      port.postMessage({ id, type: 'done', ...result }, transfer)
    } catch (error) {
      const { errcode = 0, message } = error as { errcode?: number; message: string }
      port.postMessage({ id, type: 'failed', code: errcode, message })
    }
  }

  port.on('message', (request: WorkerRequest) => {
    const { id } = request
    switch (request.op) {
      case 'append':
        answer(id, () => ({ values: append(request.numbers, request.bytes) }))
        break
      case 'values':
        answer(id, () => ({ values: pack(Array.from(request.revisions, value)) }))
        break
      case 'forget':
        answer(id, () => {
          forget(id, request.compactedRevision, request.revisions)
          return undefined
        })
        break
      case 'reopen':
        answer(id, () => {
          closeQuietly()
          open()
          // What an fsync refused may sit in the page cache only: write it out again before anyone sees it.
          database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
          const all: LoadedColumns = { keys: [], numbers: new Float64Array(0) }
          for (const {
            records: { keys, numbers },
          } of load(request.revision, 0)) {
            all.keys.push(...keys)
            all.numbers = Float64Array.from([...all.numbers, ...numbers])
          }
          return { records: all }
        })
        break
      case 'size':
        answer(id, () => {
          let bytes = 0
          for (const name of [file, `${file}-wal`]) bytes += statSync(name, { throwIfNoEntry: false })?.size ?? 0
          return { bytes }
        })
        break
      case 'close':
        answer(id, () => {
          database.close()
          return {}
        })
        port.close()
        break
    }
  })

  try {
    const compactedRevision = open()
    for (const { records, values } of load(0, preloadBytes)) {
      const transfer = [records.numbers.buffer, ...(values === undefined ? [] : [values.bytes.buffer])] as ArrayBuffer[]
      port.postMessage({ id: 0, type: 'records', records, values }, transfer)
    }
    port.postMessage({ id: 0, type: 'opened', compactedRevision })
  } catch (error) {
    const { errcode = 0, message } = error as { errcode?: number; message: string }
    closeQuietly()
    port.postMessage({ id: 0, type: 'failed', code: errcode, message })
    port.close()
  }
}
