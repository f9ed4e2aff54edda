/**
 * A file for its owner's eyes only, whole or not there.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { open, rename } from 'node:fs/promises'

/** Resolves when it would survive a crash of this process and, where the file system keeps its word, of the host. */
export async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, path)
}
