/**
 * Relying parties that nobody here wrote check our tokens from discovery alone, before and after key rotations (S85, S86).
 *
 * The server's clock is virtual: the hours that a new key is published before it signs pass at once, and relying parties are told the time.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../clients/run.ts'
import { COMMAND, freePort, startUp } from '../podpass.ts'
import { type AccountServer, accountServer, kidOf } from './account-server.ts'
import { type Issuer, relyingParties } from './parties.ts'

const AUDIENCE = 'https://vault.example'

let folder: string
let up: Awaited<ReturnType<typeof startUp>>
let server: AccountServer
let issuer: Issuer
const parties = relyingParties(() => issuer)
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

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-relying-'))
  const port = await freePort()
  const url = `https://127.0.0.1:${port}`
  up = await startUp(join(folder, 'up'), ['--clock=virtual', `--secure-port=${port}`, `--service-account-issuer=${url}`])
  server = accountServer(up.kubeconfig)
  const caFile = join(folder, 'ca.crt')
  writeFileSync(caFile, server.config.ca ?? '')
  issuer = { url, ca: server.config.ca ?? '', caFile }
  // S84: whoever relies on the tokens has no account here.
  await server.admin.call({
    method: 'POST',
    path: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    body: {
      metadata: { name: 'oidc-reviewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:service-account-issuer-discovery' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' }],
    },
  })
  await server.createAccount('default', 'robot')
  await server.createAccount('default', 'reader')
})
afterAll(async () => {
  server?.close()
  await up?.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe.each(parties)('$name', ({ name, isHere, subjectOf }) => {
  /** What a relying party has to know of a fresh token, whatever key signed it. */
  const judges = async () => {
    const token = await server.tokenOf('default', 'robot', { audiences: [AUDIENCE] })
    const check = { token, audience: AUDIENCE, at: await nowDate() }
    expect(await subjectOf(check)).toBe('system:serviceaccount:default:robot')
    await expect(subjectOf({ ...check, audience: 'https://other.example' })).rejects.toThrow(/aud/i)
    await expect(subjectOf({ ...check, at: new Date(check.at.getTime() + 3_700_000) })).rejects.toThrow(/exp/i)
    const [header, body = '', signature] = token.split('.')
    const claims = { ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'system:serviceaccount:default:admin' }
    const tampered = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
    await expect(subjectOf({ ...check, token: tampered })).rejects.toThrow(/signature/i)
    return token
  }

  test.skipIf(!isHere)(
    `S85: accepts a token by discovery alone, and refuses it tampered with, expired or for somebody else, before and after a key rotation${isHere ? '' : ` (skipped: there is no ${name} on this machine)`}`,
    async () => {
      const before = kidOf(await judges())
      await podpass('keys', 'rotate')
      await podpass('clock', 'advance', '62m')
      expect(kidOf(await judges())).not.toBe(before)
    },
  )
})

describe('published keys', () => {
  test('S86: goes on with keys published to a static host across a rotation, with no gap', async () => {
    await publish()
    const options = { issuer: issuer.url, audience: AUDIENCE }
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
    const ofOldKey = await server.tokenOf('default', 'reader')
    await podpass('keys', 'rotate')
    await podpass('clock', 'advance', '62m')
    const kid = kidOf(ofOldKey)
    // Comes back when the key is gone.
    const deletion = await run('kubectl', ['delete', 'signingkey', kid], { env: { KUBECONFIG: up.kubeconfig } })
    expect(deletion.out).toContain('deleted')
    expect(await podpass('keys', 'list')).toMatch(new RegExp(`^${kid} .*Retired`, 'm'))
    await publish()
    expect(jwksOf('openid/v1/jwks').keys.map((key: { kid: string }) => key.kid)).not.toContain(kid)
    expect(await server.statusOf(ofOldKey)).toBe(401)
  })
})
