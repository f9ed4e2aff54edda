/**
 * Replays recorded scenarios against a fresh `podpass serve` and counts what agrees.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { kubectlByMinor } from '../machine.ts'
import { type Running, type StoreKind, startServe } from '../podpass.ts'

const FOLDER = import.meta.dirname
/** The longest takes half a minute on the real server; what takes longer waits for something that does not happen. */
const SCENARIO_LIMIT_MS = 90_000
/** The recordings hold what this kubectl printed; another prints other things. */
export const RECORDED_KUBECTL = '1.32'

export interface StepResult {
  scenario: string
  step: string
  differences: { pointer: string; want: unknown; got: unknown }[]
}

export interface Replay {
  steps: StepResult[]
  /** Scenarios left out because this machine lacks the kubectl of the recordings. */
  skipped: string[]
}

export function scenarioNames(): string[] {
  return readdirSync(join(FOLDER, 'scenarios'))
    .map((file) => file.replace(/\.mjs$/, ''))
    .sort()
}

export function needsKubectl(scenario: string): boolean {
  return /\bkubectl\(/.test(readFileSync(join(FOLDER, 'scenarios', `${scenario}.mjs`), 'utf8'))
}

/** Runs the program of the recordings, until `aborted`; resolves with its exit code and what it printed. */
function run(
  program: string,
  args: readonly string[],
  onOutput?: (text: string) => void,
  aborted?: AbortSignal,
): Promise<{ code: number; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(FOLDER, program), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const end = () => child.kill()
    aborted?.addEventListener('abort', end)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        onOutput?.(text)
      })
    }
    child.on('error', fail)
    child.on('close', (code) => {
      aborted?.removeEventListener('abort', end)
      done({ code: code ?? 1, output })
    })
  })
}

/** Compares `scenarios` on a fresh server, and on another one after it has ended; `onOutput` gets the report as it is printed. */
export async function replay(store: StoreKind, scenarios: readonly string[], onOutput?: (text: string) => void): Promise<Replay> {
  const kubectl = kubectlByMinor().get(RECORDED_KUBECTL)
  const wanted = scenarios.filter((scenario) => kubectl !== undefined || !needsKubectl(scenario))
  const steps: StepResult[] = []
  const say = (text: string) => onOutput?.(text.replace(/\d+ passed, \d+ failed\n$/, ''))
  let server = await startServe(store)
  try {
    for (const scenario of wanted) {
      const json = join(server.folder, `${scenario}.json`)
      const args = [
        'compare',
        '--target',
        server.file('target.json'),
        '--json',
        json,
        ...(kubectl === undefined ? [] : ['--kubectl', kubectl]),
        scenario,
      ]
      await run('wire.mjs', args, say, AbortSignal.any([server.ended, AbortSignal.timeout(SCENARIO_LIMIT_MS)]))
      if (existsSync(json)) steps.push(...(JSON.parse(readFileSync(json, 'utf8')) as { steps: StepResult[] }).steps)
      if (!server.hasEnded()) continue
      const log = server.log().slice(-2000)
      say(`✗ ${scenario}: the server ended\n${log}\n`)
      steps.push({ scenario, step: '(the server ended)', differences: [{ pointer: '', want: 'a server that stays up', got: log }] })
      await server.stop()
      server = await startServe(store)
    }
  } finally {
    await server.stop()
  }
  return { steps, skipped: scenarios.filter((scenario) => !wanted.includes(scenario)) }
}

/** Asks the recorded questions about random RBAC policies; resolves with the report. */
export async function replayDecisions(server: Running, seeds: readonly number[]): Promise<{ code: number; output: string }> {
  const files = seeds.map((seed) => join(FOLDER, 'rbac-decisions', `seed-${seed}.json`))
  return run('rbac-fuzz.mjs', ['compare', '--target', server.file('target.json'), ...files])
}
