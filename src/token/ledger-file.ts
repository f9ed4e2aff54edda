/**
 * The ledger in a file: a JSON record on each line, later ones replacing earlier ones, readable by its owner alone.
 *
 * A line that a crash cut off is dropped; it was never acknowledged.
 *
 * @module
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import type { LedgerRecord, LedgerStorage } from './ledger.ts'
import { keepName, replacePrivately } from './private-file.ts'

export class LedgerFile implements LedgerStorage {
  readonly #path: string
  #file: FileHandle | undefined
  /** Of what was written whole. */
  #length = 0
  #isTorn = false

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

  /** All of them or, as far as the file system lets us, none: half a line would be in the way of every later one. */
  async append(records: readonly LedgerRecord[], { durable }: { durable: boolean }): Promise<void> {
    const file = await this.#open()
    try {
      if (this.#isTorn) await file.truncate(this.#length)
      this.#isTorn = true
      const length = this.#length + (await writeLines(file, records))
      if (durable) await file.datasync()
      this.#length = length
      this.#isTorn = false
    } catch (error) {
      await file.truncate(this.#length).then(
        () => {
          this.#isTorn = false
        },
        () => {},
      )
      throw error
    }
  }

  async rewrite(records: readonly LedgerRecord[]): Promise<void> {
    await this.#replace(async (file) => void (await writeLines(file, records)))
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

  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file
    const file = await open(this.#path, 'a', 0o600)
    try {
      await keepName(this.#path)
      this.#length = (await file.stat()).size
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    return file
  }

  async #replace(write: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      await replacePrivately(this.#path, write)
    } finally {
      // Of the name it may not be the file any more.
      await this.close()
    }
  }
}

/** A few hundred at a time: nobody else should have to wait for the encoding of all. Answers how many bytes they took. */
async function writeLines(file: FileHandle, records: readonly LedgerRecord[]): Promise<number> {
  let length = 0
  for (let at = 0; at < records.length; at += RECORDS_AT_ONCE) {
    const lines = records.slice(at, at + RECORDS_AT_ONCE).map((record) => `${JSON.stringify(record)}\n`)
    const bytes = Buffer.from(lines.join(''))
    await file.appendFile(bytes)
    length += bytes.length
  }
  return length
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
