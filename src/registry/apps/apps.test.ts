import { describe, expect, test } from 'vitest'
import { type Body, container, create, load, NOW_MS, template, update } from '../core/pod/testdata.ts'
import { replicationControllers } from '../core/replicationcontrollers.ts'
import type { ResourceDefinition } from '../resource.ts'
import { controllerRevisions } from './controllerrevisions.ts'
import { daemonSets } from './daemonsets.ts'
import { deployments } from './deployments.ts'
import { replicaSets } from './replicasets.ts'
import { statefulSets } from './statefulsets.ts'

const body = (spec: Body = {}) => ({
  metadata: { name: 'w', namespace: 'ns' },
  spec: { selector: { matchLabels: { a: 'b' } }, template: template(), ...spec },
})
const rcBody = (spec: Body = {}) => body({ selector: { a: 'b' }, ...spec })

type Row = [rule: string, spec: Body, errors: string[]]

function refuses(definition: ResourceDefinition, rows: readonly Row[], make = body): void {
  test.each(rows)('%s', (_rule, spec, errors) => {
    expect(create(definition, make(spec)).errors).toEqual(errors)
  })
}

/** What every workload with a selector refuses. */
const selectorRows: Row[] = [
  ['nothing is wrong', {}, []],
  [
    'the template has the labels',
    { template: template({}, { labels: { a: 'c' } }) },
    ['spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector` does not match template `labels`'],
  ],
  [
    'its pods are always restarted',
    { template: template({ restartPolicy: 'Never' }) },
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  ],
  [
    'its pods have no deadline',
    { template: template({ activeDeadlineSeconds: 1 }) },
    ['spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported'],
  ],
  [
    'its pods are valid',
    { template: template({ containers: [container({ name: '' })] }) },
    ['spec.template.spec.containers[0].name: Required value'],
  ],
]

describe('deployments', () => {
  refuses(deployments, selectorRows.slice(0, 3))
  refuses(deployments, [
    ['replicas are not negative', { replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
    [
      'a strategy is one of two',
      { strategy: { type: 'Odd' } },
      ['spec.strategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'something must be able to change',
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'at most all are unavailable',
      { strategy: { rollingUpdate: { maxUnavailable: '101%' } } },
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      'progress takes longer than getting ready',
      { minReadySeconds: 5, progressDeadlineSeconds: 5 },
      ['spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
    ],
  ])

  test('defaults', () => {
    expect(load<Body>(deployments, body()).spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    })
  })

  test('the selector is fixed', () => {
    const after = body({ selector: { matchLabels: { c: 'd' } }, template: template({}, { labels: { c: 'd' } }) })
    expect(update(deployments, { before: body(), after }).errors).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: field is immutable',
    ])
  })

  test('an update of the spec counts a generation and keeps the status', () => {
    const before = { ...body(), status: { replicas: 1 } }
    const { object } = update<Body>(deployments, { before, after: { ...body({ replicas: 2 }), status: { replicas: 5 } } })
    expect(object).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 1 } })
    expect(update<Body>(deployments, { before, after: before }).object.metadata.generation).toBe(1)
  })

  test('a status has no more available than replicas', () => {
    const after = { ...body(), status: { replicas: 1, availableReplicas: 2 } }
    expect(update(deployments, { before: body(), after, subresource: 'status' }).errors).toEqual([
      'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
    ])
  })

  test('the table', () => {
    const status = { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 }
    const object = { ...body({ replicas: 3 }), status }
    expect(deployments.table?.cells(object, { nowMs: NOW_MS, emulatedMinor: 36 })).toEqual([
      'w',
      '1/3',
      2,
      1,
      '<unknown>',
      'c',
      'example/i:1',
      'a=b',
    ])
  })
})

describe('replica sets', () => {
  refuses(replicaSets, selectorRows)
  refuses(replicaSets, [
    ['there is a selector', { selector: {} }, ['spec.selector: Invalid value: {}: empty selector is invalid for deployment']],
  ])

  test('the scale shows and sets the replicas', () => {
    const scale = replicaSets.subresources?.scale
    if (scale?.type !== 'view') throw new Error('no scale')
    const object = load<Body>(replicaSets, { ...body({ replicas: 2 }), status: { replicas: 1 } })
    expect(scale.view(object)).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { replicas: 1, selector: 'a=b' } })
  })
})

describe('daemon sets', () => {
  refuses(daemonSets, [selectorRows[0]!, selectorRows[2]!])
  refuses(daemonSets, [
    [
      'a strategy is one of two',
      { updateStrategy: { type: 'Odd' } },
      ['spec.updateStrategy: Unsupported value: {"Type":"Odd","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"'],
    ],
    [
      'something must be able to change',
      { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
      ['spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0'],
    ],
  ])

  test('defaults', () => {
    expect(load<Body>(daemonSets, body()).spec).toMatchObject({
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    })
  })
})

describe('stateful sets', () => {
  refuses(statefulSets, [selectorRows[0]!, selectorRows[1]!, selectorRows[2]!])
  refuses(statefulSets, [
    [
      'a pod management is one of two',
      { podManagementPolicy: 'Odd' },
      ["spec.podManagementPolicy: Invalid value: \"Odd\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      'ordinals are not negative',
      { ordinals: { start: -1 } },
      ['spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'a partition is not negative',
      { updateStrategy: { rollingUpdate: { partition: -1 } } },
      ['spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0'],
    ],
  ])

  test('defaults', () => {
    expect(load<Body>(statefulSets, body()).spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    })
  })

  test('little of it may change', () => {
    const [error] = update(statefulSets, { before: body(), after: body({ serviceName: 'other' }) }).errors
    expect(error).toBe(
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    )
    expect(update(statefulSets, { before: body(), after: body({ replicas: 3 }) }).errors).toEqual([])
  })
})

describe('replication controllers', () => {
  refuses(
    replicationControllers,
    [
      ['nothing is wrong', {}, []],
      ['replicas are not negative', { replicas: -1 }, ['spec.replicas: Invalid value: -1: must be greater than or equal to 0']],
      [
        'the template has the labels',
        { selector: { c: 'd' } },
        ['spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`'],
      ],
    ],
    rcBody,
  )

  test('without a selector it selects what its template is labelled', () => {
    const object = load<Body>(replicationControllers, rcBody({ selector: undefined }))
    expect(object.spec.selector).toEqual({ a: 'b' })
    expect(object.metadata.labels).toEqual({ a: 'b' })
  })
})

describe('controller revisions', () => {
  const revision = (more: Body) => ({ metadata: { name: 'r', namespace: 'ns' }, data: { a: 1 }, revision: 1, ...more })

  test('a revision is not negative', () => {
    expect(create(controllerRevisions, revision({ revision: -1 })).errors).toEqual([
      'revision: Invalid value: -1: must be greater than or equal to 0',
    ])
  })

  test('the data is fixed', () => {
    expect(update(controllerRevisions, { before: revision({}), after: revision({ revision: 2 }) }).errors).toEqual([])
    expect(update(controllerRevisions, { before: revision({}), after: revision({ data: { a: 2 } }) }).errors).toEqual([
      expect.stringMatching(/^data: Invalid value: .*: field is immutable$/),
    ])
  })
})
