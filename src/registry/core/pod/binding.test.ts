import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../api/object.ts'
import { isStatusError } from '../../../api/status.ts'
import type { Pod } from '../../../api/types/core/v1.ts'
import type { Action } from '../../resource.ts'
import { legacyBinding, podBinding } from './binding.ts'
import { type Body, NOW_MS } from './testdata.ts'

/** One pod, and how it is written. */
function world(pod: Body = {}) {
  const stored: Body = { metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '7' }, spec: {}, status: {}, ...pod }
  const updates: Body[] = []
  const calls: string[] = []
  const registry = {
    update: async (resource: string, key: object, change: (object: KubeObject) => void, options: object) => {
      calls.push('update')
      updates.push({ resource, key, options })
      change(stored)
      return stored
    },
  }
  const validateAdmission = async () => {
    calls.push('admission')
  }
  const action = { registry, namespace: 'ns', name: 'p', dryRun: false, nowMs: NOW_MS, user: 'me', validateAdmission } as unknown as Action
  const bind = async (body: Body, by = podBinding) => {
    try {
      return await by.create(action, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n1' }, ...body })
    } catch (error) {
      if (!isStatusError(error)) throw error
      return error.status
    }
  }
  return { stored: stored as Pod, updates, calls, bind }
}

test('a binding puts the pod on the node and says so', async () => {
  const { stored, updates, calls, bind } = world({ status: { nominatedNodeName: 'n0' } })
  expect(await bind({ metadata: { name: 'p', annotations: { by: 'me' }, labels: { a: 'b' } } })).toMatchObject({
    status: 'Success',
    code: 201,
  })
  expect(calls).toEqual(['admission', 'update'])
  expect(updates).toEqual([
    { resource: 'v1/pods', key: { namespace: 'ns', name: 'p' }, options: { direct: true, dryRun: false, user: 'me' } },
  ])
  expect(stored).toMatchObject({ metadata: { annotations: { by: 'me' }, labels: { a: 'b' } }, spec: { nodeName: 'n1' } })
  expect(stored.status).toEqual({
    conditions: [{ type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: '2025-06-15T12:00:00Z' }],
  })
})

test('a binding by the collection takes the name of its body', async () => {
  const { stored, bind } = world()
  await bind({}, legacyBinding)
  expect(stored.spec?.nodeName).toBe('n1')
})

describe('a binding is refused', () => {
  test.each<[why: string, body: Body, code: number, message: string]>([
    ['of another name', { metadata: { name: 'q' } }, 400, 'name in URL does not match name in Binding object'],
    ['without a node', { target: {} }, 500, 'target.name: Required value'],
    [
      'to what is no node',
      { target: { kind: 'Pod', name: 'n' } },
      500,
      'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
    ],
    [
      'of another uid',
      { metadata: { name: 'p', uid: 'v' } },
      409,
      'Operation cannot be fulfilled on pods "p": StorageError: invalid object, Code: 4, Key: /registry/pods/ns/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: v, UID in object meta: u',
    ],
  ])('%s', async (_why, body, code, message) => {
    const { updates, bind, stored } = world()
    expect(await bind(body)).toMatchObject({ code, message })
    expect(stored.spec).toEqual({})
    expect(updates.length).toBe(code === 409 ? 1 : 0)
  })

  test.each<[why: string, pod: Body, message: string]>([
    ['of a bound pod', { spec: { nodeName: 'n2' } }, 'pod p is already assigned to node "n2"'],
    ['of a gated pod', { spec: { schedulingGates: [{ name: 'a/b' }] } }, 'pod p has non-empty .spec.schedulingGates'],
    [
      'of a pod that goes',
      { metadata: { name: 'p', deletionTimestamp: '2025-06-15T12:00:00Z' } },
      'pod p is being deleted, cannot be assigned to a host',
    ],
  ])('%s', async (_why, pod, message) => {
    const { bind } = world(pod)
    expect(await bind({})).toMatchObject({
      code: 409,
      reason: 'Conflict',
      details: { name: 'p', kind: 'pods/binding' },
      message: `Operation cannot be fulfilled on pods/binding "p": ${message}`,
    })
  })
})
