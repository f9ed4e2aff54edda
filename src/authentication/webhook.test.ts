import { beforeEach, describe, expect, test } from 'vitest'
import type { TokenReview, TokenReviewStatus } from '../api/types/authentication/v1.ts'
import type { Authentication } from './authenticator.ts'
import { TestClock } from './testdata.ts'
import { type WebhookSettings, webhookAuthenticator } from './webhook.ts'

const clock = new TestClock(0)
let asked: TokenReview[]

beforeEach(() => {
  clock.ms = 0
  asked = []
})

function webhook(answers: (TokenReviewStatus | Error)[], more: Partial<WebhookSettings> = {}) {
  return webhookAuthenticator({
    webhook: {
      ask: async (review) => {
        asked.push(structuredClone(review) as TokenReview)
        const answer = answers[Math.min(asked.length, answers.length) - 1]!
        if (answer instanceof Error) throw answer
        return { kind: 'TokenReview', status: answer }
      },
    },
    version: 'v1',
    apiAudiences: ['api'],
    clock,
    cacheSeconds: 120,
    ...more,
  })
}

const jane: TokenReviewStatus = { authenticated: true, user: { username: 'jane', uid: 'u', groups: ['devs'], extra: { scopes: ['a'] } } }
const text = (outcome: Authentication) =>
  outcome.outcome === 'user' ? outcome.user.username : outcome.outcome === 'refused' ? outcome.error.message : 'none'

test('a token is somebody when the webhook says so', async () => {
  expect(await webhook([jane]).authenticateToken('t', {})).toEqual({
    outcome: 'user',
    audiences: ['api'],
    user: { username: 'jane', uid: 'u', groups: ['devs'], extra: { scopes: ['a'] } },
  })
  expect(asked[0]).toMatchObject({ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token: 't', audiences: ['api'] } })
})

test.each<[string, TokenReviewStatus, string[] | undefined, string]>([
  ['not authenticated', { authenticated: false }, undefined, 'none'],
  ['not authenticated, with a reason', { error: 'it is old' }, undefined, 'it is old'],
  ['for another audience than was asked', { authenticated: true, audiences: ['x'], user: { username: 'jane' } }, ['vault'], 'none'],
  ['without audiences, when the server was not asked for', { authenticated: true, user: { username: 'jane' } }, ['vault'], 'none'],
  [
    'for one of the audiences asked',
    { authenticated: true, audiences: ['vault', 'x'], user: { username: 'jane' } },
    ['db', 'vault'],
    'jane',
  ],
])('an answer %s', async (_, status, audiences, said) => {
  expect(text(await webhook([status]).authenticateToken('t', { audiences }))).toBe(said)
})

test('a webhook that fails refuses', async () => {
  expect(text(await webhook([new Error('connection refused')]).authenticateToken('t', {}))).toBe('connection refused')
})

describe('answers', () => {
  test('are remembered for a while, by token and audiences; refusals are not', async () => {
    const auth = webhook([jane])
    await auth.authenticateToken('t', {})
    expect(auth.authenticateToken('t', {})).not.toBeInstanceOf(Promise)
    await auth.authenticateToken('t', { audiences: ['api', 'x'] })
    await auth.authenticateToken('other', {})
    expect(asked.length).toBe(3)
    clock.ms += 120_000
    await auth.authenticateToken('t', {})
    expect(asked.length).toBe(4)
    const refusing = webhook([{ error: 'no' }])
    asked = []
    await refusing.authenticateToken('t', {})
    await refusing.authenticateToken('t', {})
    expect(asked.length).toBe(2)
  })

  test('serve all who ask at the same time', async () => {
    const auth = webhook([jane])
    await Promise.all([auth.authenticateToken('t', {}), auth.authenticateToken('t', {})])
    expect(asked.length).toBe(1)
  })

  test('that name nobody are about nobody', async () => {
    expect(text(await webhook([{ authenticated: true }]).authenticateToken('t', {}))).toBe('the token webhook names no user')
    expect(text(await webhook([{}]).authenticateToken('t', {}))).toBe('none')
  })

  test('that are remembered are bounded', async () => {
    const auth = webhook([jane], { cacheEntries: 2 })
    for (const token of ['a', 'b', 'c']) await auth.authenticateToken(token, {})
    await auth.authenticateToken('c', {})
    await auth.authenticateToken('a', {})
    expect(asked.length).toBe(4)
  })
})
