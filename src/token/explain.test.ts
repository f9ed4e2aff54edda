import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodeClaims, legacyTokenClaims, type TokenClaims, tokenClaims } from './claims.ts'
import { explainToken, explanationText } from './explain.ts'
import { localSigner } from './issuer.ts'
import { signingKey, staticKeySource, verificationKey } from './keys.ts'
import { TokenVerifier } from './verify.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_MS = 1_750_000_000_000
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = localSigner(() => signingKey(privateKey))
const verifier = new TokenVerifier({
  keys: staticKeySource([verificationKey(createPublicKey(privateKey))]),
  issuers: [ISSUER],
  apiAudiences: [ISSUER],
})

const claims: TokenClaims = tokenClaims({
  issuer: ISSUER,
  account: { namespace: 'production', name: 'deploy-bot', uid: 'sa-uid' },
  binding: { kind: 'Pod', pod: { name: 'web-1', uid: 'pod-uid' }, node: { name: 'node-1', uid: 'node-uid' } },
  audiences: [ISSUER],
  expirationSeconds: 3607,
  extendedToSeconds: 31_536_000,
  nowSeconds: NOW_MS / 1000,
  jti: 'the-jti',
})

test('a token in words', async () => {
  const token = await signer.sign(claims)
  const explanation = explainToken(token, {
    nowMs: NOW_MS,
    verification: verifier.verifyToken(token, { nowMs: NOW_MS }),
    review: { authenticated: true, user: { username: 'system:serviceaccount:production:deploy-bot' } },
  })
  const text = explanationText(explanation, NOW_MS).replace(/kid .*: the name/, 'kid             KID: the name')
  expect(text).toBe(`A service account token of system:serviceaccount:production:deploy-bot, issued by https://kubernetes.default.svc.

  alg             ES256: signed with a P-256 key
  kid             KID: the name of the signing key, as in the published keys
  iss             issued by https://kubernetes.default.svc
  sub             for system:serviceaccount:production:deploy-bot
  aud             meant for https://kubernetes.default.svc, and nobody else
  iat             issued 2025-06-15T15:06:40Z (in 0s)
  nbf             not valid before 2025-06-15T15:06:40Z (in 0s)
  exp             expires 2026-06-15T15:06:40Z (in 365d)
  jti             the-jti: names this one token, in audit logs and for its revocation
  serviceaccount  deploy-bot in namespace production, uid sa-uid
  pod             bound to the pod: web-1, uid pod-uid
  node            where the pod runs; only for information: node-1, uid node-uid
  warnafter       should have been replaced by 2025-06-15T16:06:47Z (in 60m); its life was extended for clients that do not read it anew

Offline verifiers: alive until 2026-06-15T15:06:40Z (in 365d).
The API server refuses it as soon as:
  - its account is deleted, or made anew under the same name
  - pod web-1 is deleted, or made anew under the same name
  - it is revoked: by itself, with its account, or with what it is bound to
  - its signing key is retired
  - it expires (a minute of difference between clocks is allowed)

Signature: good.
Online: alive. The server takes its bearer for system:serviceaccount:production:deploy-bot.
`)
})

describe('findings', () => {
  const found = async (change: object, options: object = {}) =>
    explainToken(await signer.sign({ ...claims, ...change }), { nowMs: NOW_MS, ...options }).findings

  test('name the audience that a refused call wanted', async () => {
    expect(await found({ aud: ['vault'] }, { wantedAudiences: [ISSUER] })).toEqual([
      `Audience: the call wanted ${ISSUER}; the token is meant for vault. Ask for a token with that audience.`,
    ])
    expect(await found({ aud: ['vault', 'db'] }, { wantedAudiences: ['db'] })).toEqual([
      'Audience: the call wanted db, and the token has db.',
    ])
  })

  test('say what the server says', async () => {
    expect(await found({}, { review: { error: '[invalid bearer token, service account token has been invalidated]' } })).toEqual([
      'Online: dead. The server says: [invalid bearer token, service account token has been invalidated].',
    ])
  })

  test.each([
    [
      'a changed token',
      (token: string) => `${token.slice(0, -8)}AAAAAAAA`,
      'Signature: wrong. The token was changed, or signed by somebody else.',
    ],
  ])('tell %s', async (_, change, said) => {
    const token = change(await signer.sign(claims))
    expect(explainToken(token, { nowMs: NOW_MS, verification: verifier.verifyToken(token, { nowMs: NOW_MS }) }).findings).toEqual([said])
  })
})

test('a legacy token is told apart', async () => {
  const token = await signer.sign(
    legacyTokenClaims({ namespace: 'ns', secretName: 'old', serviceAccountName: 'robot', serviceAccountUid: 'u' }),
  )
  const explanation = explainToken(token, { nowMs: NOW_MS })
  expect(explanation).toMatchObject({ kind: 'legacy', offlineUntilMs: undefined })
  expect(explanationText(explanation, NOW_MS)).toContain('Offline verifiers: good for ever, it has no end.')
  expect(explanation.ends[0]).toBe('secret old is deleted, holds another token, or is labelled kubernetes.io/legacy-token-invalid-since')
})

test('what is no token is said to be none', () => {
  expect(explainToken('garbage', { nowMs: NOW_MS })).toMatchObject({ kind: 'malformed', summary: 'This is no token: not three parts.' })
})

test('a dead token says since when', async () => {
  const explanation = explainToken(await signer.sign({ ...claims, exp: NOW_MS / 1000 - 7200 }), { nowMs: NOW_MS })
  expect(explanation.times).toBe('expired')
  expect(explanationText(explanation, NOW_MS)).toContain('Offline verifiers: dead since 2025-06-15T13:06:40Z (2h ago).')
})

test('nothing in a token reaches the terminal as it is, and the token is never printed', async () => {
  const token = await signer.sign({ ...claims, sub: '\u001b[2Jroot\u202e', jti: 'x'.repeat(10_000) })
  const text = explanationText(explainToken(token, { nowMs: NOW_MS }), NOW_MS)
  expect(text).toContain(String.raw`\u001b[2Jroot\u202e`)
  expect(text.length).toBeLessThan(5000)
  for (const part of token.split('.')) expect(text).not.toContain(part.slice(0, 40))
  expect(text).not.toContain(encodeClaims(claims).slice(0, 60))
})
