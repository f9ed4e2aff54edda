/**
 * What this machine can do at all, measured in the same run as podpass: signatures and durable writes.
 *
 * @module
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROUNDS = 3
const CLAIMS = Buffer.alloc(700, 'a')

/** The least of some rounds: what is above it is somebody else's work. */
function leastMs(times: number, job: () => void): number {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    for (let i = 0; i < times; i++) job()
    least = Math.min(least, (performance.now() - began) / times)
  }
  return least
}

export interface Limits {
  rs256SignMs: number
  es256SignMs: number
  /** One kilobyte written and synced. */
  durableWriteMs: number
}

export function measureLimits(): Limits {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const signing = (key: KeyObject, times: number) => leastMs(times, () => void sign('sha256', CLAIMS, key))
  const folder = mkdtempSync(join(tmpdir(), 'podpass-bench-'))
  const file = openSync(join(folder, 'sync'), 'w')
  const kilobyte = Buffer.alloc(1024)
  const durableWriteMs = leastMs(300, () => {
    writeSync(file, kilobyte)
    fdatasyncSync(file)
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  return { rs256SignMs: signing(rsa, 300), es256SignMs: signing(ec, 2000), durableWriteMs }
}
