/**
 * What SQLite refuses, said to people.
 *
 * @see https://www.sqlite.org/rescode.html
 * @module
 */
import { dirname } from 'node:path'
import { StoreUnavailableError } from '../store.ts'

const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const NOTADB = 26
/** Ours: the file has a layout that this program does not know. */
const NEWER = -1

/** @param code SQLite's result code, plain or extended. */
export function unavailable(file: string, code: number, message: string): StoreUnavailableError {
  return new StoreUnavailableError(text(file, code, message), { cause: { code, message } })
}

function text(file: string, code: number, message: string): string {
  const dir = dirname(file)
  switch (code < 0 ? code : code & 0xff) {
    case BUSY:
    case LOCKED:
      return `the store in ${dir} is in use by another process; stop that one, or choose another --data-dir`
    case CORRUPT:
    case NOTADB:
      return `the store file ${file} is damaged (${message}); restore it from a backup, or move it away to start empty`
    case FULL:
      return `the disk is full: nothing can be written to ${dir} until there is space again`
    case READONLY:
    case PERM:
      return `the store in ${dir} is read-only; it must be writable`
    case CANTOPEN:
      return `the store file ${file} cannot be opened (${message}); the folder must exist and be writable`
    case IOERR:
      return `the disk under ${dir} failed (${message}); what was being written may or may not be there`
    case NEWER:
      return `the store file ${file} was written by a newer podpass: ${message}`
    default:
      return `the store in ${dir} failed: ${message}`
  }
}
