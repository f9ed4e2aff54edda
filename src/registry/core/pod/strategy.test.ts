import { describe, expect, test } from 'vitest'
import { pods } from '../pods.ts'
import { gracePeriodSeconds } from './strategy.ts'
import { type Body, container, create, createPod, load, podBody, testWrite, update } from './testdata.ts'

const pod = (body: Body) => load<Body>(pods, body)

describe('defaults of a pod', () => {
  test('of the smallest pod', () => {
    expect(pod(podBody({ containers: [container({ image: 'i' })] })).spec).toEqual({
      containers: [
        {
          name: 'c',
          image: 'i',
          imagePullPolicy: 'Always',
          resources: {},
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      dnsPolicy: 'ClusterFirst',
      enableServiceLinks: true,
      restartPolicy: 'Always',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
    })
  })

  test.each<[image: string, policy: string]>([
    ['a', 'Always'],
    ['a:latest', 'Always'],
    ['a:1', 'IfNotPresent'],
    ['host:5000/a', 'Always'],
    ['host:5000/a:1', 'IfNotPresent'],
    [`a@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
  ])('the image %s is pulled %s', (image, policy) => {
    expect(pod(podBody({ containers: [container({ image })] })).spec.containers[0].imagePullPolicy).toBe(policy)
  })

  test.each<[what: string, spec: Body, expected: Body]>([
    [
      'requests from limits',
      { containers: [container({ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } })] },
      { containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } } }] },
    ],
    [
      'quantities in canonical form',
      { containers: [container({ resources: { limits: { cpu: '1000m', memory: '1024Mi' } } })] },
      { containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' } } }] },
    ],
    [
      'host ports on the network of the host',
      { hostNetwork: true, containers: [container({ ports: [{ containerPort: 80 }] })] },
      { containers: [{ ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }] },
    ],
    [
      'probes',
      { containers: [container({ livenessProbe: { httpGet: { port: 80 } } })] },
      {
        containers: [
          {
            livenessProbe: {
              httpGet: { path: '/', port: 80, scheme: 'HTTP' },
              failureThreshold: 3,
              periodSeconds: 10,
              successThreshold: 1,
              timeoutSeconds: 1,
            },
          },
        ],
      },
    ],
    [
      'modes of files',
      {
        volumes: [
          { name: 's', secret: { secretName: 's' } },
          { name: 'p', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
        ],
      },
      {
        volumes: [
          { secret: { defaultMode: 420 } },
          { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
        ],
      },
    ],
    ['a volume without a source is an empty directory', { volumes: [{ name: 'v' }] }, { volumes: [{ name: 'v', emptyDir: {} }] }],
    [
      'the kind of a host path',
      { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
      { volumes: [{ hostPath: { path: '/x', type: '' } }] },
    ],
    ['both names of the account', { serviceAccountName: 'a' }, { serviceAccountName: 'a', serviceAccount: 'a' }],
    ['the new name of the account from the old', { serviceAccount: 'a' }, { serviceAccountName: 'a', serviceAccount: 'a' }],
    ['a grace is not negative', { terminationGracePeriodSeconds: -1 }, { terminationGracePeriodSeconds: 1 }],
  ])('%s', (_what, spec, expected) => {
    expect(pod(podBody(spec)).spec).toMatchObject(expected)
  })

  test('they change nothing the second time', () => {
    const once = pod(podBody({ volumes: [{ name: 'v' }], containers: [container({ resources: { limits: { cpu: '1000m' } } })] }))
    expect(pod(once)).toEqual(once)
  })
})

describe('a new pod', () => {
  test('waits, whatever status it came with', () => {
    const { object } = create<Body>(pods, { ...podBody(), status: { phase: 'Running', podIP: '192.0.2.1' } })
    expect(object.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' })
  })

  test('with gates says that they hold it', () => {
    expect(createPod({ schedulingGates: [{ name: 'a/b' }] }).object.status?.conditions).toMatchObject([
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ])
  })

  test('merges the keys of its labels into selectors', () => {
    const term = { topologyKey: 'zone', labelSelector: { matchLabels: { a: 'b' } }, matchLabelKeys: ['hash'], mismatchLabelKeys: ['team'] }
    const spec = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } }
    const { object, errors } = createPod(spec, { labels: { hash: '1', team: 'x' } })
    expect(errors).toEqual([])
    expect(
      object.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector?.matchExpressions,
    ).toEqual([
      { key: 'hash', operator: 'In', values: ['1'] },
      { key: 'team', operator: 'NotIn', values: ['x'] },
    ])
  })

  test.each<[qos: string, resources: Body]>([
    ['BestEffort', {}],
    ['Burstable', { requests: { cpu: '1' } }],
    ['Burstable', { limits: { cpu: '1' } }],
    ['Guaranteed', { limits: { cpu: '1', memory: '1Gi' } }],
    ['Burstable', { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }],
    ['BestEffort', { limits: { 'example.com/gpu': '1' } }],
  ])('is %s with %j', (qos, resources) => {
    expect(createPod({ containers: [container({ resources })] }).object.status?.qosClass).toBe(qos)
  })

  test('may be privileged where the server allows it', () => {
    const body = podBody({ containers: [container({ securityContext: { privileged: true } })] })
    expect(create(pods, body, testWrite({ allowPrivileged: true })).errors).toEqual([])
  })
})

describe('the grace of a deletion', () => {
  const bound = { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }
  test.each<[what: string, pod: Body, requested: number | undefined, seconds: number]>([
    ['as the pod says', bound, undefined, 30],
    ['as the client says', bound, 5, 5],
    ['none when the client says so', bound, 0, 0],
    ['one second for a negative one', bound, -1, 1],
    ['none on no node', { spec: {} }, 5, 0],
    ['none after success', { ...bound, status: { phase: 'Succeeded' } }, undefined, 0],
    ['none after failure', { ...bound, status: { phase: 'Failed' } }, undefined, 0],
  ])('%s', (_what, body, requested, seconds) => {
    expect(gracePeriodSeconds(body, requested)).toBe(seconds)
  })
})

describe('endpoints of a pod', () => {
  const before = { ...podBody({ nodeName: 'n' }, { labels: { a: 'b' } }), status: { phase: 'Running', qosClass: 'BestEffort' } }

  test('the pod keeps its status', () => {
    const { object } = update<Body>(pods, { before, after: { ...podBody({ nodeName: 'n' }), status: { phase: 'Failed' } } })
    expect(object.status).toEqual({ phase: 'Running', qosClass: 'BestEffort' })
  })

  test('the status keeps the spec, and the class of service', () => {
    const after = { ...podBody({ nodeName: 'other' }, { labels: { c: 'd' } }), status: { phase: 'Failed' } }
    const { object, errors } = update<Body>(pods, { before, after, subresource: 'status' })
    expect(errors).toEqual([])
    expect(object.spec.nodeName).toBe('n')
    expect(object.metadata.labels).toEqual({ c: 'd' })
    expect(object.status).toEqual({ phase: 'Failed', qosClass: 'BestEffort' })
  })

  test('the status keeps generations that an old kubelet leaves out', () => {
    const ready = { type: 'Ready', status: 'True' }
    const old = { ...podBody(), status: { observedGeneration: 3, conditions: [{ ...ready, observedGeneration: 2 }] } }
    const { object } = update<Body>(pods, { before: old, after: { ...podBody(), status: { conditions: [ready] } }, subresource: 'status' })
    expect(object.status).toMatchObject({ observedGeneration: 3, conditions: [{ observedGeneration: 2 }] })
  })

  test('ephemeral containers change nothing else, and count a generation', () => {
    const after = podBody({ nodeName: 'other', ephemeralContainers: [{ name: 'd', image: 'i' }] }, { labels: {} })
    const { object } = update<Body>(pods, { before, after, subresource: 'ephemeralcontainers' })
    expect(object).toMatchObject({
      metadata: { labels: { a: 'b' }, generation: 2 },
      spec: { nodeName: 'n', ephemeralContainers: [{ name: 'd' }] },
    })
  })

  test('a resize changes resources only', () => {
    const old = { ...podBody({ containers: [container({ resources: { requests: { cpu: '1' } } })] }), status: { qosClass: 'Burstable' } }
    const after = podBody({ containers: [container({ image: 'j:1', resources: { requests: { cpu: '2' } } })] })
    const { object, errors } = update<Body>(pods, { before: old, after, subresource: 'resize' })
    expect(errors).toEqual([])
    expect(object.spec.containers[0]).toMatchObject({ image: 'example/i:1', resources: { requests: { cpu: '2' } } })
    expect(object.metadata.generation).toBe(2)
  })
})
