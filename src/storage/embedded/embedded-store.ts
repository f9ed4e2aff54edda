/**
 * The store in a folder of this host: one SQLite file, durable before it answers, for one process at a time.
 *
 * @module
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Clock } from '../../clock.ts'
import { RevisionStore } from '../revision-store.ts'
import { type Store, StoreUnavailableError } from '../store.ts'
import { openSqliteLog } from './sqlite-log.ts'

const FILE_NAME = 'store.sqlite'

export interface EmbeddedStoreOptions {
  /** Made when it is not there. */
  dir: string
  clock: Clock
  /** Closes the store. */
  signal?: AbortSignal
  /** Events kept for late listeners. */
  historyLimit?: number
}

/** Throws StoreUnavailableError with a text for people: in use, damaged, read-only, full. */
export async function openEmbeddedStore({ dir, clock, signal, historyLimit }: EmbeddedStoreOptions): Promise<Store> {
  const file = join(dir, FILE_NAME)
  prepareFile(dir, file)
  const opened = await openSqliteLog(file)
  const store = new RevisionStore({ ...opened, clock, ...(historyLimit === undefined ? {} : { historyLimit }) })
  const close = () => void store.close()
  if (signal?.aborted) close()
  else signal?.addEventListener('abort', close, { once: true })
  return store
}

/** Secrets are in there: for the owner only. SQLite gives its companions the same mode. */
function prepareFile(dir: string, file: string): void {
  try {
    const made = mkdirSync(dir, { recursive: true, mode: 0o700 })
    closeSync(openSync(file, 'a', 0o600))
    if (made !== undefined) syncFolders(resolve(dir), dirname(resolve(made)))
  } catch (error) {
    throw new StoreUnavailableError(text(dir, error as NodeJS.ErrnoException), { cause: error })
  }
}

/** New folders must outlive a power cut as their contents do. From the innermost to `last`. */
function syncFolders(innermost: string, last: string): void {
  for (let folder = innermost; ; folder = dirname(folder)) {
    const descriptor = openSync(folder, 'r')
    fsyncSync(descriptor)
    closeSync(descriptor)
    if (folder === last) return
  }
}

function text(dir: string, { code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `the store in ${dir} is read-only (${code}); the folder must be writable`
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full: nothing can be written to ${dir} until there is space again`
    case 'ENOTDIR':
    case 'EEXIST':
      return `the store's folder ${dir} cannot be made: a file is in the way (${code})`
    default:
      return `the store's folder ${dir} cannot be used: ${message}`
  }
}
