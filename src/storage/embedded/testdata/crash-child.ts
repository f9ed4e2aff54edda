/**
 * The program that the crash tests run and kill: 32 writers on one store, every acknowledgement on a line of its own.
 *
 * `node crash-child.ts DIR FIRST [WRITERS]`: writer `w` writes `FIRST`, `FIRST + 1`, … and says `ack w n revision operation` or
 * `fail w n text`; a writer that failed goes on with the next number.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../../clock.ts'
import type { WriteOutcome } from '../../store.ts'
import { openEmbeddedStore } from '../embedded-store.ts'

const [dir, first, writers = '32'] = process.argv.slice(2)

const store = await openEmbeddedStore({ dir: dir!, clock: systemClock })
say('open')
await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)))

/** Each key is created, updated, deleted and created again. */
async function write(writer: number): Promise<void> {
  for (let n = Number(first); ; n++) {
    const key = `/registry/crash/${writer}-${Math.floor(n / 4) % 8}`
    const value = Buffer.from(`${writer} ${n} ${'x'.repeat(n % 1000)}`)
    try {
      const before = await store.get(key)
      let outcome: WriteOutcome
      let operation = 'put'
      if (before === undefined) outcome = await store.create(key, value)
      else if (n % 4 === 3) {
        operation = 'delete'
        outcome = await store.delete(key, before.revision)
      } else outcome = await store.update(key, value, before.revision)
      if (!outcome.ok) throw new Error('refused, although nobody else writes this key')
      say(`ack ${writer} ${n} ${outcome.revision} ${operation}`)
    } catch (error) {
      say(`fail ${writer} ${n} ${(error as Error).message}`)
    }
  }
}

/** At once, so that nothing said is lost with the process; a pipe that is full is waited for. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
