import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import type { ResourceQuota } from '../api/types/core/v1.ts'
import { quotaEvaluator } from './quota-usage.ts'
import { resourceQuota } from './resourcequota.ts'
import { openWorld, refusalOf, requestFor, type TestWorld } from './testdata.ts'

const quota = (
  name: string,
  hard: Record<string, string>,
  used: Record<string, string> | undefined,
  spec: object = {},
): readonly [string, KubeObject] => [
  'v1/resourcequotas',
  { metadata: { name, namespace: 'dev' }, spec: { hard, ...spec }, status: { hard, ...(used && { used }) } },
]

function plugin(world: TestWorld) {
  let writing = Promise.resolve()
  return resourceQuota({
    cache: world.cache,
    clock: world.clock,
    // One write at a time, each on what is there then.
    updateQuotaStatus({ namespace, name }, change) {
      const written = writing.then(async () => {
        const present = world.cache.resource('v1/resourcequotas')?.get(`${namespace}/${name}`)?.decode()
        if (present === undefined) return
        change(present as ResourceQuota)
        await world.put('v1/resourcequotas', present)
      })
      writing = written.catch(() => {})
      return written
    },
  })
}

const used = (world: TestWorld, name = 'q') => world.cache.resource('v1/resourcequotas')?.get(`dev/${name}`)?.object['status']?.used
const pod = (name: string, requests: object = {}, spec: object = {}) =>
  requestFor('v1/pods', {
    kind: 'Pod',
    metadata: { name, namespace: 'dev' },
    spec: { containers: [{ name: 'c', resources: { requests } }], ...spec },
  })

describe('resourceQuota()', () => {
  test('charges what fits and refuses what does not, in upstream words', async () => {
    const world = await openWorld([quota('q', { pods: '2', 'requests.cpu': '1' }, { pods: '1', 'requests.cpu': '500m' })])
    const admission = plugin(world)
    expect(await refusalOf(admission, pod('a', { cpu: '250m' }))).toBeUndefined()
    expect(used(world)).toEqual({ pods: '2', 'requests.cpu': '750m' })
    expect((await refusalOf(admission, pod('b', { cpu: '500m' })))?.message).toBe(
      'pods "b" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=750m, limited: pods=2,requests.cpu=1',
    )
    expect(used(world)).toEqual({ pods: '2', 'requests.cpu': '750m' })
  })

  test('gives the last place to one of many at once', async () => {
    const world = await openWorld([quota('q', { 'count/configmaps': '3' }, { 'count/configmaps': '0' })])
    const admission = plugin(world)
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        refusalOf(admission, requestFor('v1/configmaps', { metadata: { name: `c${i}`, namespace: 'dev' } })),
      ),
    )
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(3)
    expect(used(world)).toEqual({ 'count/configmaps': '3' })
  })

  test('charges nothing when another quota has no room, and nothing for a dry run', async () => {
    const world = await openWorld([quota('q', { pods: '5' }, { pods: '0' }), quota('z', { pods: '1' }, { pods: '1' })])
    const admission = plugin(world)
    expect((await refusalOf(admission, pod('a')))?.message).toContain('exceeded quota: z')
    expect(used(world)).toEqual({ pods: '0' })
    await world.drop('v1/resourcequotas', 'dev/z')
    expect(await refusalOf(admission, { ...pod('a'), dryRun: true })).toBeUndefined()
    expect(used(world)).toEqual({ pods: '0' })
  })

  test('waits for the first count, and wants every container to name what is limited', async () => {
    const world = await openWorld([quota('q', { pods: '5' }, undefined)])
    expect((await refusalOf(plugin(world), pod('a')))?.message).toBe('pods "a" is forbidden: status unknown for quota: q, resources: pods')
    await world.put(...quota('q', { 'requests.cpu': '5', 'limits.memory': '1Gi' }, { 'requests.cpu': '0', 'limits.memory': '0' }))
    expect((await refusalOf(plugin(world), pod('a', {}, { initContainers: [{ name: 'i' }] })))?.message).toBe(
      'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c,i; requests.cpu for: c,i',
    )
  })

  test('looks at scopes', async () => {
    const selector = { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] } }
    const world = await openWorld([
      quota('q', { pods: '0' }, { pods: '0' }, { scopes: ['BestEffort'] }),
      quota('z', { pods: '0' }, { pods: '0' }, selector),
    ])
    const admission = plugin(world)
    expect((await refusalOf(admission, pod('a')))?.message).toContain('exceeded quota: q')
    expect(await refusalOf(admission, pod('a', { cpu: '1' }))).toBeUndefined()
    expect((await refusalOf(admission, pod('a', { cpu: '1' }, { priorityClassName: 'high' })))?.message).toContain('exceeded quota: z')
  })

  test('charges an update the difference', async () => {
    const world = await openWorld([quota('q', { 'services.nodeports': '3' }, { 'services.nodeports': '2' })])
    const service = (type: string, ports: number) => ({
      metadata: { name: 's', namespace: 'dev', resourceVersion: '1' },
      spec: { type, ports: Array.from({ length: ports }, () => ({})) },
    })
    const change = (old: object, next: object) => requestFor('v1/services', next, { operation: 'UPDATE', oldObject: old })
    expect(await refusalOf(plugin(world), change(service('NodePort', 2), service('NodePort', 3)))).toBeUndefined()
    expect(used(world)).toEqual({ 'services.nodeports': '3' })
    expect((await refusalOf(plugin(world), change(service('ClusterIP', 1), service('NodePort', 1))))?.message).toContain(
      'requested: services.nodeports=1, used: services.nodeports=3',
    )
  })
})

describe('quotaEvaluator()', () => {
  const usage = (resource: string, object: KubeObject, group = '') =>
    Object.fromEntries(
      [...(quotaEvaluator({ group, resource })?.usage(object, Date.parse('2026-01-01T00:00:00Z')) ?? [])].map(
        ([name, { unscaled, scale }]) => [name, Number(unscaled) * 10 ** scale],
      ),
    )

  test('counts what a pod requests and limits, its overhead included', () => {
    const spec = {
      overhead: { cpu: '100m' },
      containers: [{ name: 'c', resources: { requests: { cpu: '1', 'example.com/gpu': '2' }, limits: { cpu: '2' } } }],
    }
    expect(usage('pods', { spec })).toEqual({
      'count/pods': 1,
      pods: 1,
      cpu: 1.1,
      'requests.cpu': 1.1,
      'limits.cpu': 2.1,
      'requests.example.com/gpu': 2,
    })
  })

  test('counts of a pod that has ended only its place', () => {
    expect(usage('pods', { status: { phase: 'Succeeded' } })).toEqual({ 'count/pods': 1 })
    expect(usage('pods', { metadata: { deletionTimestamp: '2025-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 } })).toEqual({
      'count/pods': 1,
    })
  })

  test('counts a claim by its class, in whole bytes', () => {
    expect(usage('persistentvolumeclaims', { spec: { storageClassName: 'fast', resources: { requests: { storage: '1500m' } } } })).toEqual({
      persistentvolumeclaims: 1,
      'count/persistentvolumeclaims': 1,
      'requests.storage': 2,
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': 1,
      'fast.storageclass.storage.k8s.io/requests.storage': 2,
    })
  })

  test('counts the devices that a resource claim may take, by class', () => {
    const exact = (deviceClassName: string, count: number) => ({ deviceClassName, allocationMode: 'ExactCount', count })
    const requests = [
      { name: 'a', exactly: exact('gold', 2) },
      { name: 'b', exactly: { deviceClassName: 'silver', allocationMode: 'All' } },
      { name: 'c', firstAvailable: [exact('gold', 1), exact('gold', 3), exact('tin', 1)] },
    ]
    expect(usage('resourceclaims', { spec: { devices: { requests } } }, 'resource.k8s.io')).toEqual({
      'count/resourceclaims.resource.k8s.io': 1,
      'gold.deviceclass.resource.k8s.io/devices': 5,
      'silver.deviceclass.resource.k8s.io/devices': 32,
      'tin.deviceclass.resource.k8s.io/devices': 1,
    })
  })

  test('counts old kinds under both names, others under one, and events not at all', () => {
    expect(usage('secrets', {})).toEqual({ 'count/secrets': 1, secrets: 1 })
    expect(usage('deployments', {}, 'apps')).toEqual({ 'count/deployments.apps': 1 })
    expect(quotaEvaluator({ group: 'events.k8s.io', resource: 'events' })).toBeUndefined()
  })
})
