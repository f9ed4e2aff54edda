import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { limitRanger } from './limitranger.ts'
import { openWorld, refusalOf, requestFor } from './testdata.ts'

const limit = (name: string, ...limits: object[]): readonly [string, KubeObject] => [
  'v1/limitranges',
  { metadata: { name, namespace: 'dev' }, spec: { limits } },
]
const container = (requests?: object, limits?: object, name = 'c') => ({
  name,
  resources: { ...(requests && { requests }), ...(limits && { limits }) },
})
const pod = (...containers: object[]): KubeObject => ({ kind: 'Pod', metadata: { name: 'p', namespace: 'dev' }, spec: { containers } })

describe('limitRanger()', () => {
  test('fills what containers leave out, keeps what they say, and tells of it', async () => {
    const world = await openWorld([
      limit('l', { type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '100m' } }),
    ])
    const request = requestFor('v1/pods', {
      ...pod({ name: 'a' }),
      spec: { containers: [{ name: 'a' }], initContainers: [container({ cpu: '5m' }, { memory: '5Mi' }, 'i')] },
    })
    expect(await refusalOf(limitRanger(world), request)).toBeUndefined()
    expect(request.object?.['spec']).toEqual({
      containers: [{ name: 'a', resources: { requests: { cpu: '100m' }, limits: { cpu: '1', memory: '1Gi' } } }],
      initContainers: [{ name: 'i', resources: { requests: { cpu: '5m' }, limits: { cpu: '1', memory: '5Mi' } } }],
    })
    expect(request.object?.metadata?.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; cpu limit for init container i',
    })
  })

  const cases: [string, object, KubeObject, string | undefined][] = [
    [
      'a request below the least',
      { min: { cpu: '100m' } },
      pod(container({ cpu: '50m' })),
      'minimum cpu usage per Container is 100m, but request is 50m',
    ],
    [
      'no request where there is a least',
      { min: { cpu: '100m' } },
      pod(container()),
      'minimum cpu usage per Container is 100m.  No request is specified',
    ],
    [
      'a limit below the least',
      { min: { cpu: '100m' } },
      pod(container({ cpu: '100m' }, { cpu: '50m' })),
      'minimum cpu usage per Container is 100m, but limit is 50m',
    ],
    [
      'no limit where there is a most',
      { max: { memory: '1Gi' } },
      pod(container({ memory: '1Gi' })),
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'a limit above the most',
      { max: { memory: '1Gi' } },
      pod(container({}, { memory: '1025Mi' })),
      'maximum memory usage per Container is 1Gi, but limit is 1025Mi',
    ],
    ['exactly the most', { max: { memory: '1Gi' } }, pod(container({}, { memory: '1024Mi' })), undefined],
    [
      'a limit far above its request',
      { maxLimitRequestRatio: { cpu: '2' } },
      pod(container({ cpu: '100m' }, { cpu: '250m' })),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000',
    ],
    [
      'a ratio without a request',
      { maxLimitRequestRatio: { cpu: '2' } },
      pod(container({}, { cpu: '1' })),
      'cpu max limit to request ratio per Container is 2, but no request is specified or request is 0',
    ],
    [
      'two faults',
      { min: { cpu: '1', memory: '1Gi' } },
      pod(container()),
      '[minimum cpu usage per Container is 1.  No request is specified, minimum memory usage per Container is 1Gi.  No request is specified]',
    ],
  ]
  for (const [name, bounds, object, why] of cases) {
    test(`${why === undefined ? 'lets pass' : 'refuses'} ${name}`, async () => {
      const world = await openWorld([limit('l', { type: 'Container', ...bounds })])
      const status = await refusalOf(limitRanger(world), requestFor('v1/pods', object))
      expect(status?.message).toBe(why === undefined ? undefined : `pods "p" is forbidden: ${why}`)
    })
  }

  test('adds the containers of a pod up, the largest init container beside them', async () => {
    const world = await openWorld([limit('l', { type: 'Pod', max: { cpu: '3' } })])
    const plugin = limitRanger(world)
    const two = [container({}, { cpu: '1' }), container({}, { cpu: '1' })]
    const withInit = (cpu: string, restartPolicy?: string) =>
      requestFor('v1/pods', { ...pod(), spec: { containers: two, initContainers: [{ ...container({}, { cpu }, 'i'), restartPolicy }] } })
    expect(await refusalOf(plugin, withInit('3'))).toBeUndefined()
    expect((await refusalOf(plugin, withInit('4')))?.message).toBe('pods "p" is forbidden: maximum cpu usage per Pod is 3, but limit is 4')
    expect((await refusalOf(plugin, withInit('2', 'Always')))?.message).toBe(
      'pods "p" is forbidden: maximum cpu usage per Pod is 3, but limit is 4',
    )
  })

  test('holds claims to the bounds on what they request', async () => {
    const world = await openWorld([limit('l', { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } })])
    const claim = (storage: string) =>
      requestFor('v1/persistentvolumeclaims', { metadata: { name: 'c', namespace: 'dev' }, spec: { resources: { requests: { storage } } } })
    expect(await refusalOf(limitRanger(world), claim('1Gi'))).toBeUndefined()
    expect((await refusalOf(limitRanger(world), claim('3Gi')))?.message).toBe(
      'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    )
  })

  test('leaves other namespaces alone', async () => {
    const world = await openWorld([limit('l', { type: 'Container', min: { cpu: '1' } })])
    expect(
      await refusalOf(limitRanger(world), requestFor('v1/pods', { ...pod(container()), metadata: { name: 'p', namespace: 'dev2' } })),
    ).toBeUndefined()
  })
})
