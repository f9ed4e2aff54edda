import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import { TestCache } from '../../authentication/testdata.ts'
import { type IssuerSettings, localSigner, tokenIssuer } from '../../token/issuer.ts'
import { signingKey, staticKeySource, verificationKey } from '../../token/keys.ts'
import { TokenVerifier } from '../../token/verify.ts'
import type { Action } from '../resource.ts'
import { serviceAccountTokenSubresource } from './serviceaccount-token.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_MS = 1_750_000_000_400
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const signer = localSigner(() => signingKey(privateKey))

interface World {
  cache: TestCache
  warnings: string[]
  annotations: Record<string, string>
  post(name: string, body: KubeObject): Promise<KubeObject>
}

function world(settings: Partial<IssuerSettings> = {}): World {
  const cache = new TestCache()
  const put = (id: string, name: string, more: object = {}) =>
    cache.put(id, { metadata: { namespace: 'g-token', name, uid: `<uid:${name}>` }, ...more })
  put('v1/serviceaccounts', 'robot')
  put('v1/serviceaccounts', 'other')
  put('v1/pods', 'p1', { spec: { serviceAccountName: 'robot' } })
  put('v1/pods', 'p2', { spec: { serviceAccountName: 'other' } })
  put('v1/secrets', 's1')
  cache.put('v1/nodes', { metadata: { name: 'g-token-node', uid: '<uid:g-token-node>' } })
  const token = serviceAccountTokenSubresource({ issuer: tokenIssuer({ issuers: [ISSUER], signer, ...settings }) })
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  let drawn = 0
  return {
    cache,
    warnings,
    annotations,
    async post(name, body) {
      token.defaults?.(body)
      const action = {
        world: { cache, newUid: () => `jti-${++drawn}` },
        user: { username: 'admin', groups: [] },
        namespace: 'g-token',
        name,
        dryRun: false,
        nowMs: NOW_MS,
        warn: (text: string) => warnings.push(text),
        annotate: (key: string, value: string) => {
          annotations[key] = value
        },
        remoteAddress: '127.0.0.1',
        userAgent: 'test',
        validateAdmission: async () => {},
      }
      // What the action does not touch is left out.
      return token.create(action as unknown as Action, body)
    },
  }
}

interface Step {
  path: string
  body: KubeObject
  name: string
}

/** What the scenario captures the uid of. */
const CAPTURED: Record<string, string> = { sa: 'robot', pod: 'p1', secret: 's1', node: 'g-token-node' }

const withoutUuids = (value: unknown) =>
  JSON.parse(JSON.stringify(value).replace(/<uuid:\d+>|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'))

describe('as recorded from kube-apiserver', async () => {
  const folder = new URL('../../../test/golden/', import.meta.url)
  const recorded: { exchanges: { step: string; response: { status: number; body: KubeObject } }[] } = JSON.parse(
    readFileSync(new URL('recordings/tokenrequest.json', folder), 'utf8'),
  )
  const { default: make } = await import(new URL('scenarios/tokenrequest.mjs', folder).href)
  const steps: Step[] = make({
    post: (path: string, body: KubeObject, options: Omit<Step, 'path' | 'body'>) => ({ path, body, ...options }),
    del: () => ({ path: '' }),
  }).steps
  const here = world()
  // Everything before the action (decoding, authorization) and after it (managed fields, tables) is tested where it is done.
  const elsewhere = [
    'not a number',
    'wrong group',
    'wrong kind',
    'no kind',
    'empty body',
    'unknown field',
    'table',
    'wrong dry run',
    'another namespace in the body',
    'alice may not',
    'anonymous may not',
    'dry run: no token',
  ]

  for (const step of steps) {
    if (step.path.endsWith('/binding')) {
      test(step.name, () => {
        const { name } = step.body.metadata!
        here.cache.put('v1/pods', {
          metadata: { namespace: 'g-token', name: name!, uid: `<uid:${name}>` },
          spec: { serviceAccountName: name === 'p1' ? 'robot' : 'other', nodeName: step.body['target'].name },
        })
      })
    }
    if (step.name === 'a pod with a finalizer') {
      test(step.name, () =>
        here.cache.put('v1/pods', {
          metadata: { namespace: 'g-token', name: 'ending', uid: '<uid:ending>', deletionTimestamp: '2025-01-01T00:00:00Z' },
          spec: { serviceAccountName: 'robot' },
        }),
      )
    }
    if (!step.path.includes('/token') || elsewhere.includes(step.name)) continue
    test(step.name, async () => {
      const { status, body } = recorded.exchanges.find((exchange) => exchange.step === step.name)!.response
      const resolved = JSON.parse(JSON.stringify(step.body).replace(/\$\{(\w+)\}/g, (_, captured: string) => `<uid:${CAPTURED[captured]}>`))
      let answer: KubeObject
      try {
        answer = await here.post(step.path.split('/').at(-2)!, resolved)
      } catch (error) {
        if (!isStatusError(error)) throw error
        expect(withoutUuids(error.status)).toEqual(withoutUuids(body))
        return
      }
      expect(status).toBe(201)
      const { managedFields: _, ...metadata } = body.metadata!
      expect(answer.metadata).toEqual({ ...metadata, creationTimestamp: '2025-06-15T15:06:40Z' })
      expect(JSON.parse(JSON.stringify({ boundObjectRef: null, ...answer['spec'] }))).toEqual(body['spec'])
      const claims: Record<string, any> = decodeJwt(answer['status'].token)
      const theirs = structuredClone(body['status'].token.claims)
      const after = (text: string) => 1_750_000_000 + Number(text.slice('iat+'.length))
      theirs.iat = 1_750_000_000
      theirs.exp = after(theirs.exp)
      theirs.nbf = after(theirs.nbf)
      if (theirs['kubernetes.io'].warnafter !== undefined) theirs['kubernetes.io'].warnafter = after(theirs['kubernetes.io'].warnafter)
      expect({ ...claims, jti: '' }).toEqual({ ...theirs, jti: '' })
      const ends = Number(/^<iat\+(\d+)>$/.exec(body['status'].expirationTimestamp)![1])
      expect(Date.parse(answer['status'].expirationTimestamp) / 1000).toBe(1_750_000_000 + ends)
    })
  }
})

test('a lifetime beyond the maximum is shortened with a warning', async () => {
  const { post, warnings } = world({ maxExpirationSeconds: 7200 })
  const answer = await post('robot', { spec: { expirationSeconds: 10_000 } })
  expect(answer['spec'].expirationSeconds).toBe(7200)
  expect(warnings).toEqual(['requested expiration of 10000 seconds shortened to 7200 seconds'])
})

test.each([
  ['is extended', {}, [ISSUER], 31_536_000],
  ['is not extended when that is switched off', { extendExpiration: false }, [ISSUER], 3607],
  ['is not extended for other audiences', {}, [ISSUER, 'vault'], 3607],
  ['is extended for any of several audiences of the server', { apiAudiences: ['api', ISSUER] }, ['api'], 31_536_000],
  ['is extended as far as a signer allows', { maxExtendedExpirationSeconds: 86_400 }, [ISSUER], 86_400],
  ['is extended whatever the maximum', { maxExpirationSeconds: 3700 }, [ISSUER], 31_536_000],
  ['is not extended when the maximum is below it', { maxExpirationSeconds: 3600 }, [ISSUER], 3600],
])('a pod token of 3607 s %s', async (_, settings, audiences, lifeSeconds) => {
  const { post } = world(settings)
  const answer = await post('robot', {
    spec: { audiences, expirationSeconds: 3607, boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p1' } },
  })
  const claims = decodeJwt<{ 'kubernetes.io': { warnafter?: number } }>(answer['status'].token)
  expect(claims.exp! - claims.iat!).toBe(lifeSeconds)
  expect(claims['kubernetes.io'].warnafter).toBe(lifeSeconds > 3607 ? claims.iat! + 3607 : undefined)
  expect(Date.parse(answer['status'].expirationTimestamp) / 1000 - claims.iat!).toBe(Math.min(lifeSeconds, 3607))
})

test('the id of the token is noted for the audit log and the ledger, the token is not', async () => {
  const issued: unknown[] = []
  const { post, annotations } = world({ issued: (token) => issued.push(token) })
  const answer = await post('robot', { spec: {} })
  expect(annotations).toEqual({ 'authentication.kubernetes.io/issued-credential-id': 'JTI=jti-1' })
  expect(issued).toMatchObject([
    {
      claims: { jti: 'jti-1', sub: 'system:serviceaccount:g-token:robot' },
      requestedBy: 'admin',
      remoteAddress: '127.0.0.1',
      userAgent: 'test',
    },
  ])
  expect(JSON.stringify(issued)).not.toContain(answer['status'].token.split('.')[2])
})

test('a signer that fails is an internal error', async () => {
  const { post } = world({ signer: { sign: () => Promise.reject(new Error('out of ink')) } })
  await expect(post('robot', { spec: {} })).rejects.toMatchObject({
    status: { code: 500, message: 'Internal error occurred: failed to generate token: out of ink' },
  })
})

test('the verifier takes what was issued', async () => {
  const { post } = world()
  const answer = await post('robot', { spec: {} })
  const verifier = new TokenVerifier({
    keys: staticKeySource([verificationKey(createPublicKey(privateKey))]),
    issuers: [ISSUER],
    apiAudiences: [ISSUER],
  })
  expect(verifier.verifyToken(answer['status'].token, { nowMs: NOW_MS }).ok).toBe(true)
})

test.each([
  [60, undefined],
  [61, 429],
])('a token that is to be dated %i seconds ahead is refused rather than handed out dead: %s', async (ahead, code) => {
  const { post } = world({ earliestIssueSeconds: (_, nowSeconds) => nowSeconds + ahead })
  const outcome = await post('robot', { spec: {} }).then(
    () => undefined,
    (error: unknown) => (isStatusError(error) ? error.status.code : error),
  )
  expect(outcome).toBe(code)
})
