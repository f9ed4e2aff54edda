/**
 * `npx node bench/identity.ts [--accounts=100000] [--store=etcd]`: what identity promises as a ratio, each measured in one run on one machine:
 * what the ledger of issued tokens adds to TokenRequest, what issuing does to the p99 of others' requests, and what authenticating costs with
 * few accounts and with many.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { accountServer } from '../test/identity/account-server.ts'
import { type Running, type StoreKind, startServe } from '../test/podpass.ts'
import { build } from '../tools/build.ts'

const { values: options } = parseArgs({
  options: { accounts: { type: 'string', default: '100000' }, store: { type: 'string', default: 'embedded' } },
})
const TOKEN = 'bench-token'
/** Both sides of a ratio are measured in turns; of each the least counts, as nothing makes it less on a machine that others use too. */
const TURNS = 12
const work = mkdtempSync(join(tmpdir(), 'podpass-bench-identity-'))
const static_ = join(work, 'tokens.csv')
writeFileSync(static_, `${TOKEN},bench,bench,system:masters\n`, { mode: 0o600 })
const TOKEN_PATH = '/api/v1/namespaces/default/serviceaccounts/one/token'
const TOKEN_REQUEST = '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}'

interface Load {
  connections: number
  requests: number
  path: string
  body?: string
  token(at: number): string
  expected: number
}

try {
  build()
  await ledgerRatio('RS256')
  await ledgerRatio('ES256')
  await delayOfOthers()
  await accountsRatio()
} finally {
  rmSync(work, { recursive: true })
}

async function ledgerRatio(algorithm: 'RS256' | 'ES256'): Promise<void> {
  const [off, on] = [await serveWith(algorithm, '--token-ledger=false'), await serveWith(algorithm, '--token-ledger=true')]
  try {
    const issue: Load = { connections: 16, requests: 2000, path: TOKEN_PATH, body: TOKEN_REQUEST, token: () => TOKEN, expected: 201 }
    for (const { running } of [off, on]) await load(running, issue)
    const costs = { off: [] as number[], on: [] as number[] }
    for (let turn = 0; turn < TURNS; turn++) {
      costs.off.push((await load(off.running, issue)).cpuMs)
      costs.on.push((await load(on.running, issue)).cpuMs)
    }
    const [least, most] = [Math.min(...costs.off), Math.min(...costs.on)]
    say(`TokenRequest ${algorithm}, CPU ms: ledger off ${fixed(least)}, on ${fixed(most)}`, most / least, 1.15)
  } finally {
    await off.running.stop()
    await on.running.stop()
  }
}

/** The GETs of eight connections, alone and while 64 connections ask for RS256 tokens; between both the same load of cheap requests. */
async function delayOfOthers(): Promise<void> {
  const { running } = await serveWith('RS256', '--token-ledger=true')
  try {
    const get: Load = { connections: 8, requests: 4000, path: '/api/v1/namespaces/default', token: () => TOKEN, expected: 200 }
    await load(running, get)
    const beside = async (other: Load | undefined) => {
      const p99s: number[] = []
      for (let turn = 0; turn < 3; turn++) {
        const ended = new AbortController()
        const busy = other === undefined ? undefined : load(running, other, ended.signal)
        p99s.push((await load(running, get)).p99Ms)
        ended.abort()
        await busy
      }
      return Math.min(...p99s)
    }
    const endless = { connections: 64, requests: Number.POSITIVE_INFINITY, token: () => TOKEN }
    const gets = await beside({ ...endless, path: get.path, expected: 200 })
    const tokens = await beside({ ...endless, path: TOKEN_PATH, body: TOKEN_REQUEST, expected: 201 })
    say(`GET beside 64 connections, p99 ms: that GET too ${fixed(gets)}, that ask for RS256 tokens ${fixed(tokens)}`, tokens / gets, 2)
  } finally {
    await running.stop()
  }
}

async function accountsRatio(): Promise<void> {
  const sides: { running: Running; use: Load; cpuMs: number[] }[] = []
  try {
    for (const count of [10, Number(options.accounts)]) {
      const { running, server } = await serveWith('ES256', '--token-ledger=true')
      const tokens: string[] = []
      const use: Load = { connections: 16, requests: 3000, path: '/api', token: (at) => tokens[at % 10] as string, expected: 200 }
      sides.push({ running, use, cpuMs: [] })
      await inParallel(count, async (at) => void (await server.createAccount('default', `account-${at}`)))
      await inParallel(10, async (at) => {
        tokens[at] = await server.tokenOf('default', `account-${Math.floor((at * count) / 10)}`)
      })
      await load(running, use)
    }
    for (let turn = 0; turn < TURNS; turn++) for (const { running, use, cpuMs } of sides) cpuMs.push((await load(running, use)).cpuMs)
    const [few, many] = sides.map(({ cpuMs }) => Math.min(...cpuMs)) as [number, number]
    say(`request of an account, CPU ms: of 10 accounts ${fixed(few)}, of ${options.accounts} ${fixed(many)}`, many / few, 1.15)
  } finally {
    for (const { running } of sides) await running.stop()
  }
}

async function serveWith(algorithm: 'RS256' | 'ES256', ...flags: string[]) {
  const pair =
    algorithm === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = join(work, `${algorithm}.key`)
  writeFileSync(key, pair.privateKey.export({ format: 'pem', type: algorithm === 'RS256' ? 'pkcs1' : 'sec1' }), { mode: 0o600 })
  const running = await startServe(
    options.store as StoreKind,
    [
      `--service-account-signing-key-file=${key}`,
      `--service-account-key-file=${key}`,
      `--token-auth-file=${static_}`,
      '--unsafe-static-tokens',
      ...flags,
    ],
    { without: ['service-account-signing-key-file', 'service-account-key-file'] },
  )
  const server = accountServer(running.file('admin.kubeconfig'))
  await server.createAccount('default', 'one')
  return { running, server }
}

/** CPU of the server for each request, and the time that all but one in a hundred took at most. */
async function load(running: Running, wanted: Load, ended?: AbortSignal): Promise<{ cpuMs: number; p99Ms: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: wanted.connections, ca: readFileSync(running.file('ca.crt')) })
  const url = new URL(`${running.url}${wanted.path}`)
  const times: number[] = []
  let next = 0
  const before = cpuMsOf(running.pid)
  await Promise.all(
    Array.from({ length: wanted.connections }, async () => {
      while (next < wanted.requests && ended?.aborted !== true) {
        const began = performance.now()
        const status = await ask(agent, url, wanted.token(next++), wanted.body)
        if (status !== wanted.expected) throw new Error(`${wanted.path} answered ${status}`)
        times.push(performance.now() - began)
      }
    }),
  )
  const cpuMs = (cpuMsOf(running.pid) - before) / times.length
  agent.destroy()
  times.sort((one, other) => one - other)
  return { cpuMs, p99Ms: times[Math.floor(times.length * 0.99)] ?? 0 }
}

function ask(agent: Agent, url: URL, token: string, body: string | undefined): Promise<number> {
  return new Promise((done, fail) => {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) }
    const asked = request(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (response) => {
      response.resume().on('end', () => done(response.statusCode ?? 0))
    })
    asked.on('error', fail).end(body)
  })
}

async function inParallel(count: number, run: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (next < count) await run(next++)
    }),
  )
}

/** User and system time of a process. @see proc_pid_stat(5): fields 14 and 15, in ticks of 10 ms */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function fixed(number: number): string {
  return number.toPrecision(3)
}

function say(what: string, ratio: number, most: number): void {
  process.stdout.write(`${what}: ${ratio.toFixed(2)} times (${ratio <= most ? '✓' : '✗'} ≤ ${most})\n`)
}
