/**
 * Looks for tokens in everything that the servers of a test run leave behind: what they print, what they write, what they tell of themselves.
 *
 * Tests hand over the outputs; the reporter of the run counts what was found. Nothing here says what a found token is, only where it lies.
 * A token may lie in a kubeconfig, in a file that a test made for a command to read, and encoded in a Secret of a store; nowhere else.
 *
 * @module
 */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'

/** Where the processes of one run note what they have looked at. */
const FOLDER = 'PODPASS_TEST_OUTPUTS'

/** Kubeconfigs, and what a test itself hands to a command: `traced-token`. */
const MEANT_TO_HOLD = /(^|\.)kubeconfig$|-token$/
/** Of the embedded store and of etcd: Secrets with tokens in base64 are in there. */
const STORE = /(^|\/)(store\.sqlite(-wal|-shm)?$|member\/)/

const SHAPES: readonly { kind: string; pattern: RegExp; inStores: boolean }[] = [
  { kind: 'a JWT', pattern: /eyJ[\w-]{16,}\.eyJ[\w-]{8,}\.[\w-]{16,}/, inStores: true },
  { kind: 'a JWT in base64', pattern: /ZXlKaGJHY2lPaU[A-Za-z0-9+/]{100,}/, inStores: false },
  { kind: 'a bootstrap token', pattern: /(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])/, inStores: false },
]

/** Parts of tokens that were handed to tests of this process: a payload or a signature alone is too much. */
const handedOut = new Set<string>()

/** Notes the tokens in an answer that was meant to hold them. */
export function tokensHandedOut(answer: string): void {
  for (const [, payload = '', signature = ''] of answer.matchAll(/eyJ[\w-]+\.(eyJ[\w-]+)\.([\w-]{16,})/g)) {
    handedOut.add(payload)
    handedOut.add(signature)
  }
}

/** What of a token is in the text, by kind. */
export function tokensIn(text: string, isStore = false): string[] {
  const found = SHAPES.filter(({ pattern, inStores }) => (inStores || !isStore) && pattern.test(text)).map(({ kind }) => kind)
  if (handedOut.size > 0)
    for (const [run] of text.matchAll(/[\w-]{16,}/g)) {
      if (!handedOut.has(run)) continue
      found.push('a part of a token')
      break
    }
  return found
}

/** Looks through what a process has printed, or answered. */
export function lookForTokens(where: string, text: string, isStore = false): void {
  const folder = process.env[FOLDER]
  if (folder === undefined) return
  const kinds = tokensIn(text, isStore)
  // One line each, from several processes at a time.
  appendFileSync(join(folder, 'looked'), `${JSON.stringify({ where, bytes: text.length, kinds })}\n`)
}

/** Looks through all files of a server's folder. */
export function lookForTokensIn(folder: string, name: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || MEANT_TO_HOLD.test(entry.name)) continue
    const shown = relative(folder, path)
    lookForTokens(`${name}: ${shown}`, readFileSync(path, 'latin1'), STORE.test(shown))
  }
}

/** Called once, before any process of the run starts. */
export function beginLooking(): void {
  process.env[FOLDER] = mkdtempSync(join(tmpdir(), 'podpass-outputs-'))
}

/** Called once, when all have ended: what was looked at, and where there was a token. */
export function endLooking(): { outputs: number; bytes: number; leaks: string[] } {
  const folder = process.env[FOLDER]
  if (folder === undefined) return { outputs: 0, bytes: 0, leaks: [] }
  delete process.env[FOLDER]
  let lines: { where: string; bytes: number; kinds: string[] }[] = []
  try {
    lines = readFileSync(join(folder, 'looked'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  rmSync(folder, { recursive: true, force: true })
  const leaks = lines.filter(({ kinds }) => kinds.length > 0).map(({ where, kinds }) => `${where}: ${kinds.join(', ')}`)
  return { outputs: lines.length, bytes: lines.reduce((sum, { bytes }) => sum + bytes, 0), leaks: [...new Set(leaks)] }
}
