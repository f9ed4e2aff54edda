/**
 * Runs the crash tests' program, keeps its acknowledgements, and compares a store with them.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { systemClock } from '../../../clock.ts'
import type { StoredValue } from '../../store.ts'
import { openEmbeddedStore } from '../embedded-store.ts'

export interface Acknowledged {
  writer: number
  n: number
  revision: number
  operation: 'put' | 'delete'
}

export interface CrashRun {
  readonly process: ChildProcess
  readonly acknowledged: Acknowledged[]
  readonly failures: string[]
  readonly stderr: () => string
  /** Resolves when the program has said so many lines in all, or has ended. */
  lines(count: number): Promise<void>
  kill(): Promise<void>
}

export const CRASH_CHILD = join(import.meta.dirname, 'crash-child.ts')

/** @param wrapper Comes before node: `['strace', …]`. */
export function startCrashChild({
  dir,
  first,
  writers = 32,
  wrapper = [],
}: {
  dir: string
  first: number
  writers?: number
  wrapper?: string[]
}): CrashRun {
  const [program, ...args] = [...wrapper, process.execPath, CRASH_CHILD, dir, String(first), String(writers)]
  // A group of its own: a wrapper's child ends with it.
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const acknowledged: Acknowledged[] = []
  const failures: string[] = []
  let stderr = ''
  let said = 0
  let ended = false
  let waiting: { count: number; resolve: () => void } | undefined
  const check = () => {
    if (waiting === undefined || (said < waiting.count && !ended)) return
    waiting.resolve()
    waiting = undefined
  }
  child.stderr!.on('data', (data) => {
    stderr += data
  })
  const lines = createInterface({ input: child.stdout! })
  lines.on('line', (line) => {
    const [word, writer, n, revision, operation] = line.split(' ')
    if (word === 'ack')
      acknowledged.push({
        writer: Number(writer),
        n: Number(n),
        revision: Number(revision),
        operation: operation as Acknowledged['operation'],
      })
    else if (word === 'fail') failures.push(line.split(' ').slice(3).join(' '))
    said++
    check()
  })
  const closed = once(lines, 'close').then(() => {
    ended = true
    check()
  })
  return {
    process: child,
    acknowledged,
    failures,
    stderr: () => stderr,
    lines: (count) =>
      new Promise((resolve) => {
        waiting = { count, resolve }
        check()
      }),
    async kill() {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
      await closed
    },
  }
}

/** What a store in `dir` holds, in words; opened and closed for the question. */
export async function stored(dir: string): Promise<{ values: StoredValue[]; revision: number }> {
  const store = await openEmbeddedStore({ dir, clock: systemClock })
  const { values } = await store.range('/registry/')
  const { revision } = store
  await store.close()
  return { values, revision }
}

/** Acknowledged writes that are neither there nor overtaken by the one write that each writer had under way. */
export function lost(acknowledged: readonly Acknowledged[], values: readonly StoredValue[]): Acknowledged[] {
  const last = new Map<string, Acknowledged>()
  for (const one of acknowledged) last.set(keyOf(one), one)
  const found = new Map(values.map((value) => [value.key, value]))
  return [...last].flatMap(([key, one]) => {
    const value = found.get(key)
    if (value === undefined) return one.operation === 'delete' || one.n % 4 === 2 ? [] : [one]
    const n = Number(Buffer.from(value.value).toString().split(' ')[1])
    if (value.revision < one.revision) return [one]
    return value.revision === one.revision && (one.operation === 'delete' || n !== one.n) ? [one] : []
  })
}

/** Why faults cannot be injected here; undefined when they can. */
export function straceMissing(): string | undefined {
  try {
    execFileSync('strace', ['-qq', '-e', 'trace=none', 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'strace is missing or may not trace here'
  }
}

function keyOf({ writer, n }: Acknowledged): string {
  return `/registry/crash/${writer}-${Math.floor(n / 4) % 8}`
}
