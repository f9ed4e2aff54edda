/**
 * `podpass tokens` and `podpass keys` against a running server, as a user has them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HttpsClient } from '../src/client/https-client.ts'
import { loadClientConfig } from '../src/client/kubeconfig.ts'
import { systemClock } from '../src/clock.ts'
import { tokensHandedOut } from '../tools/token-leaks.ts'
import { run } from './clients/run.ts'
import { COMMAND, startUp } from './podpass.ts'

let folder: string
let up: Awaited<ReturnType<typeof startUp>>
let client: HttpsClient
const podpass = (...args: string[]) => run(process.execPath, [COMMAND, ...args], { env: { KUBECONFIG: up.kubeconfig } })
const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts'

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-tokens-'))
  up = await startUp(folder)
  client = new HttpsClient(loadClientConfig({ env: {}, cwd: '/', path: up.kubeconfig }), { clock: systemClock, userAgent: 'test' })
  for (const name of ['robot', 'other']) await client.call({ method: 'POST', path: ACCOUNTS, body: { metadata: { name } } })
})
afterAll(async () => {
  client?.close()
  await up?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function tokenOf(account: string, spec: object = {}): Promise<{ token: string; jti: string; works(): Promise<boolean> }> {
  const { status } = await client.call<{ status: { token: string } }>({
    method: 'POST',
    path: `${ACCOUNTS}/${account}/token`,
    body: { spec },
  })
  const { token } = status
  tokensHandedOut(token)
  const { certificate: _, key: __, ...config } = loadClientConfig({ env: {}, cwd: '/', path: up.kubeconfig })
  const jti: string = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()).jti
  return {
    token,
    jti,
    async works() {
      const bearer = new HttpsClient({ ...config, token }, { clock: systemClock, userAgent: 'test' })
      const { status: code } = await bearer.request({ method: 'GET', path: '/api' })
      bearer.close()
      return code === 200
    },
  }
}

test('S129: a token is listed, shown and revoked by its jti, and never printed', async () => {
  const { token, jti, works } = await tokenOf('robot')
  expect(await works()).toBe(true)
  const listed = await podpass('tokens', 'list', '--account', 'robot')
  expect(listed.out).toMatch(new RegExp(`^JTI .*\\n${jti} +default/robot +- .* Issued\\n$`))
  const shown = await podpass('tokens', 'show', jti)
  expect(shown.out).toMatch(/asked for by +kubernetes-admin from 127\.0\.0\.1 \(test\)\n/)
  expect(await podpass('tokens', 'revoke', jti)).toMatchObject({ code: 0, out: 'revoked 1 token\n' })
  expect(await works()).toBe(false)
  expect((await podpass('tokens', 'list', '--account', 'robot')).out).toBe('no tokens\n')
  expect((await podpass('tokens', 'list', '--account', 'default/robot', '--revoked')).out).toMatch(/ Revoked\n$/)
  for (const part of token.split('.')) expect(listed.out + shown.out).not.toContain(part)
})

test('S129: all tokens of an account are revoked, and nobody else has to suffer', async () => {
  const [one, two, others] = [await tokenOf('robot'), await tokenOf('robot'), await tokenOf('other')]
  const { out } = await podpass('tokens', 'revoke', '--account', 'robot', '-n', 'default', '-o', 'json')
  expect(JSON.parse(out)).toMatchObject({ revokedTokens: 2 })
  expect([await one.works(), await two.works(), await others.works()]).toEqual([false, false, true])
  expect(await (await tokenOf('robot')).works()).toBe(true)
})

test('S129: all tokens bound to a node are revoked, or to the Pods on it', async () => {
  await client.call({ method: 'POST', path: '/api/v1/nodes', body: { metadata: { name: 'node-1' } } })
  const pod = {
    metadata: { name: 'placed' },
    spec: { serviceAccountName: 'robot', nodeName: 'node-1', containers: [{ name: 'c', image: 'x' }] },
  }
  await client.call({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: pod })
  const bound = (kind: string, name: string) => ({ boundObjectRef: { kind, apiVersion: 'v1', name } })
  const ofNode = await tokenOf('robot', bound('Node', 'node-1'))
  const ofPod = await tokenOf('robot', bound('Pod', 'placed'))
  const unbound = await tokenOf('robot')
  const alive = async () => [await ofNode.works(), await ofPod.works(), await unbound.works()]
  expect(await alive()).toEqual([true, true, true])
  expect((await podpass('tokens', 'revoke', '--pod', 'default/placed')).code).toBe(0)
  expect(await alive()).toEqual([true, false, true])
  expect((await podpass('tokens', 'revoke', '--node', 'node-1')).code).toBe(0)
  expect(await alive()).toEqual([false, false, true])
})

test('a key is published before it signs, and what is retired takes its tokens along', async () => {
  const old = await tokenOf('other')
  const [first] = JSON.parse((await podpass('keys', 'list', '-o', 'json')).out).items
  expect(first).toMatchObject({ spec: { algorithm: 'RS256' }, status: { phase: 'Active' } })
  const rotated = JSON.parse((await podpass('keys', 'rotate', '--algorithm', 'ES256', '-o', 'json')).out)
  const list = (await podpass('keys', 'list')).out
  expect(list).toMatch(new RegExp(`\\n${rotated.kid} +ES256 +Published `))
  expect(await old.works()).toBe(true)
  expect(await podpass('keys', 'retire', rotated.kid)).toMatchObject({ code: 0, out: `retired ${rotated.kid}\n` })
  expect((await podpass('keys', 'list')).out).not.toMatch(new RegExp(`${rotated.kid} +ES256 +Published`))
})

test('a key may be prepared, which nobody sees, and take over later', async () => {
  const [, kid = ''] = /^prepared (\S+)\n$/.exec((await podpass('keys', 'prepare', '--algorithm', 'ES256')).out) ?? []
  const published = async () =>
    JSON.parse((await client.request({ method: 'GET', path: '/openid/v1/jwks', accept: 'application/jwk-set+json' })).body).keys
  expect(await published()).not.toContainEqual(expect.objectContaining({ kid }))
  expect((await podpass('keys', 'list')).out).toMatch(new RegExp(`\n${kid} +ES256 +Prepared +Present +- +- `))
  expect((await podpass('keys', 'rotate', kid)).out).toMatch(new RegExp(`^published ${kid}; it signs from `))
  expect(await published()).toContainEqual(expect.objectContaining({ kid }))
  expect(await podpass('keys', 'rotate', 'x'.repeat(43))).toMatchObject({
    code: 1,
    err: `podpass: signingkeys.podpass.dev "${'x'.repeat(43)}" not found\n`,
  })
  await podpass('keys', 'retire', kid)
  expect((await podpass('keys', 'rotate', kid)).err).toContain('is retired or has had its turn')
})

test.each([
  [['tokens'], 'podpass tokens takes list, show JTI, or revoke (JTI | --account | --pod | --node)'],
  [['tokens', 'show'], 'podpass tokens show needs the jti of a token'],
  [['tokens', 'revoke'], 'podpass tokens revoke takes one of JTI, --account, --pod and --node'],
  [['tokens', 'revoke', 'x', '--node', 'n'], 'podpass tokens revoke takes one of JTI, --account, --pod and --node'],
  [['tokens', 'list', '--pod', 'a', '--node', 'b'], '--pod and --node exclude each other'],
  [['keys', 'retire'], 'podpass keys retire needs the kid of a key'],
  [['keys', 'list', 'x'], 'podpass keys takes list, prepare, rotate [KID] or retire KID'],
  [['keys', 'list', '--algorithm', 'ES256'], '--algorithm is for keys that prepare and rotate make'],
  [['keys', 'rotate', 'x', '--algorithm', 'ES256'], '--algorithm is for keys that prepare and rotate make'],
])('%j is refused', async (argv, message) => {
  expect(await podpass(...argv)).toEqual({ code: 2, out: '', err: `podpass: ${message}\n` })
})

test('what is not there is named', async () => {
  expect(await podpass('tokens', 'revoke', '--account', 'default/nobody')).toMatchObject({
    code: 1,
    err: 'podpass: serviceaccounts "nobody" not found\n',
  })
  expect(await podpass('tokens', 'show', 'x')).toMatchObject({
    code: 1,
    err: 'podpass: no token x is known: it has expired, or was issued elsewhere\n',
  })
  expect((await podpass('keys', 'retire', 'x')).err).toMatch(/^podpass: signingkeys\.podpass\.dev "x" not found\n$/)
})
