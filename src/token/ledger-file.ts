/**
 * The ledger in a file: a JSON record on each line, later ones replacing earlier ones, readable by its owner alone.
 *
 * A line that a crash cut off is dropped; it was never acknowledged.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import type { LedgerRecord, LedgerStorage } from './ledger.ts'

export class LedgerFile implements LedgerStorage {
  readonly #path: string
  #file: FileHandle | undefined

  constructor(path: string) {
    this.#path = path
  }

  async load(): Promise<LedgerRecord[]> {
    const text = await this.#read()
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    if (whole.length < text.length) await this.#replace((file) => file.writeFile(whole))
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line, index) => parseRecord(line, `${this.#path}:${index + 1}`))
  }

  async append(records: readonly LedgerRecord[], { durable }: { durable: boolean }): Promise<void> {
    this.#file ??= await open(this.#path, 'a', 0o600)
    await writeLines(this.#file, records)
    if (durable) await this.#file.datasync()
  }

  async rewrite(records: readonly LedgerRecord[]): Promise<void> {
    await this.#replace((file) => writeLines(file, records))
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #read(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw error
    }
  }

  async #replace(write: (file: FileHandle) => Promise<void>): Promise<void> {
    const draft = `${this.#path}.${randomBytes(4).toString('hex')}`
    const file = await open(draft, 'wx', 0o600)
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.close()
    await rename(draft, this.#path)
  }
}

/** A few hundred at a time: nobody else should have to wait for the encoding of all. */
async function writeLines(file: FileHandle, records: readonly LedgerRecord[]): Promise<void> {
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    const text = records
      .slice(at, at + RECORDS_AT_ONCE)
      .map((record) => `${JSON.stringify(record)}\n`)
      .join('')
    await file.appendFile(text)
  }
}

const RECORDS_AT_ONCE = 500

/** Only what decides is checked: a record is written by the same program that reads it. */
function parseRecord(line: string, where: string): LedgerRecord {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch (cause) {
    throw new TypeError(`${where} is no record of the ledger`, { cause })
  }
  const { type, entry, revocation } = (record ?? {}) as { type?: unknown; entry?: { jti?: unknown }; revocation?: { what?: unknown } }
  if (!(type === 'entry' && typeof entry?.jti === 'string') && !(type === 'revocation' && typeof revocation?.what === 'string')) {
    throw new TypeError(`${where} is no record of the ledger`)
  }
  return record as LedgerRecord
}
