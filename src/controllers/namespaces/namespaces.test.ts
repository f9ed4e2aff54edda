import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NamespaceCondition } from '../../api/types/core/v1.ts'
import { type TestServer, testServer } from '../testdata/server.ts'
import { deletionConditions } from './conditions.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
})
afterAll(() => world.stop())

const at = (name: string) => `/api/v1/namespaces/${name}`
const configMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...more } })
const condition = async (namespace: string, type: string): Promise<NamespaceCondition | undefined> =>
  (await world.get(at(namespace)))?.['status'].conditions?.find((one: NamespaceCondition) => one.type === type)

describe('a namespace that is deleted', () => {
  test('is emptied of everything, and goes', async () => {
    await world.makeNamespace('g-all')
    await world.post(`${at('g-all')}/configmaps`, configMap('c'))
    const port = { port: 80 }
    await world.post(`${at('g-all')}/services`, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: [port] } })
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'r' } }
    await world.post('/apis/rbac.authorization.k8s.io/v1/namespaces/g-all/roles', role)
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
    await world.post(`${at('g-all')}/persistentvolumeclaims`, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'p' },
      spec,
    })
    await world.send('DELETE', at('g-all'))
    await world.gone(at('g-all'))
    for (const resource of ['configmaps', 'services', 'serviceaccounts', 'persistentvolumeclaims']) {
      expect((await world.get(`/api/v1/namespaces/g-all/${resource}`))?.['items']).toEqual([])
    }
  })

  test('says what is left, and goes when that is let go', async () => {
    await world.makeNamespace('g-held')
    for (const name of ['a', 'b']) await world.post(`${at('g-held')}/configmaps`, configMap(name, { finalizers: ['example.com/hold'] }))
    await world.send('DELETE', at('g-held'))
    await world.until('conditions', async () => (await condition('g-held', 'NamespaceFinalizersRemaining'))?.status === 'True')
    expect(await condition('g-held', 'NamespaceContentRemaining')).toMatchObject({
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: configmaps. has 2 resource instances',
    })
    for (const name of ['a', 'b'])
      await world.send('PATCH', `${at('g-held')}/configmaps/${name}`, { metadata: { finalizers: null } }, 'application/merge-patch+json')
    await world.gone(at('g-held'))
  })

  test('keeps what pods use until these are gone', async () => {
    await world.makeNamespace('g-pods')
    await world.post(`${at('g-pods')}/configmaps`, configMap('used'))
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } }
    await world.post(`${at('g-pods')}/pods`, pod)
    await world.send('DELETE', at('g-pods'))
    await world.until('the pod is ending', async () => (await world.get(`${at('g-pods')}/pods/p`))?.metadata?.deletionTimestamp)
    await world.until('conditions', async () => condition('g-pods', 'NamespaceContentRemaining'))
    expect(await world.get(`${at('g-pods')}/configmaps/used`)).toBeDefined()
    await world.send('DELETE', `${at('g-pods')}/pods/p?gracePeriodSeconds=0`)
    await world.gone(at('g-pods'))
  })

  test('stays while somebody else holds it', async () => {
    await world.makeNamespace('g-other')
    const present = await world.get(at('g-other'))
    await world.send('PUT', `${at('g-other')}/finalize`, { ...present, spec: { finalizers: ['kubernetes', 'example.com/x'] } })
    await world.send('DELETE', at('g-other'))
    await world.until('our part is done', async () => (await world.get(at('g-other')))?.['spec'].finalizers.join() === 'example.com/x')
  })
})

describe('a namespace that lives', () => {
  test('gets its account and its CA back', async () => {
    await world.makeNamespace('g-life')
    const account = await world.get(`${at('g-life')}/serviceaccounts/default`)
    const ca = `${at('g-life')}/configmaps/kube-root-ca.crt`
    await world.until('the CA', () => world.get(ca))
    await world.send('DELETE', `${at('g-life')}/serviceaccounts/default`)
    await world.send('DELETE', ca)
    const again = await world.until('the account', () => world.get(`${at('g-life')}/serviceaccounts/default`))
    expect(again.metadata?.uid).not.toBe(account?.metadata?.uid)
    await world.until('the CA', () => world.get(ca))
  })

  test('has just the CA in it, and any description', async () => {
    await world.makeNamespace('g-ca')
    const ca = `${at('g-ca')}/configmaps/kube-root-ca.crt`
    await world.until('the CA', () => world.get(ca))
    const merge = (body: object) => world.send('PATCH', ca, body, 'application/merge-patch+json')
    const described = await merge({ metadata: { annotations: { 'kubernetes.io/description': 'mine' } } })
    expect(described.metadata?.annotations).toEqual({ 'kubernetes.io/description': 'mine' })
    await merge({ data: { extra: 'y' } })
    const repaired = await world.until('repaired', async () => {
      const found = await world.get(ca)
      return found?.['data'].extra === undefined && found
    })
    expect(repaired['data']).toEqual({ 'ca.crt': world.authority.certificate })
  })
})

describe('deletionConditions()', () => {
  const nothing = { remaining: new Map(), finalizers: new Map(), errors: [] }
  const failing = { remaining: new Map([['pods.', 1]]), finalizers: new Map([['x/y', 1]]), errors: ['b', 'a'] }
  test('writes five conditions at first, all fine', () => {
    const first = deletionConditions([], nothing, 0) ?? []
    expect(first.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      'NamespaceDeletionDiscoveryFailure False ResourcesDiscovered',
      'NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions',
      'NamespaceDeletionContentFailure False ContentDeleted',
      'NamespaceContentRemaining False ContentRemoved',
      'NamespaceFinalizersRemaining False ContentHasNoFinalizers',
    ])
    expect(deletionConditions(first, nothing, 1000)).toBeUndefined()
  })
  test('keeps the time of what did not turn, and other conditions', () => {
    const other = { type: 'Mine', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' }
    const first = deletionConditions([other], failing, 0) ?? []
    const second = deletionConditions(first, { ...failing, remaining: new Map([['pods.', 2]]), finalizers: new Map() }, 5000) ?? []
    expect(second[0]).toBe(other)
    expect(second.slice(3).map(({ message, status, lastTransitionTime }) => [message, status, lastTransitionTime])).toEqual([
      ['Failed to delete all resource types, 2 remaining: a, b', 'True', '1970-01-01T00:00:00Z'],
      ['Some resources are remaining: pods. has 2 resource instances', 'True', '1970-01-01T00:00:00Z'],
      ['All content-preserving finalizers finished', 'False', '1970-01-01T00:00:05Z'],
    ])
  })
})
