import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { AdmissionRequest } from './admission.ts'
import { nodeRestriction } from './noderestriction.ts'
import { authorizerThat, openWorld, refusalOf, requestFor } from './testdata.ts'

const user = { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }
const pod = (name: string, nodeName: string, more: object = {}): KubeObject => ({
  kind: 'Pod',
  metadata: { name, namespace: 'dev', uid: `uid-${name}` },
  spec: { nodeName, containers: [], ...more },
})
const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-uid', controller: true }
const mirror = (metadata: object = {}, spec: object = {}): KubeObject => ({
  metadata: { name: 'm', namespace: 'dev', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [owner], ...metadata },
  spec: { nodeName: 'n1', containers: [], ...spec },
})
const mine = pod('mine', 'n1', {
  volumes: [
    { name: 't', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } },
    { name: 'c', persistentVolumeClaim: { claimName: 'data' } },
  ],
})

const world = () =>
  openWorld([
    ['v1/nodes', { metadata: { name: 'n1', uid: 'node-uid' } }],
    ['v1/pods', mine],
    ['v1/pods', pod('theirs', 'n2')],
    ['v1/persistentvolumeclaims', { metadata: { name: 'data', namespace: 'dev' }, spec: { volumeName: 'pv' } }],
    ['v1/persistentvolumes', { metadata: { name: 'pv' }, spec: { csi: { driver: 'csi.example' } } }],
    ['storage.k8s.io/v1/csidrivers', { metadata: { name: 'csi.example' }, spec: { tokenRequests: [{ audience: 'storage' }] } }],
  ])

const create = (of: string, object: KubeObject, more: Partial<AdmissionRequest> = {}) => requestFor(of, object, { user, ...more })
const update = (of: string, oldObject: KubeObject, object: KubeObject) => requestFor(of, object, { user, operation: 'UPDATE', oldObject })
const remove = (of: string, oldObject: KubeObject) =>
  requestFor(of, undefined, {
    user,
    operation: 'DELETE',
    oldObject,
    namespace: oldObject.metadata?.namespace ?? '',
    name: oldObject.metadata?.name ?? '',
  })
const token = (reference: object | undefined, audiences: string[] = []) =>
  create('v1/serviceaccounts/token', {
    metadata: { name: 'robot', namespace: 'dev' },
    spec: { audiences, ...(reference && { boundObjectRef: reference }) },
  })
const bound = (change: object = {}) => ({ apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: 'uid-mine', ...change })
const node = (change: object = {}): KubeObject => ({ kind: 'Node', metadata: { name: 'n1', ...change }, spec: {} })
const labelled = (...keys: string[]) => node({ labels: Object.fromEntries(keys.map((key) => [key, 'x'])) })

const cases: [string, AdmissionRequest, string | undefined][] = [
  ['its mirror pod', create('v1/pods', mirror()), undefined],
  [
    'an ordinary pod',
    create('v1/pods', pod('p', 'n1')),
    'pods "p" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
  ],
  [
    'a mirror pod of another node',
    create('v1/pods', mirror({}, { nodeName: 'n2' })),
    'pods "m" is forbidden: node "n1" can only create pods with spec.nodeName set to itself',
  ],
  [
    'one without an owner',
    create('v1/pods', mirror({ ownerReferences: [] })),
    'pods "m" is forbidden: node "n1" can only create pods with an owner reference set to itself',
  ],
  [
    'one with two owners',
    create('v1/pods', mirror({ ownerReferences: [owner, owner] })),
    'pods "m" is forbidden: node "n1" can only create pods with a single owner reference set to itself',
  ],
  [
    'one whose owner does not control it',
    create('v1/pods', mirror({ ownerReferences: [{ ...owner, controller: false }] })),
    'pods "m" is forbidden: node "n1" can only create pods with a controller owner reference set to itself',
  ],
  [
    'one that holds its owner',
    create('v1/pods', mirror({ ownerReferences: [{ ...owner, blockOwnerDeletion: true }] })),
    'pods "m" is forbidden: node "n1" must not set blockOwnerDeletion on an owner reference',
  ],
  [
    'one of an older node',
    create('v1/pods', mirror({ ownerReferences: [{ ...owner, uid: 'old' }] })),
    'pods "m" is forbidden: node n1 UID mismatch: expected old got node-uid',
  ],
  [
    'one with a claim',
    create('v1/pods', mirror({}, { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] })),
    'pods "m" is forbidden: node "n1" can not create pods that reference persistentvolumeclaims',
  ],
  [
    'one with a projected token',
    create(
      'v1/pods',
      mirror({}, { volumes: [{ name: 'v', projected: { sources: [{ downwardAPI: {} }, { serviceAccountToken: { path: 't' } }] } }] }),
    ),
    'pods "m" is forbidden: node "n1" can not create pods that reference serviceaccounts (via projected volumes)',
  ],
  [
    'a change of a pod',
    update('v1/pods', mine, mine),
    'pods "mine" is forbidden: unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
  ],
  ['deleting its pod', remove('v1/pods', mine), undefined],
  [
    'deleting a pod of another',
    remove('v1/pods', pod('theirs', 'n2')),
    'pods "theirs" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
  ],
  ['the status of its pod', update('v1/pods/status', mine, { ...mine, status: { phase: 'Running' } }), undefined],
  [
    'labels by the status',
    update('v1/pods/status', mine, { ...mine, metadata: { ...mine.metadata, labels: { a: 'b' } } }),
    'pods "mine" is forbidden: node "n1" cannot update labels through pod status',
  ],
  [
    'claims by the status',
    update('v1/pods/status', mine, { ...mine, status: { resourceClaimStatuses: [{ name: 'x' }] } }),
    'pods "mine" is forbidden: node "n1" cannot update resource claim statues',
  ],
  [
    'evicting a pod of another',
    create('v1/pods/eviction', { metadata: { name: 'theirs', namespace: 'dev' } }),
    'pods "theirs" is forbidden: node n1 can only evict pods with spec.nodeName set to itself',
  ],
  [
    'executing in a pod',
    create('v1/pods/exec', mine),
    `pods "mine" is forbidden: unexpected pod subresource "exec", only 'status' and 'eviction' are allowed`,
  ],
  [
    'itself',
    create('v1/nodes', labelled('kubernetes.io/hostname', 'kubelet.kubernetes.io/x', 'a.node.kubernetes.io/y', 'free')),
    undefined,
  ],
  [
    'another node',
    create('v1/nodes', { metadata: { name: 'n2' } }),
    'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
  ],
  [
    'labels it may not set',
    create('v1/nodes', labelled('node-role.kubernetes.io/x', 'a.node-restriction.kubernetes.io/y', 'k8s.io/z')),
    'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: a.node-restriction.kubernetes.io/y, k8s.io/z, node-role.kubernetes.io/x',
  ],
  [
    'taking a label away',
    update('v1/nodes', labelled('node-restriction.kubernetes.io/x'), node()),
    'nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/x',
  ],
  [
    'its taints',
    update('v1/nodes', node(), { ...node(), spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
    'nodes "n1" is forbidden: node "n1" is not allowed to modify taints',
  ],
  [
    'its owners',
    update('v1/nodes/status', node(), node({ ownerReferences: [owner] })),
    'nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences',
  ],
  [
    'growth of a claim',
    update(
      'v1/persistentvolumeclaims/status',
      { metadata: { name: 'c' }, status: {} },
      { metadata: { name: 'c', resourceVersion: '2' }, status: { capacity: { storage: '2Gi' } } },
    ),
    undefined,
  ],
  [
    'labels of a claim',
    update('v1/persistentvolumeclaims/status', { metadata: { name: 'c' } }, { metadata: { name: 'c', labels: { a: 'b' } } }),
    'persistentvolumeclaims "c" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions: metadata.labels',
  ],
  [
    'a claim itself',
    update('v1/persistentvolumeclaims', { metadata: { name: 'c' } }, { metadata: { name: 'c' } }),
    'persistentvolumeclaims "c" is forbidden: may only update PVC status',
  ],
  ['a token for an audience of the pod', token(bound(), ['vault']), undefined],
  ['a token for an audience of a driver', token(bound(), ['storage']), undefined],
  [
    'a token for another audience',
    token(bound(), ['other']),
    'serviceaccounts "robot" is forbidden: audience "other" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
  ],
  ['a token for an audience it was granted', token(bound(), ['granted']), undefined],
  [
    'a token for two audiences',
    token(bound(), ['vault', 'storage']),
    'serviceaccounts "robot" is forbidden: node may only request 0 or 1 audiences',
  ],
  ['a token bound to nothing', token(undefined), 'serviceaccounts "robot" is forbidden: node requested token not bound to a pod'],
  [
    'a token without the uid',
    token(bound({ uid: undefined })),
    'serviceaccounts "robot" is forbidden: node requested token with a pod binding without a uid',
  ],
  [
    'a token for an older pod',
    token(bound({ uid: 'old' })),
    'serviceaccounts "robot" is forbidden: the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
  ],
  [
    'a token for a pod of another',
    token(bound({ name: 'theirs', uid: 'uid-theirs' })),
    'serviceaccounts "robot" is forbidden: node requested token bound to a pod scheduled on a different node',
  ],
  ['a token for a pod that is not there', token(bound({ name: 'nope' })), 'pod "nope" not found'],
  ['its lease', create('coordination.k8s.io/v1/leases', { metadata: { name: 'n1', namespace: 'kube-node-lease' } }), undefined],
  [
    'a lease of another',
    create('coordination.k8s.io/v1/leases', { metadata: { name: 'n2', namespace: 'kube-node-lease' } }),
    'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
  ],
  [
    'a slice of another',
    create('resource.k8s.io/v1/resourceslices', { metadata: { name: 's' }, spec: { nodeName: 'n2' } }),
    'resourceslices.resource.k8s.io "s" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node',
  ],
  [
    'a request that is none',
    create('certificates.k8s.io/v1/certificatesigningrequests', {
      metadata: { name: 'c' },
      spec: { signerName: 'kubernetes.io/kubelet-serving', request: 'eA==' },
    }),
    'certificatesigningrequests.certificates.k8s.io "c" is forbidden: unable to parse csr: PEM block type must be CERTIFICATE REQUEST',
  ],
  [
    'a request to somebody else',
    create('certificates.k8s.io/v1/certificatesigningrequests', {
      metadata: { name: 'c' },
      spec: { signerName: 'example.com/x', request: 'eA==' },
    }),
    undefined,
  ],
  ['what it does not know', create('v1/configmaps', { metadata: { name: 'c', namespace: 'dev' } }), undefined],
]

describe('nodeRestriction()', () => {
  for (const [name, request, want] of cases) {
    test(`${want === undefined ? 'lets pass' : 'refuses'} ${name}`, async () => {
      const { cache } = await world()
      const authorizer = authorizerThat((verb, resource) => verb === 'request-serviceaccounts-token-audience' && resource === 'granted')
      expect((await refusalOf(nodeRestriction({ cache, authorizer }), request))?.message).toBe(want)
    })
  }

  test('leaves everybody else alone, and refuses a node without a name', async () => {
    const { cache } = await world()
    const plugin = nodeRestriction({ cache, authorizer: authorizerThat(() => false) })
    expect(await refusalOf(plugin, create('v1/pods', pod('p', 'n2'), { user: { username: 'system:node:n1', groups: [] } }))).toBeUndefined()
    expect(
      await refusalOf(plugin, create('v1/configmaps', { metadata: { name: 'c' } }, { user: { ...user, username: 'system:node:' } })),
    ).toMatchObject({
      message: 'configmaps "c" is forbidden: could not determine node from user "system:node:"',
    })
  })
})
