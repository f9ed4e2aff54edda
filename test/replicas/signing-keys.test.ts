/**
 * Signing keys of several `podpass serve` on one etcd: what one rotates to, all publish and then sign with, and nobody who checks tokens ever
 * meets a key that could not be known.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { defaultServerOptions } from '../../src/server/options.ts'
import { type RunningServer, startServer } from '../../src/server/server.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { run } from '../clients/run.ts'
import { type AccountServer, accountServer, kidOf } from '../identity/account-server.ts'
import { COMMAND, freePort, isReady, makePki, type Running, STORES, startEtcd, startProcess, startServe } from '../podpass.ts'

const HAS_ETCD = STORES.some(({ kind, isHere }) => kind === 'etcd' && isHere)
const SKIPPED = HAS_ETCD ? '' : ' (skipped: there is no etcd on this machine)'
const HOUR_MS = 3_600_000
const JWKS = { method: 'GET', path: '/openid/v1/jwks', accept: 'application/jwk-set+json' } as const

async function eventually(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((done) => setTimeout(done, 10))
}

describe.skipIf(!HAS_ETCD)(`two servers with a folder of keys each${SKIPPED}`, () => {
  let first: Running
  let second: ReturnType<typeof startProcess>
  let onFirst: AccountServer
  let onSecond: AccountServer
  const folder = mkdtempSync(join(tmpdir(), 'podpass-replica-keys-'))
  const keysOf = (name: string) => join(folder, name)
  const podpass = (config: string, ...args: string[]) =>
    run(process.execPath, [COMMAND, ...args, '--kubeconfig', first.file(config)]).then(({ out, err }) => out + err)
  const listed = async (config: string, kid: string) =>
    (await podpass(config, 'keys', 'list')).split('\n').find((line) => line.startsWith(kid)) ?? ''
  const published = async (server: AccountServer) =>
    (JSON.parse(await server.admin.call<string>(JWKS)) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)

  beforeAll(async () => {
    first = await startServe('etcd', [`--service-account-signing-key-dir=${keysOf('first')}`])
    const port = await freePort()
    const [program = '', ...args] = first.command
    const changed: Record<string, string> = { 'secure-port': String(port), 'service-account-signing-key-dir': keysOf('second') }
    second = startProcess(
      program,
      args.map((arg) => {
        const [, name = ''] = /^--([a-z-]+)=/.exec(arg) ?? []
        return changed[name] === undefined ? arg : `--${name}=${changed[name]}`
      }),
    )
    const ca = readFileSync(first.file('ca.crt'))
    await eventually(() => isReady(port, ca))
    const kubeconfig = readFileSync(first.file('admin.kubeconfig'), 'utf8').replaceAll(`:${first.port}`, `:${port}`)
    writeFileSync(first.file('second.kubeconfig'), kubeconfig)
    onFirst = accountServer(first.file('admin.kubeconfig'))
    onSecond = accountServer(first.file('second.kubeconfig'))
    await onFirst.createAccount('default', 'robot')
  })
  afterAll(async () => {
    onFirst?.close()
    onSecond?.close()
    await second?.stop()
    await first?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('publish the same keys, say where a private part is missing, and take it when it comes', async () => {
    const [, kid = ''] = /^published (\S+);/.exec(await podpass('admin.kubeconfig', 'keys', 'rotate', '--algorithm=ES256')) ?? []
    expect(kid).toHaveLength(43)
    await eventually(async () => (await published(onSecond)).includes(kid))
    expect(await published(onSecond)).toEqual(await published(onFirst))
    expect(await listed('admin.kubeconfig', kid)).toMatch(/ Published +Present /)
    await eventually(async () => / Published +Missing /.test(await listed('second.kubeconfig', kid)))
    expect(second.log()).toContain('the private part of the next signing key is not here')
    copyFileSync(join(keysOf('first'), `${kid}.key`), join(keysOf('second'), `${kid}.key`))
    await eventually(async () => / Published +Present /.test(await listed('second.kubeconfig', kid)))
  })

  test('refuse on both what one of them has retired', async () => {
    const [, kid = ''] = /^published (\S+);/.exec(await podpass('second.kubeconfig', 'keys', 'rotate', '--algorithm=ES256')) ?? []
    await eventually(async () => (await published(onFirst)).includes(kid))
    expect(await podpass('admin.kubeconfig', 'keys', 'retire', kid)).toBe(`retired ${kid}\n`)
    await eventually(async () => !(await published(onSecond)).includes(kid))
    expect(await listed('second.kubeconfig', kid)).toMatch(/ Retired +- /)
  })

  test('keep what was decided when they start again', async () => {
    const before = await published(onFirst)
    await first.restart()
    expect(await published(onFirst)).toEqual(before)
    const token = await onFirst.tokenOf('default', 'robot')
    expect(await onSecond.statusOf(token)).toBe(200)
  })
})

describe.skipIf(!HAS_ETCD)(`three servers under one clock, of which the third has no file of the new key${SKIPPED}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'podpass-replica-clock-'))
  const clock = new VirtualClock({ startMs: systemClock.nowMs() })
  const file = (name: string) => readFileSync(join(folder, 'pki', name), 'utf8')
  let etcd: Awaited<ReturnType<typeof startEtcd>>
  let servers: RunningServer[] = []

  beforeAll(async () => {
    makePki(join(folder, 'pki'), 1)
    etcd = await startEtcd(folder)
    const start = (keys: string) => {
      const defaults = defaultServerOptions({
        tls: { certificate: file('apiserver.crt'), key: file('apiserver.key'), sni: [], minVersion: 'TLSv1.2', cipherSuites: [] },
        store: { kind: 'etcd', servers: [etcd.url], prefix: '/registry', compactionIntervalSeconds: 0 },
        serviceAccount: { signingKey: file('sa.key'), keyFolder: join(folder, keys) },
      })
      return startServer({ ...defaults, securePort: 0, clock, controllers: { ...defaults.controllers, selection: ['-*'] } })
    }
    // One after the other: the first begins the list of keys.
    for (const keys of ['shared', 'shared', 'own']) servers.push(await start(keys))
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close(0)))
    servers = []
    await etcd?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const clientOf = (server: RunningServer) => server.clients.as({ username: 'admin', groups: ['system:masters'] }, 'test')
  const issue = async (server: RunningServer) => {
    const path = '/api/v1/namespaces/default/serviceaccounts/robot/token'
    const body = { spec: { expirationSeconds: 7200 } }
    return (await clientOf(server).call<{ status: { token: string } }>({ method: 'POST', path, body })).status.token
  }
  const jwks = async (server: RunningServer): Promise<JSONWebKeySet> => JSON.parse(await clientOf(server).call<string>(JWKS))
  const verdict = async (server: RunningServer, token: string) => {
    const path = '/apis/authentication.k8s.io/v1/tokenreviews'
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
    return (await clientOf(server).call<{ status: { authenticated?: boolean } }>({ method: 'POST', path, body })).status.authenticated
  }

  test('those with the key sign with it from the same moment on, the other goes on with its own, and every verifier knows every key', async () => {
    const [one, , third] = servers as [RunningServer, RunningServer, RunningServer]
    await clientOf(one).call({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', body: { metadata: { name: 'robot' } } })
    await eventually(() => servers.every(({ cache }) => cache.resource('v1/serviceaccounts')?.get('default/robot') !== undefined))
    const rotation = { apiVersion: 'podpass.dev/v1', kind: 'SigningKeyRotation', spec: { algorithm: 'ES256' } }
    /** By server: keys as a relying party holds them that asks as rarely as it may. */
    const held = new Map<RunningServer, { keys: JSONWebKeySet; untilMs: number }>()
    const hold = async () => {
      for (const server of servers)
        if ((held.get(server)?.untilMs ?? 0) <= clock.nowMs())
          held.set(server, { keys: await jwks(server), untilMs: clock.nowMs() + HOUR_MS })
    }
    const signed: string[][] = []
    let kid = ''
    let checked = 0
    for (let minute = 0; minute <= 130; minute += 10) {
      await hold()
      // Just after everybody has asked.
      if (minute === 30) {
        const { status } = await clientOf(one).call<{ status: { kid: string } }>({
          method: 'POST',
          path: '/apis/podpass.dev/v1/signingkeyrotations',
          body: rotation,
        })
        kid = status.kid
        for (const server of servers) await eventually(async () => (await jwks(server)).keys.some((key) => key.kid === kid))
      }
      const tokens = await Promise.all(servers.map(issue))
      signed.push(tokens.map((token) => (kidOf(token) === kid ? 'new' : 'old')))
      for (const token of tokens) {
        for (const server of servers) expect(await verdict(server, token)).toBe(true)
        for (const { keys } of held.values()) {
          await jwtVerify(token, createLocalJWKSet(keys), { currentDate: new Date(clock.nowMs()) })
          checked++
        }
      }
      await clock.advance(10 * 60_000)
    }
    // Published at 30 minutes, it signs after the hour that lists may be kept, and a minute for the others to hear of it.
    const before = Array.from({ length: 10 }, () => ['old', 'old', 'old'])
    const after = Array.from({ length: 4 }, () => ['new', 'new', 'old'])
    expect(signed).toEqual([...before, ...after])
    expect(checked).toBe(14 * 9)
    const { items } = await clientOf(third).call<{ items: { metadata: { name: string }; status: object }[] }>({
      method: 'GET',
      path: '/apis/podpass.dev/v1/signingkeys',
    })
    expect(items.find(({ metadata }) => metadata.name === kid)?.status).toMatchObject({ phase: 'Active', onThisServer: 'Missing' })
  })
})
