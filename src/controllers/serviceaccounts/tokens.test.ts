import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { type TestServer, testServer } from '../testdata/server.ts'
import { missingData } from './tokens.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
  await world.makeNamespace('g-tokens')
})
afterAll(() => world.stop())

const base = '/api/v1/namespaces/g-tokens'
const ACCOUNT_NAME = 'kubernetes.io/service-account.name'
const ACCOUNT_UID = 'kubernetes.io/service-account.uid'
const account = (name: string, more: object = {}) =>
  world.post(`${base}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, ...more })
const secret = (name: string, accountName: string, annotations: object = {}, more: object = {}) =>
  world.post(`${base}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/service-account-token',
    metadata: { name, annotations: { [ACCOUNT_NAME]: accountName, ...annotations } },
    ...more,
  })
const filled = (name: string) =>
  world.until(`${name} is filled`, async () => {
    const found = await world.get(`${base}/secrets/${name}`)
    return found?.['data']?.token !== undefined && found
  })
const text = (object: KubeObject, key: string) => Buffer.from(object['data'][key], 'base64').toString()

describe('the tokens controller', () => {
  test('fills a Secret with a token, the CA and the namespace', async () => {
    const robot = await account('robot')
    await secret('t1', 'robot')
    const found = await filled('t1')
    expect(text(found, 'ca.crt')).toBe(world.authority.certificate)
    expect(text(found, 'namespace')).toBe('g-tokens')
    expect(found.metadata?.annotations).toEqual({ [ACCOUNT_NAME]: 'robot', [ACCOUNT_UID]: robot.metadata?.uid })
    expect(found.metadata?.managedFields?.map(({ manager }) => manager)).toContain('kube-controller-manager')
    expect(decodeJwt(text(found, 'token'))).toEqual({
      iss: 'kubernetes/serviceaccount',
      sub: 'system:serviceaccount:g-tokens:robot',
      'kubernetes.io/serviceaccount/namespace': 'g-tokens',
      'kubernetes.io/serviceaccount/secret.name': 't1',
      'kubernetes.io/serviceaccount/service-account.name': 'robot',
      'kubernetes.io/serviceaccount/service-account.uid': robot.metadata?.uid,
    })
  })

  test('makes again what is taken out, and keeps the token that is there', async () => {
    await account('keeper')
    await secret('t2', 'keeper')
    const before = await filled('t2')
    await world.send('PATCH', `${base}/secrets/t2`, { data: { 'ca.crt': 'eA==', extra: 'eQ==' } }, 'application/merge-patch+json')
    const after = await world.until('the CA is repaired', async () => {
      const found = await world.get(`${base}/secrets/t2`)
      return found !== undefined && text(found, 'ca.crt') === world.authority.certificate && found
    })
    expect(after['data']).toEqual({ ...before['data'], extra: 'eQ==' })
  })

  test('removes a Secret whose account is not there, or is another one', async () => {
    await account('other')
    await secret('t3', 'nobody')
    await secret('t4', 'other', { [ACCOUNT_UID]: '00000000-0000-4000-8000-000000000001' })
    await Promise.all([world.gone(`${base}/secrets/t3`), world.gone(`${base}/secrets/t4`)])
  })

  test('removes the tokens of an account with it, and no others', async () => {
    await Promise.all([account('goes'), account('stays')])
    await Promise.all([secret('t5', 'goes'), secret('t6', 'goes'), secret('t7', 'stays')])
    await Promise.all(['t5', 't6', 't7'].map(filled))
    await world.send('DELETE', `${base}/serviceaccounts/goes`)
    await Promise.all([world.gone(`${base}/secrets/t5`), world.gone(`${base}/secrets/t6`)])
    expect(await world.get(`${base}/secrets/t7`)).toBeDefined()
  })

  test('takes a removed Secret off the list of its account', async () => {
    await account('lister', { secrets: [{ name: 't8' }, { name: 'mine' }] })
    await secret('t8', 'lister')
    await filled('t8')
    await world.send('DELETE', `${base}/secrets/t8`)
    const found = await world.until('the list is shorter', async () => {
      const object = await world.get(`${base}/serviceaccounts/lister`)
      return object?.['secrets'].length === 1 && object
    })
    expect(found['secrets']).toEqual([{ name: 'mine' }])
  })

  test('leaves Secrets of other types alone', async () => {
    const metadata = { name: 'plain', annotations: { [ACCOUNT_NAME]: 'nobody' } }
    const made = await world.post(`${base}/secrets`, { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata })
    await secret('t9', 'nobody')
    await world.gone(`${base}/secrets/t9`)
    expect((await world.get(`${base}/secrets/plain`))?.metadata?.resourceVersion).toBe(made.metadata?.resourceVersion)
  })

  test('keeps the day since when uses are written down', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking'
    const found = await world.until('the day', () => world.get(path))
    const today = new Date().toISOString().slice(0, 10)
    expect(found['data'].since).toBe(today)
    await world.send('PATCH', path, { data: { since: 'long ago' } }, 'application/merge-patch+json')
    await world.until('it is repaired', async () => (await world.get(path))?.['data'].since === today)
  })
})

const b64 = (value: string) => Buffer.from(value).toString('base64')
const missing: [name: string, data: Record<string, string>, ca: string, want: object | undefined][] = [
  ['is everything at first', {}, 'CA', { ca: true, namespace: true, token: true }],
  ['is nothing when all is there', { 'ca.crt': b64('CA'), namespace: b64('x'), token: b64('t') }, 'CA', undefined],
  [
    'is a CA that differs',
    { 'ca.crt': b64('old'), namespace: b64('x'), token: b64('t') },
    'CA',
    { ca: true, namespace: false, token: false },
  ],
  ['is no CA where there is none', { namespace: b64('x'), token: b64('t') }, '', undefined],
  ['is an empty token', { 'ca.crt': b64('CA'), namespace: b64('x'), token: '' }, 'CA', { ca: false, namespace: false, token: true }],
]
for (const [name, data, ca, want] of missing) test(`missingData() ${name}`, () => expect(missingData({ data }, ca)).toEqual(want))
