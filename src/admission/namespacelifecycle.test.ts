import { describe, expect, test } from 'vitest'
import { namespaceLifecycle } from './namespacelifecycle.ts'
import { openWorld, refusalOf, requestFor } from './testdata.ts'

const account = { kind: 'ServiceAccount', metadata: { name: 'late', namespace: 'dying' } }
const namespaces = [
  ['v1/namespaces', { metadata: { name: 'dying' }, status: { phase: 'Terminating' } }],
  ['v1/namespaces', { metadata: { name: 'live' }, status: { phase: 'Active' } }],
] as const

describe('namespaceLifecycle()', () => {
  test('refuses what is new in a terminating namespace, with its cause', async () => {
    const { cache, clock } = await openWorld(namespaces)
    expect(await refusalOf(namespaceLifecycle({ cache, clock }), requestFor('v1/serviceaccounts', account))).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'serviceaccounts "late" is forbidden: unable to create new content in namespace dying because it is being terminated',
      reason: 'Forbidden',
      details: {
        name: 'late',
        kind: 'serviceaccounts',
        causes: [{ reason: 'NamespaceTerminating', message: 'namespace dying is being terminated', field: 'metadata.namespace' }],
      },
      code: 403,
    })
  })

  test('lets updates and deletes in a terminating namespace pass', async () => {
    const { cache, clock } = await openWorld(namespaces)
    const plugin = namespaceLifecycle({ cache, clock })
    expect(await refusalOf(plugin, requestFor('v1/serviceaccounts', account, { operation: 'UPDATE' }))).toBeUndefined()
    expect(
      await refusalOf(plugin, requestFor('v1/serviceaccounts', undefined, { operation: 'DELETE', namespace: 'gone', name: 'a' })),
    ).toBeUndefined()
  })

  test('does not find a namespace that is not there, except for who only asks about access', async () => {
    const { cache, clock } = await openWorld()
    const plugin = namespaceLifecycle({ cache, clock })
    expect(await refusalOf(plugin, requestFor('v1/pods', { metadata: { name: 'p', namespace: 'nowhere' } }))).toMatchObject({
      code: 404,
      message: 'namespaces "nowhere" not found',
    })
    const review = requestFor('authorization.k8s.io/v1/localsubjectaccessreviews', { metadata: { namespace: 'nowhere' } })
    expect(await refusalOf(plugin, review)).toBeUndefined()
  })

  test.each(['default', 'kube-system', 'kube-public'])('keeps the namespace %s', async (name) => {
    const { cache, clock } = await openWorld()
    const request = requestFor('v1/namespaces', undefined, {
      operation: 'DELETE',
      namespace: name,
      name,
      kind: { group: '', version: 'v1', kind: 'Namespace' },
    })
    expect(await refusalOf(namespaceLifecycle({ cache, clock }), request)).toMatchObject({
      message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    })
  })

  test('lets kube-node-lease go', async () => {
    const { cache, clock } = await openWorld()
    const request = requestFor('v1/namespaces', undefined, {
      operation: 'DELETE',
      namespace: 'kube-node-lease',
      name: 'kube-node-lease',
      kind: { group: '', version: 'v1', kind: 'Namespace' },
    })
    expect(await refusalOf(namespaceLifecycle({ cache, clock }), request)).toBeUndefined()
  })

  test('sees the phase of the moment', async () => {
    const world = await openWorld(namespaces)
    const plugin = namespaceLifecycle(world)
    const pod = () => requestFor('v1/pods', { metadata: { name: 'p', namespace: 'live' } })
    expect(await refusalOf(plugin, pod())).toBeUndefined()
    await world.put('v1/namespaces', { metadata: { name: 'live' }, status: { phase: 'Terminating' } })
    expect(await refusalOf(plugin, pod())).toMatchObject({ code: 403 })
  })

  test('waits for the cache of a shared store before it says that a namespace is missing', async () => {
    const world = await openWorld()
    const cache = {
      resource: (id: string) => world.cache.resource(id),
      fresh: () => world.put('v1/namespaces', { metadata: { name: 'new' }, status: { phase: 'Active' } }),
    }
    const pod = requestFor('v1/pods', { metadata: { name: 'p', namespace: 'new' } })
    expect(await refusalOf(namespaceLifecycle({ cache, clock: world.clock }), pod)).toBeUndefined()
  })

  test('asks again for half a minute about a namespace whose deletion passed here', async () => {
    const world = await openWorld(namespaces)
    let asked = 0
    const fresh = async () => {
      asked++
    }
    const cache = { resource: (id: string) => world.cache.resource(id), fresh }
    const plugin = namespaceLifecycle({ cache, clock: world.clock })
    const pod = () => requestFor('v1/pods', { metadata: { name: 'p', namespace: 'live' } })
    await refusalOf(plugin, pod())
    expect(asked).toBe(0)
    await refusalOf(
      plugin,
      requestFor('v1/namespaces', undefined, {
        operation: 'DELETE',
        namespace: 'live',
        name: 'live',
        kind: { group: '', version: 'v1', kind: 'Namespace' },
      }),
    )
    await refusalOf(plugin, pod())
    expect(asked).toBe(1)
    world.clock.ms += 30_000
    await refusalOf(plugin, pod())
    expect(asked).toBe(1)
  })
})
