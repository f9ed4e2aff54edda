import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { reviewClient } from './kubeconfig.ts'
import { type AttemptResult, type ReviewError, type ReviewWebhook, reviewWebhook } from './review-webhook.ts'
import { type ReviewServer, reviewServer } from './testdata-reviews.ts'

const REVIEW = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token: 't' } }
let server: ReviewServer
let webhook: ReviewWebhook
let paused: number[]
let attempts: AttemptResult[]

beforeAll(async () => {
  server = await reviewServer(() => ({}))
  webhook = reviewWebhook({
    client: reviewClient(server.kubeconfig),
    timeoutMs: 5000,
    clock: systemClock,
    random: () => 0.5,
    pause: async (ms) => void paused.push(ms),
  })
})
afterAll(async () => {
  webhook.close()
  await server.close()
})
beforeEach(() => {
  paused = []
  attempts = []
})

const ask = () => webhook.ask(REVIEW, (result) => attempts.push(result))
const failure = () =>
  ask().then(
    () => 'it was answered',
    (error: ReviewError) => error.message,
  )
const code =
  (status: number, text = '', headers = {}) =>
  () =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(text)

describe('an answer that may change is asked for again, five times in all, ever more slowly', () => {
  test.each([
    [500, {}, 'an error on the server ("x") has prevented the request from succeeding'],
    [429, {}, 'the server has received too many requests and has asked us to try again later'],
    [504, {}, 'the server was unable to return a response in the time allotted, but may still be processing the request'],
    [503, { 'retry-after': '1' }, 'the server is currently unable to handle the request'],
  ])('%d %j', async (status, headers, text) => {
    server.answer(code(status, 'x', headers))
    expect(await failure()).toBe(text)
    expect(paused.map(Math.round)).toEqual([550, 825, 1238, 1856])
    expect(attempts).toEqual(Array(5).fill(status === 504 ? 'timeout' : 'error'))
  })

  test('until it has', async () => {
    let left = 2
    server.answer(() => (left-- > 0 ? code(500)() : { authenticated: true }))
    expect(await ask()).toMatchObject({ status: { authenticated: true } })
    expect(attempts).toEqual(['error', 'error', 'success'])
  })
})

test.each([
  [401, 'the server has asked for the client to provide credentials'],
  [403, 'x'],
  [404, 'the server could not find the requested resource'],
  [503, 'the server is currently unable to handle the request'],
  [418, 'the server responded with the status code 418 but did not return more information'],
])('%d is final', async (status, text) => {
  server.answer(code(status, 'x'))
  expect(await failure()).toBe(text)
  expect(paused).toEqual([])
})

test('a Status says it itself', async () => {
  server.answer(
    code(409, '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not now"}', { 'content-type': 'application/json' }),
  )
  expect(await failure()).toBe('not now')
})

test('an answer is brought into the form of its schema', async () => {
  server.answer(() => ({ authenticated: true, other: 1, user: { username: 'jane', groups: ['a'], junk: {} } }))
  expect((await ask())['status']).toEqual({ authenticated: true, user: { username: 'jane', groups: ['a'] } })
  server.answer(() => ({ authenticated: true, user: { username: 'jane', groups: ['a', 1] } }))
  expect(await failure()).toBe('json: cannot unmarshal number into Go struct field UserInfo.status.user.groups of type string')
})

test('a server that its authority does not vouch for is not asked', async () => {
  const { ca: _, ...client } = reviewClient(server.kubeconfig)
  const other = reviewWebhook({ client, timeoutMs: 5000, clock: systemClock, random: () => 0, pause: async () => {} })
  await expect(other.ask(REVIEW)).rejects.toThrow('tls: failed to verify certificate: x509: certificate signed by unknown authority')
  other.close()
})
