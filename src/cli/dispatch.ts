/**
 * The command line: finds the subcommand, loads it, runs it.
 *
 * Nothing heavy is imported here: a subcommand brings what it needs when it is chosen.
 *
 * @module
 */

import { PODPASS_VERSION } from '../server/version.ts'
import type { Command, Terminal } from './command.ts'
import { describeFlags, parseFlags, UsageError } from './flags.ts'
import { nearest } from './nearest.ts'

const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  up: { summary: 'Start a server with everything chosen for you', load: async () => (await import('./up.ts')).upCommand },
  serve: { summary: "Start a server by kube-apiserver's own flags", load: async () => (await import('./serve.ts')).serveCommand },
  why: { summary: 'Say why somebody may do something, or what is missing', load: async () => (await import('./why.ts')).whyCommand },
  'can-i': { summary: 'Answer whether somebody may do something', load: async () => (await import('./can-i.ts')).canICommand },
  'who-can': { summary: 'List everybody who may do something', load: async () => (await import('./who-can.ts')).whoCanCommand },
  rules: { summary: 'List everything that somebody may do', load: async () => (await import('./rules.ts')).rulesCommand },
  token: { summary: 'Explain a token in words', load: async () => (await import('./token.ts')).tokenCommand },
  tokens: {
    summary: 'List, show and revoke the tokens that a server issued',
    load: async () => (await import('./tokens.ts')).tokensCommand,
  },
  keys: { summary: 'List, rotate and retire the keys that sign tokens', load: async () => (await import('./keys.ts')).keysCommand },
  jwks: { summary: 'Publish the public keys for relying parties', load: async () => (await import('./jwks.ts')).jwksCommand },
  clock: { summary: 'Read and turn the virtual clock of a server', load: async () => (await import('./clock.ts')).clockCommand },
  trace: { summary: "Show a request's way through the server", load: async () => (await import('./trace.ts')).traceCommand },
  version: { summary: 'Print the version', load: async () => (await import('./versioncommand.ts')).versionCommand },
}

const HELP = { type: 'bool', short: 'h', help: 'Print this and stop.' } as const

/** Resolves with the exit code: 0, 1 for what failed, 2 for a command line that cannot be run. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, terminal)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    terminal.err(`${error.message.replace(/^/gm, 'podpass: ')}\n`)
    return 2
  }
}

async function dispatch(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...others] = argv
  if (first === undefined || first === '--help' || first === '-h' || (first === 'help' && others.length === 0)) {
    terminal.out(overview())
    return 0
  }
  if (first === '--version') return dispatch(['version', ...others], terminal)
  if (first === 'help') return dispatch([others[0] as string, '--help'], terminal)
  const found = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined
  if (found === undefined) {
    const near = nearest(first, Object.keys(COMMANDS))
    throw new UsageError(
      `unknown ${first.startsWith('-') ? 'flag' : 'command'} ${first}${near === undefined ? '' : `; did you mean ${near}?`} (podpass --help lists them)`,
    )
  }
  const command = await found.load()
  const flags = { ...command.flags, help: HELP }
  const beforeRest = others.slice(0, others.includes('--') ? others.indexOf('--') : undefined)
  if (beforeRest.includes('--help') || beforeRest.includes('-h')) {
    terminal.out(
      `${command.description}\n\nUsage:\n  podpass ${command.usage}\n\n${describeFlags({ ...(command.shownFlags ?? command.flags), help: HELP })}\n`,
    )
    return 0
  }
  return command.run(parseFlags(others, flags), terminal)
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length)) + 3
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}${summary}`)
  return `podpass ${PODPASS_VERSION}: the Kubernetes service account system on its own.\n\nUsage:\n  podpass COMMAND [FLAGS]\n\nCommands:\n${lines.join('\n')}\n\npodpass COMMAND --help says more about one.\n`
}
