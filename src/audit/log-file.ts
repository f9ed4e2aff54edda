/**
 * The audit log: one line per event, to a file that is rotated, or to standard output.
 *
 * @see apiserver/plugin/pkg/audit/log/backend.go
 * @module
 */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

export interface LogFileSettings {
  /** `-`: standard output. */
  path: string
  /** 0: no limit. */
  maxAgeDays: number
  maxBackups: number
  /** 0: never rotated. */
  maxSizeMegabytes: number
  compress: boolean
  nowMs(): number
  /** What went wrong beside the writing itself: compressing, removing old files. */
  problem(error: unknown): void
}

const MEGABYTE = 1024 * 1024
const DAY_MS = 86_400_000
const STAMP = /^-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/

export class LogFile {
  readonly #settings: LogFileSettings
  #fd: number | undefined
  #size = 0
  #tidying: Promise<void> = Promise.resolve()

  /** Opens the file, so that what cannot be written is known at the start. */
  constructor(settings: LogFileSettings) {
    this.#settings = settings
    this.#open()
  }

  /** Throws when the line could not be written. */
  write(line: string): void {
    const bytes = Buffer.from(`${line}\n`)
    const { path, maxSizeMegabytes } = this.#settings
    if (path !== '-' && maxSizeMegabytes > 0 && this.#size > 0 && this.#size + bytes.length > maxSizeMegabytes * MEGABYTE) this.#rotate()
    if (this.#fd === undefined) this.#open()
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd as number, bytes, at)
    this.#size += bytes.length
  }

  async close(): Promise<void> {
    if (this.#fd !== undefined && this.#settings.path !== '-') closeSync(this.#fd)
    this.#fd = undefined
    await this.#tidying
  }

  #open(): void {
    const { path } = this.#settings
    if (path === '-') {
      this.#fd = 1
      return
    }
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#fd = openSync(path, 'a', 0o600)
    this.#size = fstatSync(this.#fd).size
  }

  #rotate(): void {
    const { path, nowMs } = this.#settings
    closeSync(this.#fd as number)
    this.#fd = undefined
    const extension = extname(path)
    const stamp = new Date(nowMs()).toISOString().replaceAll(':', '-').slice(0, 23)
    const backup = `${path.slice(0, path.length - extension.length)}-${stamp}${extension}`
    renameSync(path, backup)
    this.#open()
    this.#tidying = this.#tidying.then(() => this.#tidy(backup)).catch((error) => this.#settings.problem(error))
  }

  /** Packs the file that was just put aside, and removes the ones that are too old or too many. */
  async #tidy(backup: string): Promise<void> {
    const { path, maxAgeDays, maxBackups, compress, nowMs } = this.#settings
    // Of several at once the oldest may have had to go before its turn.
    if (compress && existsSync(backup)) {
      await pipeline(createReadStream(backup), createGzip(), createWriteStream(`${backup}.gz`, { mode: 0o600 }))
      rmSync(backup)
    }
    const extension = extname(path)
    const stem = basename(path, extension)
    const backups = readdirSync(dirname(path))
      .filter(
        (name) =>
          name.startsWith(stem) &&
          STAMP.test(name.replace(/\.gz$/, '').slice(stem.length, extension === '' ? undefined : -extension.length)),
      )
      .sort()
      .reverse()
    const kept = maxBackups > 0 ? maxBackups : backups.length
    const oldestMs = maxAgeDays > 0 ? nowMs() - maxAgeDays * DAY_MS : Number.NEGATIVE_INFINITY
    backups.forEach((name, index) => {
      const file = join(dirname(path), name)
      if (index >= kept || statSync(file).mtimeMs < oldestMs) rmSync(file, { force: true })
    })
  }
}
