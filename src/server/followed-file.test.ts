import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { followFile } from './followed-file.ts'

let folder: string
let looks: number
let clock: VirtualClock
let stop: () => void

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-followed-'))
  looks = 0
  clock = new VirtualClock({ startMs: 0 })
  stop = () => {}
})
afterEach(() => {
  stop()
  rmSync(folder, { recursive: true, force: true })
})

function follow(path: string): void {
  stop = followFile({ path, read: () => readFileSync(path) }, clock, () => {
    looks++
  })
}

test('is looked at every minute', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')
  follow(path)
  await clock.advance(60_000)
  await clock.advance(120_000)
  expect(looks).toBe(3)
  stop()
  await clock.advance(60_000)
  expect(looks).toBe(3)
})

test('is looked at when it is written, and when another takes its place', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'a')
  follow(path)
  writeFileSync(path, 'b')
  await expect.poll(() => looks).toBe(1)
  writeFileSync(`${path}.new`, 'c')
  renameSync(`${path}.new`, path)
  await expect.poll(() => looks).toBe(2)
})

test('is looked at when the link to its folder turns, as that of a mounted ConfigMap does', async () => {
  for (const version of ['v1', 'v2']) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'file'), version)
  }
  symlinkSync('v1', join(folder, 'data'))
  symlinkSync('data/file', join(folder, 'file'))
  follow(join(folder, 'file'))
  symlinkSync('v2', join(folder, 'data.new'))
  renameSync(join(folder, 'data.new'), join(folder, 'data'))
  await expect.poll(() => looks).toBe(1)
})

test('of a folder that is not there is still looked at every minute', async () => {
  follow(join(folder, 'nowhere', 'file'))
  await clock.advance(60_000)
  expect(looks).toBe(1)
})
