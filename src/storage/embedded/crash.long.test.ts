import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type CrashRun, lost, startCrashChild, stored, straceMissing } from './testdata/crash-run.ts'

test('thirty kills under 32 writers lose nothing and repeat no revision', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'podpass-crash-'))
  const revisions = new Set<number>()
  let acknowledged: CrashRun['acknowledged'] = []
  for (let round = 0; round < 30; round++) {
    const run = startCrashChild({ dir, first: round * 1_000_000 })
    await run.lines(100 + ((round * 7919) % 6000))
    await run.kill()
    expect([run.stderr(), run.failures]).toEqual(['', []])
    acknowledged = acknowledged.concat(run.acknowledged)
    for (const { revision } of run.acknowledged) {
      expect(revisions.has(revision)).toBe(false)
      revisions.add(revision)
    }
    expect(lost(acknowledged, (await stored(dir)).values)).toEqual([])
  }
  rmSync(dir, { recursive: true })
})

const noStrace = straceMissing()
if (noStrace !== undefined) console.warn(`SKIPPED, storage faults: ${noStrace}`)

const faults = ['fsync,fdatasync:error=EIO', 'pwrite64:error=ENOSPC', 'pwrite64:error=EIO', 'ftruncate:error=EIO']
const places = [15, 16, 17, 18, 19, 25, 40, 80, 160, 320]

test.skipIf(noStrace !== undefined).each(faults.flatMap((fault) => places.map((place) => `${fault}:when=${place}..${place + 4}`)))(
  '%s, then kill -9: nothing acknowledged is lost and no revision repeats',
  async (inject) => {
    const dir = mkdtempSync(join(tmpdir(), 'podpass-crash-'))
    const run = startCrashChild({
      dir: join(dir, 'data'),
      first: 0,
      writers: 8,
      wrapper: ['strace', '-f', '-qq', '-o', join(dir, 'trace'), '-e', `trace=${inject.split(':')[0]}`, '-e', `inject=${inject}`],
    })
    await run.lines(1200)
    await run.kill()
    const revisions = run.acknowledged.map(({ revision }) => revision)
    expect(new Set(revisions).size).toBe(revisions.length)
    const { values, revision } = await stored(join(dir, 'data'))
    expect(lost(run.acknowledged, values)).toEqual([])
    expect(revision).toBeGreaterThanOrEqual(Math.max(0, ...revisions))
    rmSync(dir, { recursive: true })
  },
)
