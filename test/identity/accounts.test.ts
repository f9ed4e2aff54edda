/**
 * What the guides say of accounts and their tokens, typed in with kubectl against the built server.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { COMMAND, startUp } from '../podpass.ts'
import { type AccountServer, accountServer, claimsOf } from './account-server.ts'

const DISCOVERY = '/.well-known/openid-configuration'

let folder: string
let up: Awaited<ReturnType<typeof startUp>>
let server: AccountServer
const kubectl = (...args: string[]) => run('kubectl', args, { env: { KUBECONFIG: up.kubeconfig } })
const apply = (object: object) =>
  run('kubectl', ['apply', '-f', '-'], { env: { KUBECONFIG: up.kubeconfig }, stdin: JSON.stringify(object) })
const json = async (...args: string[]) => JSON.parse((await kubectl(...args, '-o', 'json')).out)
/** Asks until there is an answer: controllers do their work behind the request. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setImmediate(resolve))
  }
}
const pod = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-accounts-'))
  up = await startUp(join(folder, 'up'), ['--strict-node-claim'])
  server = accountServer(up.kubeconfig)
  await eventually(async () => ((await kubectl('get', 'serviceaccount', 'default')).code === 0 ? true : undefined))
})
afterAll(async () => {
  server?.close()
  await up?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('accounts', () => {
  test('S44: every namespace has default, and has it again with another uid when it was deleted', async () => {
    await kubectl('create', 'namespace', 'fresh')
    const uidOf = async () => {
      const { code, out } = await kubectl('get', 'serviceaccount', 'default', '-n', 'fresh', '-o', 'jsonpath={.metadata.uid}')
      return code === 0 ? out : undefined
    }
    const first = await eventually(uidOf)
    await kubectl('delete', 'serviceaccount', 'default', '-n', 'fresh')
    expect(await eventually(async () => ((await uidOf()) === first ? undefined : uidOf()))).not.toBe(first)
  })

  test('S51, S53: applied from a here-document, an account has no secrets', async () => {
    const { out } = await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'build-robot' } })
    expect(out).toBe('serviceaccount/build-robot created\n')
    expect((await json('get', 'serviceaccounts/build-robot')).secrets).toBeUndefined()
  })

  test('S52: a name that is no DNS subdomain is refused', async () => {
    const { err } = await kubectl('create', 'serviceaccount', 'Build_Robot')
    expect(err).toContain('a lowercase RFC 1123 subdomain must consist of')
    expect((await kubectl('create', 'serviceaccount', 'a'.repeat(253))).code).toBe(0)
    expect((await kubectl('create', 'serviceaccount', 'a'.repeat(254))).code).toBe(1)
  })

  test('S45, S48, S56: a pod has default, its credentials unless it says no, and never a missing account', async () => {
    await apply(pod('plain'))
    const { spec } = await json('get', 'pod', 'plain')
    expect(spec.serviceAccountName).toBe('default')
    expect(spec.containers[0].volumeMounts[0].mountPath).toBe('/var/run/secrets/kubernetes.io/serviceaccount')
    await apply(pod('bare', { automountServiceAccountToken: false }))
    expect((await json('get', 'pod', 'bare')).spec.volumes).toBeUndefined()
    expect((await apply(pod('lost', { serviceAccountName: 'nope' }))).err).toContain(
      'error looking up service account default/nope: serviceaccount "nope" not found',
    )
  })

  test('S49: the pod wins over its account, in all nine cases', async () => {
    const automounted: Record<string, boolean> = {}
    for (const account of [undefined, true, false]) {
      const name = `automount-${account}`
      await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, automountServiceAccountToken: account })
      for (const own of [undefined, true, false]) {
        await apply(pod(`${name}-${own}`, { serviceAccountName: name, automountServiceAccountToken: own }))
        automounted[`${account} ${own}`] = (await json('get', 'pod', `${name}-${own}`)).spec.volumes !== undefined
      }
    }
    expect(automounted).toEqual({
      'undefined undefined': true,
      'undefined true': true,
      'undefined false': false,
      'true undefined': true,
      'true true': true,
      'true false': false,
      'false undefined': false,
      'false true': true,
      'false false': false,
    })
  })

  test('S67 to S71: pull secrets of the account reach its pods', async () => {
    const secret = ['create', 'secret', 'docker-registry', 'myregistrykey', '--docker-server=registry.example']
    await kubectl(...secret, '--docker-username=DUMMY', '--docker-password=DUMMY', '--docker-email=DUMMY')
    const patch = ['patch', 'serviceaccount', 'default', '-p', '{"imagePullSecrets": [{"name": "myregistrykey"}]}']
    for (let time = 0; time < 2; time++) expect((await kubectl(...patch)).code).toBe(0)
    expect((await json('get', 'serviceaccount', 'default')).imagePullSecrets).toEqual([{ name: 'myregistrykey' }])
    await kubectl('run', 'nginx', '--image=registry.example/nginx', '--restart=Never')
    expect((await kubectl('get', 'pod', 'nginx', '-o=jsonpath={.spec.imagePullSecrets[0].name}{"\\n"}')).out).toBe('myregistrykey\n')
  })
})

describe('tokens', () => {
  test('S58, S59: kubectl create token gives one that authenticates as the account, for as long as was asked', async () => {
    const { out } = await kubectl('create', 'token', 'build-robot', '--duration=2h')
    const token = out.trim()
    const whoami = ['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}', `--token=${token}`, `--server=${up.url}`]
    const args = ['--kubeconfig=/dev/null', `--certificate-authority=${join(folder, 'up', 'pki', 'ca.crt')}`, ...whoami]
    expect((await run('kubectl', args)).out).toBe('system:serviceaccount:default:build-robot')
    const { exp, iat } = claimsOf(token)
    expect(exp - iat).toBe(7200)
  })

  test('S73, S130: a token as admission asks for it lives a year with a warning after an hour, and has a jti of its own', async () => {
    const { metadata } = await json('get', 'pod', 'plain')
    const spec = { expirationSeconds: 3607, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'plain', uid: metadata.uid } }
    const [one, other] = [await server.tokenOf('default', 'default', spec), await server.tokenOf('default', 'default', spec)].map(claimsOf)
    expect(one!.exp - one!.iat).toBe(31_536_000)
    expect(one!['kubernetes.io'].warnafter - one!.iat).toBe(3607)
    expect(one!.jti).not.toBe(other!.jti)
  })

  test('S60, S61: a token bound to a node needs its uid, and dies with it', async () => {
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-001' } })
    const { uid } = (await json('get', 'node', 'node-001')).metadata
    const bound = ['create', 'token', 'build-robot', '--bound-object-kind', 'Node', '--bound-object-name', 'node-001', '--bound-object-uid']
    expect((await kubectl(...bound, '123-456')).err).toContain(
      'the UID in the bound object reference (123-456) does not match the UID in record',
    )
    const token = (await kubectl(...bound, uid)).out.trim()
    expect(claimsOf(token)['kubernetes.io'].node).toEqual({ name: 'node-001', uid })
    expect(await server.statusOf(token)).toBe(200)
    await kubectl('delete', 'node', 'node-001')
    expect(await server.statusOf(token)).toBe(401)
  })

  test("S11: with --strict-node-claim a pod's token dies with the node that it names", async () => {
    await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-002' } })
    await apply(pod('placed', { nodeName: 'node-002' }))
    const { uid } = (await json('get', 'pod', 'placed')).metadata
    const token = await server.tokenOf('default', 'default', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'placed', uid } })
    expect(await server.statusOf(token)).toBe(200)
    await kubectl('delete', 'node', 'node-002')
    expect(await server.statusOf(token)).toBe(401)
  })

  test('S9: reviews are stored nowhere', async () => {
    expect((await kubectl('get', 'tokenreviews')).err).toContain('the server does not allow this method on the requested resource')
  })

  test('S62 to S65: a Secret that asks for a token gets one, and goes with its account', async () => {
    const annotations = { 'kubernetes.io/service-account.name': 'build-robot' }
    const metadata = { name: 'build-robot-secret', annotations }
    await apply({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/service-account-token' })
    const { data, metadata: filled } = await eventually(async () => {
      const secret = await json('get', 'secret/build-robot-secret')
      return secret.data?.token === undefined ? undefined : secret
    })
    expect(Buffer.from(data.namespace, 'base64').toString()).toBe('default')
    expect(filled.annotations['kubernetes.io/service-account.uid']).toBe((await json('get', 'sa', 'build-robot')).metadata.uid)
    const description = (await kubectl('describe', 'secrets/build-robot-secret')).out
    // kubectl prints them in no order.
    for (const line of [/^ca\.crt: +\d+ bytes$/m, /^namespace: +7 bytes$/m, /^token: +\S+$/m]) expect(description).toMatch(line)
    const token = Buffer.from(data.token, 'base64').toString()
    expect(await server.statusOf(token)).toBe(200)
    expect((await kubectl('delete', 'serviceaccount/build-robot')).out).toBe('serviceaccount "build-robot" deleted\n')
    expect(await server.statusOf(token)).toBe(401)
    await eventually(async () => ((await kubectl('get', 'secret', 'build-robot-secret')).code === 1 ? true : undefined))
  })
})

describe('discovery', () => {
  test('S83, S84: accounts may read it, others once somebody lets them', async () => {
    const ask = (token?: string) =>
      run('curl', [
        ...['-s', '--cacert', join(folder, 'up', 'pki', 'ca.crt'), '-w', '\\n%{http_code} %{content_type}'],
        ...(token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`]),
        `${up.url}${DISCOVERY}`,
      ])
    const { out } = await ask(await server.tokenOf('default', 'default'))
    const [body = '', status] = out.split('\n')
    expect(status).toBe('200 application/json')
    expect(JSON.parse(body)).toEqual({
      issuer: 'https://kubernetes.default.svc',
      jwks_uri: `${up.url}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
    expect((await ask()).out).toMatch(/\n403 /)
    const role = '--clusterrole=system:service-account-issuer-discovery'
    await kubectl('create', 'clusterrolebinding', 'oidc-reviewer', role, '--group=system:unauthenticated')
    expect((await ask()).out).toMatch(/\n200 /)
  })
})

describe('the ledger through kubectl', () => {
  test('lists, describes and revokes like any other resource', async () => {
    await kubectl('create', 'serviceaccount', 'ledger')
    const token = (await kubectl('create', 'token', 'ledger')).out.trim()
    const { jti } = claimsOf(token)
    expect((await kubectl('get', 'issuedtokens', '--field-selector', 'spec.serviceAccountName=ledger', '-o', 'name')).out).toBe(
      `issuedtoken.podpass.dev/${jti}\n`,
    )
    expect((await kubectl('describe', 'issuedtoken', jti)).out).toMatch(/Requested By: +kubernetes-admin/)
    expect((await kubectl('delete', 'issuedtoken', jti)).out).toContain('deleted')
    expect(await server.statusOf(token)).toBe(401)
    expect((await kubectl('get', 'issuedtoken', jti)).err).toContain('(NotFound)')
  })

  test('shows long lists in pages, each token once', async () => {
    await kubectl('create', 'serviceaccount', 'many')
    for (let i = 0; i < 25; i++) await server.tokenOf('default', 'many')
    const selector = ['--field-selector', 'spec.serviceAccountName=many', '-o', 'name']
    const paged = (await kubectl('get', 'issuedtokens', '--chunk-size=10', ...selector)).out.trim().split('\n')
    expect(new Set(paged).size).toBe(25)
    expect(paged).toHaveLength(25)
  })
})

test('S141: static tokens exist only behind a flag that says what it is', async () => {
  const { code, err } = await run(process.execPath, [COMMAND, 'serve', '--token-auth-file=/dev/null'])
  expect(code).toBe(2)
  expect(err).toContain('--token-auth-file needs --unsafe-static-tokens')
})
