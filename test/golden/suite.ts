/**
 * What kube-apiserver 1.36.2 was recorded to answer, and whether podpass answers the same, on one store.
 *
 * `standing.json` says how many steps of each scenario agree at least; `deliberate.json` which differences are meant, and why.
 * `npm run golden -- SCENARIO` shows the differences of one; with `--write-standing` it raises what is asked here.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { kubectlByMinor } from '../machine.ts'
import { STORES, type StoreKind } from '../podpass.ts'
import { needsKubectl, RECORDED_KUBECTL, replay, type StepResult, scenarioNames } from './replay.ts'

const standing = JSON.parse(readFileSync(join(import.meta.dirname, 'standing.json'), 'utf8')) as Record<string, number>
const recorded = (scenario: string) =>
  (JSON.parse(readFileSync(join(import.meta.dirname, 'recordings', `${scenario}.json`), 'utf8')) as { exchanges: unknown[] }).exchanges
    .length

export function goldenSuite(store: StoreKind): void {
  const isHere = STORES.some(({ kind, isHere }) => kind === store && isHere)
  // Nothing is asked of a scenario that needs what is not built: it would only wait.
  const names = scenarioNames().filter((name) => (standing[name] ?? 0) > 0)

  test('standing.json names every scenario', () => {
    expect(Object.keys(standing).sort()).toEqual(scenarioNames())
  })

  describe(`agreement with kube-apiserver on the ${store} store`, () => {
    let steps: StepResult[] = []
    const agreeing = (name: string) => steps.filter(({ scenario, differences }) => scenario === name && differences.length === 0).length
    const holds = (name: string) => agreeing(name) >= (standing[name] ?? 0)
    beforeAll(async () => {
      if (!isHere) return
      steps = (await replay(store, names)).steps
      // Ages are printed in seconds, and a busy machine may need one between a write and its reading: what fell is replayed once more.
      const fallen = names.filter((name) => !holds(name))
      if (fallen.length === 0) return
      const again = (await replay(store, fallen)).steps
      steps = [...steps.filter(({ scenario }) => !fallen.includes(scenario)), ...again]
    }, 480_000)

    for (const name of names) {
      const kubectlIsMissing = needsKubectl(name) && !kubectlByMinor().has(RECORDED_KUBECTL)
      const label = `${name}: ${standing[name]} of ${recorded(name)} steps agree${kubectlIsMissing ? ` (kubectl ${RECORDED_KUBECTL} is not here)` : ''}`
      test.skipIf(!isHere || kubectlIsMissing)(label, () => {
        const first = steps.find(({ scenario, differences }) => scenario === name && differences.length > 0)
        expect(agreeing(name), `the first difference: ${JSON.stringify(first, null, 1)?.slice(0, 2000)}`).toBeGreaterThanOrEqual(
          standing[name] ?? 0,
        )
      })
    }
  })
}
