/**
 * The built command as a process: exit codes, signals, logs, a second start.
 */
import { readFileSync, rmSync, statSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from './clients/run.ts'
import { COMMAND, startUp } from './podpass.ts'

const podpass = (...args: string[]) => run(process.execPath, [COMMAND, ...args])

describe('the file', () => {
  /** Runs what stands before the bundle, as another Node would. */
  function startedOn(version: string): { said: string; ended: boolean } {
    let said = ''
    let ended = false
    const banner = readFileSync(COMMAND, 'utf8').split('\n').slice(1, 4).join('\n')
    const fake = {
      process: {
        versions: { node: version },
        exit: () => {
          ended = true
        },
      },
      console: { error: (text: string) => (said += text) },
    }
    runInNewContext(banner, fake)
    return { said, ended }
  }
  test.each(['0.10.48', '12.22.9', '20.20.2', '22.22.1', '23.11.0', '25.9.0'])('says one line on Node %s and stops', (version) => {
    expect(startedOn(version)).toEqual({ said: `podpass needs Node ^22.22.2 or ^24.15.0 or >=26; this is Node ${version}.`, ended: true })
  })
  test.each(['22.22.2', '24.15.0', '26.0.0'])('starts on Node %s', (version) =>
    expect(startedOn(version)).toEqual({ said: '', ended: false }),
  )
  test('has what old Nodes need before its first import', () => {
    expect(readFileSync(COMMAND, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node')
  })
})

describe('podpass', () => {
  test('exits 0 after help and 2 after what it does not know', async () => {
    expect((await podpass('--help')).code).toBe(0)
    expect(await podpass('upp')).toMatchObject({
      code: 2,
      out: '',
      err: 'podpass: unknown command upp; did you mean up? (podpass --help lists them)\n',
    })
    expect((await podpass('serve', '--oidc-issuer-url=https://x')).code).toBe(2)
  })
})

describe('podpass up', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'podpass-command-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('keeps what it made to its owner', async () => {
    const up = await startUp(folder)
    await up.stop()
    const mode = (name: string) => statSync(join(folder, name)).mode & 0o777
    expect(mode('kubeconfig')).toBe(0o600)
    for (const key of ['ca.key', 'apiserver.key', 'admin.key', 'sa.key']) expect(mode(`pki/${key}`)).toBe(0o600)
    expect(readFileSync(join(folder, '.gitignore'), 'utf8')).toBe('*\n')
  })

  test('ends with 0 on SIGTERM, and says what it did in JSON lines when nobody watches', async () => {
    const up = await startUp(folder)
    await up.stop()
    expect(up.exitCode()).toBe(0)
    const lines = up
      .printed()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    const texts = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    expect(texts).toEqual(expect.arrayContaining(['serving', 'stopping', 'stopped']))
  })

  test('refuses to share its folder, and finds everything again afterwards', async () => {
    const first = await startUp(folder)
    const second = await podpass('up', '--data-dir', folder)
    expect(second).toMatchObject({ code: 1, out: '' })
    expect(second.err).toMatch(/podpass: .*(in use|another process)/)
    const kubeconfig = readFileSync(first.kubeconfig, 'utf8')
    await first.stop()
    const third = await startUp(folder)
    expect(readFileSync(third.kubeconfig, 'utf8').replace(/server: .*/, '')).toBe(kubeconfig.replace(/server: .*/, ''))
    await third.stop()
  })
})
