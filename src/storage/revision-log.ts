/**
 * What a revision store stands on: something that keeps records by revision, durably or not.
 *
 * @module
 */

export interface LogRecord {
  revision: number
  key: string
  /** Undefined for a deletion. */
  value: Uint8Array | undefined
  createRevision: number
  /** The record that this one supersedes; 0 for the first of its key. */
  previousRevision: number
  /** When the key goes by itself, in milliseconds since the epoch; 0 for never. */
  expiresMs: number
}

/** A record as it is found again: without its value. */
export type LoadedRecord = Pick<LogRecord, 'revision' | 'key' | 'createRevision' | 'expiresMs'> & { deleted: boolean }

export interface RevisionLog {
  /**
   * Keeps the records, all or none; resolves when they are durable, with the last value of each deleted key (in the order of the
   * deletions). A rejection says nothing about whether they were kept.
   */
  append(records: readonly LogRecord[]): Promise<Uint8Array[]>
  /** Values by revision; undefined where there is none. Sees everything asked of the log before. */
  values(revisions: readonly number[]): Promise<(Uint8Array | undefined)[]>
  /** Remembers that history before `compactedRevision` is gone, then drops these records. */
  forget(compactedRevision: number, revisions: readonly number[]): Promise<void>
  /** After a failed append: starts afresh and answers all records after `revision`. Throws StoreUnavailableError while that is not possible. */
  reopen(revision: number): Promise<LoadedRecord[]>
  sizeBytes(): Promise<number | undefined>
  close(): Promise<void>
}
