/**
 * What kube-apiserver 1.36.2 was recorded to answer, and whether podpass answers the same.
 *
 * `standing.json` says how many steps of each scenario agree at least; `deliberate.json` which differences are meant, and why.
 * `npm run golden -- SCENARIO` shows the differences of one; with `--write-standing` it raises what is asked here.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { kubectlByMinor } from '../machine.ts'
import { STORES } from '../podpass.ts'
import { needsKubectl, RECORDED_KUBECTL, type Replay, replay, scenarioNames } from './replay.ts'

const standing = JSON.parse(readFileSync(join(import.meta.dirname, 'standing.json'), 'utf8')) as Record<string, number>
const recorded = (scenario: string) =>
  (JSON.parse(readFileSync(join(import.meta.dirname, 'recordings', `${scenario}.json`), 'utf8')) as { exchanges: unknown[] }).exchanges
    .length
const names = scenarioNames()

test('standing.json names every scenario', () => {
  expect(Object.keys(standing).sort()).toEqual(names)
})

describe.each(STORES)('on the $kind store', ({ kind, isHere }) => {
  let result: Replay
  beforeAll(async () => {
    if (isHere) result = await replay(kind, names)
  }, 300_000)

  for (const name of names) {
    const kubectlIsMissing = needsKubectl(name) && !kubectlByMinor().has(RECORDED_KUBECTL)
    const label = `${name}: ${standing[name]} of ${recorded(name)} steps agree${kubectlIsMissing ? ` (kubectl ${RECORDED_KUBECTL} is not here)` : ''}`
    test.skipIf(!isHere || kubectlIsMissing)(label, () => {
      const steps = result.steps.filter((step) => step.scenario === name)
      const agreeing = steps.filter((step) => step.differences.length === 0)
      const first = steps.find((step) => step.differences.length > 0)
      expect(agreeing.length, `the first difference: ${JSON.stringify(first, null, 1)?.slice(0, 2000)}`).toBeGreaterThanOrEqual(
        standing[name] ?? 0,
      )
    })
  }
})
