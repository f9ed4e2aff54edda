/**
 * Runs a client program to its end, for tests: exit code and both outputs, never a throw.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import process from 'node:process'
import { lookForTokens, tokensHandedOut } from '../../tools/token-leaks.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

export function run(
  program: string,
  args: readonly string[],
  options: { env?: Record<string, string>; stdin?: string; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((done, fail) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LC_ALL: 'C', ...options.env }
    const child = spawn(program, args, { env, timeout: 60_000, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
    child.on('error', fail)
    child.on('close', (code) => {
      // What podpass prints holds no tokens; what kubectl and others print may be meant to.
      if (/podpass\.js$/.test(args[0] ?? '')) lookForTokens(`what podpass ${args[1]} prints`, out + err)
      else tokensHandedOut(out)
      done({ code: code ?? 1, out, err })
    })
    child.stdin.on('error', () => {})
    child.stdin.end(options.stdin ?? '')
  })
}
