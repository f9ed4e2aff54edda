import { generateKeyPairSync } from 'node:crypto'
import * as jose from 'jose'
import { describe, expect, test } from 'vitest'
import { tokenClaims } from '../token/claims.ts'
import { localSigner } from '../token/issuer.ts'
import { signingKey, staticKeySource, verificationKey } from '../token/keys.ts'
import { type OidcState, oidcAnswer, oidcDiscovery, oidcDocuments } from './oidc.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const state: OidcState = {
  issuer: 'https://kubernetes.default.svc',
  externalAddress: '10.0.0.1:6443',
  keys: staticKeySource([verificationKey(rsa.publicKey), verificationKey(ec.publicKey)]),
}
const documents = oidcDocuments(state)

test('the configuration has its members in the order of kube-apiserver', () => {
  expect(documents.configuration.body.toString()).toBe(
    '{"issuer":"https://kubernetes.default.svc","jwks_uri":"https://10.0.0.1:6443/openid/v1/jwks","response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES512","RS256"]}',
  )
  expect(documents.configuration).toMatchObject({ contentType: 'application/json', cacheControl: 'public, max-age=3600' })
})

test('the keys have their members in the order of kube-apiserver, and nothing private', () => {
  const { keys } = JSON.parse(documents.jwks.body.toString())
  expect(keys.map(Object.keys)).toEqual([
    ['use', 'kty', 'kid', 'alg', 'n', 'e'],
    ['use', 'kty', 'kid', 'crv', 'alg', 'x', 'y'],
  ])
  expect(documents.jwks).toMatchObject({ contentType: 'application/jwk-set+json', cacheControl: 'public, max-age=3600' })
})

test.each([
  ['RSA', rsa.privateKey],
  ['P-521', ec.privateKey],
])('jose accepts a token of the %s key from the published keys alone, and no tampered one', async (_, privateKey) => {
  const nowSeconds = 1_750_000_000
  const claims = tokenClaims({
    issuer: state.issuer,
    account: { namespace: 'n', name: 'a', uid: 'u' },
    binding: { kind: 'None' },
    audiences: ['vault'],
    expirationSeconds: 600,
    nowSeconds,
    jti: 'j',
  })
  const token = await localSigner(() => signingKey(privateKey)).sign(claims)
  const published = jose.createLocalJWKSet(JSON.parse(documents.jwks.body.toString()))
  const options = { issuer: state.issuer, audience: 'vault', currentDate: new Date(nowSeconds * 1000) }
  expect((await jose.jwtVerify(token, published, options)).payload.sub).toBe('system:serviceaccount:n:a')
  const [header, , signature] = token.split('.')
  const forged = `${header}.${Buffer.from(JSON.stringify({ ...claims, sub: 'x' })).toString('base64url')}.${signature}`
  await expect(jose.jwtVerify(forged, published, options)).rejects.toThrow('signature verification failed')
  await expect(jose.jwtVerify(token, published, { ...options, audience: 'other' })).rejects.toThrow('unexpected "aud"')
})

describe('oidcAnswer()', () => {
  const get = { method: 'GET', accept: undefined }
  test('takes both paths, with a slash at the end too', () => {
    expect(oidcAnswer(documents, { ...get, path: '/.well-known/openid-configuration' })).toBe(documents.configuration)
    expect(oidcAnswer(documents, { ...get, path: '/.well-known/openid-configuration/' })).toBe(documents.configuration)
    expect(oidcAnswer(documents, { ...get, path: '/openid/v1/jwks/' })).toBe(documents.jwks)
    expect(oidcAnswer(documents, { ...get, path: '/openid/v1' })).toBeUndefined()
  })

  test.each(['HEAD', 'POST'])('refuses %s', (method) => {
    expect(() => oidcAnswer(documents, { method, path: '/openid/v1/jwks', accept: '*/*' })).toThrow(
      'the server does not allow this method on the requested resource',
    )
  })

  test('takes Accept literally', () => {
    const jwks = (accept: string) => oidcAnswer(documents, { method: 'GET', path: '/openid/v1/jwks', accept })
    expect(jwks('application/jwk-set+json')).toBe(documents.jwks)
    expect(jwks('text/plain, */*;q=0.1')).toBe(documents.jwks)
    expect(() => jwks('application/json')).toThrow('406: Not Acceptable\n\nAvailable representations: application/jwk-set+json')
    expect(() => jwks('application/*')).toThrow('406')
  })
})

describe('oidcDocuments() leaves the endpoints out', () => {
  test.each<[string, Partial<OidcState>]>([
    ['issuer URL must use https scheme, got: http://x', { issuer: 'http://x' }],
    ['issuer URL must use https scheme, got: kubernetes', { issuer: 'kubernetes' }],
    ['issuer URL may not include a query, got: https://x?a=b', { issuer: 'https://x?a=b' }],
    ['issuer URL may not include a fragment, got: https://x#a', { issuer: 'https://x#a' }],
    ['empty issuer URL', { issuer: '' }],
    ['either the JWKS URI or the default external address, or both, must be set', { externalAddress: '' }],
    ['jwksURI requires https scheme, parsed as: http://keys', { jwksUri: 'http://keys' }],
    ['attempted to build jwks_uri from external address https://a/b', { externalAddress: 'https://a/b' }],
    ['no keys provided for validating keyset', { keys: staticKeySource([]) }],
  ])('%s', (why, change) => {
    expect(() => oidcDocuments({ ...state, ...change })).toThrow(why)
  })
})

test('oidcDiscovery() follows the keys', () => {
  const keys = {
    ...staticKeySource([verificationKey(rsa.publicKey)]),
    generation: 1,
    list: [verificationKey(rsa.publicKey)],
    all: () => keys.list,
  }
  const current = oidcDiscovery({ ...state, keys })
  const first = current()
  expect(current()).toBe(first)
  keys.list = [...keys.list, verificationKey(ec.publicKey)]
  keys.generation++
  expect(JSON.parse(current().jwks.body.toString()).keys.length).toBe(2)
})
