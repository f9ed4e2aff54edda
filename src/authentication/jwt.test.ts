import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import * as jose from 'jose'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAuthority, issueServer } from '../pki/ensure.ts'
import type { Authentication } from './authenticator.ts'
import { httpsJson } from './https-json.ts'
import { groupsClaim, type JwtSettings, jwtAuthenticator, jwtSet, TokenMemory, usernameClaim, usernamePrefix } from './jwt.ts'
import { RemoteKeys, SIGNING_ALGORITHMS } from './remote-keys.ts'
import { TestClock } from './testdata.ts'

const ISSUER = 'https://login.example'
const NOW_MS = 1_750_000_000_000
const clock = new TestClock(NOW_MS)
const pairs = new Map<string, { publicKey: jose.CryptoKey; privateKey: jose.CryptoKey }>()
let published: string[]
let fetched: string[]

beforeAll(async () => {
  for (const alg of SIGNING_ALGORITHMS) pairs.set(alg, await jose.generateKeyPair(alg, { extractable: true }))
  pairs.set('other', await jose.generateKeyPair('RS256', { extractable: true }))
})
beforeEach(() => {
  clock.ms = NOW_MS
  published = ['RS256']
  fetched = []
})

async function fetchJson(url: string): Promise<unknown> {
  fetched.push(url)
  if (url.endsWith('/openid-configuration')) return { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }
  return {
    keys: await Promise.all(published.map(async (kid) => ({ ...(await jose.exportJWK(pairs.get(kid)!.publicKey)), kid, use: 'sig' }))),
  }
}

async function authenticator(more: Partial<JwtSettings> = {}, options: object = {}) {
  const keys = new RemoteKeys({ issuer: ISSUER, fetchJson, clock, ...options })
  keys.start(() => {})
  await expect.poll(() => keys.initialized).toBe(true)
  return jwtAuthenticator({
    issuer: ISSUER,
    audiences: ['podpass'],
    signingAlgorithms: SIGNING_ALGORITHMS,
    keys,
    clock,
    username: usernameClaim('sub', 'oidc:'),
    groups: groupsClaim('groups', 'oidc:'),
    ...more,
  })
}

const claims = { iss: ISSUER, aud: 'podpass', sub: 'jane', groups: ['devs', 'ops'], exp: NOW_MS / 1000 + 600, iat: NOW_MS / 1000 }

async function token(change: object = {}, alg = 'RS256', key = alg): Promise<string> {
  return new jose.SignJWT({ ...claims, ...change } as jose.JWTPayload)
    .setProtectedHeader({ alg, kid: key })
    .sign(pairs.get(key)!.privateKey)
}

const text = (outcome: Authentication) =>
  outcome.outcome === 'user' ? outcome.user.username : outcome.outcome === 'refused' ? outcome.error.message : 'none'

test('a token names the user and the groups, each with its prefix', async () => {
  expect(await (await authenticator()).authenticateToken(await token({ jti: 'x' }), {})).toEqual({
    outcome: 'user',
    user: { username: 'oidc:jane', groups: ['oidc:devs', 'oidc:ops'], extra: { 'authentication.kubernetes.io/credential-id': ['JTI=x'] } },
  })
})

test.each(SIGNING_ALGORITHMS)('%s is verified', async (alg) => {
  published = [alg]
  expect(text(await (await authenticator()).authenticateToken(await token({}, alg), {}))).toBe('oidc:jane')
})

test.each<[string, () => Promise<string>, string | RegExp]>([
  ['of another issuer', () => token({ iss: 'https://other.example' }), 'none'],
  ['that is none', async () => 'garbage', 'none'],
  ['for somebody else', () => token({ aud: ['vault'] }), 'oidc: verify token: oidc: expected audience "podpass" got ["vault"]'],
  [
    'that expired',
    () => token({ exp: NOW_MS / 1000 - 1 }),
    /^oidc: verify token: oidc: token is expired \(Token Expiry: 2025-06-15 15:06:39 \+0000 UTC\)$/,
  ],
  ['without an end', () => token({ exp: undefined }), /^oidc: verify token: oidc: token is expired/],
  ['of the future', () => token({ nbf: NOW_MS / 1000 + 61 }), /^oidc: verify token: oidc: current time .* before the nbf/],
  [
    'by another key',
    () => token({}, 'RS256', 'other'),
    'oidc: verify token: failed to verify signature: failed to verify id token signature',
  ],
  ['without a user', () => token({ sub: undefined }), 'oidc: parse username claims "sub": claim not present'],
  [
    'of a user that is a number',
    () => token({ sub: 7 }),
    /failed to unmarshal claims: json: cannot unmarshal number into Go struct field idToken.sub/,
  ],
  [
    'of a user that is null',
    () => token({ sub: null }),
    'oidc: parse username claims "sub": json: cannot unmarshal null into Go value of type string',
  ],
  ['of a moment ahead', () => token({ nbf: NOW_MS / 1000 + 59 }), 'oidc:jane'],
  ['with odd groups', () => token({ groups: [1] }), /^oidc: parse groups claim "groups": /],
])('a token %s: %s', async (_, make, said) => {
  expect(text(await (await authenticator()).authenticateToken(await make(), {}))).toMatch(said)
})

test('an algorithm that is not on the list is refused', async () => {
  const auth = await authenticator({ signingAlgorithms: ['ES256'] })
  expect(text(await auth.authenticateToken(await token(), {}))).toBe(
    'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["ES256"] got "RS256"',
  )
})

test('required claims are required', async () => {
  const auth = await authenticator({ requiredClaims: { tenant: 'a' } })
  expect(text(await auth.authenticateToken(await token(), {}))).toBe('oidc: required claim tenant not present in ID token')
  expect(text(await auth.authenticateToken(await token({ tenant: 'b' }), {}))).toBe(
    'oidc: required claim tenant value does not match. Got = b, want = a',
  )
  expect(text(await auth.authenticateToken(await token({ tenant: 'a' }), {}))).toBe('oidc:jane')
})

describe('an email', () => {
  test.each([
    [{ email: 'a@b' }, 'a@b'],
    [{ email: 'a@b', email_verified: true }, 'a@b'],
    [{ email: 'a@b', email_verified: false }, 'oidc: email not verified'],
    [
      { email: 'a@b', email_verified: 'true' },
      "oidc: parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool",
    ],
  ])('%j is %s', async (change, said) => {
    const auth = await authenticator({ username: usernameClaim('email', '') })
    expect(text(await auth.authenticateToken(await token(change), {}))).toBe(said)
  })
})

describe('the issuer', () => {
  test('is asked for its keys when a token names a new one, and not again within a second', async () => {
    const auth = await authenticator()
    await auth.authenticateToken(await token(), {})
    await auth.authenticateToken(await token(), {})
    expect(fetched.filter((url) => url.endsWith('/keys')).length).toBe(1)
    published = ['RS256', 'ES256']
    expect(text(await auth.authenticateToken(await token({}, 'ES256'), {}))).toContain('failed to verify')
    clock.ms += 1000
    expect(text(await auth.authenticateToken(await token({}, 'ES256'), {}))).toBe('oidc:jane')
  })

  test('that has not been found yet decides nothing', async () => {
    const keys = new RemoteKeys({ issuer: ISSUER, fetchJson: () => Promise.reject(new Error('down')), clock })
    const failures: unknown[] = []
    keys.start((error) => failures.push(error))
    await expect.poll(() => failures.length).toBe(1)
    const auth = jwtAuthenticator({
      issuer: ISSUER,
      audiences: ['podpass'],
      signingAlgorithms: ['RS256'],
      keys,
      clock,
      username: usernameClaim('sub', ''),
    })
    expect(text(await auth.authenticateToken(await token(), {}))).toBe('oidc: authenticator not initialized')
  })

  test('that calls itself otherwise is not believed', async () => {
    const failures: unknown[] = []
    new RemoteKeys({ issuer: 'https://x.example', fetchJson, clock }).start((error) => failures.push(error))
    await expect
      .poll(() => String(failures[0]))
      .toContain('issuer did not match the issuer returned by provider, expected "https://x.example" got "https://login.example"')
  })
})

test('of several issuers the one that the token names decides', async () => {
  const other = jwtAuthenticator({
    issuer: 'https://other.example',
    audiences: ['x'],
    signingAlgorithms: [],
    keys: new RemoteKeys({ issuer: 'https://other.example', fetchJson, clock }),
    clock,
    username: () => '',
  })
  const set = jwtSet([other, await authenticator()])
  expect(text(await set.authenticateToken(await token(), {}))).toBe('oidc:jane')
  expect(text(await set.authenticateToken(await token({ iss: 'https://other.example' }), {}))).toBe('oidc: authenticator not initialized')
  expect(await set.authenticateToken('x.y.z', {})).toEqual({ outcome: 'none' })
})

describe('a good token', () => {
  test('is judged once in ten seconds, and never beyond its end', async () => {
    const memory = new TokenMemory(clock)
    let judged = 0
    const one = await authenticator({ memory, took: () => judged++ })
    const set = jwtSet([one], memory)
    const short = await token({ exp: NOW_MS / 1000 + 5 })
    const long = await token()
    await set.authenticateToken(short, {})
    await set.authenticateToken(long, {})
    expect(set.authenticateToken(short, {})).toMatchObject({ outcome: 'user' })
    expect(set.authenticateToken(long, {})).toMatchObject({ outcome: 'user' })
    clock.ms += 5000
    expect(text(await set.authenticateToken(short, {}))).toMatch(/is expired|oidc:jane/)
    expect(set.authenticateToken(long, {})).not.toBeInstanceOf(Promise)
    clock.ms += 5000
    expect(set.authenticateToken(long, {})).toBeInstanceOf(Promise)
    expect(text(await set.authenticateToken(short, {}))).toMatch(/is expired/)
    expect(judged).toBe(5)
  })

  test('that is changed is another one', async () => {
    const memory = new TokenMemory(clock)
    const set = jwtSet([await authenticator({ memory })], memory)
    const good = await token()
    await set.authenticateToken(good, {})
    expect(text(await set.authenticateToken(`${good.slice(0, -4)}AAAA`, {}))).toMatch(/failed to verify signature/)
  })
})

test('usernamePrefix() is the issuer, unless the claim is an email or the flag says otherwise', () => {
  expect(usernamePrefix(undefined, 'sub', ISSUER)).toBe(`${ISSUER}#`)
  expect(usernamePrefix(undefined, 'email', ISSUER)).toBe('')
  expect(usernamePrefix('-', 'sub', ISSUER)).toBe('')
  expect(usernamePrefix('p:', 'email', ISSUER)).toBe('p:')
})

test('httpsJson() takes JSON of a decent size from a server that its authorities vouch for', async () => {
  const authority = createAuthority('test', Date.now())
  const { certificate, key } = issueServer(authority, ['127.0.0.1'], Date.now())
  const server = createServer({ cert: certificate, key }, (request, response) => {
    if (request.url === '/json') response.end('{"a":1}')
    else if (request.url === '/text') response.end('hello')
    else if (request.url === '/large') response.end(Buffer.alloc(2 << 20, 0x20))
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = httpsJson(authority.certificate)
  expect(await get(`${url}/json`)).toEqual({ a: 1 })
  await expect(get(`${url}/text`)).rejects.toThrow('answers no JSON')
  await expect(get(`${url}/large`)).rejects.toThrow('answers more than')
  await expect(get(`${url}/x`)).rejects.toThrow('answers 404')
  await expect(httpsJson(undefined)(`${url}/json`)).rejects.toThrow()
  server.closeAllConnections()
  server.close()
})
