/**
 * Issuer discovery: the two documents, who may read them, and where they say that the keys are.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { COMMAND, startProcess, startServe } from '../podpass.ts'
import { accountServer } from './account-server.ts'
import { startWorld, type World } from './kubectl.ts'

const DISCOVERY = '/.well-known/openid-configuration'
const JWKS = '/openid/v1/jwks'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

/** Body, then status and type. */
const ask = async (path: string, token?: string) => {
  const { out } = await run('curl', [
    ...['-s', '--cacert', world.ca, '-w', '\\n%{http_code} %{content_type}'],
    ...(token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`]),
    `${world.url}${path}`,
  ])
  const end = out.lastIndexOf('\n')
  return { body: out.slice(0, end), answer: out.slice(end + 1) }
}

describe('issuer discovery', () => {
  test('S83: every account may read both documents, as JSON of their types', async () => {
    const token = await world.server.tokenOf('default', 'default')
    const configuration = await ask(DISCOVERY, token)
    expect(configuration.answer).toBe('200 application/json')
    expect(JSON.parse(configuration.body)).toEqual({
      issuer: 'https://kubernetes.default.svc',
      jwks_uri: `${world.url}${JWKS}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    })
    const keys = await ask(JWKS, token)
    expect(keys.answer).toBe('200 application/jwk-set+json')
    expect(JSON.parse(keys.body).keys).toEqual([
      { use: 'sig', kty: 'RSA', kid: expect.stringMatching(/^[\w-]{43}$/), alg: 'RS256', n: expect.any(String), e: 'AQAB' },
    ])
    expect((await world.kubectl('get', '--raw', DISCOVERY)).out).toBe(configuration.body)
    expect((await world.kubectl('get', '--raw', JWKS)).out).toBe(keys.body)
  })

  test('S84: nobody else may, until somebody lets them', async () => {
    const role = 'system:service-account-issuer-discovery'
    const { roleRef, subjects } = await world.json('get', 'clusterrolebinding', role)
    expect([roleRef.name, subjects]).toEqual([
      role,
      [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:serviceaccounts' }],
    ])
    expect((await ask(DISCOVERY)).answer).toMatch(/^403 /)
    await world.kubectl('create', 'clusterrolebinding', 'oidc-reviewer', `--clusterrole=${role}`, '--group=system:unauthenticated')
    expect((await ask(DISCOVERY)).answer).toMatch(/^200 /)
    expect((await ask(JWKS)).answer).toMatch(/^200 /)
  })

  test('S86: names the place that --service-account-jwks-uri says, which has to be https', async () => {
    const serve = await startServe('embedded', ['--service-account-jwks-uri=https://static.example/keys'])
    const server = accountServer(serve.file('admin.kubeconfig'))
    try {
      const { jwks_uri } = await server.admin.call<{ jwks_uri: string }>({ method: 'GET', path: DISCOVERY })
      expect(jwks_uri).toBe('https://static.example/keys')
      const flags = serve.command.slice(2).map((flag) => flag.replace('=https://static', '=http://static'))
      const { code, err } = await run(process.execPath, [COMMAND, ...flags])
      expect(code).toBe(2)
      expect(err).toMatch(/--service-account-jwks-uri.*https/)
    } finally {
      server.close()
      await serve.stop()
    }
  })

  test('published files stay, and are published on, while the server is away', async () => {
    const serve = await startServe('embedded', [`--service-account-signing-key-dir=${mkdtempSync(join(tmpdir(), 'podpass-keys-'))}`])
    const folder = join(serve.folder, 'public')
    const kubeconfig = `--kubeconfig=${serve.file('admin.kubeconfig')}`
    const publisher = startProcess(process.execPath, [COMMAND, 'jwks', 'publish', folder, '--every=1s', kubeconfig])
    const said = async (pattern: RegExp) => {
      while (!pattern.test(publisher.log())) {
        if (publisher.ended.aborted) throw new Error(publisher.log())
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const published = () => JSON.parse(readFileSync(join(folder, JWKS), 'utf8')).keys.length
    try {
      await said(/published /)
      await serve.stopKeeping()
      await said(/not published this time, what was published stays/)
      expect(published()).toBe(1)
      await serve.restart()
      await run(process.execPath, [COMMAND, 'keys', 'rotate', '--algorithm=ES256', kubeconfig])
      await said(/published [\w-]+, /)
      expect(published()).toBe(2)
      expect(readdirSync(join(folder, 'openid/v1'))).toEqual(['jwks'])
    } finally {
      await publisher.stop()
      await serve.stop()
    }
  })
})
