/**
 * A vitest reporter: says aloud what was skipped, looks for tokens in all that the run left behind, and ends with one plain line that a machine
 * can read.
 *
 * With `PODPASS_NO_SKIPS=1` a skipped test is a failure, unless nothing that can be installed would make it run.
 *
 * @module
 */
import process from 'node:process'
import type { UserConsoleLog } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'
import { beginLooking, endLooking, lookForTokens } from './token-leaks.ts'

/** Programs that no package registry serves: tests that need them run where somebody put them. */
const NOT_TO_BE_HAD: readonly { named: RegExp; why: string }[] = [
  { named: /real kube-apiserver/, why: 'its binary is in no registry; put it in KUBE_APISERVER or the path' },
  { named: /kubectl 1\.\d+|kubectl/, why: 'newer kubectl than Debian has are in no registry; put them in the path' },
]

export default class TestSummary implements Reporter {
  onInit(): void {
    beginLooking()
  }

  onUserConsoleLog({ content }: UserConsoleLog): void {
    lookForTokens('what tests print', content)
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    const skipped: string[] = []
    let failures = unhandled.length
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) failures++
      for (const test of module.children.allTests()) {
        const result = test.result()
        counts[result.state]++
        if (result.state !== 'skipped') continue
        const name = `${module.relativeModuleId}: ${test.fullName}`
        const note = result.note === undefined ? '' : ` (${result.note})`
        skipped.push(`${name}${note}`)
      }
    }
    const inexcusable = skipped.filter((name) => !NOT_TO_BE_HAD.some(({ named }) => named.test(name)))
    if (skipped.length > 0) console.log(`\nSkipped, so not proved by this run:\n${skipped.map((name) => `  ${name}`).join('\n')}`)
    for (const { named, why } of NOT_TO_BE_HAD) if (skipped.some((name) => named.test(name))) console.log(`  ${named.source}: ${why}`)
    if (process.env['PODPASS_NO_SKIPS'] === '1' && inexcusable.length > 0) {
      console.log(`\nPODPASS_NO_SKIPS is set, and ${inexcusable.length} of these could have run.`)
      failures += inexcusable.length
      process.exitCode = 1
    }
    const { outputs, bytes, leaks } = endLooking()
    if (outputs > 0) console.log(`\nLooked for tokens in ${outputs} outputs of servers and tests, ${Math.ceil(bytes / 1_000_000)} MB.`)
    if (leaks.length > 0) {
      console.log(`Tokens where none may be:\n${leaks.map((where) => `  ${where}`).join('\n')}`)
      failures += leaks.length
      process.exitCode = 1
    }
    console.log(`\n${counts.passed} passed, ${counts.failed + failures} failed, ${counts.skipped} skipped`)
  }
}
