/**
 * A clean clone, as somebody who has just found the repository would use it: the README's two commands, then its block.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newcomerBlock } from './clients/newcomer.ts'
import { newestKubectl } from './machine.ts'
import { REPOSITORY } from './podpass.ts'

let clone: string
/** The newcomer's own path: not the one that npm has made for this test. */
const env = {
  ...process.env,
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter),
}

beforeAll(() => {
  clone = join(mkdtempSync(join(tmpdir(), 'podpass-clone-')), 'podpass')
  execFileSync('git', ['clone', '--quiet', REPOSITORY, clone])
})
afterAll(() => rmSync(join(clone, '..'), { recursive: true, force: true }))

const kubectl = newestKubectl()

test.skipIf(kubectl === undefined)('npm ci && npm start serve a newcomer with the newest kubectl', async () => {
  execFileSync('npm', ['ci'], { cwd: clone, env, stdio: ['ignore', 'ignore', 'inherit'] })
  // A group of its own: npm does not pass every signal on.
  const start = spawn('npm', ['start'], { cwd: clone, env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const printed = await new Promise<string>((done, fail) => {
      let text = ''
      start.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part
        if (text.includes('Ctrl-C stops')) done(text)
      })
      start.on('exit', () => fail(new Error(`npm start ended:\n${text}`)))
    })
    const kubeconfig = /export KUBECONFIG=(.*)/.exec(printed)?.[1] as string
    expect(kubeconfig).toBe(join(clone, '.podpass/kubeconfig'))
    await newcomerBlock(kubectl as string, kubeconfig, /ready at (\S+)/.exec(printed)?.[1] as string, join(clone, '.podpass/pki/ca.crt'))
  } finally {
    process.kill(-(start.pid as number), 'SIGTERM')
    await new Promise((done) => start.once('close', done))
  }
})

test('people who install the package get the command and no development dependency', () => {
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', join(clone, '..')], { cwd: clone, env, encoding: 'utf8' })
    .trim()
    .split('\n')
    .at(-1) as string
  const home = mkdtempSync(join(tmpdir(), 'podpass-installed-'))
  try {
    execFileSync('npm', ['install', '--silent', '--prefix', home, join(clone, '..', packed)], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const tree = execFileSync('ls', [join(home, 'node_modules')], { encoding: 'utf8' }).split('\n')
    expect(tree).toContain('podpass')
    for (const name of ['node', 'vitest', 'esbuild', 'typescript']) expect(tree).not.toContain(name)
    const version = execFileSync(process.execPath, [join(home, 'node_modules/podpass/dist/podpass.js'), 'version'], { encoding: 'utf8' })
    expect(version).toMatch(/^podpass \d/)
  } finally {
    rmSync(home, { recursive: true })
  }
})
