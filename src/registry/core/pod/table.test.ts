import { expect, test } from 'vitest'
import { podTable } from './table.ts'
import { type Body, NOW_MS } from './testdata.ts'

const MINUTE_AGO = '2025-06-15T11:59:00Z'
const running = (more: Body = {}) => ({ name: 'c', ready: true, state: { running: {} }, ...more })
const waiting = (reason: string) => ({ name: 'c', state: { waiting: { reason } } })
const ended = (terminated: Body) => ({ name: 'c', state: { terminated } })

const cellsOf = (status: Body, { spec = {}, metadata = {} }: Body = {}) =>
  podTable.cells(
    { metadata: { name: 'p', creationTimestamp: MINUTE_AGO, ...metadata }, spec: { containers: [{ name: 'c' }], ...spec }, status },
    { nowMs: NOW_MS, emulatedMinor: 36 },
  )

test('the columns are those of kubectl get pods -o wide', () => {
  expect(podTable.columns({ emulatedMinor: 36 }).map(({ name, priority = 0 }) => `${name}${priority}`)).toEqual([
    'Name0',
    'Ready0',
    'Status0',
    'Restarts0',
    'Age0',
    'IP1',
    'Node1',
    'Nominated Node1',
    'Readiness Gates1',
  ])
})

test('a running pod shows everything', () => {
  const last = { lastState: { terminated: { finishedAt: MINUTE_AGO } } }
  const status = {
    phase: 'Running',
    podIPs: [{ ip: '192.0.2.1' }],
    conditions: [{ type: 'g', status: 'True' }],
    containerStatuses: [running({ restartCount: 2, ...last })],
  }
  expect(cellsOf(status, { spec: { nodeName: 'n', readinessGates: [{ conditionType: 'g' }, { conditionType: 'h' }] } })).toEqual([
    'p',
    '1/1',
    'Running',
    '2 (60s ago)',
    '60s',
    '192.0.2.1',
    'n',
    '<none>',
    '1/2',
  ])
})

test.each<[state: string, status: Body, more?: Body]>([
  ['Pending', { phase: 'Pending' }],
  ['Evicted', { phase: 'Failed', reason: 'Evicted' }],
  ['SchedulingGated', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }],
  ['CrashLoopBackOff', { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff')] }],
  ['Completed', { phase: 'Succeeded', containerStatuses: [ended({ reason: 'Completed', exitCode: 0 })] }],
  ['ExitCode:3', { phase: 'Failed', containerStatuses: [ended({ exitCode: 3 })] }],
  ['Signal:9', { phase: 'Failed', containerStatuses: [ended({ signal: 9, exitCode: 137 })] }],
  [
    'Init:0/1',
    { phase: 'Pending', initContainerStatuses: [{ name: 'i', state: { waiting: { reason: 'PodInitializing' } } }] },
    { spec: { initContainers: [{ name: 'i' }] } },
  ],
  [
    'Init:Error',
    { phase: 'Pending', initContainerStatuses: [{ name: 'i', state: { terminated: { reason: 'Error', exitCode: 1 } } }] },
    { spec: { initContainers: [{ name: 'i' }] } },
  ],
  ['Terminating', { phase: 'Running', containerStatuses: [running()] }, { metadata: { deletionTimestamp: MINUTE_AGO } }],
  ['Unknown', { phase: 'Running', reason: 'NodeLost' }, { metadata: { deletionTimestamp: MINUTE_AGO } }],
])('a pod is %s', (state, status, more) => {
  expect(cellsOf(status, more)[2]).toBe(state)
})

test('sidecars count as containers', () => {
  const status = {
    phase: 'Running',
    initContainerStatuses: [{ name: 's', started: true, ready: true, restartCount: 1 }],
    containerStatuses: [running()],
  }
  const [, ready, , restarts] = cellsOf(status, { spec: { initContainers: [{ name: 's', restartPolicy: 'Always' }] } })
  expect([ready, restarts]).toEqual(['2/2', '1'])
})

test('ended pods are marked for kubectl to leave out', () => {
  expect(podTable.conditions?.({ status: { phase: 'Succeeded' } })?.[0]?.reason).toBe('Succeeded')
  expect(podTable.conditions?.({ status: { phase: 'Failed' } })?.[0]?.reason).toBe('Failed')
  expect(podTable.conditions?.({ status: { phase: 'Running' } })).toBeUndefined()
})
