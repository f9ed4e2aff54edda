import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import * as jose from 'jose'
import { describe, expect, test } from 'vitest'
import { encodeClaims, tokenClaims } from './claims.ts'
import { localSigner } from './issuer.ts'
import { derToRaw, rawToDer } from './jwt.ts'
import { signingKey, staticKeySource, verificationKey } from './keys.ts'
import { TokenVerifier } from './verify.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_SECONDS = 1_750_000_000

const KEYS: Record<string, KeyObject> = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
}

const claims = tokenClaims({
  issuer: ISSUER,
  account: { namespace: 'production', name: 'deploy-bot', uid: 'u1' },
  binding: { kind: 'Pod', pod: { name: 'p', uid: 'pu' }, node: { name: 'n' } },
  audiences: [ISSUER],
  expirationSeconds: 3600,
  nowSeconds: NOW_SECONDS,
  jti: '8a2c1f4e-0000-4000-8000-000000000001',
})

function verifierOf(privateKey: KeyObject): TokenVerifier {
  return new TokenVerifier({
    keys: staticKeySource([verificationKey(createPublicKey(privateKey))]),
    issuers: [ISSUER],
    apiAudiences: [ISSUER],
  })
}

describe.each(Object.entries(KEYS))('%s', (algorithm, privateKey) => {
  test('a signed token is accepted by jose and by the verifier, with the same claims', async () => {
    const token = await localSigner(() => signingKey(privateKey)).sign(claims)
    const judged = await jose.jwtVerify(token, createPublicKey(privateKey), {
      issuer: ISSUER,
      audience: ISSUER,
      currentDate: new Date(NOW_SECONDS * 1000),
    })
    expect(judged.payload).toEqual(claims)
    expect(judged.protectedHeader.alg).toBe(algorithm)
    const verification = verifierOf(privateKey).verifyToken(token, { nowMs: NOW_SECONDS * 1000 })
    expect(verification).toMatchObject({
      ok: true,
      audiences: [ISSUER],
      claims: {
        kind: 'bound',
        namespace: 'production',
        account: { name: 'deploy-bot', uid: 'u1' },
        pod: { name: 'p', uid: 'pu' },
        node: { name: 'n', uid: '' },
      },
    })
  })

  test('tokens of jose are accepted too', async () => {
    const { kid } = verificationKey(createPublicKey(privateKey))
    const verifier = verifierOf(privateKey)
    for (let round = 0; round < 20; round++) {
      const token = await new jose.SignJWT({ ...claims, jti: `${round}` } as unknown as jose.JWTPayload)
        .setProtectedHeader({ alg: algorithm, kid })
        .sign(privateKey)
      expect(verifier.verifyToken(token, { nowMs: NOW_SECONDS * 1000 }).ok).toBe(true)
    }
  })

  test('the kid is the SHA-256 of the SPKI, and no other key verifies', async () => {
    const token = await localSigner(() => signingKey(privateKey)).sign(claims)
    expect(jose.decodeProtectedHeader(token)).toEqual({
      alg: algorithm,
      kid: hash('sha256', createPublicKey(privateKey).export({ format: 'der', type: 'spki' }), 'base64url'),
    })
    const stranger = verifierOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)
    expect(stranger.verifyToken(token, { nowMs: NOW_SECONDS * 1000 })).toEqual({ ok: false, rejection: { reason: 'UnknownKey' } })
  })
})

test('the payload has its members in byte order, without whitespace, escaped as Go escapes', () => {
  const odd = tokenClaims({
    issuer: ISSUER,
    account: { namespace: 'n', name: 'a', uid: 'u' },
    binding: { kind: 'None' },
    audiences: ['a&b<c>'],
    expirationSeconds: 600,
    nowSeconds: 1,
    jti: 'j',
  })
  expect(encodeClaims(odd)).toBe(
    String.raw`{"aud":["a\u0026b\u003cc\u003e"],"exp":601,"iat":1,"iss":"https://kubernetes.default.svc","jti":"j","kubernetes.io":{"namespace":"n","serviceaccount":{"name":"a","uid":"u"}},"nbf":1,"sub":"system:serviceaccount:n:a"}`,
  )
})

test('raw and DER signatures turn into each other', () => {
  const raw = Buffer.alloc(132)
  raw[65] = 1
  raw[66] = 0xff
  raw[131] = 2
  expect(derToRaw(rawToDer(raw, 66), 66)).toEqual(raw)
})

describe('times and audiences', () => {
  const signed = localSigner(() => signingKey(KEYS['ES256']!)).sign(claims)
  const verifier = verifierOf(KEYS['ES256']!)
  test.each([
    ['a minute before its beginning', -60_000, true],
    ['more than a minute before its beginning', -60_001, false],
    ['a minute after its end', 3_660_000, true],
    ['more than a minute after its end', 3_660_001, false],
  ])('%s', async (_, offsetMs, ok) => {
    expect(verifier.verifyToken(await signed, { nowMs: NOW_SECONDS * 1000 + offsetMs }).ok).toBe(ok)
  })

  test('audiences come in the order wanted, and a mismatch names both', async () => {
    const several = await localSigner(() => signingKey(KEYS['ES256']!)).sign({ ...claims, aud: ['vault', 'db'] })
    expect(verifier.verifyToken(several, { nowMs: NOW_SECONDS * 1000, audiences: ['db', 'x', 'vault'] })).toMatchObject({
      ok: true,
      audiences: ['db', 'vault'],
    })
    expect(verifier.verifyToken(several, { nowMs: NOW_SECONDS * 1000 })).toEqual({
      ok: false,
      rejection: { reason: 'AudienceMismatch', audiences: ['vault', 'db'], wanted: [ISSUER] },
    })
  })
})

test('a changed generation of keys forgets what signatures proved', async () => {
  const key = verificationKey(createPublicKey(KEYS['ES256']!))
  const keys = { ...staticKeySource([key]), generation: 1, gone: false, byKid: () => (keys.gone ? [] : [key]) }
  const verifier = new TokenVerifier({ keys, issuers: [ISSUER], apiAudiences: [ISSUER] })
  const token = await localSigner(() => signingKey(KEYS['ES256']!)).sign(claims)
  expect(verifier.verifyToken(token, { nowMs: NOW_SECONDS * 1000 }).ok).toBe(true)
  keys.gone = true
  keys.generation++
  expect(verifier.verifyToken(token, { nowMs: NOW_SECONDS * 1000 })).toEqual({ ok: false, rejection: { reason: 'UnknownKey' } })
})

test('the memory of signatures is bounded', async () => {
  const key = signingKey(KEYS['ES256']!)
  const verifier = new TokenVerifier({
    keys: staticKeySource([verificationKey(createPublicKey(KEYS['ES256']!))]),
    issuers: [ISSUER],
    apiAudiences: [ISSUER],
    cacheEntries: 10,
  })
  for (let i = 0; i < 50; i++)
    verifier.verifyToken(await localSigner(() => key).sign({ ...claims, jti: `${i}` }), { nowMs: NOW_SECONDS * 1000 })
  expect(verifier.remembered).toBeLessThanOrEqual(10)
})
