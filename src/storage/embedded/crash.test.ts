import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CrashRun, lost, startCrashChild, stored, straceMissing } from './testdata/crash-run.ts'

let dir: string
let runs: CrashRun[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'podpass-crash-'))
  runs = []
})
afterEach(async () => {
  for (const run of runs) await run.kill()
  rmSync(dir, { recursive: true })
})

function start(options: Omit<Parameters<typeof startCrashChild>[0], 'dir'>): CrashRun {
  const run = startCrashChild({ dir: join(dir, 'data'), ...options })
  runs.push(run)
  return run
}

describe('kill -9 under 32 writers', () => {
  test('every acknowledged write is there after a restart, and no revision is given twice', async () => {
    const revisions = new Set<number>()
    let acknowledged: CrashRun['acknowledged'] = []
    for (let round = 0; round < 3; round++) {
      const run = start({ first: round * 1_000_000 })
      await run.lines(1500 + round * 777)
      await run.kill()
      expect(run.stderr()).toBe('')
      expect(run.failures).toEqual([])
      acknowledged = acknowledged.concat(run.acknowledged)
      for (const { revision } of run.acknowledged) {
        expect(revisions.has(revision)).toBe(false)
        revisions.add(revision)
      }
      const { values, revision } = await stored(join(dir, 'data'))
      expect(lost(acknowledged, values)).toEqual([])
      expect(revision).toBeGreaterThanOrEqual(Math.max(...revisions))
    }
  }, 60_000)
})

const noStrace = straceMissing()
if (noStrace !== undefined) console.warn(`SKIPPED, storage faults: ${noStrace}`)

describe.skipIf(noStrace !== undefined)('faults of the disk', () => {
  /** @param inject In strace's words: `fsync,fdatasync:error=EIO:when=10+`. */
  function startFaulty(inject: string, writers: number): CrashRun {
    return start({
      first: 0,
      writers,
      wrapper: ['strace', '-f', '-qq', '-o', join(dir, 'trace'), '-e', `trace=${inject.split(':')[0]}`, '-e', `inject=${inject}`],
    })
  }

  test('an fsync that fails is never acknowledged', async () => {
    const run = startFaulty('fsync,fdatasync:error=EIO:when=20+', 1)
    await run.lines(60)
    await run.kill()
    expect(run.failures.length).toBeGreaterThan(20)
    expect(run.failures[0]).toContain('the disk under')
    const flushed = readFileSync(join(dir, 'trace'), 'utf8').match(/f(data)?sync\(\d+\)\s+= 0/g) ?? []
    expect(run.acknowledged.length).toBeGreaterThan(0)
    expect(run.acknowledged.length).toBeLessThanOrEqual(flushed.length)
    // strace counts by thread: 19 of the store's, and those of the new folders.
    expect(flushed.length).toBeLessThan(25)
    const { values } = await stored(join(dir, 'data'))
    expect(lost(run.acknowledged, values)).toEqual([])
  }, 30_000)

  test.each([
    ['an fsync that fails for a while', 'fsync,fdatasync:error=EIO:when=30..33', 'the disk under'],
    ['a disk that is full for a while', 'pwrite64:error=ENOSPC:when=60..66', 'the disk is full'],
    ['writes that fail for a while', 'pwrite64:error=EIO:when=60..66', 'the disk under'],
  ])(
    '%s: the store goes on by itself afterwards, nothing acknowledged is lost, no revision repeats',
    async (_, inject, text) => {
      const run = startFaulty(inject, 8)
      await run.lines(600)
      await run.kill()
      expect(run.failures.length).toBeGreaterThan(0)
      for (const failure of run.failures) expect(failure).toContain(text)
      expect(run.acknowledged.length).toBeGreaterThan(400)
      const revisions = run.acknowledged.map(({ revision }) => revision)
      expect(new Set(revisions).size).toBe(revisions.length)
      const { values, revision } = await stored(join(dir, 'data'))
      expect(lost(run.acknowledged, values)).toEqual([])
      expect(revision).toBeGreaterThanOrEqual(Math.max(...revisions))
    },
    30_000,
  )
})
