/**
 * Starts a server and keeps it until the process is asked to end; what `serve` and `up` share.
 *
 * @module
 */
import { setFlagsFromString } from 'node:v8'
import type { ServerLog, ServerOptions } from '../server/options.ts'
import type { RunningServer } from '../server/server.ts'
import type { Terminal } from './command.ts'
import { openLog } from './log.ts'

/** How long requests that have begun may take once the server is told to stop. */
const GRACE_MS = 10_000

export interface Hooks {
  onStart?(log: ServerLog): void
  /** When requests are answered. */
  onReady?(server: RunningServer): void | Promise<void>
}

/** Resolves with the exit code when the server has stopped. */
export async function runServer(options: ServerOptions, terminal: Terminal, hooks: Hooks = {}): Promise<number> {
  // Asked for before anything is started: from here on a signal ends the server, not the process.
  const { stopped } = terminal
  keepHeapSmall()
  const { log, flush } = await openLog(terminal)
  hooks.onStart?.(log)
  // Loaded only now: help and refusals are printed without it.
  const { startServer } = await import('../server/server.ts')
  let server: RunningServer
  try {
    server = await startServer({ ...options, log })
  } catch (error) {
    terminal.err(`podpass: ${startFailure(error, options)}\n`)
    flush()
    return 1
  }
  log.info({ url: server.url }, 'serving')
  if (terminal.isInteractive) terminal.err(`serving on ${server.url}\n`)
  await hooks.onReady?.(server)
  await new Promise<void>((stop) => {
    if (stopped.aborted) stop()
    else stopped.addEventListener('abort', () => stop(), { once: true })
  })
  log.info({}, 'stopping')
  if (terminal.isInteractive) terminal.err('stopping\n')
  await server.close(GRACE_MS)
  log.info({}, 'stopped')
  flush()
  return 0
}

/**
 * Keeps V8's young generation small: a server under load would let it grow to hundreds of megabytes, for a tenth of the CPU time.
 * At run time, because the command line of a program that people start by name is not ours.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/** Errors whose message is for people. */
const REFUSALS: ReadonlySet<string> = new Set(['StoreUnavailableError', 'RuntimeConfigError', 'ConfigurationError', 'KubeconfigError'])

/** One line for people; what is no ordinary refusal keeps its stack. */
function startFailure(error: unknown, options: ServerOptions): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return `${options.bindAddress}:${options.securePort} is taken by another process; choose another --secure-port, or 0 for any free one`
  if (code === 'EACCES' && options.securePort < 1024) return `port ${options.securePort} needs more rights; choose one above 1023`
  if (code === 'EADDRNOTAVAIL') return `${options.bindAddress} is no address of this host`
  return REFUSALS.has(error.name) ? error.message : (error.stack ?? error.message)
}
