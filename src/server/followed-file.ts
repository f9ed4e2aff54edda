/**
 * A file that somebody may replace while the server runs: looked at when the system says so, and every minute in any case.
 *
 * @see apiserver/pkg/util/filesystem/watchuntil.go
 * @module
 */
import { type FSWatcher, watch } from 'node:fs'
import { dirname } from 'node:path'
import { type Clock, systemClock } from '../clock.ts'

/** A configuration file as the server is given it. */
export interface ConfigurationFile {
  path: string
  /** Throws as `readFileSync` does. */
  read(): Buffer
}

const LOOK_MS = 60_000
/** Writers write in steps. */
const SETTLE_MS = 50

/** Calls `look` until the answer is called. */
export function followFile({ path }: ConfigurationFile, clock: Clock, look: () => void): () => void {
  let cancelSettle = () => {}
  let cancelLook = clock.after(LOOK_MS, again)
  function again(): void {
    cancelLook = clock.after(LOOK_MS, again)
    look()
  }
  let watcher: FSWatcher | undefined
  try {
    // Of the folder: a file is replaced by renaming, a mounted ConfigMap by turning a link.
    watcher = watch(dirname(path), { persistent: false }, () => {
      cancelSettle()
      // A matter of the disk, not of the API's time.
      cancelSettle = systemClock.after(SETTLE_MS, look)
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // Not every file system can tell; the minute is left.
  }
  return () => {
    cancelLook()
    cancelSettle()
    watcher?.close()
  }
}
