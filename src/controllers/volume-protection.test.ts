import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from './testdata/server.ts'
import { usesClaim } from './volume-protection.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
  await world.makeNamespace('g-volumes')
})
afterAll(() => world.stop())

const base = '/api/v1/namespaces/g-volumes'
const claim = (name: string) =>
  world.post(`${base}/persistentvolumeclaims`, {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })

describe('protection', () => {
  test('lets a claim go that nobody uses', async () => {
    expect((await claim('free')).metadata?.finalizers).toEqual(['kubernetes.io/pvc-protection'])
    await world.send('DELETE', `${base}/persistentvolumeclaims/free`)
    await world.gone(`${base}/persistentvolumeclaims/free`)
  })

  test('holds a claim until its pod is gone', async () => {
    await claim('used')
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'used' } }]
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }], volumes }
    await world.post(`${base}/pods`, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })
    await world.send('DELETE', `${base}/persistentvolumeclaims/used`)
    await claim('other')
    await world.send('DELETE', `${base}/persistentvolumeclaims/other`)
    await world.gone(`${base}/persistentvolumeclaims/other`)
    expect(await world.get(`${base}/persistentvolumeclaims/used`)).toBeDefined()
    await world.send('DELETE', `${base}/pods/p?gracePeriodSeconds=0`)
    await world.gone(`${base}/persistentvolumeclaims/used`)
  })

  test('holds a volume while it is bound', async () => {
    const path = '/api/v1/persistentvolumes'
    const spec = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } }
    await world.post(path, { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' }, spec })
    const phase = (text: string) => world.send('PATCH', `${path}/v/status`, { status: { phase: text } }, 'application/merge-patch+json')
    await phase('Bound')
    await world.send('DELETE', `${path}/v`)
    expect(await world.get(`${path}/v`)).toBeDefined()
    await phase('Released')
    await world.gone(`${path}/v`)
  })
})

const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }]
const ephemeral = { metadata: { name: 'p', uid: 'u' }, spec: { nodeName: 'n', volumes: [{ name: 'v', ephemeral: {} }] } }
const owned = { metadata: { name: 'p-v', ownerReferences: [{ controller: true, uid: 'u' }] } }
const cases: [name: string, pod: Parameters<typeof usesClaim>[0], claim: Parameters<typeof usesClaim>[1], want: boolean][] = [
  ['is true of a pod on a node', { spec: { nodeName: 'n', volumes } }, { metadata: { name: 'x' } }, true],
  ['is false of a pod without a node', { spec: { volumes } }, { metadata: { name: 'x' } }, false],
  ['is false of another claim', { spec: { nodeName: 'n', volumes } }, { metadata: { name: 'y' } }, false],
  ['is true of the claim of a volume of its own', ephemeral, owned, true],
  ['is false of a claim that only has that name', ephemeral, { metadata: { name: 'p-v' } }, false],
]
for (const [name, pod, of, want] of cases) test(`usesClaim() ${name}`, () => expect(usesClaim(pod, of)).toBe(want))
