/**
 * What a subcommand is: names, flags, and a function from a parsed command line to an exit code.
 *
 * Streams, environment and signals are handed in, so that a test can be the terminal.
 *
 * @module
 */
import type { Flags, Parsed } from './flags.ts'

export interface Terminal {
  out(text: string): void
  err(text: string): void
  /** Whether people read `err`: short progress for them, JSON lines for machines. */
  isInteractive: boolean
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  /** All of stdin; the process's own when absent. */
  input?(): Promise<string>
  /** Aborts when the process is asked to end. */
  stopped: AbortSignal
}

export interface Command {
  /** The line under `Usage:`, without the program's name. */
  usage: string
  description: string
  flags: Flags
  /** What `--help` lists, where that is less. */
  shownFlags?: Flags
  /** Resolves with the exit code; throws UsageError for what cannot be run. */
  run(parsed: Parsed<Flags>, terminal: Terminal): Promise<number>
}

/** Ties the flags' types to `run`. */
export function command<Table extends Flags>(
  spec: Omit<Command, 'flags' | 'run'> & { flags: Table; run(parsed: Parsed<Table>, terminal: Terminal): Promise<number> },
): Command {
  // What parses a command line by these flags gives `run` exactly these values.
  return spec as unknown as Command
}
