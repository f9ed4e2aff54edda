/**
 * Where the server's log lines go: short text for people on a terminal, JSON lines (pino) for machines.
 *
 * @module
 */
import type { ServerLog } from '../server/options.ts'
import type { Terminal } from './command.ts'

/** The log of a long-running command; `flush` writes what is still buffered. */
export async function openLog(terminal: Terminal): Promise<{ log: ServerLog; flush(): void }> {
  if (terminal.isInteractive) return { log: peopleLog(terminal), flush: () => {} }
  const { default: pino } = await import('pino')
  const destination = pino.destination({ dest: 2, sync: true })
  return { log: pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination), flush: () => destination.flushSync() }
}

/** Only what somebody in front of a terminal can act upon. */
function peopleLog(terminal: Terminal): ServerLog {
  const line = (mark: string) => (fields: object, text: string) => {
    const { err, error, ...rest } = fields as Record<string, unknown>
    const cause = err ?? error
    const details = Object.entries(rest).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    if (cause !== undefined) details.push(cause instanceof Error ? cause.message : String(cause))
    terminal.err(`${mark}${text}${details.length === 0 ? '' : ` (${details.join(', ')})`}\n`)
  }
  return { debug: () => {}, info: () => {}, warn: line('warning: '), error: line('error: ') }
}
