import { describe, expect, test } from 'vitest'
import type { Pod } from '../api/types/core/v1.ts'
import { layoutCodec } from '../cache/layout.ts'
import { openCache } from '../cache/live-cache.ts'
import { memoryStore } from '../storage/memory.ts'
import { manualClock } from '../storage/store.conformance.ts'
import type { Attributes } from './authorizer.ts'
import { nodeAuthorizer } from './node.ts'
import { NodeGraph } from './node-graph.ts'

const pod = (node: string | undefined, spec: object = {}, metadata: object = {}): Pod => ({
  metadata: { ...metadata },
  spec: { ...(node && { nodeName: node }), containers: [], ...spec },
})

const rich = pod('n1', {
  serviceAccountName: 'robot',
  imagePullSecrets: [{ name: 'pull' }],
  initContainers: [{ name: 'i', envFrom: [{ secretRef: { name: 'init-secret' } }] }],
  containers: [{ name: 'c', env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'env-map', key: 'k' } } }] }],
  ephemeralContainers: [{ name: 'e', envFrom: [{ configMapRef: { name: 'ephemeral-map' } }] }],
  volumes: [
    { name: 's', secret: { secretName: 'volume-secret' } },
    { name: 'p', projected: { sources: [{ secret: { name: 'projected-secret' } }, { configMap: { name: 'projected-map' } }] } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'data' } },
    { name: 'scratch', ephemeral: {} },
  ],
  resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu-claim' }],
})
rich.status = {}

function graphWith(): NodeGraph {
  const graph = new NodeGraph()
  graph.setPod('dev', 'web', rich)
  graph.setPod(
    'dev',
    'mirror',
    pod('n1', { volumes: [{ name: 's', secret: { secretName: 'mirrored' } }] }, { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
  )
  graph.setPod('dev', 'waiting', pod(undefined, { volumes: [{ name: 's', secret: { secretName: 'unbound' } }] }))
  graph.setVolume('pv', {
    spec: {
      claimRef: { namespace: 'dev', name: 'data' },
      csi: {
        driver: 'd',
        volumeHandle: 'h',
        nodeStageSecretRef: { namespace: 'store', name: 'stage' },
        controllerPublishSecretRef: { namespace: 'store', name: 'publish' },
      },
    },
  })
  graph.setBound('volumeattachments', 'va', 'n1')
  graph.setBound('resourceslices', 'slice', 'n1')
  return graph
}

const ask = (change: Partial<Attributes>): Attributes => ({
  user: { username: 'system:node:n1', groups: ['system:nodes'] },
  verb: 'get',
  isResource: true,
  apiGroup: '',
  apiVersion: 'v1',
  resource: 'secrets',
  subresource: '',
  namespace: 'dev',
  name: '',
  path: '',
  ...change,
})
const select = (value: string) => [{ key: 'spec.nodeName', operator: '=', values: [value] }]
const UNRELATED = "no relationship found between node 'n1' and this object"

/** `true`: allowed; a text: the reason why there is no opinion. */
const cases: [string, Partial<Attributes>, true | string][] = [
  ['a pull secret', { name: 'pull' }, true],
  ['a secret of an init container', { name: 'init-secret' }, true],
  ['a volume secret by a list of one', { name: 'volume-secret', verb: 'list' }, true],
  ['a projected secret by a watch of one', { name: 'projected-secret', verb: 'watch' }, true],
  ['a secret of the volume behind a claim', { namespace: 'store', name: 'stage' }, true],
  ['a secret that only the controller reads', { namespace: 'store', name: 'publish' }, UNRELATED],
  ['a secret of a mirror pod', { name: 'mirrored' }, UNRELATED],
  ['a secret of a pod that runs nowhere', { name: 'unbound' }, UNRELATED],
  ['the same secret elsewhere', { namespace: 'prod', name: 'pull' }, UNRELATED],
  ['all secrets', { verb: 'list' }, 'No Object name found'],
  ['secrets of all namespaces', { verb: 'list', namespace: '' }, 'can only read namespaced object of this type'],
  ['writing a secret', { verb: 'update', name: 'pull' }, 'can only read resources of this type'],
  ['a subresource of a secret', { subresource: 'x', name: 'pull' }, 'cannot read subresource'],
  ['a ConfigMap of an environment', { resource: 'configmaps', name: 'env-map' }, true],
  ['a ConfigMap of an ephemeral container', { resource: 'configmaps', name: 'ephemeral-map' }, true],
  ['a claim', { resource: 'persistentvolumeclaims', name: 'data' }, true],
  ['an ephemeral claim', { resource: 'persistentvolumeclaims', name: 'web-scratch' }, true],
  ['listing claims', { resource: 'persistentvolumeclaims', verb: 'list' }, 'can only get individual resources of this type'],
  ['the status of a claim', { resource: 'persistentvolumeclaims', subresource: 'status', verb: 'patch', name: 'data' }, true],
  [
    'reading the status of a claim',
    { resource: 'persistentvolumeclaims', subresource: 'status', name: 'data' },
    'can only get/update/patch this type',
  ],
  ['a volume', { resource: 'persistentvolumes', namespace: '', name: 'pv' }, true],
  ['a resource claim', { apiGroup: 'resource.k8s.io', resource: 'resourceclaims', name: 'gpu-claim' }, true],
  ['an attachment', { apiGroup: 'storage.k8s.io', resource: 'volumeattachments', namespace: '', name: 'va' }, true],
  ['an account', { resource: 'serviceaccounts', name: 'robot' }, true],
  ['a token', { resource: 'serviceaccounts', subresource: 'token', verb: 'create', name: 'robot' }, true],
  ['a token of another account', { resource: 'serviceaccounts', subresource: 'token', verb: 'create', name: 'x' }, UNRELATED],
  [
    'changing an account',
    { resource: 'serviceaccounts', verb: 'update', name: 'robot' },
    'can only create tokens for individual service accounts',
  ],
  [
    'creating an account',
    { resource: 'serviceaccounts', verb: 'create', name: 'robot' },
    'can only create token subresource of serviceaccount',
  ],
  ['its lease', { apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', name: 'n1' }, true],
  ['a new lease', { apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', verb: 'create' }, true],
  [
    'the lease of another',
    { apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', name: 'n2' },
    'can only access node lease with the same name as the requesting node',
  ],
  [
    'a lease elsewhere',
    { apiGroup: 'coordination.k8s.io', resource: 'leases', name: 'n1' },
    'can only access leases in the "kube-node-lease" system namespace',
  ],
  [
    'watching leases',
    { apiGroup: 'coordination.k8s.io', resource: 'leases', verb: 'watch' },
    'can only get, create, update, patch, or delete a node lease',
  ],
  ['its CSINode', { apiGroup: 'storage.k8s.io', resource: 'csinodes', namespace: '', name: 'n1', verb: 'delete' }, true],
  ['its slice', { apiGroup: 'resource.k8s.io', resource: 'resourceslices', namespace: '', name: 'slice', verb: 'update' }, true],
  [
    'its slices',
    { apiGroup: 'resource.k8s.io', resource: 'resourceslices', namespace: '', verb: 'list', fieldSelector: select('n1') },
    true,
  ],
  [
    'all slices',
    { apiGroup: 'resource.k8s.io', resource: 'resourceslices', namespace: '', verb: 'list' },
    'can only list/watch/deletecollection resourceslices with nodeName field selector',
  ],
  ['itself', { resource: 'nodes', namespace: '', name: 'n1' }, true],
  ['another node', { resource: 'nodes', namespace: '', name: 'n2' }, "node 'n1' cannot read 'n2', only its own Node object"],
  ['all nodes', { resource: 'nodes', namespace: '', verb: 'list' }, "node 'n1' cannot read all nodes, only its own Node object"],
  ['deleting itself', { resource: 'nodes', namespace: '', name: 'n1', verb: 'delete' }, ''],
  ['its status', { resource: 'nodes', subresource: 'status', namespace: '', name: 'n1', verb: 'patch' }, true],
  ['a pod', { resource: 'pods', name: 'web' }, true],
  ['its pods', { resource: 'pods', namespace: '', verb: 'watch', fieldSelector: select('n1') }, true],
  [
    'pods of another',
    { resource: 'pods', namespace: '', verb: 'watch', fieldSelector: select('n2') },
    'can only list/watch pods with spec.nodeName field selector',
  ],
  ['a watch of one pod', { resource: 'pods', verb: 'watch', name: 'web' }, true],
  ['an eviction', { resource: 'pods', subresource: 'eviction', verb: 'create', name: 'web' }, true],
  ['exec', { resource: 'pods', subresource: 'exec', verb: 'create', name: 'web' }, ''],
  ['services, as all nodes', { resource: 'services', verb: 'watch' }, true],
  ['deployments', { apiGroup: 'apps', resource: 'deployments', verb: 'list' }, ''],
  [
    'a request without a node name',
    { user: { username: 'system:node:', groups: ['system:nodes'] } },
    'unknown node for user "system:node:"',
  ],
  ['a node outside the group', { user: { username: 'system:node:n1', groups: [] }, name: 'pull' }, ''],
]

describe('nodeAuthorizer()', () => {
  const authorizer = nodeAuthorizer(graphWith())
  for (const [name, change, want] of cases) {
    test(`${want === true ? 'allows' : 'has no opinion on'} ${name}`, () => {
      expect(authorizer.authorize(ask(change))).toEqual(
        want === true ? { decision: 'allow', reason: '' } : { decision: 'noOpinion', reason: want },
      )
    })
  }

  test('tells nodes that their rules cannot be listed, and others nothing', async () => {
    expect(await authorizer.rulesFor?.(ask({}).user, 'dev')).toMatchObject({
      incomplete: true,
      evaluationError: 'node authorizer does not support user rule resolution',
    })
    expect(await authorizer.rulesFor?.({ username: 'u', groups: [] }, 'dev')).toEqual({
      resourceRules: [],
      nonResourceRules: [],
      incomplete: false,
    })
  })
})

describe('NodeGraph', () => {
  test('follows pods, volumes and attachments as they are written', async () => {
    const clock = manualClock()
    const store = memoryStore({ clock })
    const cache = await openCache(store, clock)
    for (const id of ['v1/pods', 'v1/persistentvolumes', 'storage.k8s.io/v1/volumeattachments'])
      await cache.register(id, `/${id}/`, layoutCodec())
    const graph = new NodeGraph()
    const following = graph.follow(cache)
    const write = async (id: string, key: string, object: object | undefined) => {
      const present = await store.get(`/${id}/${key}`)
      if (object === undefined) return store.delete(`/${id}/${key}`, present?.revision ?? 0)
      const value = Buffer.from(JSON.stringify({ kind: 'X', apiVersion: 'v1', ...object }))
      return present === undefined ? store.create(`/${id}/${key}`, value) : store.update(`/${id}/${key}`, value, present.revision)
    }
    const named = (name: string, namespace?: string) => ({ metadata: { name, ...(namespace !== undefined && { namespace }) } })
    const secretOf = () => graph.reaches('n1', 'secrets', 'dev', 'pull')
    await write('v1/pods', 'dev/web', { ...named('web', 'dev'), spec: { imagePullSecrets: [{ name: 'pull' }], containers: [] } })
    expect(secretOf()).toBe(false)
    await write('v1/pods', 'dev/web', {
      ...named('web', 'dev'),
      spec: { nodeName: 'n1', imagePullSecrets: [{ name: 'pull' }], containers: [] },
    })
    expect(secretOf()).toBe(true)
    await write('v1/pods', 'dev/web', {
      ...named('web', 'dev'),
      spec: { nodeName: 'n1', imagePullSecrets: [{ name: 'pull' }], containers: [] },
      status: { phase: 'Running' },
    })
    expect(secretOf()).toBe(true)
    await write('storage.k8s.io/v1/volumeattachments', 'va', { ...named('va'), spec: { nodeName: 'n1' } })
    expect(graph.reaches('n1', 'volumeattachments', '', 'va')).toBe(true)
    await write('storage.k8s.io/v1/volumeattachments', 'va', undefined)
    await write('v1/pods', 'dev/web', undefined)
    expect(graph.size).toBe(0)
    following.close()
  })

  test('forgets a reference with its last pod, and keeps nothing of what is gone', () => {
    const graph = graphWith()
    graph.setPod('dev', 'second', pod('n1', { imagePullSecrets: [{ name: 'pull' }] }))
    graph.setPod('dev', 'web', undefined)
    expect(graph.reaches('n1', 'secrets', 'dev', 'pull')).toBe(true)
    expect(graph.reaches('n1', 'secrets', 'store', 'stage')).toBe(false)
    for (const name of ['second', 'mirror', 'waiting']) graph.setPod('dev', name, undefined)
    graph.setVolume('pv', undefined)
    graph.setBound('volumeattachments', 'va', '')
    graph.setBound('resourceslices', 'slice', '')
    expect(graph.reaches('n1', 'secrets', 'dev', 'pull')).toBe(false)
    expect(graph.size).toBe(0)
  })

  test('finds the secret of a volume whichever of volume and pod came first', () => {
    const graph = new NodeGraph()
    graph.setVolume('pv', {
      spec: { claimRef: { namespace: 'dev', name: 'data' }, rbd: { image: 'i', monitors: [], secretRef: { name: 'ceph' } } },
    })
    expect(graph.reaches('n1', 'secrets', 'dev', 'ceph')).toBe(false)
    graph.setPod('dev', 'web', rich)
    expect(graph.reaches('n1', 'secrets', 'dev', 'ceph')).toBe(true)
    expect(graph.reaches('n2', 'secrets', 'dev', 'ceph')).toBe(false)
  })
})
