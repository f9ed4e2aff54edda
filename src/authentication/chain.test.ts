import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseCertificates } from '../pki/certificate.ts'
import { createAuthority, issueClient, issueServer } from '../pki/ensure.ts'
import { anonymousAuthenticator } from './anonymous.ts'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import { bearerAuthenticator, bearerToken, webSocketAuthenticator } from './bearer.ts'
import { bootstrapTokenAuthenticator } from './bootstraptoken.ts'
import { authenticationChain } from './chain.ts'
import { requestHeaderAuthenticator } from './requestheader.ts'
import { TestCache, TestClock } from './testdata.ts'
import { audienceAgnostic, type TokenAuthenticator, tokenUnion } from './token.ts'
import { parseTokenFile, tokenFileAuthenticator } from './tokenfile.ts'
import { x509Authenticator } from './x509.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const clock = new TestClock(NOW_MS)
const authority = createAuthority('clients', NOW_MS)
const authorities = parseCertificates(authority.certificate)

const file = tokenFileAuthenticator(parseTokenFile('good,carol,u-1,"devs,ops"\n', 'tokens.csv'))
const broken: TokenAuthenticator = {
  name: 'broken',
  authenticateToken: (token) => (token === 'bad' ? { outcome: 'refused', error: new Error('it is bad') } : { outcome: 'none' }),
}
const later: TokenAuthenticator = {
  name: 'later',
  authenticateToken: async (token) =>
    token === 'slow' ? { outcome: 'user', user: { username: 'dave', groups: [] } } : { outcome: 'none' },
}

function chain(tokens: readonly TokenAuthenticator[] = [broken, file]): Authenticator {
  const union = tokenUnion(tokens)
  return authenticationChain({
    members: [x509Authenticator({ authorities: () => authorities, clock }), bearerAuthenticator(union), webSocketAuthenticator(union)],
    anonymous: anonymousAuthenticator(),
    apiAudiences: ['api'],
  })
}

function credentials(headers: Credentials['headers'], more: Partial<Credentials> = {}): Credentials {
  return { headers, connection: {}, ...more }
}

function certificate(commonName: string, organizations: readonly string[] = [], signer = authority): Partial<Credentials> {
  const { raw } = new X509Certificate(issueClient(signer, { commonName, organizations }, NOW_MS).certificate)
  return { clientCertificates: () => [raw] }
}

const text = (outcome: Authentication) =>
  outcome.outcome === 'user' ? outcome.user.username : outcome.outcome === 'refused' ? outcome.error.message : 'none'

describe('bearerToken()', () => {
  test.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['  Bearer abc  ', 'abc'],
    ['Bearer abc more', 'abc'],
    ['Bearer', ''],
    ['Bearer ', ''],
    ['Bearer\tabc', ''],
    ['Basic abc', ''],
    ['abc', ''],
    ['', ''],
  ])('%j holds %j', (header, token) => {
    expect(bearerToken(header)).toEqual({ token })
  })

  test('two spaces hide the token and give a warning', () => {
    expect(bearerToken('Bearer  abc')).toEqual({
      token: '',
      warning: 'the provided Authorization header contains extra space before the bearer token, and is ignored',
    })
  })
})

describe('the chain', () => {
  test.each<[string, Credentials, string]>([
    ['knows nobody without credentials', credentials({}), 'system:anonymous'],
    ['ignores other schemes', credentials({ authorization: 'Basic x' }), 'system:anonymous'],
    ['never turns a bad token into anonymous', credentials({ authorization: 'Bearer bad' }), 'it is bad'],
    ['never turns an unknown token into anonymous', credentials({ authorization: 'Bearer nobody' }), 'invalid bearer token'],
    ['takes a token', credentials({ authorization: 'Bearer good' }), 'carol'],
    ['takes a certificate', credentials({}, certificate('alice')), 'alice'],
    ['takes a certificate beside a bad token', credentials({ authorization: 'Bearer bad' }, certificate('alice')), 'alice'],
    ['prefers the certificate to a token', credentials({ authorization: 'Bearer good' }, certificate('alice')), 'alice'],
    ['takes a token beside a certificate without a name', credentials({ authorization: 'Bearer good' }, certificate('')), 'carol'],
    [
      'takes a token beside a foreign certificate',
      credentials({ authorization: 'Bearer good' }, certificate('eve', [], createAuthority('clients', NOW_MS))),
      'carol',
    ],
  ])('%s', async (_, sent, who) => {
    expect(text(await chain().authenticate(sent))).toBe(who)
  })

  test('refuses a foreign certificate by itself, saying which', async () => {
    const outcome = await chain().authenticate(credentials({}, certificate('eve', [], createAuthority('clients', NOW_MS))))
    expect(text(outcome)).toMatch(
      /^verifying certificate SN=\d+, SKID=([0-9A-F]{2}:){19}[0-9A-F]{2}, AKID=.* failed: x509: certificate signed by unknown authority$/,
    )
  })

  test('joins errors as Kubernetes does', async () => {
    const outcome = await chain().authenticate(
      credentials({ authorization: 'Bearer bad' }, certificate('eve', [], createAuthority('clients', NOW_MS))),
    )
    expect(text(outcome)).toMatch(/^\[verifying certificate .*, it is bad\]$/)
  })

  test('adds system:authenticated last, to the same user the same', async () => {
    const asked = chain()
    const first = await asked.authenticate(credentials({ authorization: 'Bearer good' }))
    const second = await asked.authenticate(credentials({ authorization: 'Bearer good' }))
    expect(first.outcome === 'user' && first.user.groups).toEqual(['devs', 'ops', 'system:authenticated'])
    expect(first.outcome === 'user' && second.outcome === 'user' && first.user === second.user).toBe(true)
  })

  test('stays synchronous while its members are, and waits for those that are not', async () => {
    expect(chain().authenticate(credentials({ authorization: 'Bearer good' }))).not.toBeInstanceOf(Promise)
    expect(text(await chain([later, file]).authenticate(credentials({ authorization: 'Bearer slow' })))).toBe('dave')
    expect(text(await chain([later, file]).authenticate(credentials({ authorization: 'Bearer good' })))).toBe('carol')
    expect(text(await chain([later, broken]).authenticate(credentials({ authorization: 'Bearer bad' })))).toBe('it is bad')
  })

  test('hands the warning about two spaces to the anonymous sender', async () => {
    expect(await chain().authenticate(credentials({ authorization: 'Bearer  good' }))).toMatchObject({
      outcome: 'user',
      user: { username: 'system:anonymous' },
      warnings: [expect.stringContaining('extra space')],
    })
  })

  test('takes a WebSocket token beside another subprotocol', async () => {
    const upgrade = { upgrade: 'websocket', connection: 'Upgrade' }
    const token = `base64url.bearer.authorization.k8s.io.${Buffer.from('good').toString('base64url')}`
    expect(text(await chain().authenticate(credentials({ ...upgrade, 'sec-websocket-protocol': `${token}, v4.channel.k8s.io` })))).toBe(
      'carol',
    )
    expect(text(await chain().authenticate(credentials({ ...upgrade, 'sec-websocket-protocol': token })))).toBe(
      'missing additional subprotocol',
    )
    expect(text(await chain().authenticate(credentials({ ...upgrade, 'sec-websocket-protocol': `${token}, ${token}, v4` })))).toBe(
      'multiple base64.bearer.authorization tokens specified',
    )
    expect(text(await chain().authenticate(credentials({ 'sec-websocket-protocol': `${token}, v4` })))).toBe('system:anonymous')
  })
})

describe('client certificates', () => {
  test('name the user, the groups and their own fingerprint', async () => {
    const outcome = await chain().authenticate(credentials({}, certificate('alice', ['devs', 'ops'])))
    expect(outcome).toMatchObject({
      user: {
        username: 'alice',
        groups: ['devs', 'ops', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
      },
    })
  })

  test('of servers are refused', async () => {
    const { raw } = new X509Certificate(issueServer(authority, ['localhost'], NOW_MS).certificate)
    expect(text(await chain().authenticate(credentials({}, { clientCertificates: () => [raw] })))).toContain('incompatible key usage')
  })

  test('are verified once a connection, and end when their time is over', async () => {
    const turned = new TestClock(NOW_MS)
    const auth = x509Authenticator({ authorities: () => authorities, clock: turned })
    let read = 0
    const presented = certificate('alice').clientCertificates!()
    const sent = credentials(
      {},
      {
        clientCertificates: () => {
          read++
          return presented
        },
      },
    )
    expect(text(await auth.authenticate(sent))).toBe('alice')
    expect(text(await auth.authenticate(sent))).toBe('alice')
    expect(read).toBe(1)
    turned.ms += 366 * 86_400_000
    expect(text(await auth.authenticate(sent))).toContain('expired or is not yet valid')
  })
})

describe('a front proxy', () => {
  const proxyAuthority = createAuthority('front', NOW_MS)
  const proxy = requestHeaderAuthenticator({
    authorities: () => parsed,
    clock,
    allowedNames: ['front-proxy'],
    usernameHeaders: ['X-Remote-User'],
    uidHeaders: ['X-Remote-Uid'],
    groupHeaders: ['X-Remote-Group'],
    extraHeaderPrefixes: ['X-Remote-Extra-'],
  })
  const parsed = parseCertificates(proxyAuthority.certificate)
  const headers = { 'x-remote-user': 'carol', 'x-remote-uid': 'u', 'x-remote-group': 'a, b', 'x-remote-extra-example.com%2fkey': 'c' }

  test('speaks for others', async () => {
    const sent = credentials(headers, {
      ...certificate('front-proxy', [], proxyAuthority),
      distinctHeaders: () => ({ ...wrapped(headers), 'x-remote-group': ['a', 'b'] }),
    })
    expect(await proxy.authenticate(sent)).toEqual({
      outcome: 'user',
      user: { username: 'carol', uid: 'u', groups: ['a', 'b'], extra: { 'example.com/key': ['c'] } },
    })
  })

  test('needs a certificate of its own authority, and an allowed name', async () => {
    expect(text(await proxy.authenticate(credentials(headers)))).toBe('none')
    expect(text(await proxy.authenticate(credentials(headers, certificate('front-proxy'))))).toContain('unknown authority')
    expect(text(await proxy.authenticate(credentials(headers, certificate('mallory', [], proxyAuthority))))).toBe(
      'x509: subject with cn=mallory is not in the allowed list',
    )
    expect(text(await proxy.authenticate(credentials({}, certificate('front-proxy', [], proxyAuthority))))).toBe('none')
  })
})

const wrapped = (headers: Record<string, string>) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))

describe('parseTokenFile()', () => {
  test('reads quotes, empty lines and groups; the last of two rows counts', () => {
    const users = parseTokenFile('a,alice,1\r\n\n"b""x","bob, the builder",2,"g1,g2"\na,anna,3,\n,nobody,4\n', 'f')
    expect(Object.fromEntries(users)).toEqual({
      a: { username: 'anna', uid: '3', groups: [''] },
      'b"x': { username: 'bob, the builder', uid: '2', groups: ['g1', 'g2'] },
    })
  })

  test.each([
    ['a,b\n', "token file 'f' must have at least 3 columns (token, user name, user uid), found 2"],
    ['a,b"c,d\n', 'parse error on line 1: bare " in non-quoted field'],
    ['a,b,c\n"a,b,c\n', 'parse error on line 2: extraneous or missing " in quoted-field'],
  ])('refuses %j', (csv, why) => {
    expect(() => parseTokenFile(csv, 'f')).toThrow(why)
  })
})

test('audience-agnostic tokens count for the audiences of the server alone', async () => {
  const agnostic = audienceAgnostic(file, ['api', 'other'])
  expect(await agnostic.authenticateToken('good', { audiences: ['vault'] })).toEqual({ outcome: 'none' })
  expect(await agnostic.authenticateToken('good', { audiences: ['vault', 'other'] })).toMatchObject({
    outcome: 'user',
    audiences: ['other'],
  })
  expect(await agnostic.authenticateToken('good', {})).toMatchObject({ outcome: 'user' })
})

describe('bootstrap tokens', () => {
  const encoded = (data: Record<string, string>) =>
    Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
  const good = {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    expiration: '2026-02-01T00:00:00Z',
    'auth-extra-groups': 'system:bootstrappers:worker,system:bootstrappers:a',
  }
  const asked = (
    data: Record<string, string>,
    type = 'bootstrap.kubernetes.io/token',
    deletionTimestamp: string | undefined = undefined,
  ) => {
    const cache = new TestCache()
    cache.put('v1/secrets', {
      metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef', deletionTimestamp },
      type,
      data: encoded(data),
    })
    return bootstrapTokenAuthenticator({ cache, clock }).authenticateToken('abcdef.0123456789abcdef', {})
  }

  test('name a bootstrapper', async () => {
    expect(await asked(good)).toEqual({
      outcome: 'user',
      user: {
        username: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:a', 'system:bootstrappers:worker'],
      },
    })
  })

  const cases: [what: string, data: Record<string, string>, type?: string | undefined, deleted?: string | undefined][] = [
    ['another secret', { ...good, 'token-secret': 'x123456789abcdef' }],
    ['another id', { ...good, 'token-id': 'abcdeg' }],
    ['no usage', { ...good, 'usage-bootstrap-authentication': 'yes' }],
    ['the end of its time', { ...good, expiration: '2026-01-01T00:00:00Z' }],
    ['no readable time', { ...good, expiration: 'tomorrow' }],
    ['a foreign group', { ...good, 'auth-extra-groups': 'system:masters' }],
    ['another type', good, 'Opaque'],
    ['its deletion', good, undefined, '2026-01-01T00:00:00Z'],
  ]
  test.each(cases)('are nobody with %s', async (_, data, type, deleted) => {
    expect(await asked(data, type, deleted)).toEqual({ outcome: 'none' })
  })
})
