import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { ensurePki, type Pki } from '../pki/ensure.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { ConnectionError, HttpsClient } from './https-client.ts'
import { type ClientConfig, KubeconfigError, loadClientConfig } from './kubeconfig.ts'

let folder: string
let pki: Pki
let server: Server
let url: string
/** What the next answers are; without one, the request comes back as JSON. */
const scripted: { status: number; body: string }[] = []
const seen: { authorization: string | undefined; headers: Record<string, unknown> }[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-client-'))
  pki = await ensurePki(join(folder, 'pki'), { server: ['127.0.0.1', 'localhost'] }, systemClock)
  server = createServer(
    { cert: pki.server.certificate, key: pki.server.key, ca: pki.authority.certificate, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        seen.push({ authorization: request.headers.authorization, headers: request.headers })
        const next = scripted.shift()
        const certificate = (request.socket as TLSSocket).getPeerCertificate()
        response.writeHead(next?.status ?? 200, { 'content-type': 'application/json' })
        const echo = {
          method: request.method,
          url: request.url,
          body: Buffer.concat(chunks).toString(),
          peer: certificate.subject?.CN ?? '',
        }
        response.end(next?.body ?? JSON.stringify(echo))
      })
    },
  )
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

function clientOf(config: Partial<ClientConfig>, clock = systemClock): HttpsClient {
  return new HttpsClient(
    { server: url, ca: pki.authority.certificate, insecureSkipTlsVerify: false, namespace: 'default', ...config },
    { clock, userAgent: 'test' },
  )
}

describe('HttpsClient', () => {
  test('sends what it is given and reads JSON', async () => {
    const client = clientOf({ certificate: pki.admin.certificate, key: pki.admin.key })
    const { status, body } = await client.request({ method: 'POST', path: '/api/v1/x?a=b', body: { n: 1 } })
    expect({ status, body }).toEqual({
      status: 200,
      body: { method: 'POST', url: '/api/v1/x?a=b', body: '{"n":1}', peer: expect.stringMatching(/./) },
    })
    client.close()
  })

  test('throws the Status of a refusal', async () => {
    const client = clientOf({})
    scripted.push({
      status: 403,
      body: JSON.stringify({ kind: 'Status', status: 'Failure', message: 'no', reason: 'Forbidden', code: 403 }),
    })
    await expect(client.call({ method: 'GET', path: '/x' })).rejects.toMatchObject({
      name: 'StatusError',
      message: 'no',
      reason: 'Forbidden',
    })
    client.close()
  })

  test('takes no half of an answer', async () => {
    const client = clientOf({})
    scripted.push({ status: 200, body: '{"items":[' })
    await expect(client.request({ method: 'GET', path: '/x' })).rejects.toThrow(`${url} answered something that is no JSON`)
    client.close()
  })

  test('trusts nobody that the CA did not sign, unless told to', async () => {
    const other = clientOf({ ca: (await ensurePki(join(folder, 'other'), { server: ['x'] }, systemClock)).authority.certificate })
    await expect(other.request({ method: 'GET', path: '/' })).rejects.toThrow(ConnectionError)
    const careless = clientOf({ insecureSkipTlsVerify: true })
    expect((await careless.request({ method: 'GET', path: '/' })).status).toBe(200)
    const named = clientOf({ tlsServerName: 'elsewhere.example.com' })
    await expect(named.request({ method: 'GET', path: '/' })).rejects.toThrow(/elsewhere\.example\.com/)
    for (const client of [other, careless, named]) client.close()
  })

  test('says whom it could not reach', async () => {
    await expect(clientOf({ server: 'https://127.0.0.1:1' }).request({ method: 'GET', path: '/' })).rejects.toThrow(
      /^https:\/\/127\.0\.0\.1:1 cannot be asked: .*ECONNREFUSED/,
    )
  })

  test('reads a token file anew after a minute, and at once when it was refused', async () => {
    const tokenFile = join(folder, 'token')
    const clock = new VirtualClock({ startMs: 1_750_000_000_000 })
    const client = clientOf({ tokenFile }, clock)
    const sent = async () => {
      seen.length = 0
      await client.request({ method: 'GET', path: '/' })
      return seen.map(({ authorization }) => authorization)
    }
    writeFileSync(tokenFile, 'one\n')
    expect(await sent()).toEqual(['Bearer one'])
    writeFileSync(tokenFile, 'two\n')
    expect(await sent()).toEqual(['Bearer one'])
    await clock.advance(61_000)
    expect(await sent()).toEqual(['Bearer two'])
    writeFileSync(tokenFile, 'three\n')
    scripted.push({ status: 401, body: '{}' })
    expect(await sent()).toEqual(['Bearer two', 'Bearer three'])
    writeFileSync(tokenFile, '')
    await clock.advance(61_000)
    await expect(sent()).rejects.toThrow(KubeconfigError)
    client.close()
  })

  test('sends impersonation headers', async () => {
    const client = clientOf({ impersonate: { username: 'jane', groups: ['a', 'b'], extra: { 'example.com/x': ['1'] } } })
    seen.length = 0
    await client.request({ method: 'GET', path: '/' })
    expect(seen[0]?.headers).toMatchObject({
      'impersonate-user': 'jane',
      'impersonate-group': 'a, b',
      'impersonate-extra-example.com%2fx': '1',
    })
    client.close()
  })

  test('asks an exec plugin once for many requests, and again when its credential is over', async () => {
    const runs = join(folder, 'runs')
    const script = join(folder, 'plugin.cjs')
    writeFileSync(
      script,
      `const fs = require('node:fs')
fs.appendFileSync(${JSON.stringify(runs)}, process.env.KUBERNETES_EXEC_INFO + process.env.EXTRA + '\\n')
const count = fs.readFileSync(${JSON.stringify(runs)}, 'utf8').trim().split('\\n').length
console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 't' + count, expirationTimestamp: '2025-06-15T16:06:40Z' } }))`,
    )
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: [script],
      env: [{ name: 'EXTRA', value: '!' }],
      provideClusterInfo: true,
      interactiveMode: 'IfAvailable',
      installHint: '',
    }
    const clock = new VirtualClock({ startMs: Date.parse('2025-06-15T15:06:40Z') })
    const client = clientOf({ exec }, clock)
    seen.length = 0
    await Promise.all([1, 2, 3].map(() => client.request({ method: 'GET', path: '/' })))
    await clock.advance(3_595_000)
    await client.request({ method: 'GET', path: '/' })
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer t1', 'Bearer t1', 'Bearer t1', 'Bearer t2'])
    const [first = ''] = readFileSync(runs, 'utf8').split('\n')
    expect(JSON.parse(first.slice(0, -1))).toMatchObject({ kind: 'ExecCredential', spec: { interactive: false, cluster: { server: url } } })
    const broken = clientOf({ exec: { ...exec, args: ['-e', 'process.exit(3)'] } })
    await expect(broken.request({ method: 'GET', path: '/' })).rejects.toThrow(/ended with exit code 3/)
    const missing = clientOf({ exec: { ...exec, command: join(folder, 'no-plugin'), installHint: 'get it from x' } })
    await expect(missing.request({ method: 'GET', path: '/' })).rejects.toThrow(/cannot be run: .*ENOENT\nget it from x/)
    client.close()
  })
})

describe('loadClientConfig', () => {
  const write = (name: string, content: object | string) => {
    const path = join(folder, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const load = (path: string, context?: string) => loadClientConfig({ env: {}, cwd: folder, path, context })
  const cluster = { name: 'c', cluster: { server: 'https://one:6443/' } }
  const context = (name: string, user = 'u') => ({ name, context: { cluster: 'c', user, namespace: 'there' } })

  test('reads the current context, or the one that is asked for', () => {
    const path = write('two', {
      'current-context': 'a',
      clusters: [cluster],
      contexts: [context('a'), context('b', 'v')],
      users: [
        { name: 'u', user: { token: 'tu' } },
        { name: 'v', user: { token: 'tv', tokenFile: 'file' } },
      ],
    })
    expect(load(path)).toEqual({ server: 'https://one:6443', insecureSkipTlsVerify: false, namespace: 'there', token: 'tu' })
    expect(load('two', 'b')).toMatchObject({ tokenFile: join(folder, 'file') })
    expect(() => load(path, 'c')).toThrow(`${path}: there is no context c`)
  })

  test('merges the files of KUBECONFIG, the first of each name counts', () => {
    const first = write('first', { clusters: [cluster], 'current-context': 'a' })
    const second = write('second', {
      'current-context': 'b',
      clusters: [{ name: 'c', cluster: { server: 'https://two' } }],
      contexts: [context('a')],
      users: [{ name: 'u', user: {} }],
    })
    const env = { KUBECONFIG: [first, join(folder, 'missing'), second].join(':') }
    expect(loadClientConfig({ env, cwd: '/' })).toMatchObject({ server: 'https://one:6443', namespace: 'there' })
    expect(() => loadClientConfig({ env: { KUBECONFIG: join(folder, 'missing') }, cwd: '/' })).toThrow(
      /^KUBECONFIG: there is no .*missing$/,
    )
  })

  test('what podpass up writes leads to certificates', () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const path = write(
      'up',
      `current-context: x
clusters: [{name: c, cluster: {server: "https://one", certificate-authority-data: ${base64(pki.authority.certificate)}}}]
users: [{name: u, user: {client-certificate-data: ${base64(pki.admin.certificate)}, client-key: pki/admin.key}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
`,
    )
    expect(load(path)).toMatchObject({
      ca: pki.authority.certificate,
      certificate: pki.admin.certificate,
      key: pki.admin.key,
      namespace: 'default',
    })
  })

  test.each<[string, object, string]>([
    ['a proxy', { cluster: { server: 'https://x', 'proxy-url': 'http://p' } }, 'asks for a proxy-url'],
    ['no server', { cluster: {} }, 'has no server'],
    ['an auth-provider', { user: { 'auth-provider': { name: 'gcp' } } }, 'has an auth-provider'],
    ['a certificate without its key', { user: { 'client-certificate-data': 'eA==' } }, 'needs a client certificate and its key'],
    ['a missing CA file', { cluster: { server: 'https://x', 'certificate-authority': 'nowhere' } }, 'nowhere cannot be read'],
    ['an old exec plugin', { user: { exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1alpha1' } } }, 'is none of'],
    ['a token that is a number', { user: { token: 5 } }, 'token is no text'],
  ])('refuses %s by name', (_, given, message) => {
    const { cluster: of = { server: 'https://x' }, user = {} } = given as { cluster?: object; user?: object }
    const path = write('refused', {
      'current-context': 'a',
      clusters: [{ name: 'c', cluster: of }],
      contexts: [context('a')],
      users: [{ name: 'u', user }],
    })
    expect(() => load(path)).toThrow(KubeconfigError)
    expect(() => load(path)).toThrow(message)
  })
})
