import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { isStatusError } from '../../api/status.ts'
import { anonymousAuthenticator } from '../../authentication/anonymous.ts'
import { bearerAuthenticator } from '../../authentication/bearer.ts'
import { authenticationChain } from '../../authentication/chain.ts'
import { ServiceAccountAuthenticator } from '../../authentication/serviceaccount.ts'
import { TestCache, TestClock } from '../../authentication/testdata.ts'
import { tokenUnion } from '../../authentication/token.ts'
import type { UserInfo } from '../../authentication/user.ts'
import { localSigner, tokenIssuer } from '../../token/issuer.ts'
import { signingKey, staticKeySource, verificationKey } from '../../token/keys.ts'
import { TokenVerifier } from '../../token/verify.ts'
import { serviceAccountTokenSubresource } from '../core/serviceaccount-token.ts'
import type { Action, ActionSubresource } from '../resource.ts'
import { authenticationDefinitions } from './definitions.ts'

const ISSUER = 'https://kubernetes.default.svc'
const NOW_MS = 1_750_000_000_000
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = signingKey(privateKey)
const cache = new TestCache()
const verifier = new TokenVerifier({
  keys: staticKeySource([verificationKey(createPublicKey(privateKey))]),
  issuers: [ISSUER],
  apiAudiences: [ISSUER],
})
const chain = authenticationChain({
  members: [bearerAuthenticator(tokenUnion([new ServiceAccountAuthenticator({ verifier, cache, clock: new TestClock(NOW_MS) })]))],
  anonymous: anonymousAuthenticator(),
  apiAudiences: [ISSUER],
})
const [selfSubjectReviews, tokenReviews] = authenticationDefinitions({ chain, apiAudiences: [ISSUER] })

async function post(action: ActionSubresource, body: KubeObject, more: { name?: string; user?: UserInfo } = {}): Promise<KubeObject> {
  action.defaults?.(body)
  // What these actions do not touch is left out.
  const context = {
    world: { cache, newUid: () => 'jti' },
    user: { username: 'admin', groups: [] },
    namespace: 'g-review',
    name: '',
    nowMs: NOW_MS,
    warn() {},
    annotate() {},
    remoteAddress: '',
    userAgent: '',
    validateAdmission: async () => {},
    ...more,
  }
  try {
    return await action.create(context as unknown as Action, body)
  } catch (error) {
    if (!isStatusError(error)) throw error
    return error.status as unknown as KubeObject
  }
}

type Step = {
  kind: 'post' | 'mint' | 'other'
  path: string
  body: any
  name: string
  capture?: Record<string, string>
  variable?: string
  header?: Record<string, unknown>
}

describe('TokenReview, as recorded from kube-apiserver', async () => {
  const folder = new URL('../../../test/golden/', import.meta.url)
  const recorded: { exchanges: { step: string; response: { body: KubeObject } }[] } = JSON.parse(
    readFileSync(new URL('recordings/tokenreview.json', folder), 'utf8'),
  )
  const { default: make } = await import(new URL('scenarios/tokenreview.mjs', folder).href)
  const other = (path: string, ...rest: any[]): Step => ({ kind: 'other', path, body: undefined, name: rest.at(-1)?.name ?? '' })
  const steps: Step[] = make({
    post: (path: string, body: object, options: object) => ({ kind: 'post', path, body, ...options }),
    mint: (variable: string, body: object, { header }: { header?: Record<string, unknown> } = {}) => ({
      kind: 'mint',
      path: '',
      body,
      variable,
      header,
      name: '',
    }),
    get: other,
    del: other,
    until: (step: Step, _: unknown, { name }: { name: string }) => ({ ...step, name }),
  }).steps
  const variables: Record<string, string> = { sa: '<uid:robot>', pod: '<uid:p>' }
  const filled = (value: unknown) => JSON.parse(JSON.stringify(value).replace(/\$\{(\w+)\}/g, (_, name: string) => variables[name] ?? ''))
  const token = serviceAccountTokenSubresource({ issuer: tokenIssuer({ issuers: [ISSUER], signer: localSigner(() => key) }) })

  for (const step of steps) {
    if (step.kind === 'mint')
      test(`${step.variable} is minted`, () => {
        variables[step.variable!] = minted(filled(step.body), step.header)
      })
    else if (step.path.endsWith('/serviceaccounts'))
      test(step.name, () => cache.put('v1/serviceaccounts', { metadata: { namespace: 'g-review', name: 'robot', uid: '<uid:robot>' } }))
    else if (step.path.endsWith('/pods'))
      test(step.name, () =>
        cache.put('v1/pods', { metadata: { namespace: 'g-review', name: 'p', uid: '<uid:p>' }, spec: { serviceAccountName: 'robot' } }),
      )
    else if (step.path.endsWith('/token')) {
      test(step.name, async () => {
        const answer = await post(token, step.body, { name: 'robot' })
        variables[Object.keys(step.capture!)[0]!] = answer['status'].token
      })
    } else if (step.name === 'delete the pod') test(step.name, () => cache.drop('v1/pods', 'g-review/p'))
    else if (step.name === 'delete the account') test(step.name, () => cache.drop('v1/serviceaccounts', 'g-review/robot'))
    else if (step.kind === 'post' && !['unknown field', 'old version', 'alice may not', 'the account itself may not'].includes(step.name)) {
      test(step.name, async () => {
        const { body } = recorded.exchanges.find((exchange) => exchange.step === step.name)!.response
        const answer = await post(tokenReviews!.action!, filled(step.body))
        if (body.kind === 'Status') expect(answer).toEqual(body)
        else expect(withoutUuids(answer['status'])).toEqual(withoutUuids(body['status']))
      })
    }
  }
})

/** Ids drawn by either side, and what the scenario made up. */
function withoutUuids(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replace(/<uuid:\d+>|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=JTI=)jti/g, '<uuid>'))
}

function minted(claims: unknown, header: Record<string, unknown> = {}): string {
  const now = NOW_MS / 1000
  const payload = JSON.parse(JSON.stringify(claims).replace(/"now([+-]\d+)"/g, (_, offset: string) => String(now + Number(offset))))
  const full = Object.fromEntries(Object.entries({ alg: 'RS256', kid: key.kid, ...header }).filter(([, value]) => value !== undefined))
  const input = [full, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${full['alg'] === 'none' ? '' : sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
}

test('a token after a space is no credential, as upstream: the review is of somebody anonymous', async () => {
  expect((await post(tokenReviews!.action!, { spec: { token: ' x' } }))['status']).toMatchObject({
    authenticated: true,
    user: { username: 'system:anonymous' },
  })
})

test('what the client sent as status survives where nothing is said', async () => {
  const answer = await post(tokenReviews!.action!, { spec: { token: 'garbage' }, status: { audiences: ['x'], authenticated: true } })
  expect(answer['status']).toEqual({ audiences: ['x'], authenticated: true, error: 'invalid bearer token', user: {} })
})

test('SelfSubjectReview answers a new object with the sender in it', async () => {
  const user: UserInfo = { username: 'alice', uid: 'u', groups: ['devs', 'system:authenticated'], extra: { b: ['2'], a: ['1'] } }
  expect(await post(selfSubjectReviews!.action!, { metadata: { name: 'x' } }, { user })).toEqual({
    kind: 'SelfSubjectReview',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { creationTimestamp: '2025-06-15T15:06:40Z' },
    status: { userInfo: { username: 'alice', uid: 'u', groups: ['devs', 'system:authenticated'], extra: { a: ['1'], b: ['2'] } } },
  })
})
