import { describe, expect, test } from 'vitest'
import { systemClock } from '../../clock.ts'
import type { Store, StoredValue } from '../../storage/store.ts'
import { trustData } from './authentication-trust.ts'
import { revised } from './flowcontrol.ts'
import { firstAddress } from './kubernetes-service.ts'
import { repeat } from './loop.ts'
import { serverAddresses } from './server-addresses.ts'

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

describe('flow control objects', () => {
  const spec = { type: 'Limited', limited: { nominalConcurrencyShares: 5 } }
  const changed = { type: 'Limited', limited: { nominalConcurrencyShares: 6 } }
  const annotated = (value: string | undefined, generation: number, present: object) => ({
    metadata: { name: 'x', generation, ...(value === undefined ? {} : { annotations: { 'apf.kubernetes.io/autoupdate-spec': value } }) },
    spec: present,
  })

  test('a suggested one that an administrator changed without the annotation is theirs from then on', () => {
    expect(revised(annotated(undefined, 2, changed), spec, false)).toMatchObject({
      metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } },
      spec: changed,
    })
  })
  test('a suggested one that says true is put right', () => {
    expect(revised(annotated('true', 7, changed), spec, false)).toMatchObject({ spec })
  })
  test('a suggested one that says false is left alone', () => {
    expect(revised(annotated('false', 2, changed), spec, false)).toBeUndefined()
  })
  test('a mandatory one is put right whatever it says', () => {
    expect(revised(annotated('false', 2, changed), spec, true)).toMatchObject({
      metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
      spec,
    })
  })
  test('of the exempt level the shares are the administrator’s', () => {
    const own = { type: 'Exempt', exempt: { nominalConcurrencyShares: 9, lendablePercent: 0 } }
    expect(
      revised(annotated('true', 2, own), { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }, true),
    ).toBeUndefined()
  })
})

describe('the trust of extension servers', () => {
  const one = '-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n'
  const two = '-----BEGIN CERTIFICATE-----\nMg==\n-----END CERTIFICATE-----\n'
  const requestHeader = {
    clientCA: two,
    allowedNames: ['proxy'],
    usernameHeaders: ['X-User'],
    groupHeaders: [],
    uidHeaders: [],
    extraHeaderPrefixes: [],
  }

  test('keeps what another server put there, each certificate once', () => {
    expect(trustData({ clientCA: two + one, requestHeader: undefined }, { 'client-ca-file': one })).toEqual({ 'client-ca-file': one + two })
  })
  test('lists headers as JSON, and leaves out headers of uids where there are none', () => {
    expect(trustData({ clientCA: undefined, requestHeader }, { 'requestheader-allowed-names': '["other"]' })).toEqual({
      'requestheader-client-ca-file': two,
      'requestheader-username-headers': '["X-User"]',
      'requestheader-group-headers': '[]',
      'requestheader-extra-headers-prefix': '[]',
      'requestheader-allowed-names': '["other","proxy"]',
    })
  })
})

test('the Service kubernetes has the first address of its range', () => {
  expect(firstAddress('10.0.0.0/24')).toBe('10.0.0.1')
  expect(firstAddress('fd00::/108')).toBe('fd00::1')
})

test('servers on one store know each other’s addresses until they withdraw', async () => {
  const { store, options } = mapStore()
  const first = serverAddresses(store, '192.0.2.1')
  const second = serverAddresses(store, '192.0.2.2')
  await first.renew()
  await second.renew()
  await first.renew()
  expect(await first.list()).toEqual(['192.0.2.1', '192.0.2.2'])
  expect(options).toEqual([15, 15, 15])
  expect(JSON.parse(Buffer.from((await store.get('/registry/masterleases/192.0.2.1'))?.value ?? []).toString())).toEqual({
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { generation: 2 },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }] }],
  })
  await first.withdraw()
  expect(await second.list()).toEqual(['192.0.2.2'])
})

test('work that fails is tried again later and later, and ends with its signal', async () => {
  const delays: number[] = []
  const due: (() => void)[] = []
  const ended = new AbortController()
  const clock = {
    ...systemClock,
    nowMs: () => 0,
    after(delayMs: number, callback: () => void) {
      delays.push(delayMs)
      due.push(callback)
      return () => {}
    },
  }
  repeat({ name: 'x', clock, log: SILENT, signal: ended.signal, work: () => Promise.reject(new Error('no')), everyMs: 5000 })
  for (let run = 0; run < 3; run++) {
    due.pop()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(delays).toEqual([5000, 1000, 2000, 4000])
  ended.abort()
  due.pop()?.()
  await new Promise((resolve) => setImmediate(resolve))
  expect(delays).toHaveLength(4)
})

function mapStore(): { store: Pick<Store, 'get' | 'range' | 'create' | 'update' | 'delete'> & Store; options: (number | undefined)[] } {
  const values = new Map<string, StoredValue>()
  const options: (number | undefined)[] = []
  let revision = 0
  const put = (key: string, value: Uint8Array, ttlSeconds: number | undefined) => {
    options.push(ttlSeconds)
    values.set(key, { key, value, revision: ++revision, createRevision: revision })
    return Promise.resolve({ ok: true as const, revision })
  }
  const store = {
    get: (key: string) => Promise.resolve(values.get(key)),
    range: (prefix: string) =>
      Promise.resolve({
        values: [...values.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => (a.key < b.key ? -1 : 1)),
        revision,
        more: false,
      }),
    create: (key: string, value: Uint8Array, { ttlSeconds }: { ttlSeconds?: number } = {}) => put(key, value, ttlSeconds),
    update: (key: string, value: Uint8Array, _: number, { ttlSeconds }: { ttlSeconds?: number } = {}) => put(key, value, ttlSeconds),
    delete: (key: string) => {
      values.delete(key)
      return Promise.resolve({ ok: true as const, revision: ++revision })
    },
  }
  return { store: store as unknown as Store, options }
}
