import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from '../testdata/server.ts'
import { hasReferencedToken } from './legacy-tokens.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer((options) => ({ ...options, controllers: { ...options.controllers, legacyTokens: true } }))
  await world.makeNamespace('g-legacy')
})
afterAll(() => world.stop())

const base = '/api/v1/namespaces/g-legacy'
const listed = (name: string, count = 1) =>
  world.until(`${name} lists ${count}`, async () => {
    const account = await world.get(`${base}/serviceaccounts/${name}`)
    const secrets: { name: string }[] = account?.['secrets'] ?? []
    return secrets.length === count && secrets.map((one) => one.name)
  })
const account = (name: string, more: object = {}) =>
  world.post(`${base}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, ...more })

describe('the tokens controller with legacy tokens', () => {
  test('gives every account a Secret with a token, the default account too', async () => {
    const robot = await account('robot')
    const [name = ''] = await listed('robot')
    expect(name).toMatch(/^robot-token-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    const secret = await world.get(`${base}/secrets/${name}`)
    expect(secret?.['type']).toBe('kubernetes.io/service-account-token')
    expect(Object.keys(secret?.['data']).sort()).toEqual(['ca.crt', 'namespace', 'token'])
    expect(secret?.metadata?.annotations).toEqual({
      'kubernetes.io/service-account.name': 'robot',
      'kubernetes.io/service-account.uid': robot.metadata?.uid,
    })
    expect((await listed('default'))[0]).toMatch(/^default-token-/)
  })

  test('adds to what an account lists', async () => {
    await account('lister', { secrets: [{ name: 'mine' }] })
    const [first, second] = await listed('lister', 2)
    expect([first, second]).toEqual(['mine', expect.stringMatching(/^lister-token-/)])
  })

  test('makes another when it is deleted, and none while one is there', async () => {
    await account('loser')
    const [name = ''] = await listed('loser')
    await world.send('PATCH', `${base}/serviceaccounts/loser`, { metadata: { labels: { a: 'b' } } }, 'application/merge-patch+json')
    await world.send('DELETE', `${base}/secrets/${name}`)
    const next = await world.until('there is another', async () => {
      const [other] = await listed('loser')
      return other !== name && other
    })
    expect(next).toMatch(/^loser-token-/)
    const { items } = (await world.get(`${base}/secrets`)) as unknown as { items: { metadata: { name: string } }[] }
    expect(items.filter(({ metadata }) => metadata.name.startsWith('loser-token-'))).toHaveLength(1)
  })

  test('takes it away with the account', async () => {
    await account('leaver')
    const [name = ''] = await listed('leaver')
    await world.send('DELETE', `${base}/serviceaccounts/leaver`)
    await world.gone(`${base}/secrets/${name}`)
  })

  test('cuts long names as generated names are', async () => {
    const long = 'a'.repeat(100)
    await account(long)
    expect((await listed(long))[0]).toMatch(/^a{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  test('lets a namespace go', async () => {
    await world.makeNamespace('g-short')
    await world.send('DELETE', '/api/v1/namespaces/g-short')
    await world.gone('/api/v1/namespaces/g-short')
  })
})

const annotations = { 'kubernetes.io/service-account.name': 'robot', 'kubernetes.io/service-account.uid': 'u' }
const type = 'kubernetes.io/service-account-token'
const cases: [name: string, secret: object | undefined, want: boolean][] = [
  ['is so with a token of the account', { type, metadata: { annotations } }, true],
  ['is not so without the Secret', undefined, false],
  ['is not so with another type', { type: 'Opaque', metadata: { annotations } }, false],
  [
    'is not so with the token of an earlier account of the name',
    { type, metadata: { annotations: { ...annotations, 'kubernetes.io/service-account.uid': 'v' } } },
    false,
  ],
]
for (const [name, secret, want] of cases)
  test(`hasReferencedToken() ${name}`, () =>
    expect(hasReferencedToken({ metadata: { name: 'robot', uid: 'u' }, secrets: [{ name: 's' }] }, () => secret)).toBe(want))
