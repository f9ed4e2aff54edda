/**
 * Relying parties that nobody here wrote check our tokens from discovery alone, before and after key rotations (S85, S86).
 *
 * The server's clock is virtual: the hours that a new key is published before it signs pass at once, and relying parties are told the time.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { pythonWith } from '../machine.ts'
import { COMMAND, startUp } from '../podpass.ts'
import { type AccountServer, accountServer, kidOf } from './account-server.ts'

const AUDIENCE = 'https://vault.example'
const python = pythonWith('jwt', 'cryptography')

let folder: string
let up: Awaited<ReturnType<typeof startUp>>
let server: AccountServer
let reader: string
const podpass = async (...args: string[]) => {
  const { code, out, err } = await run(process.execPath, [COMMAND, ...args], { env: { KUBECONFIG: up.kubeconfig } })
  expect(err).toBe('')
  expect(code).toBe(0)
  return out
}
const nowDate = async () => new Date((await podpass('clock')).trim())
const published = () => join(folder, 'published')
const publish = () =>
  run(process.execPath, [COMMAND, 'jwks', 'publish', published()], { env: { KUBECONFIG: up.kubeconfig } }).then(({ code }) =>
    expect(code).toBe(0),
  )
const jwksOf = (path: string) => JSON.parse(readFileSync(join(published(), path), 'utf8'))

/** The keys by the discovery document, as an account may read both. */
async function discovered() {
  const issue = await server.tokenOf('default', 'reader')
  reader = issue
  const { jwks_uri } = await server.admin.call<{ jwks_uri: string }>({ method: 'GET', path: '/.well-known/openid-configuration' })
  const body = await server.admin.call<string>({ method: 'GET', path: new URL(jwks_uri).pathname, accept: 'application/jwk-set+json' })
  return createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: async () => new Response(body) })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-relying-'))
  up = await startUp(join(folder, 'up'), ['--clock=virtual'])
  server = accountServer(up.kubeconfig)
  await server.createAccount('default', 'robot')
  await server.createAccount('default', 'reader')
})
afterAll(async () => {
  server?.close()
  await up?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('jose', () => {
  test('S85: accepts a token by the keys it discovers, and refuses it tampered with, expired or for somebody else', async () => {
    const token = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE] })
    const keys = await discovered()
    const options = { issuer: 'https://kubernetes.default.svc', audience: AUDIENCE, currentDate: await nowDate() }
    const { payload } = await jwtVerify(token, keys, options)
    expect(payload.sub).toBe('system:serviceaccount:default:robot')
    await expect(jwtVerify(token, keys, { ...options, audience: 'https://other.example' })).rejects.toThrow(/aud/)
    await expect(jwtVerify(token, keys, { ...options, currentDate: new Date(options.currentDate.getTime() + 3_601_000) })).rejects.toThrow(
      /exp/,
    )
    const [header, body = '', signature] = token.split('.')
    const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'system:serviceaccount:default:admin' }
    const tampered = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
    await expect(jwtVerify(tampered, keys, options)).rejects.toThrow(/signature/)
  })

  test('S86: goes on with keys published to a static host across a rotation, with no gap', async () => {
    await publish()
    const options = { issuer: 'https://kubernetes.default.svc', audience: AUDIENCE }
    const before = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE], expirationSeconds: 86_400 })
    const cached = createLocalJWKSet(jwksOf('openid/v1/jwks'))
    await podpass('keys', 'rotate', '--algorithm', 'ES256')
    // Who keeps the old list knows every token for as long as he may keep it.
    await podpass('clock', 'advance', '59m')
    const meanwhile = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE] })
    expect(kidOf(meanwhile)).toBe(kidOf(before))
    await jwtVerify(meanwhile, cached, { ...options, currentDate: await nowDate() })
    await publish()
    await podpass('clock', 'advance', '2m')
    const after = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE] })
    expect(kidOf(after)).not.toBe(kidOf(before))
    const fresh = createLocalJWKSet(jwksOf('openid/v1/jwks'))
    for (const token of [before, meanwhile, after]) await jwtVerify(token, fresh, { ...options, currentDate: await nowDate() })
    expect(await server.statusOf(before)).toBe(401)
    const forServer = await server.tokenOf('default', 'robot')
    expect(await server.statusOf(forServer)).toBe(200)
  })

  test('a retired key takes its tokens with it, at the server at once and at relying parties when they look again', async () => {
    const [old] = (await podpass('keys', 'list')).split('\n').filter((line) => line.includes('Published'))
    const kid = (old as string).split(' ')[0] as string
    // Comes back when the key is gone.
    const deletion = await run('kubectl', ['delete', 'signingkey', kid], { env: { KUBECONFIG: up.kubeconfig } })
    expect(deletion.out).toContain('deleted')
    expect(await podpass('keys', 'list')).toMatch(new RegExp(`^${kid} .*Retired`, 'm'))
    await publish()
    expect(jwksOf('openid/v1/jwks').keys).toHaveLength(1)
    expect(await server.statusOf(reader)).toBe(401)
  })
})

describe.skipIf(python === undefined)(
  `PyJWT${python === undefined ? ' (skipped: there is no Python with it on this machine)' : ''}`,
  () => {
    test('S85: accepts a token by the published keys, and refuses one for somebody else', async () => {
      await publish()
      const token = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE] })
      const program = `
import json, sys, jwt
token, path, audience = sys.stdin.read().split('\\n')
keys = jwt.PyJWKSet.from_dict(json.load(open(path)))
key = keys[jwt.get_unverified_header(token)['kid']]
options = {'verify_exp': False, 'verify_nbf': False, 'verify_iat': False}
print(jwt.decode(token, key.key, algorithms=['RS256', 'ES256'], audience=audience, issuer='https://kubernetes.default.svc', options=options)['sub'])
`
      const check = (audience: string) =>
        run(python as string, ['-c', program], { stdin: [token, join(published(), 'openid/v1/jwks'), audience].join('\n') })
      expect(await check(AUDIENCE)).toMatchObject({ out: 'system:serviceaccount:default:robot\n', err: '' })
      expect((await check('https://other.example')).err).toContain('InvalidAudienceError')
    })
  },
)
