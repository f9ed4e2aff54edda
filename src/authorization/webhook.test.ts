import { beforeEach, describe, expect, test } from 'vitest'
import { TestClock } from '../authentication/testdata.ts'
import { ReviewError } from '../client/review-webhook.ts'
import type { Attributes } from './authorizer.ts'
import { type MatchConditions, type WebhookAuthorizerSettings, webhookAuthorizer } from './webhook.ts'

const clock = new TestClock(0)
let asked: any[]
let seen: string[]
let answers: (Record<string, unknown> | Error)[]

beforeEach(() => {
  clock.ms = 0
  asked = []
  seen = []
  answers = [{ allowed: true }]
})

function authorizer(more: Partial<WebhookAuthorizerSettings> = {}) {
  return webhookAuthorizer({
    webhook: {
      async ask(review, attempted) {
        asked.push(structuredClone(review))
        const answer = answers.length > 1 ? answers.shift() : answers[0]
        attempted?.(answer instanceof ReviewError ? answer.result : 'success', 0)
        if (answer instanceof Error) throw answer
        return { status: answer }
      },
      close: () => {},
    },
    version: 'v1',
    authorizedMs: 300_000,
    unauthorizedMs: 30_000,
    onError: 'noOpinion',
    clock,
    observer: {
      evaluated: (result) => seen.push(result),
      failedOpen: (result) => seen.push(`open after ${result}`),
      conditionsEvaluated: (_, outcome) => seen.push(outcome),
    },
    ...more,
  })
}

const list = (change: Partial<Attributes> = {}): Attributes => ({
  user: { username: 'jane', groups: [] },
  verb: 'list',
  isResource: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'app',
  name: '',
  path: '/api/v1/namespaces/app/pods',
  ...change,
})

describe('what is asked', () => {
  test('leaves out what is empty, and names groups as the version does', async () => {
    const user = { username: 'jane', uid: 'u', groups: ['g'], extra: { a: ['b'] } }
    await authorizer().authorize(list({ user }))
    await authorizer({ version: 'v1beta1' }).authorize(list({ user, isResource: false, verb: 'get', path: '/x' }))
    expect(asked.map(({ apiVersion, spec }) => [apiVersion, spec])).toEqual([
      [
        'authorization.k8s.io/v1',
        {
          resourceAttributes: { namespace: 'app', verb: 'list', version: 'v1', resource: 'pods' },
          user: 'jane',
          groups: ['g'],
          extra: { a: ['b'] },
          uid: 'u',
        },
      ],
      [
        'authorization.k8s.io/v1beta1',
        { nonResourceAttributes: { path: '/x', verb: 'get' }, user: 'jane', group: ['g'], extra: { a: ['b'] }, uid: 'u' },
      ],
    ])
  })

  test('leaves out selectors that the API has no word for: what is asked for is only more', async () => {
    const labelSelector = [
      { key: 'a', operator: 'Gt', values: ['1'] },
      { key: 'b', operator: 'Exists', values: [] },
    ]
    await authorizer().authorize(list({ labelSelector, fieldSelector: [{ key: 'c', operator: '~', values: ['d'] }] }))
    expect(asked[0].spec.resourceAttributes).toEqual({
      namespace: 'app',
      verb: 'list',
      version: 'v1',
      resource: 'pods',
      labelSelector: { requirements: [{ key: 'b', operator: 'Exists' }] },
    })
  })
})

describe('answers', () => {
  test.each<[Record<string, unknown>, object]>([
    [
      { allowed: true, reason: 'yes' },
      { decision: 'allow', reason: 'yes' },
    ],
    [
      { allowed: false, reason: 'hm' },
      { decision: 'noOpinion', reason: 'hm' },
    ],
    [
      { denied: true, reason: 'no' },
      { decision: 'deny', reason: 'no' },
    ],
    [{}, { decision: 'noOpinion', reason: '' }],
  ])('%j', async (status, decision) => {
    answers = [status]
    expect(await authorizer().authorize(list())).toEqual(decision)
  })

  test('count for as long as their kind does', async () => {
    answers = [{ allowed: true }, { allowed: false }]
    const one = authorizer()
    await one.authorize(list())
    await one.authorize(list({ name: 'x' }))
    clock.ms = 29_999
    expect(one.authorize(list())).toMatchObject({ decision: 'allow' })
    expect(one.authorize(list({ name: 'x' }))).toMatchObject({ decision: 'noOpinion' })
    clock.ms = 30_000
    expect(one.authorize(list())).toMatchObject({ decision: 'allow' })
    expect(one.authorize(list({ name: 'x' }))).toBeInstanceOf(Promise)
    clock.ms = 300_000
    expect(one.authorize(list())).toBeInstanceOf(Promise)
  })

  test('are not remembered where nobody wants it', async () => {
    const one = authorizer({ authorizedMs: 0 })
    await one.authorize(list())
    expect(one.authorize(list())).toBeInstanceOf(Promise)
  })

  test('that are remembered are bounded', async () => {
    const one = authorizer()
    for (let i = 0; i < 8193; i++) await one.authorize(list({ name: `p${i}` }))
    expect(one.authorize(list({ name: 'p8192' }))).not.toBeInstanceOf(Promise)
    expect(one.authorize(list({ name: 'p0' }))).toBeInstanceOf(Promise)
  })

  test('of a question that is long are not remembered', async () => {
    const one = authorizer()
    const long = list({ name: 'é'.repeat(5000) })
    await one.authorize(long)
    expect(one.authorize(long)).toBeInstanceOf(Promise)
  })
})

describe('no answer', () => {
  test.each([
    ['noOpinion', ['timeout', 'open after timeout']],
    ['deny', ['timeout']],
  ] as const)('is %s where that is the policy', async (onError, counted) => {
    answers = [new ReviewError('it is late', 'timeout')]
    const one = authorizer({ onError })
    expect(await one.authorize(list())).toEqual({ decision: onError, reason: '', evaluationError: 'it is late' })
    expect(seen).toEqual(counted)
    // It was none: the next question is a new one.
    expect(one.authorize(list())).toBeInstanceOf(Promise)
  })
})

describe('conditions', () => {
  test.each<[string, MatchConditions, object, string[]]>([
    ['that hold let it ask', () => true, { decision: 'allow', reason: '' }, ['matched', 'success']],
    ['that do not keep it out', () => false, { decision: 'noOpinion', reason: '' }, ['excluded']],
    ['that cannot be told are no answer', () => 'why', { decision: 'deny', reason: '', evaluationError: 'why' }, ['failed']],
  ])('%s', async (_, conditions, decision, counted) => {
    expect(await authorizer({ conditions, onError: 'deny' }).authorize(list())).toEqual(decision)
    expect(seen).toEqual(counted)
  })
})

test('it cannot tell what somebody may do', async () => {
  expect(await authorizer().rulesFor?.({ username: 'jane', groups: [] }, 'app')).toEqual({
    resourceRules: [],
    nonResourceRules: [],
    incomplete: true,
    evaluationError: 'webhook authorizer does not support user rule resolution',
  })
})
