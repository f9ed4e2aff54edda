import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Binding, legacyTokenClaims, type TokenClaims, tokenClaims } from '../token/claims.ts'
import { localSigner } from '../token/issuer.ts'
import { signingKey, staticKeySource, verificationKey } from '../token/keys.ts'
import { TokenVerifier } from '../token/verify.ts'
import type { Authentication } from './authenticator.ts'
import { ServiceAccountAuthenticator, type ServiceAccountAuthenticatorDeps } from './serviceaccount.ts'
import { TestCache, TestClock } from './testdata.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_MS = 1_750_000_000_000
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = localSigner(() => signingKey(privateKey))

let cache: TestCache
let clock: TestClock

beforeEach(() => {
  cache = new TestCache()
  clock = new TestClock(NOW_MS)
  cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid' } })
  cache.put('v1/pods', { metadata: { namespace: 'ns', name: 'p', uid: 'pod-uid' } })
  cache.put('v1/secrets', { metadata: { namespace: 'ns', name: 's', uid: 'secret-uid' } })
  cache.put('v1/nodes', { metadata: { name: 'n', uid: 'node-uid' } })
})

function authenticator(more: Partial<ServiceAccountAuthenticatorDeps> = {}): ServiceAccountAuthenticator {
  const keys = staticKeySource([verificationKey(createPublicKey(privateKey))])
  return new ServiceAccountAuthenticator({
    verifier: new TokenVerifier({ keys, issuers: [ISSUER], apiAudiences: [ISSUER] }),
    cache,
    clock,
    ...more,
  })
}

function claims(binding: Binding = { kind: 'None' }, more: Partial<TokenClaims> = {}): TokenClaims {
  const account = { namespace: 'ns', name: 'robot', uid: 'sa-uid' }
  return {
    ...tokenClaims({
      issuer: ISSUER,
      account,
      binding,
      audiences: [ISSUER],
      expirationSeconds: 3600,
      nowSeconds: NOW_MS / 1000,
      jti: 'j1',
    }),
    ...more,
  }
}

const text = (outcome: Authentication) => (outcome.outcome === 'refused' ? outcome.error.message : outcome.outcome)

const POD: Binding = { kind: 'Pod', pod: { name: 'p', uid: 'pod-uid' }, node: { name: 'n', uid: 'another' } }
const SECRET: Binding = { kind: 'Secret', secret: { name: 's', uid: 'secret-uid' } }
const NODE: Binding = { kind: 'Node', node: { name: 'n', uid: 'node-uid' } }

test('a token names its account, its groups, and in extra what it is bound to', async () => {
  const auth = authenticator()
  expect(await auth.authenticateToken(await signer.sign(claims(POD)), {})).toEqual({
    outcome: 'user',
    audiences: [ISSUER],
    user: {
      username: 'system:serviceaccount:ns:robot',
      uid: 'sa-uid',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
      extra: {
        'authentication.kubernetes.io/credential-id': ['JTI=j1'],
        'authentication.kubernetes.io/node-name': ['n'],
        'authentication.kubernetes.io/node-uid': ['another'],
        'authentication.kubernetes.io/pod-name': ['p'],
        'authentication.kubernetes.io/pod-uid': ['pod-uid'],
      },
    },
  })
})

describe.each([
  ['a new connection each time', () => ({ connection: {} })],
  ['one connection', () => SHARED],
])('on %s, the next request is refused once', (_, context) => {
  const deaths: [what: string, binding: Binding, kill: () => void, text: string][] = [
    ['the account is gone', { kind: 'None' }, () => cache.drop('v1/serviceaccounts', 'ns/robot'), 'serviceaccounts "robot" not found'],
    [
      'the account was made anew',
      { kind: 'None' },
      () => cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'other' } }),
      'service account UID (other) does not match claim (sa-uid)',
    ],
    ['the pod is gone', POD, () => cache.drop('v1/pods', 'ns/p'), 'service account token has been invalidated'],
    [
      'the pod was made anew',
      POD,
      () => cache.put('v1/pods', { metadata: { namespace: 'ns', name: 'p', uid: 'other' } }),
      'pod UID (other) does not match service account pod ref claim (pod-uid)',
    ],
    ['the secret is gone', SECRET, () => cache.drop('v1/secrets', 'ns/s'), 'service account token has been invalidated'],
    [
      'the secret was made anew',
      SECRET,
      () => cache.put('v1/secrets', { metadata: { namespace: 'ns', name: 's', uid: 'other' } }),
      'secret UID (other) does not match service account secret ref claim (secret-uid)',
    ],
    ['the node is gone', NODE, () => cache.drop('v1/nodes', 'n'), 'service account token has been invalidated'],
    [
      'the node was made anew',
      NODE,
      () => cache.put('v1/nodes', { metadata: { name: 'n', uid: 'other' } }),
      'node UID (other) does not match service account node ref claim (node-uid)',
    ],
    [
      'the cache is out of touch',
      NODE,
      () => {
        cache.trustworthy = false
      },
      'the state of the cluster is out of date, liveness of the token cannot be told',
    ],
  ]
  test.each(deaths)('%s', async (_what, binding, kill, why) => {
    const auth = authenticator()
    const token = await signer.sign(claims(binding))
    const at = context()
    expect(text(await auth.authenticateToken(token, at))).toBe('user')
    kill()
    expect(text(await auth.authenticateToken(token, at))).toBe(why)
  })
})

const SHARED = { connection: {} }

describe('an object that is being deleted keeps its tokens alive for a minute', () => {
  const deletionTimestamp = new Date(NOW_MS - 60_000).toISOString().replace('.000Z', 'Z')
  const cases: [string, Binding, () => void, string][] = [
    [
      'account',
      { kind: 'None' },
      () => cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid', deletionTimestamp } }),
      'service account ns/robot has been deleted',
    ],
    [
      'pod',
      POD,
      () => cache.put('v1/pods', { metadata: { namespace: 'ns', name: 'p', uid: 'pod-uid', deletionTimestamp } }),
      'service account token has been invalidated',
    ],
    [
      'secret',
      SECRET,
      () => cache.put('v1/secrets', { metadata: { namespace: 'ns', name: 's', uid: 'secret-uid', deletionTimestamp } }),
      'service account token has been invalidated',
    ],
    [
      'node',
      NODE,
      () => cache.put('v1/nodes', { metadata: { name: 'n', uid: 'node-uid', deletionTimestamp } }),
      'service account token has been invalidated',
    ],
  ]
  test.each(cases)('%s', async (_, binding, end, why) => {
    const auth = authenticator()
    const token = await signer.sign(claims(binding))
    end()
    expect(text(await auth.authenticateToken(token, {}))).toBe('user')
    clock.ms++
    expect(text(await auth.authenticateToken(token, {}))).toBe(why)
  })
})

test('a pod token does not depend on the node in it', async () => {
  cache.drop('v1/nodes', 'n')
  expect(text(await authenticator().authenticateToken(await signer.sign(claims(POD)), {}))).toBe('user')
})

test('a pod token dies with the node in it where that is asked for', async () => {
  const auth = authenticator({ strictNodeClaim: true })
  const token = await signer.sign(claims({ kind: 'Pod', pod: { name: 'p', uid: 'pod-uid' }, node: { name: 'n', uid: 'node-uid' } }))
  expect(text(await auth.authenticateToken(token, {}))).toBe('user')
  cache.drop('v1/nodes', 'n')
  expect(text(await auth.authenticateToken(token, {}))).toBe('service account token has been invalidated')
})

test('on a shared store a miss is looked up again once the cache has caught up', async () => {
  cache.drop('v1/serviceaccounts', 'ns/robot')
  cache.catchUp = async () => cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid' } })
  expect(text(await authenticator().authenticateToken(await signer.sign(claims()), {}))).toBe('user')
})

test('a revoked token is refused, and the ledger hears of accepted ones', async () => {
  const used: string[] = []
  const revoked = new Set<string>()
  const auth = authenticator({ revoked: ({ jti }) => revoked.has(jti), used: ({ jti }) => used.push(jti) })
  const token = await signer.sign(claims())
  await auth.authenticateToken(token, {})
  revoked.add('j1')
  expect(text(await auth.authenticateToken(token, {}))).toBe('service account token has been invalidated')
  expect(used).toEqual(['j1'])
})

test('tokens of nobody here are left to others', async () => {
  const auth = authenticator()
  for (const token of ['garbage', 'a.b.c', await signer.sign(claims(undefined, { iss: 'https://other.example' }))]) {
    expect(auth.authenticateToken(token, {})).toEqual({ outcome: 'none' })
  }
})

test('a token past its warning threshold is accepted and noted', async () => {
  const counted: string[] = []
  const auth = authenticator({ count: (counter) => counted.push(counter) })
  const extended = tokenClaims({
    issuer: ISSUER,
    account: { namespace: 'ns', name: 'robot', uid: 'sa-uid' },
    binding: POD,
    audiences: [ISSUER],
    expirationSeconds: 3607,
    extendedToSeconds: 31_536_000,
    nowSeconds: NOW_MS / 1000,
    jti: 'j',
  })
  const token = await signer.sign(extended)
  expect(await auth.authenticateToken(token, {})).toMatchObject({ outcome: 'user', auditAnnotations: {} })
  clock.ms += 3_612_000
  expect(await auth.authenticateToken(token, {})).toMatchObject({
    auditAnnotations: {
      'authentication.k8s.io/stale-token': 'subject: system:serviceaccount:ns:robot, seconds after warning threshold: 5',
    },
  })
  expect(counted).toEqual(['serviceaccount_valid_tokens_total', 'serviceaccount_stale_tokens_total'])
})

describe('legacy tokens', () => {
  const legacy = signer.sign(
    legacyTokenClaims({ namespace: 'ns', secretName: 'old', serviceAccountName: 'robot', serviceAccountUid: 'sa-uid' }),
  )
  const secret = async (labels: Record<string, string> = {}, data?: string) => ({
    metadata: { namespace: 'ns', name: 'old', uid: 'old-uid', labels },
    data: { token: Buffer.from(data ?? (await legacy)).toString('base64') },
  })

  test('are accepted while their secret holds them, without extra, and the secret is labelled once a day', async () => {
    cache.put('v1/secrets', await secret())
    const labelled: unknown[] = []
    const auth = authenticator({
      labelSecret: async (of, labels) => {
        labelled.push([of, labels])
        cache.put('v1/secrets', await secret(labels))
      },
    })
    expect(await auth.authenticateToken(await legacy, {})).toEqual({
      outcome: 'user',
      audiences: [ISSUER],
      user: { username: 'system:serviceaccount:ns:robot', uid: 'sa-uid', groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'] },
      auditAnnotations: {
        'authentication.k8s.io/legacy-token': 'system:serviceaccount:ns:robot',
        'authentication.k8s.io/legacy-token-manual-secret': 'old',
      },
    })
    await auth.authenticateToken(await legacy, {})
    expect(labelled).toEqual([[{ namespace: 'ns', name: 'old', uid: 'old-uid' }, { 'kubernetes.io/legacy-token-last-used': '2025-06-15' }]])
  })

  test('of a secret that the account lists carry a warning', async () => {
    cache.put('v1/secrets', await secret())
    cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid' }, secrets: [{ name: 'old' }] })
    expect(await authenticator().authenticateToken(await legacy, {})).toMatchObject({
      warnings: [
        'Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens.',
      ],
      auditAnnotations: { 'authentication.k8s.io/legacy-token-autogenerated-secret': 'old' },
    })
  })

  test.each([
    ['the secret is gone', () => cache.drop('v1/secrets', 'ns/old'), 'Token has been invalidated'],
    [
      'the secret is being deleted',
      async () =>
        cache.put('v1/secrets', {
          ...(await secret()),
          metadata: { ...(await secret()).metadata, deletionTimestamp: '2030-01-01T00:00:00Z' },
        }),
      'Token has been invalidated',
    ],
    ['the secret holds another token', async () => cache.put('v1/secrets', await secret({}, 'x')), "Token does not match server's copy"],
    ['the account is gone', () => cache.drop('v1/serviceaccounts', 'ns/robot'), 'serviceaccounts "robot" not found'],
    [
      'the account is being deleted',
      () =>
        cache.put('v1/serviceaccounts', {
          metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid', deletionTimestamp: '2030-01-01T00:00:00Z' },
        }),
      'ServiceAccount ns/robot has been deleted',
    ],
    [
      'the account was made anew',
      () => cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'new' } }),
      'ServiceAccount UID (new) does not match claim (sa-uid)',
    ],
    [
      'it was marked invalid',
      async () => cache.put('v1/secrets', await secret({ 'kubernetes.io/legacy-token-invalid-since': '2025-01-01' })),
      /^the token in secret ns\/old for service account ns\/robot has been marked invalid\. Use tokens/,
    ],
  ])('are refused when %s', async (_, change, why) => {
    cache.put('v1/secrets', await secret())
    await change()
    expect(text(await authenticator().authenticateToken(await legacy, {}))).toMatch(why)
  })

  test('are not looked up with --service-account-lookup=false', async () => {
    expect(text(await authenticator({ lookup: false }).authenticateToken(await legacy, {}))).toBe('user')
  })
})
