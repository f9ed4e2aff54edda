import { beforeEach, describe, expect, test } from 'vitest'
import type { TokenReview, TokenReviewStatus } from '../api/types/authentication/v1.ts'
import type { Authentication } from './authenticator.ts'
import { TestClock } from './testdata.ts'
import { type WebhookSettings, webhookAuthenticator } from './webhook.ts'

const clock = new TestClock(0)
let asked: TokenReview[]
let paused: number[]

beforeEach(() => {
  clock.ms = 0
  asked = []
  paused = []
})

function webhook(answers: ({ status: number; body: unknown } | Error)[], more: Partial<WebhookSettings> = {}) {
  return webhookAuthenticator({
    post: async (review) => {
      asked.push(structuredClone(review))
      const answer = answers[Math.min(asked.length, answers.length) - 1]!
      if (answer instanceof Error) throw answer
      return answer
    },
    version: 'v1',
    apiAudiences: ['api'],
    clock,
    cacheSeconds: 120,
    pause: async (ms) => {
      paused.push(ms)
    },
    random: () => 0,
    ...more,
  })
}

const says = (status: TokenReviewStatus) => ({ status: 201, body: { kind: 'TokenReview', status } })
const jane = says({ authenticated: true, user: { username: 'jane', uid: 'u', groups: ['devs'], extra: { scopes: ['a'] } } })
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
  expect(text(await webhook([says(status)]).authenticateToken('t', { audiences }))).toBe(said)
})

describe('failures', () => {
  test('are tried again, five times in all, ever more slowly', async () => {
    const down = new Error('connection refused')
    expect(text(await webhook([down, { status: 503, body: '' }, jane]).authenticateToken('t', {}))).toBe('jane')
    expect(paused).toEqual([500, 750])
    asked = []
    expect(text(await webhook([down]).authenticateToken('t', {}))).toBe('connection refused')
    expect(asked.length).toBe(5)
  })

  test('that will not go away are not', async () => {
    expect(text(await webhook([{ status: 401, body: {} }]).authenticateToken('t', {}))).toBe('the token webhook answers 401')
    expect(asked.length).toBe(1)
  })
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
    const refusing = webhook([says({ error: 'no' })])
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

  test('of odd shapes are cut to texts, and somebody without a name is nobody', async () => {
    const odd = {
      status: 200,
      body: { status: { authenticated: true, user: { username: 'jane', groups: ['devs', 1], extra: { a: 'b' } } } },
    }
    expect(await webhook([odd]).authenticateToken('t', {})).toMatchObject({
      user: { username: 'jane', groups: ['devs'], extra: { a: [] } },
    })
    expect(text(await webhook([says({ authenticated: true })]).authenticateToken('t', {}))).toBe('the token webhook names no user')
    expect(text(await webhook([{ status: 200, body: {} }]).authenticateToken('t', {}))).toBe('none')
  })

  test('that are remembered are bounded', async () => {
    const auth = webhook([jane], { cacheEntries: 2 })
    for (const token of ['a', 'b', 'c']) await auth.authenticateToken(token, {})
    await auth.authenticateToken('c', {})
    await auth.authenticateToken('a', {})
    expect(asked.length).toBe(4)
  })
})
