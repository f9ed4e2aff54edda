/**
 * A file for its owner's eyes only, whole or not there.
 *
 * @module
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Resolves when it would survive a crash of this process and, where the file system keeps its word, of the host. */
export async function writePrivately(path: string, text: string): Promise<void> {
  await replacePrivately(path, (file) => file.writeFile(text))
}

/** As `writePrivately`, of what `write` writes. Nobody else writes the file meanwhile. A draft that a crash left is taken over by the next. */
export async function replacePrivately(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const draft = `${path}.draft`
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    // On a full disk the draft is in the way of everybody.
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  await keepName(path)
}

/** A new name survives a crash of the host only when its folder is written too. */
export async function keepName(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } catch (error) {
    if (!NO_SYNC.includes((error as NodeJS.ErrnoException).code)) throw error
  } finally {
    await folder.close()
  }
}

/** What file systems answer that do not write folders on demand. */
const NO_SYNC: readonly unknown[] = ['EINVAL', 'ENOTSUP', 'EPERM']
