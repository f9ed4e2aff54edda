/**
 * `npm run golden -- [SCENARIO…] [--store=etcd] [--write-standing]`: the differences between podpass and the recordings.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { build } from '../../tools/build.ts'
import type { StoreKind } from '../podpass.ts'
import { replay, type StepResult, scenarioNames } from './replay.ts'

const STANDING = join(import.meta.dirname, 'standing.json')
const words = process.argv.slice(2)
const store = (words.find((word) => word.startsWith('--store='))?.slice('--store='.length) ?? 'embedded') as StoreKind
const patterns = words.filter((word) => !word.startsWith('--')).map((word) => new RegExp(`^${word.replaceAll('*', '.*')}$`))
const scenarios = scenarioNames().filter((name) => patterns.length === 0 || patterns.some((pattern) => pattern.test(name)))
if (scenarios.length === 0) throw new Error(`no scenario is named so; there are ${scenarioNames().join(', ')}`)

await build()
const { steps, skipped } = await replay(store, scenarios, (text) => process.stdout.write(text))
const failed = steps.filter((step) => step.differences.length > 0).length
console.log(`${steps.length - failed} passed, ${failed} failed`)
for (const scenario of skipped) console.log(`${scenario}: left out, it needs the kubectl that it was recorded with`)
if (words.includes('--write-standing')) writeStanding(steps)
process.exitCode = failed > 0 ? 1 : 0

/** What is asked only ever rises. */
function writeStanding(results: readonly StepResult[]): void {
  const standing = JSON.parse(readFileSync(STANDING, 'utf8')) as Record<string, number>
  for (const scenario of scenarios) {
    const agreeing = results.filter((step) => step.scenario === scenario && step.differences.length === 0).length
    standing[scenario] = Math.max(standing[scenario] ?? 0, agreeing)
  }
  const sorted = Object.fromEntries(Object.entries(standing).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(STANDING, `${JSON.stringify(sorted, null, 2)}\n`)
}
