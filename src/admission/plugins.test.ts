import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { bitString, contextTag, der, integer, oid, sequence, TAG, utf8String } from '../pki/der.ts'
import { OID } from '../pki/oids.ts'
import { alwaysPullImages } from './alwayspullimages.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts'
import { persistentVolumeClaimResize } from './claimresize.ts'
import { defaultIngressClass } from './defaultingressclass.ts'
import { defaultStorageClass } from './defaultstorageclass.ts'
import { defaultTolerationSeconds } from './defaulttolerationseconds.ts'
import { nodeDeclaredFeatures } from './nodedeclaredfeatures.ts'
import { ownerReferencesPermission } from './ownerreferencespermission.ts'
import { type AdmissionDeps, defaultAdmissionPlugins, pluginFlagErrors } from './plugins.ts'
import { podResize } from './podresize.ts'
import { podTopologyLabels } from './podtopologylabels.ts'
import { priority } from './priority.ts'
import { runtimeClass } from './runtimeclass.ts'
import { storageObjectInUseProtection } from './storageobjectinuse.ts'
import { taintNodesByCondition } from './taintnodes.ts'
import { authorizerThat, openWorld, refusalOf, requestFor } from './testdata.ts'

const podOf = (spec: object = {}, metadata: object = {}): KubeObject => ({
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'dev', ...metadata },
  spec: { containers: [], ...spec },
})
const aged = (name: string, creationTimestamp: string, annotation: string): KubeObject => ({
  metadata: { name, creationTimestamp, annotations: { [annotation]: 'true' } },
})

async function deps(): Promise<AdmissionDeps> {
  const { cache, clock } = await openWorld()
  return {
    cache,
    clock,
    waitingClock: clock,
    authorizer: authorizerThat(() => false),
    randomSuffix: () => 'x',
    servedAs: () => [],
    updateQuotaStatus: async () => {},
  }
}

describe('defaultAdmissionPlugins()', () => {
  const names = async (flags?: Parameters<typeof defaultAdmissionPlugins>[1]) =>
    defaultAdmissionPlugins(await deps(), flags).map(({ name }) => name)

  test('runs the default ones in upstream order, quotas last', async () => {
    const all = await names()
    expect(all.slice(0, 4)).toEqual(['NamespaceLifecycle', 'LimitRanger', 'ServiceAccount', 'TaintNodesByCondition'])
    expect(all.at(-1)).toBe('ResourceQuota')
    expect(all).not.toContain('NodeRestriction')
  })

  test('adds and takes away what the flags name, in its place', async () => {
    const some = await names({ enable: ['NodeRestriction', 'AlwaysPullImages'], disable: ['PodSecurity', 'ServiceAccount'] })
    expect(some.slice(0, 5)).toEqual(['NamespaceLifecycle', 'LimitRanger', 'NodeRestriction', 'TaintNodesByCondition', 'AlwaysPullImages'])
    expect(some).not.toContain('PodSecurity')
  })
})

describe('pluginFlagErrors()', () => {
  test('names what is unknown, what is not built, and what is asked for both ways', () => {
    expect(pluginFlagErrors({ enable: ['NodeRestriction'], disable: ['PodSecurity'] })).toEqual([])
    expect(pluginFlagErrors({ enable: ['Nope', 'EventRateLimit', 'AlwaysDeny'], disable: ['Nah', 'AlwaysDeny'] })).toEqual([
      'enable-admission-plugins plugin "Nope" is unknown',
      'enable-admission-plugins plugin "EventRateLimit" is not part of podpass',
      'disable-admission-plugins plugin "Nah" is unknown',
      '[AlwaysDeny] in enable-admission-plugins and disable-admission-plugins overlapped',
    ])
  })
})

describe('priority()', () => {
  const classes = () =>
    openWorld([
      ['scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' }],
      [
        'scheduling.k8s.io/v1/priorityclasses',
        { metadata: { name: 'usual' }, value: 5, globalDefault: true, preemptionPolicy: 'PreemptLowerPriority' },
      ],
    ])

  test('gives the number of the class, the default one, or zero', async () => {
    const world = await classes()
    const of = async (spec: object, cache = world.cache) => {
      const request = requestFor('v1/pods', podOf(spec))
      await refusalOf(priority({ cache }), request)
      const { priorityClassName, priority: value, preemptionPolicy } = request.object!['spec']
      return [priorityClassName, value, preemptionPolicy]
    }
    expect(await of({ priorityClassName: 'high' })).toEqual(['high', 1000, 'Never'])
    expect(await of({})).toEqual(['usual', 5, 'PreemptLowerPriority'])
    expect(await of({}, (await openWorld()).cache)).toEqual([undefined, 0, 'PreemptLowerPriority'])
  })

  test('refuses a class that is not there and a number that is not its own', async () => {
    const { cache } = await classes()
    const why = async (spec: object) => (await refusalOf(priority({ cache }), requestFor('v1/pods', podOf(spec))))?.message
    expect(await why({ priorityClassName: 'nope' })).toBe('pods "p" is forbidden: no PriorityClass with name nope was found')
    expect(await why({ priority: 7 })).toBe(
      'pods "p" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 5 from the given PriorityClass name',
    )
  })

  test('keeps one default class', async () => {
    const { cache } = await classes()
    const other = (operation: 'CREATE' | 'UPDATE', name: string) =>
      requestFor('scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, globalDefault: true }, { operation, oldObject: {} })
    expect((await refusalOf(priority({ cache }), other('CREATE', 'x')))?.message).toBe(
      'priorityclasses.scheduling.k8s.io "x" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    )
    expect(await refusalOf(priority({ cache }), other('UPDATE', 'usual'))).toBeUndefined()
  })
})

test('defaultTolerationSeconds() adds what a pod does not say itself', async () => {
  const request = requestFor(
    'v1/pods',
    podOf({ tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 }] }),
  )
  await refusalOf(defaultTolerationSeconds({ notReady: 300, unreachable: 200 }), request)
  expect(request.object?.['spec'].tolerations.slice(1)).toEqual([
    { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 200 },
  ])
})

test('taintNodesByCondition taints a new node once', async () => {
  const request = requestFor('v1/nodes', { metadata: { name: 'n' } })
  await refusalOf([taintNodesByCondition, taintNodesByCondition], request)
  expect(request.object?.['spec']).toEqual({ taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] })
})

describe('runtimeClass()', () => {
  const runtime = {
    metadata: { name: 'vm' },
    handler: 'vm',
    overhead: { podFixed: { memory: '64Mi' } },
    scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
  }

  test('gives a pod the overhead and the place of its runtime', async () => {
    const { cache } = await openWorld([['node.k8s.io/v1/runtimeclasses', runtime]])
    const request = requestFor(
      'v1/pods',
      podOf({ runtimeClassName: 'vm', nodeSelector: { a: 'b' }, tolerations: [{ key: 'vm', operator: 'Equal', value: 'x' }] }),
    )
    expect(await refusalOf(runtimeClass({ cache }), request)).toBeUndefined()
    expect(request.object?.['spec']).toMatchObject({
      overhead: { memory: '64Mi' },
      nodeSelector: { a: 'b', vm: 'yes' },
      tolerations: [{ key: 'vm', operator: 'Exists' }],
    })
  })

  test.each([
    ['a runtime that is not there', { runtimeClassName: 'x' }, 'pod rejected: RuntimeClass "x" not found'],
    [
      'another overhead',
      { runtimeClassName: 'vm', overhead: { memory: '1Mi' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      'an overhead without a runtime',
      { overhead: { memory: '1Mi' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      'another place',
      { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    ],
  ])('refuses %s', async (_, spec, why) => {
    const { cache } = await openWorld([['node.k8s.io/v1/runtimeclasses', runtime]])
    expect((await refusalOf(runtimeClass({ cache }), requestFor('v1/pods', podOf(spec))))?.message).toBe(`pods "p" is forbidden: ${why}`)
  })
})

describe('default classes', () => {
  const mark = 'storageclass.kubernetes.io/is-default-class'
  const claim = (spec: object = {}, annotations: Record<string, string> = {}) =>
    requestFor('v1/persistentvolumeclaims', { metadata: { name: 'c', namespace: 'dev', annotations }, spec })

  test('defaultStorageClass() takes the newest, follows changes, and leaves who asked for one', async () => {
    const world = await openWorld([
      ['storage.k8s.io/v1/storageclasses', aged('old', '2026-01-01T00:00:00Z', mark)],
      ['storage.k8s.io/v1/storageclasses', aged('new', '2026-01-02T00:00:00Z', mark)],
    ])
    const plugin = defaultStorageClass(world)
    const given = async (request = claim()) => {
      await refusalOf(plugin, request)
      return request.object?.['spec'].storageClassName
    }
    expect(await given()).toBe('new')
    await world.drop('storage.k8s.io/v1/storageclasses', 'new')
    expect(await given()).toBe('old')
    expect(await given(claim({ storageClassName: '' }))).toBe('')
    expect(await given(claim({}, { 'volume.beta.kubernetes.io/storage-class': 'x' }))).toBeUndefined()
  })

  test('defaultIngressClass() leaves an Ingress with the old annotation alone', async () => {
    const { cache } = await openWorld([
      ['networking.k8s.io/v1/ingressclasses', aged('web', '2026-01-01T00:00:00Z', 'ingressclass.kubernetes.io/is-default-class')],
    ])
    const given = async (annotations: Record<string, string>) => {
      const request = requestFor('networking.k8s.io/v1/ingresses', { metadata: { name: 'i', annotations }, spec: {} })
      await refusalOf(defaultIngressClass({ cache }), request)
      return request.object?.['spec'].ingressClassName
    }
    expect(await given({})).toBe('web')
    expect(await given({ 'kubernetes.io/ingress.class': 'x' })).toBeUndefined()
  })
})

test('storageObjectInUseProtection holds claims, volumes and attribute classes', async () => {
  const held = async (of: string) => {
    const request = requestFor(of, { metadata: { name: 'x', finalizers: ['a'] } })
    await refusalOf(storageObjectInUseProtection, request)
    return request.object?.metadata?.finalizers
  }
  expect(await held('v1/persistentvolumeclaims')).toEqual(['a', 'kubernetes.io/pvc-protection'])
  expect(await held('v1/persistentvolumes')).toEqual(['a', 'kubernetes.io/pv-protection'])
  expect(await held('storage.k8s.io/v1/volumeattributesclasses')).toEqual(['a', 'kubernetes.io/vac-protection'])
  expect(await held('v1/configmaps')).toEqual(['a'])
})

test('alwaysPullImages sets the policy of every container and image volume, and leaves updates without new images', async () => {
  const object = podOf({
    containers: [{ name: 'c', image: 'a', imagePullPolicy: 'Never' }],
    volumes: [{ name: 'v', image: { reference: 'r' } }],
  })
  const request = requestFor('v1/pods', structuredClone(object))
  expect(await refusalOf(alwaysPullImages, request)).toBeUndefined()
  expect(request.object?.['spec']).toMatchObject({
    containers: [{ imagePullPolicy: 'Always' }],
    volumes: [{ image: { pullPolicy: 'Always' } }],
  })
  expect(alwaysPullImages.handles(requestFor('v1/pods', object, { operation: 'UPDATE', oldObject: object }))).toBe(false)
})

describe('persistentVolumeClaimResize()', () => {
  const of = (storage: string, phase = 'Bound', storageClassName = 'grows'): KubeObject => ({
    metadata: { name: 'c', namespace: 'dev' },
    spec: { storageClassName, resources: { requests: { storage } } },
    status: { phase },
  })
  const why = async (old: KubeObject, next: KubeObject) => {
    const { cache } = await openWorld([
      ['storage.k8s.io/v1/storageclasses', { metadata: { name: 'grows' }, allowVolumeExpansion: true }],
      ['storage.k8s.io/v1/storageclasses', { metadata: { name: 'stays' } }],
    ])
    return (
      await refusalOf(
        persistentVolumeClaimResize({ cache }),
        requestFor('v1/persistentvolumeclaims', next, { operation: 'UPDATE', oldObject: old }),
      )
    )?.message
  }

  test('lets bound claims of growing classes grow, and any shrink to validation', async () => {
    expect(await why(of('1Gi'), of('2Gi'))).toBeUndefined()
    expect(await why(of('2Gi', 'Pending'), of('1Gi'))).toBeUndefined()
    expect(await why(of('1Gi', 'Pending'), of('2Gi'))).toBe(
      'persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded',
    )
    expect(await why(of('1Gi', 'Bound', 'stays'), of('2Gi', 'Bound', 'stays'))).toContain(
      'the storageclass that provisions the pvc must support resize',
    )
  })
})

test('podTopologyLabels() copies zone and region of the node onto a binding', async () => {
  const { cache } = await openWorld([['v1/nodes', { metadata: { name: 'n', labels: { 'topology.kubernetes.io/zone': 'z', other: 'x' } } }]])
  const request = requestFor('v1/pods/binding', { metadata: { name: 'p', labels: { a: 'b' } }, target: { kind: 'Node', name: 'n' } })
  await refusalOf(podTopologyLabels({ cache }), request)
  expect(request.object?.metadata?.labels).toEqual({ a: 'b', 'topology.kubernetes.io/zone': 'z' })
})

describe('ownerReferencesPermission()', () => {
  const owner = (blockOwnerDeletion: boolean) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u', blockOwnerDeletion })
  const servedAs = (apiVersion: string, kind: string) =>
    apiVersion === 'apps/v1' && kind === 'ReplicaSet' ? [{ group: 'apps', version: 'v1', resource: 'replicasets', namespaced: true }] : []
  const why = async (authorizer: Authorizer, ownerReferences: object[], update = false) => {
    const request = requestFor('v1/pods', podOf({}, { ownerReferences }), update ? { operation: 'UPDATE', oldObject: podOf() } : {})
    return (await refusalOf(ownerReferencesPermission({ authorizer, servedAs }), request))?.message
  }

  test('lets creators name owners, and updaters who may delete', async () => {
    expect(
      await why(
        authorizerThat(() => false),
        [owner(false)],
      ),
    ).toBeUndefined()
    expect(
      await why(
        authorizerThat((verb) => verb === 'delete'),
        [owner(false)],
        true,
      ),
    ).toBeUndefined()
    expect(
      await why(
        authorizerThat(() => false),
        [owner(false)],
        true,
      ),
    ).toBe(`pods "p" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>`)
  })

  test('wants finalizers of the owner for holding it', async () => {
    expect(
      await why(
        authorizerThat((verb, resource, name) => verb === 'update' && resource === 'replicasets/finalizers' && name === 'rs'),
        [owner(true)],
      ),
    ).toBeUndefined()
    expect(
      await why(
        authorizerThat(() => false),
        [owner(true)],
      ),
    ).toBe(
      `pods "p" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>`,
    )
    expect(
      await why(
        authorizerThat(() => false),
        [{ ...owner(true), kind: 'Thing' }],
      ),
    ).toContain('no matches for kind "Thing" in version "apps/v1"')
  })
})

describe('certificate plugins', () => {
  const csr = (spec: object, status: object = {}): KubeObject => ({ metadata: { name: 'c' }, spec, status })
  const signers = authorizerThat(
    (verb, resource, name) => resource === 'signers' && name === (verb === 'approve' ? 'example.com/*' : 'example.com/one'),
  )
  const path = 'certificates.k8s.io/v1/certificatesigningrequests'
  const change = (subresource: string, old: KubeObject, next: KubeObject) =>
    requestFor(`${path}/${subresource}`, next, { operation: 'UPDATE', oldObject: old })

  test('certificateApproval() wants approve on the signer or its domain, as stored', async () => {
    const mine = csr({ signerName: 'example.com/two' })
    const theirs = csr({ signerName: 'kubernetes.io/x' })
    expect(await refusalOf(certificateApproval(signers), change('approval', mine, theirs))).toBeUndefined()
    expect((await refusalOf(certificateApproval(signers), change('approval', theirs, mine)))?.message).toBe(
      'certificatesigningrequests.certificates.k8s.io "c" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/x"',
    )
  })

  test('certificateSigning() wants sign where certificate or conditions change', async () => {
    const two = csr({ signerName: 'example.com/two' })
    expect(await refusalOf(certificateSigning(signers), change('status', two, two))).toBeUndefined()
    expect(
      (await refusalOf(certificateSigning(signers), change('status', two, csr(two['spec'], { certificate: 'x' }))))?.message,
    ).toContain('user not permitted to sign requests with signerName "example.com/two"')
  })

  test('certificateSubjectRestriction keeps system:masters out of client certificates', async () => {
    const made = (...organizations: string[]) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const attribute = (type: string, text: string) => der(TAG.set, sequence(oid(type), utf8String(text)))
      const subject = sequence(attribute(OID.commonName, 'root'), ...organizations.map((text) => attribute(OID.organization, text)))
      const info = sequence(integer(Buffer.from([0])), subject, publicKey.export({ format: 'der', type: 'spki' }), der(contextTag(0)))
      const request = sequence(info, sequence(oid(OID.ecdsaWithSha256)), bitString(sign('sha256', info, privateKey)))
      return Buffer.from(
        `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
      ).toString('base64')
    }
    const why = async (request: string, signerName = 'kubernetes.io/kube-apiserver-client') =>
      (await refusalOf(certificateSubjectRestriction, requestFor(path, csr({ signerName, request }))))?.message
    const masters = made('devs', 'system:masters')
    expect(await why(masters)).toBe(
      'certificatesigningrequests.certificates.k8s.io "c" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    )
    expect(await why(masters, 'example.com/own')).toBeUndefined()
    expect(await why(made('devs'))).toBeUndefined()
    expect(await why('eA==')).toContain('failed to parse CSR: PEM block type must be CERTIFICATE REQUEST')
  })
})

describe('changes of a running pod', () => {
  const running = (nodeName: string, cpu: string, more: object = {}, generation = 1): KubeObject => ({
    ...podOf({ nodeName, containers: [{ name: 'c', resources: { requests: { cpu, memory: '1Gi' } } }], ...more }, { generation }),
  })
  const node = (name: string, os: string, declaredFeatures: string[] = []): readonly ['v1/nodes', KubeObject] => [
    'v1/nodes',
    { metadata: { name, labels: { 'kubernetes.io/os': os } }, status: { declaredFeatures, allocatable: { cpu: '2', memory: '2Gi' } } },
  ]
  const resize = (object: KubeObject, oldObject: KubeObject) => requestFor('v1/pods/resize', object, { operation: 'UPDATE', oldObject })

  test.each([
    ['n', '2', undefined, undefined],
    [
      'n',
      '2500m',
      'pods "p" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 2500, allocatable: 2000',
      'NodeCapacity',
    ],
    ['w', '1', 'pods "p" is forbidden: pod resize is only supported on linux nodes, node "w" is "windows"', 'UnsupportedPlatform'],
    ['x', '1', 'pods "p" is forbidden: node "x" not found', undefined],
  ])('on node %s to %s CPUs: %s', async (nodeName, cpu, message, cause) => {
    const { cache } = await openWorld([node('n', 'linux'), node('w', 'windows')])
    const refusal = await refusalOf(podResize({ cache }), resize(running(nodeName, cpu, {}, 2), running(nodeName, '500m')))
    expect(refusal?.message).toBe(message)
    expect(refusal?.details?.causes).toEqual(cause === undefined ? undefined : [{ reason: cause }])
  })

  test('resources of the whole pod, and of init containers that end, need a node that declares it can', async () => {
    const { cache } = await openWorld([node('old', 'linux'), node('new', 'linux', ['InPlacePodLevelResourcesVerticalScaling'])])
    const plugin = nodeDeclaredFeatures({ cache })
    const whole = (name: string, cpu: string, generation = 1) => running(name, '1', { resources: { requests: { cpu } } }, generation)
    expect((await refusalOf(plugin, resize(whole('old', '2', 2), whole('old', '1'))))?.message).toBe(
      'pods "p" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "old"',
    )
    expect(await refusalOf(plugin, resize(whole('new', '2', 2), whole('new', '1')))).toBeUndefined()
    expect(await refusalOf(plugin, resize(whole('old', '1', 2), whole('old', '1')))).toBeUndefined()
    const init = (cpu: string, restartPolicy?: string, generation = 1) =>
      running('old', '1', { initContainers: [{ name: 'i', restartPolicy, resources: { requests: { cpu } } }] }, generation)
    expect((await refusalOf(plugin, resize(init('2', undefined, 2), init('1'))))?.message).toContain(
      'InPlacePodVerticalScalingInitContainers',
    )
    expect(await refusalOf(plugin, resize(init('2', 'Always', 2), init('1', 'Always')))).toBeUndefined()
  })
})
