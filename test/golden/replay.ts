/**
 * Replays recorded scenarios against a fresh `podpass serve` and counts what agrees.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { kubectlByMinor } from '../machine.ts'
import { type Running, type StoreKind, startServe } from '../podpass.ts'

const FOLDER = import.meta.dirname
/** The recordings hold what this kubectl printed; another prints other things. */
export const RECORDED_KUBECTL = '1.32'

export interface StepResult {
  scenario: string
  step: string
  differences: { pointer: string; want: unknown; got: unknown }[]
}

export interface Replay {
  steps: StepResult[]
  /** As `wire.mjs compare` prints it. */
  output: string
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

/** Runs the program of the recordings; resolves with its exit code and what it printed. */
function run(program: string, args: readonly string[], onOutput?: (text: string) => void): Promise<{ code: number; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(FOLDER, program), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        onOutput?.(text)
      })
    }
    child.on('error', fail)
    child.on('close', (code) => done({ code: code ?? 1, output }))
  })
}

/** Compares `scenarios` on a fresh server; `onOutput` gets the report as it is printed. */
export async function replay(store: StoreKind, scenarios: readonly string[], onOutput?: (text: string) => void): Promise<Replay> {
  const kubectl = kubectlByMinor().get(RECORDED_KUBECTL)
  const wanted = scenarios.filter((scenario) => kubectl !== undefined || !needsKubectl(scenario))
  const server = await startServe(store)
  try {
    const json = join(server.folder, 'compare.json')
    const { output } = await run(
      'wire.mjs',
      [
        'compare',
        '--target',
        server.file('target.json'),
        '--json',
        json,
        ...(kubectl === undefined ? [] : ['--kubectl', kubectl]),
        ...wanted,
      ],
      onOutput,
    )
    const { steps } = JSON.parse(readFileSync(json, 'utf8')) as { steps: StepResult[] }
    return { steps, output, skipped: scenarios.filter((scenario) => !wanted.includes(scenario)) }
  } finally {
    await server.stop()
  }
}

/** Asks the recorded questions about random RBAC policies; resolves with the report. */
export async function replayDecisions(server: Running, seeds: readonly number[]): Promise<{ code: number; output: string }> {
  const files = seeds.map((seed) => join(FOLDER, 'rbac-decisions', `seed-${seed}.json`))
  return run('rbac-fuzz.mjs', ['compare', '--target', server.file('target.json'), ...files])
}
