/**
 * Where the lives of signing keys are kept, never a private part: the contract, and a file for one server.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { type KeyLife, livesText, parseLives } from './key-life.ts'
import { writePrivately } from './private-file.ts'

export interface KeyLives {
  /** As last read, written or heard of. */
  readonly lives: readonly KeyLife[]
  /** Reads what is kept; `initial` is kept from now on where nothing is. */
  load(initial: readonly KeyLife[]): Promise<void>
  /**
   * Keeps what `change` makes of what is kept. Resolves when that is durable. `change` is asked again when another server was faster, writes
   * nothing by answering what it was given, and what it throws is thrown.
   */
  update(change: ChangeLives): Promise<void>
  /** Calls back from now on when others have decided something. */
  follow?(changed: () => void): void
  close?(): void
}

export type ChangeLives = (lives: readonly KeyLife[]) => readonly KeyLife[]

/** Whatever is in the file, this server wrote: there is no other. */
export class KeyLivesFile implements KeyLives {
  readonly #path: string
  #lives: readonly KeyLife[] = []
  #writes: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  get lives(): readonly KeyLife[] {
    return this.#lives
  }

  async load(initial: readonly KeyLife[]): Promise<void> {
    this.#lives = await readLives(this.#path)
    if (this.#lives.length === 0) await this.update(() => initial)
  }

  /** One after the other. */
  update(change: ChangeLives): Promise<void> {
    const written = this.#writes.then(async () => {
      const lives = change(this.#lives)
      if (lives === this.#lives) return
      await writePrivately(this.#path, livesText(lives))
      this.#lives = lives
    })
    this.#writes = written.catch(() => {})
    return written
  }
}

/** Empty when there is no file. */
export async function readLives(path: string): Promise<KeyLife[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return parseLives(text, path)
}
