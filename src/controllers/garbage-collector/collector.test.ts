import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { type TestServer, testServer } from '../testdata/server.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
  for (const name of ['g-a', 'g-b']) await world.makeNamespace(name)
})
afterAll(() => world.stop())

interface Ref {
  uid: string
  name: string
  block?: boolean
  kind?: string
  apiVersion?: string
}

const at = (name: string, namespace = 'g-a') => `/api/v1/namespaces/${namespace}/configmaps/${name}`
const ownerReferences = (owners: readonly Ref[]) =>
  owners.map(({ uid, name, block, kind = 'ConfigMap', apiVersion = 'v1' }) => ({
    apiVersion,
    kind,
    name,
    uid,
    ...(block !== undefined && { blockOwnerDeletion: block }),
  }))
async function make(name: string, owners: readonly Ref[] = [], more: object = {}, namespace = 'g-a'): Promise<Ref> {
  const metadata = { name, ...(owners.length > 0 && { ownerReferences: ownerReferences(owners) }), ...more }
  const made = await world.post(`/api/v1/namespaces/${namespace}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
  return { uid: made.metadata?.uid ?? '', name }
}
const merge = (path: string, body: object) => world.send('PATCH', path, body, 'application/merge-patch+json')
const remove = (name: string, policy = 'Background') => world.send('DELETE', `${at(name)}?propagationPolicy=${policy}`)
const is = (name: string, test: (object: KubeObject) => boolean) =>
  world.until(name, async () => {
    const object = await world.get(at(name))
    return object !== undefined && test(object)
  })
/** What the collector had to do before it came to a later object is done. */
const settled = async () => {
  const ghost = { uid: '00000000-0000-4000-8000-000000000000', name: 'nobody' }
  await make('g-last', [ghost])
  await world.gone(at('g-last'))
}

describe('the garbage collector', () => {
  test('removes a chain of dependents after its head', async () => {
    const a = await make('a1')
    const b = await make('a2', [a])
    await make('a3', [b])
    await remove('a1')
    await Promise.all([world.gone(at('a2')), world.gone(at('a3'))])
  })

  test('keeps what one owner is left of, without the dead reference', async () => {
    const [one, other] = [await make('b1'), await make('b2')]
    await make('b3', [one, other])
    await remove('b1')
    await is('b3', ({ metadata }) => metadata?.ownerReferences?.length === 1 && metadata.ownerReferences[0]?.uid === other.uid)
    await remove('b2')
    await world.gone(at('b3'))
  })

  test('counts an owner of another uid as absent', async () => {
    const real = await make('c1')
    await make('c2', [{ ...real, uid: '00000000-0000-4000-8000-000000000001' }])
    await world.gone(at('c2'))
    expect(await world.get(at('c1'))).toBeDefined()
  })

  test('lets a foreground deletion wait for what blocks it', async () => {
    const owner = await make('d1')
    await make('d2', [{ ...owner, block: true }], { finalizers: ['example.com/hold'] })
    await make('d3', [owner])
    await remove('d1', 'Foreground')
    await is('d2', ({ metadata }) => metadata?.deletionTimestamp !== undefined)
    await world.gone(at('d3'))
    expect((await world.get(at('d1')))?.metadata?.finalizers).toEqual(['foregroundDeletion'])
    await merge(at('d2'), { metadata: { finalizers: null } })
    await Promise.all([world.gone(at('d1')), world.gone(at('d2'))])
  })

  test('goes on when a dependent does not block any more', async () => {
    const owner = await make('d4')
    await make('d5', [{ ...owner, block: true }], { finalizers: ['example.com/hold'] })
    await remove('d4', 'Foreground')
    await is('d5', ({ metadata }) => metadata?.deletionTimestamp !== undefined)
    await merge(at('d5'), { metadata: { ownerReferences: ownerReferences([{ ...owner, block: false }]) } })
    await world.gone(at('d4'))
    await merge(at('d5'), { metadata: { finalizers: null } })
  })

  test('carries a foreground deletion down a chain', async () => {
    const a = await make('e1')
    const b = await make('e2', [{ ...a, block: true }])
    await make('e3', [{ ...b, block: true }], { finalizers: ['example.com/hold'] })
    await remove('e1', 'Foreground')
    await is('e3', ({ metadata }) => metadata?.deletionTimestamp !== undefined)
    expect((await world.get(at('e2')))?.metadata?.finalizers).toEqual(['foregroundDeletion'])
    await merge(at('e3'), { metadata: { finalizers: null } })
    await Promise.all(['e1', 'e2', 'e3'].map((name) => world.gone(at(name))))
  })

  test('ends a foreground deletion of a ring', async () => {
    const a = await make('f1')
    const b = await make('f2', [{ ...a, block: true }])
    const c = await make('f3', [{ ...b, block: true }])
    await merge(at('f1'), { metadata: { ownerReferences: ownerReferences([{ ...c, block: true }]) } })
    await remove('f1', 'Foreground')
    await Promise.all(['f1', 'f2', 'f3'].map((name) => world.gone(at(name))))
  })

  test('ends foreground deletions of all of a ring, where kube-controller-manager waits for ever', async () => {
    const a = await make('f4')
    const b = await make('f5', [{ ...a, block: true }])
    await merge(at('f4'), { metadata: { ownerReferences: ownerReferences([{ ...b, block: true }]) } })
    await Promise.all(['f4', 'f5'].map((name) => remove(name, 'Foreground')))
    await Promise.all(['f4', 'f5'].map((name) => world.gone(at(name))))
  })

  test('lets dependents of an orphaning owner go free', async () => {
    const owner = await make('h1')
    await Promise.all(Array.from({ length: 30 }, (_, n) => make(`h2-${n}`, [owner])))
    await remove('h1', 'Orphan')
    await world.gone(at('h1'))
    const left = await Promise.all(Array.from({ length: 30 }, (_, n) => world.get(at(`h2-${n}`))))
    expect(left.map((object) => object?.metadata?.ownerReferences ?? 'free')).toEqual(left.map(() => 'free'))
  })

  test('removes an object whose owner is in another namespace, and says so', async () => {
    const owner = await make('i1', [], {}, 'g-b')
    const { uid } = await make('i2', [owner])
    await world.gone(at('i2'))
    const event = await world.until('the event', async () => {
      const list = await world.get('/api/v1/namespaces/g-a/events')
      return (list?.['items'] as KubeObject[] | undefined)?.find((item) => item['reason'] === 'OwnerRefInvalidNamespace')
    })
    expect(event['message']).toBe(`ownerRef [v1/ConfigMap, namespace: g-a, name: i1, uid: ${owner.uid}] does not exist in namespace "g-a"`)
    expect(event['involvedObject']).toMatchObject({ kind: 'ConfigMap', name: 'i2', uid })
    expect(await world.get(at('i1', 'g-b'))).toBeDefined()
  })

  test('knows owners without a namespace', async () => {
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
    const owner = await world.post(role, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'g-owner' } })
    const kind = { kind: 'ClusterRole', apiVersion: 'rbac.authorization.k8s.io/v1' }
    await make('j1', [{ uid: owner.metadata?.uid ?? '', name: 'g-owner', ...kind }])
    await settled()
    expect(await world.get(at('j1'))).toBeDefined()
    await world.send('DELETE', `${role}/g-owner`)
    await world.gone(at('j1'))
  })

  test('leaves an object without a namespace alone when its owner would need one', async () => {
    const owner = await make('k1')
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
    const metadata = { name: 'g-stray', ownerReferences: ownerReferences([owner]) }
    await world.post(role, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata })
    await remove('k1')
    await settled()
    expect(await world.get(`${role}/g-stray`)).toBeDefined()
  })

  test('leaves an object alone whose owner is of a kind that nobody knows', async () => {
    await make('l1', [{ uid: '00000000-0000-4000-8000-000000000002', name: 'x', kind: 'Unheard', apiVersion: 'example.com/v1' }])
    await settled()
    expect(await world.get(at('l1'))).toBeDefined()
  })

  test('leaves exactly what has a living owner, in any graph, rings and all', async () => {
    let run = 0
    const anyGraph = fc.array(
      fc.record({
        owners: fc.uniqueArray(fc.nat(12), { maxLength: 3 }),
        block: fc.boolean(),
        removed: fc.constantFrom(undefined, undefined, 'Background', 'Foreground'),
      }),
      { minLength: 1, maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(anyGraph, async (graph) => {
        const nameOf = (n: number) => `p${run}-${n}`
        run++
        const owners = graph.map((node, n) => [...new Set(node.owners.map((owner) => owner % graph.length))].filter((owner) => owner !== n))
        const refs = await Promise.all(graph.map((_, n) => make(nameOf(n))))
        for (const [n, { block }] of graph.entries()) {
          const references = ownerReferences((owners[n] ?? []).map((owner) => ({ ...(refs[owner] as Ref), block })))
          if (references.length > 0) await merge(at(nameOf(n)), { metadata: { ownerReferences: references } })
        }
        const removing = graph.map(async ({ removed }, n) => removed !== undefined && remove(nameOf(n), removed).catch(() => {}))
        await Promise.all(removing)
        const dead = deadOf(
          owners,
          graph.map(({ removed }) => removed !== undefined),
        )
        await Promise.all(graph.map(async (_, n) => dead[n] === true && world.gone(at(nameOf(n)))))
        await settled()
        for (const n of graph.keys()) {
          const object = await world.get(at(nameOf(n)))
          expect(object === undefined).toBe(dead[n])
          const left = object?.metadata?.ownerReferences ?? []
          expect(left.filter(({ name }) => dead[Number(name?.split('-')[1])])).toEqual([])
        }
      }),
      { numRuns: 40 },
    )
  }, 60_000)
})

/** What is removed is dead, and so is what has owners and no living one: as few as that allows. */
function deadOf(owners: readonly (readonly number[])[], removed: readonly boolean[]): boolean[] {
  const dead = [...removed]
  for (let changed = true; changed; ) {
    changed = false
    for (const [n, of] of owners.entries()) {
      if (dead[n] === true || of.length === 0 || !of.every((owner) => dead[owner])) continue
      dead[n] = true
      changed = true
    }
  }
  return dead
}
