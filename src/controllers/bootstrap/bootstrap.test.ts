import { flattenedVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VirtualClock } from '../../testing/virtual-clock.ts'
import { type TestServer, testServer } from '../testdata/server.ts'
import { detachedSignature, signedData } from './signer.ts'
import { expirationMs, signingToken } from './token-secret.ts'

const NOW_MS = Date.UTC(2026, 0, 1)
const clock = new VirtualClock({ startMs: NOW_MS })
let world: TestServer
beforeAll(async () => {
  world = await testServer((options) => ({ ...options, clock }))
})
afterAll(() => world.stop())

const secrets = '/api/v1/namespaces/kube-system/secrets'
const info = '/api/v1/namespaces/kube-public/configmaps'
const encode = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]))
const token = (id: string, more: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: { name: `bootstrap-token-${id}` },
  data: encode({ 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', ...more }),
})
const signatures = async () =>
  Object.keys((await world.get(`${info}/cluster-info`))?.['data'] ?? {})
    .filter((key) => key !== 'kubeconfig')
    .sort()

describe('bootstrap tokens', () => {
  test('sign the cluster information, until they end', async () => {
    await world.post(secrets, token('aaaaaa', { expiration: '2026-01-01T01:00:00Z' }))
    await world.post(secrets, token('bbbbbb'))
    await world.post(secrets, token('cccccc', { 'usage-bootstrap-signing': 'false' }))
    await world.post(info, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info' }, data: { kubeconfig: 'the content' } })
    const both = ['jws-kubeconfig-aaaaaa', 'jws-kubeconfig-bbbbbb']
    await world.until('both have signed', async () => (await signatures()).join() === both.join())
    await clock.advance(59 * 60_000)
    expect(await world.get(`${secrets}/bootstrap-token-aaaaaa`)).toBeDefined()
    await clock.advance(60_000)
    await world.gone(`${secrets}/bootstrap-token-aaaaaa`)
    await world.until('one signature is left', async () => (await signatures()).join() === 'jws-kubeconfig-bbbbbb')
    await world.send('DELETE', `${secrets}/bootstrap-token-bbbbbb`)
    await world.until('none is left', async () => (await signatures()).length === 0)
  })

  test('are removed at once when their end is no time, or over', async () => {
    await world.post(secrets, token('dddddd', { expiration: 'soon' }))
    await world.post(secrets, token('eeeeee', { expiration: '2025-01-01T00:00:00Z' }))
    await Promise.all(['dddddd', 'eeeeee'].map((id) => world.gone(`${secrets}/bootstrap-token-${id}`)))
  })
})

test('detachedSignature() is a JWS without its content', async () => {
  const [header, content, signature] = detachedSignature('the content', { id: 'abcdef', secret: '0123456789abcdef' }).split('.')
  expect(Buffer.from(header ?? '', 'base64url').toString()).toBe('{"alg":"HS256","kid":"abcdef"}')
  expect(content).toBe('')
  const payload = Buffer.from('the content').toString('base64url')
  const jws = { protected: header ?? '', payload, signature: signature ?? '' }
  await expect(flattenedVerify(jws, Buffer.from('0123456789abcdef'))).resolves.toBeDefined()
})

describe('signedData()', () => {
  const one = { id: 'abcdef', secret: '0123456789abcdef' }
  test('changes nothing where there is nothing to sign', () => expect(signedData({ other: 'x' }, [one])).toBeUndefined())
  test('settles after one write', () => expect(signedData(signedData({ kubeconfig: 'x' }, [one]) ?? {}, [one])).toBeUndefined())
  test('takes signatures of others away', () =>
    expect(signedData({ kubeconfig: 'x', 'jws-kubeconfig-zzzzzz': 'y', more: 'z' }, [])).toEqual({ kubeconfig: 'x', more: 'z' }))
})

const tokens: [name: string, secret: object, ok: boolean][] = [
  ['takes a token that may sign', token('abcdef'), true],
  ['refuses another id than the name says', { ...token('abcdef'), metadata: { name: 'bootstrap-token-zzzzzz' } }, false],
  ['refuses another name', { ...token('abcdef'), metadata: { name: 'abcdef' } }, false],
  ['refuses a token that has ended', token('abcdef', { expiration: '2025-12-31T23:59:59Z' }), false],
  ['refuses a token that may not sign', token('abcdef', { 'usage-bootstrap-signing': 'yes' }), false],
  ['refuses a token without a secret', token('abcdef', { 'token-secret': '' }), false],
]
for (const [name, secret, ok] of tokens) test(`signingToken() ${name}`, () => expect(signingToken(secret, NOW_MS) !== undefined).toBe(ok))

test('expirationMs() reads times of any zone', () => {
  expect(expirationMs({ data: encode({ expiration: '2026-01-01T01:00:00+01:00' }) })).toBe(NOW_MS)
  expect(expirationMs({})).toBe(Number.POSITIVE_INFINITY)
})
