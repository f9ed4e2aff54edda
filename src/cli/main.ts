/**
 * The process around the command line: what `dist/podpass.js` runs. On a thread of its own it is the worker that reads large bodies.
 *
 * @module
 */
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'
import type { Terminal } from './command.ts'
import { main } from './dispatch.ts'

let stopping: AbortController | undefined

/** Taken from the first one that asks, so that a short command still dies at once. */
function stopSignal(): AbortSignal {
  if (stopping !== undefined) return stopping.signal
  const controller = new AbortController()
  stopping = controller
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Who asks twice does not want to wait.
      if (controller.signal.aborted) process.exit(130)
      controller.abort(signal)
    })
  }
  return controller.signal
}

const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isInteractive: process.stderr.isTTY === true,
  env: process.env,
  cwd: process.cwd(),
  get stopped() {
    return stopSignal()
  },
}

if (isMainThread) run()
// Started again as a worker, in the one file that there is.
else void import('../api/body-worker.ts')

function run(): void {
  main(process.argv.slice(2), terminal).then(
    (code) => {
      process.exitCode = code
    },
    (error: unknown) => {
      process.stderr.write(`podpass: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      process.exit(1)
    },
  )
}
