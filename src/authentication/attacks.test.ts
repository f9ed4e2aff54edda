import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyId, staticKeySource, verificationKey } from '../token/keys.ts'
import { type AttackedWorld, attacks, honestClaims } from '../token/testdata/attacks.ts'
import { TokenVerifier } from '../token/verify.ts'
import { anonymousAuthenticator } from './anonymous.ts'
import { bearerAuthenticator } from './bearer.ts'
import { authenticationChain } from './chain.ts'
import { ServiceAccountAuthenticator } from './serviceaccount.ts'
import { TestCache, TestClock } from './testdata.ts'
import { tokenUnion } from './token.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_SECONDS = 1_750_000_000
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey

const world: AttackedWorld = {
  issuer: ISSUER,
  nowSeconds: NOW_SECONDS,
  ours: { rsa: rsa(), p256: ec('P-256'), p384: ec('P-384') },
  theirs: { rsa: rsa(), p256: ec('P-256') },
}

const cache = new TestCache()
cache.put('v1/serviceaccounts', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-uid' } })
cache.put('v1/pods', { metadata: { namespace: 'ns', name: 'p', uid: 'p-uid' } })
cache.put('v1/secrets', { metadata: { namespace: 'ns', name: 's', uid: 's-uid' } })
cache.put('v1/nodes', { metadata: { name: 'n', uid: 'n-uid' } })
const keys = staticKeySource(Object.values(world.ours).map((key) => verificationKey(createPublicKey(key))))
const verifier = new TokenVerifier({ keys, issuers: [ISSUER], apiAudiences: [ISSUER] })
const chain = authenticationChain({
  members: [
    bearerAuthenticator(tokenUnion([new ServiceAccountAuthenticator({ verifier, cache, clock: new TestClock(NOW_SECONDS * 1000) })])),
  ],
  anonymous: anonymousAuthenticator(),
  apiAudiences: [ISSUER],
})
const authenticate = (token: string) => chain.authenticate({ headers: { authorization: `Bearer ${token}` }, connection: {} })

const corpus = attacks(world)

test('the honest token is accepted, so that it is the attack that fails', async () => {
  const input = [{ alg: 'RS256', kid: keyId(createPublicKey(world.ours.rsa)) }, honestClaims(world)]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  expect((await authenticate(`${input}.${sign('sha256', Buffer.from(input), world.ours.rsa).toString('base64url')}`)).outcome).toBe('user')
})

test('the corpus is large, and no case is there twice', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(300)
  expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
})

describe('is refused, and nothing said of it repeats it:', () => {
  test.each(corpus)('$name', async ({ token }) => {
    const outcome = await authenticate(token)
    expect(outcome.outcome).toBe('refused')
    if (outcome.outcome !== 'refused') return
    const said = `${outcome.error.message} ${JSON.stringify(outcome.error)} ${outcome.error.stack}`
    for (const part of token.split('.')) if (part.length >= 16) expect(said).not.toContain(part)
  })
})
