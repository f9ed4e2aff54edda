import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../api/object.ts'
import { conflict, isStatusError } from '../../../api/status.ts'
import type { Action } from '../../resource.ts'
import { podEviction } from './eviction.ts'
import { type Body, NOW_MS } from './testdata.ts'

const RUNNING = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
const UNREADY = { phase: 'Running' }

interface Setting {
  status?: Body
  metadata?: Body
  budgets?: Body[]
  conflicts?: number
}

/** One pod labelled `a: b`, its budgets, and everything that eviction does to them. */
function world({ status = RUNNING, metadata = {}, budgets = [], conflicts = 0 }: Setting) {
  const pod: Body = { metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '7', labels: { a: 'b' }, ...metadata }, status }
  const calls: Body[] = []
  let refusals = conflicts
  const registry = {
    get: () => pod,
    update: async (resource: string, { name }: { name: string }, change: (object: KubeObject) => void, options: Body) => {
      calls.push({ update: resource, subresource: options.subresource })
      if (resource === 'v1/pods' && refusals-- > 0) throw conflict({ group: '', resource: 'pods' }, 'p', 'changed')
      const object = resource === 'v1/pods' ? pod : budgets.find((one) => one.metadata.name === name)
      change(object)
      return object
    },
    delete: async (_resource: string, _key: object, options: Body) => {
      const { user: _, ...rest } = options
      calls.push({ delete: rest })
    },
  }
  const entries = budgets.map((object) => ({ object }))
  const cache = { resource: () => ({ snapshot: () => ({ scan: () => entries }) }) }
  const validateAdmission = async () => {}
  const action = (dryRun: boolean) =>
    ({ registry, world: { cache }, namespace: 'ns', name: 'p', dryRun, nowMs: NOW_MS, validateAdmission }) as unknown as Action
  const evict = async (body: Body = {}, dryRun = false) => {
    try {
      return await podEviction.create(action(dryRun), { metadata: { name: 'p' }, ...body })
    } catch (error) {
      if (!isStatusError(error)) throw error
      return error.status
    }
  }
  return { pod, calls, evict }
}

const budget = (status: Body, more: Body = {}) => ({
  metadata: { name: 'pdb', namespace: 'ns', generation: 1 },
  spec: { selector: { matchLabels: { a: 'b' } }, ...more },
  status: { observedGeneration: 1, ...status },
})

test('a pod without a budget is marked and deleted', async () => {
  const { pod, calls, evict } = world({})
  expect(await evict({ deleteOptions: { gracePeriodSeconds: 5 } })).toMatchObject({ status: 'Success', code: 201 })
  expect(calls).toEqual([
    { update: 'v1/pods', subresource: 'status' },
    { delete: { preconditions: {}, dryRun: false, gracePeriodSeconds: 5 } },
  ])
  expect(pod.status.conditions.at(-1)).toMatchObject({
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  })
})

test('a dry run changes nothing', async () => {
  const { calls, evict } = world({ budgets: [budget({ disruptionsAllowed: 1 })] })
  await evict({}, true)
  expect(calls).toEqual([{ delete: { preconditions: {}, dryRun: true } }])
})

test('a dry run may be asked for in the body', async () => {
  const { calls, evict } = world({})
  await evict({ deleteOptions: { dryRun: ['All'] } })
  expect(calls).toEqual([{ delete: { preconditions: {}, dryRun: true } }])
})

test('a budget pays for the eviction', async () => {
  const allowing = budget({ disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 })
  const { calls, evict } = world({ budgets: [allowing] })
  await evict()
  expect(calls[0]).toEqual({ update: 'policy/v1/poddisruptionbudgets', subresource: 'status' })
  expect(allowing.status).toMatchObject({
    disruptionsAllowed: 0,
    disruptedPods: { p: '2025-06-15T12:00:00Z' },
    conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', observedGeneration: 1 }],
  })
})

test.each<[why: string, status: Body]>([
  ['waiting', { phase: 'Pending' }],
  ['ended', { phase: 'Succeeded' }],
])('a pod that is %s needs no budget', async (_why, status) => {
  const spent = budget({ disruptionsAllowed: 0 })
  const { evict } = world({ status, budgets: [spent] })
  expect(await evict()).toMatchObject({ code: 201 })
})

test('an unready pod goes free where enough others are healthy', async () => {
  const spent = budget({ disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 2 })
  const { calls, evict } = world({ status: UNREADY, budgets: [spent] })
  expect(await evict()).toMatchObject({ code: 201 })
  expect(calls.at(-1)).toEqual({ delete: { preconditions: { resourceVersion: '7' }, dryRun: false } })
})

test('an unready pod goes free where the budget always allows it', async () => {
  const spent = budget({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 2 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  const { evict } = world({ status: UNREADY, budgets: [spent] })
  expect(await evict()).toMatchObject({ code: 201 })
})

test('a waiting pod that changes meanwhile is tried again', async () => {
  const { calls, evict } = world({ status: { phase: 'Pending' }, conflicts: 2 })
  expect(await evict()).toMatchObject({ code: 201 })
  expect(calls.filter((call) => 'update' in call).length).toBe(3)
})

test('it is not tried again when the client named the version', async () => {
  const { calls, evict } = world({ status: { phase: 'Pending' }, conflicts: 1 })
  expect(await evict({ deleteOptions: { preconditions: { resourceVersion: '7' } } })).toMatchObject({ code: 409 })
  expect(calls.length).toBe(1)
})

describe('an eviction is refused', () => {
  test('of another name', async () => {
    const { evict } = world({})
    expect(await evict({ metadata: { name: 'q' } })).toMatchObject({
      code: 400,
      message: 'name in URL does not match name in Eviction object',
    })
  })

  test('under two budgets', async () => {
    const { evict } = world({ budgets: [budget({ disruptionsAllowed: 1 }), budget({ disruptionsAllowed: 1 })] })
    expect(await evict()).toMatchObject({
      code: 500,
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    })
  })

  test.each<[why: string, status: Body, cause: string]>([
    [
      'when too few are healthy',
      { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 },
      'The disruption budget pdb needs 1 healthy pods and has 1 currently',
    ],
    [
      'when the budget could not be synced',
      {
        disruptionsAllowed: 0,
        currentHealthy: 2,
        desiredHealthy: 1,
        conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'no scale' }],
      },
      'The disruption budget pdb does not allow evicting pods currently because it failed sync: no scale',
    ],
    [
      'before the budget is processed',
      { observedGeneration: 0, disruptionsAllowed: 1 },
      'The disruption budget pdb is still being processed by the server.',
    ],
  ])('%s', async (_why, status, cause) => {
    const { calls, evict } = world({ budgets: [budget(status)] })
    expect(await evict()).toMatchObject({
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [{ reason: 'DisruptionBudget', message: cause }] },
    })
    expect(calls).toEqual([])
  })

  test('when the budget is below zero', async () => {
    const { evict } = world({ budgets: [budget({ disruptionsAllowed: -1 })] })
    expect(await evict()).toMatchObject({ code: 403, reason: 'Forbidden' })
  })

  test('when the pod is another by now', async () => {
    const { evict } = world({})
    expect(await evict({ deleteOptions: { preconditions: { uid: 'v' } } })).toMatchObject({ code: 409, reason: 'Conflict' })
  })
})
