/**
 * The built command as a user has it, for tests: `podpass serve` on a free loopback port, on either store.
 *
 * @module
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { HttpsClient } from '../src/client/https-client.ts'
import { loadClientConfig } from '../src/client/kubeconfig.ts'
import { systemClock } from '../src/clock.ts'
import { lookForTokens, lookForTokensIn } from '../tools/token-leaks.ts'
import { find } from './machine.ts'

export const REPOSITORY = join(import.meta.dirname, '..')
export const COMMAND = join(REPOSITORY, 'dist', 'podpass.js')
const READY_WITHIN_MS = 20_000

export type StoreKind = 'embedded' | 'etcd'

/** The stores that this machine can run. */
export const STORES: readonly { kind: StoreKind; isHere: boolean }[] = [
  { kind: 'embedded', isHere: true },
  { kind: 'etcd', isHere: find('etcd') !== undefined },
]

export interface Running {
  url: string
  port: number
  pid: number
  /** What it was started with, program first. */
  command: readonly string[]
  /** Removed by `stop`; holds the store and `pki/`. */
  folder: string
  /** Path of a file that `wire.mjs pki` made: `file('admin.kubeconfig')`. */
  file(name: string): string
  /** What the present process wrote so far. */
  log(): string
  /** Aborts when the present process ends, however. */
  readonly ended: AbortSignal
  hasEnded(): boolean
  /** Ends the process and starts it again on the same port and store; `pid` changes. */
  restart(): Promise<void>
  /** Ends the process and keeps its store, until `stop`. */
  stopKeeping(): Promise<void>
  stop(): Promise<void>
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })
}

interface Started {
  child: ChildProcess
  log(): string
  /** Aborts when the process has ended. */
  ended: AbortSignal
  stop(): Promise<void>
}

/** Starts a child and gives a function that ends it and waits. */
export function startProcess(command: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}): Started {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (log += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text))
  const ended = once(child, 'exit').catch(() => {})
  const gone = new AbortController()
  void ended.then(() => {
    lookForTokens(`the log of ${args.slice(0, 2).join(' ')}`, log)
    gone.abort()
  })
  return {
    child,
    log: () => log,
    ended: gone.signal,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(timer)
    },
  }
}

/** What a server tells of itself and of the tokens that it has issued holds none of them. */
async function lookForTokensAt(kubeconfig: string): Promise<void> {
  const client = new HttpsClient(loadClientConfig({ env: {}, cwd: '/', path: kubeconfig }), { clock: systemClock, userAgent: 'test' })
  for (const path of ['/metrics', '/apis/podpass.dev/v1/issuedtokens', '/apis/podpass.dev/v1/signingkeys']) {
    // A server may have been ended by its test, or let nobody in.
    const body: unknown = await client.request({ method: 'GET', path }).then(
      (answer) => answer.body,
      () => '',
    )
    lookForTokens(`what ${path} answers`, typeof body === 'string' ? body : JSON.stringify(body))
  }
  client.close()
}

/** An etcd of its own in `folder`; resolves when it answers. */
export async function startEtcd(folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const [client, peer] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${client}`
  const peers = `http://127.0.0.1:${peer}`
  const args = [
    '--data-dir',
    join(folder, 'etcd'),
    '--listen-client-urls',
    url,
    '--advertise-client-urls',
    url,
    '--listen-peer-urls',
    peers,
  ]
  const etcd = startProcess(find('etcd') as string, [
    ...args,
    '--initial-advertise-peer-urls',
    peers,
    '--initial-cluster',
    `default=${peers}`,
  ])
  await until(async () => (await fetch(`${url}/health`)).ok, etcd)
  return { url, stop: etcd.stop }
}

/** Asks again until it is true; fails with the process's log when that has ended or takes too long. */
async function until(isReady: () => Promise<boolean>, running: { child: ChildProcess; log(): string }): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (!(await isReady().catch(() => false))) {
    if (running.child.exitCode !== null || Date.now() > deadline) throw new Error(`it did not become ready:\n${running.log()}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

export function isReady(port: number, ca: Buffer): Promise<boolean> {
  return new Promise((done) => {
    const ask = request({ host: '127.0.0.1', port, path: '/readyz', ca, agent: false }, (response) => {
      response.resume()
      done(response.statusCode === 200)
    })
    ask.on('error', () => done(false))
    ask.end()
  })
}

/** Keys, kubeconfigs and `target.json` as the golden recordings were made with. */
export function makePki(folder: string, port: number): void {
  execFileSync(process.execPath, [join(REPOSITORY, 'test/golden/wire.mjs'), 'pki', folder, '--server', `https://127.0.0.1:${port}`], {
    stdio: 'ignore',
  })
}

/** `podpass serve` with the flags of `test/golden/README.md`, but for those `without`; resolves when it is ready. */
export async function startServe(
  store: StoreKind,
  flags: readonly string[] = ['--emulated-version=1.36'],
  { without = [] }: { without?: readonly string[] } = {},
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'podpass-test-'))
  const port = await freePort()
  const pki = join(folder, 'pki')
  const file = (name: string) => join(pki, name)
  makePki(pki, port)
  const etcd = store === 'etcd' ? await startEtcd(folder) : undefined
  const usual = [
    `--secure-port=${port}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--service-account-key-file=${file('sa.key')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--service-cluster-ip-range=10.0.0.0/24',
    `--root-ca-file=${file('ca.crt')}`,
    `--cluster-signing-cert-file=${file('ca.crt')}`,
    `--cluster-signing-key-file=${file('ca.key')}`,
    '--nodes=0',
    '--scheduler=false',
    etcd === undefined ? `--data-dir=${join(folder, 'store')}` : `--etcd-servers=${etcd.url}`,
  ]
  const wanted = usual.filter((flag) => !without.some((name) => flag.startsWith(`--${name}=`)))
  const args = [COMMAND, 'serve', ...wanted, ...flags]
  const ca = readFileSync(file('ca.crt'))
  let serve = startProcess(process.execPath, args)
  const stop = async () => {
    if (!serve.ended.aborted) await lookForTokensAt(file('admin.kubeconfig'))
    await serve.stop()
    await etcd?.stop()
    lookForTokensIn(folder, 'the folder of podpass serve')
    rmSync(folder, { recursive: true, force: true })
  }
  const ready = async () => {
    try {
      await until(() => isReady(port, ca), serve)
    } catch (error) {
      await stop()
      throw error
    }
  }
  await ready()
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    get pid() {
      return serve.child.pid as number
    },
    command: [process.execPath, ...args],
    folder,
    file,
    log: () => serve.log(),
    get ended() {
      return serve.ended
    },
    hasEnded: () => serve.ended.aborted,
    stopKeeping: () => serve.stop(),
    async restart() {
      await serve.stop()
      serve = startProcess(process.execPath, args)
      await ready()
    },
    stop,
  }
}

/** `podpass up` in a folder of its own; resolves when it has printed how to use it. */
export async function startUp(
  folder: string,
  flags: readonly string[] = [],
): Promise<{ kubeconfig: string; url: string; printed(): string; exitCode(): number | null; stop(): Promise<void> }> {
  const up = startProcess(process.execPath, [COMMAND, 'up', '--data-dir', folder, '--secure-port=0', ...flags])
  const line = (pattern: RegExp) => pattern.exec(up.log())?.[1]
  await until(async () => line(/Ctrl-C (stops)/) !== undefined, up)
  const kubeconfig = line(/export KUBECONFIG=(.*)/) as string
  return {
    kubeconfig,
    url: line(/ready at (\S+)/) as string,
    printed: up.log,
    exitCode: () => up.child.exitCode,
    async stop() {
      if (!up.ended.aborted) await lookForTokensAt(kubeconfig)
      await up.stop()
      lookForTokensIn(folder, 'the folder of podpass up')
    },
  }
}
