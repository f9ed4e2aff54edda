import { expect, test } from 'vitest'
import type { Terminal } from './command.ts'
import { main } from './dispatch.ts'

async function run(...argv: string[]) {
  let out = ''
  let err = ''
  const terminal: Terminal = {
    out: (text) => (out += text),
    err: (text) => (err += text),
    isInteractive: false,
    env: {},
    cwd: '/',
    stopped: new AbortController().signal,
  }
  return { code: await main(argv, terminal), out, err }
}

test('without a command it says what there is', async () => {
  const { code, out } = await run()
  expect(code).toBe(0)
  expect(out).toMatch(/Usage:\n {2}podpass COMMAND/)
})

test.each(['up', 'serve', 'why', 'can-i', 'who-can', 'rules', 'token', 'tokens', 'keys', 'trace', 'version'])(
  '%s --help names its flags and exits 0',
  async (name) => {
    const { code, out } = await run(name, '--help')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`Usage:\\n {2}podpass ${name}`))
    expect(out).toMatch(/-h, --help/)
    expect(await run('help', name)).toEqual({ code, out, err: '' })
  },
)

test('an unknown command is refused with the nearest one', async () => {
  expect(await run('serv')).toEqual({
    code: 2,
    out: '',
    err: 'podpass: unknown command serv; did you mean serve? (podpass --help lists them)\n',
  })
})

test('an unknown flag is refused with the nearest one, and nothing is started', async () => {
  expect(await run('serve', '--etcd-server=x')).toEqual({
    code: 2,
    out: '',
    err: 'podpass: unknown flag --etcd-server; did you mean --etcd-servers?\n',
  })
})

test('--version prints the versions, and -o json prints them for machines', async () => {
  expect((await run('--version')).out).toMatch(/^podpass \d+\.\d+\.\d+\nKubernetes API v1\.36\.2\nNode /)
  expect(JSON.parse((await run('version', '-o', 'json')).out)).toMatchObject({ kubernetes: 'v1.36.2' })
})
