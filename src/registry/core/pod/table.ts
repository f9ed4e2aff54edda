/**
 * What `kubectl get pods` shows of a pod.
 *
 * @see pkg/printers/internalversion/printers.go, printPod
 * @module
 */
import type { Container, ContainerState, ContainerStatus, Pod, PodCondition } from '../../../api/types/core/v1.ts'
import type { Column, TableDefinition } from '../../resource.ts'
import { AGE_COLUMN, ageCell, column, humanDuration, NAME_COLUMN, wideColumn } from '../../table-cells.ts'

const COLUMNS: readonly Column[] = [
  NAME_COLUMN,
  column('Ready', 'The aggregate readiness state of this pod for accepting traffic.'),
  column('Status', 'The aggregate status of the containers in this pod.'),
  column(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
  ),
  AGE_COLUMN,
  wideColumn('IP', 'doc:io.k8s.api.core.v1.PodStatus.podIP'),
  wideColumn('Node', 'doc:io.k8s.api.core.v1.PodSpec.nodeName'),
  wideColumn('Nominated Node', 'doc:io.k8s.api.core.v1.PodStatus.nominatedNodeName'),
  wideColumn('Readiness Gates', 'doc:io.k8s.api.core.v1.PodSpec.readinessGates'),
]

const SUCCEEDED = [{ type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' }]
const FAILED = [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }]

export const podTable: TableDefinition<Pod> = {
  columns: () => COLUMNS,
  cells(pod, { nowMs }) {
    const { ready, total, reason, restarts, lastRestartMs } = podSummary(pod)
    const restartsCell =
      restarts !== 0 && lastRestartMs !== undefined ? `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)` : String(restarts)
    return [
      pod.metadata?.name ?? '',
      `${ready}/${total}`,
      reason,
      restartsCell,
      ageCell(pod, nowMs),
      pod.status?.podIPs?.[0]?.ip || '<none>',
      pod.spec?.nodeName || '<none>',
      pod.status?.nominatedNodeName || '<none>',
      readinessGatesCell(pod),
    ]
  },
  conditions(pod) {
    if (pod.status?.phase === 'Succeeded') return SUCCEEDED
    return pod.status?.phase === 'Failed' ? FAILED : undefined
  },
}

interface PodSummary {
  ready: number
  total: number
  reason: string
  restarts: number
  lastRestartMs: number | undefined
}

/** A sum of restarts and the time of the newest. */
class Restarts {
  count = 0
  lastMs: number | undefined
  add(status: ContainerStatus): void {
    this.count += status.restartCount ?? 0
    const finishedAt = status.lastState?.terminated?.finishedAt
    if (!finishedAt) return
    const ms = Date.parse(finishedAt)
    if (this.lastMs === undefined || ms > this.lastMs) this.lastMs = ms
  }
}

function podSummary(pod: Pod): PodSummary {
  const { spec = {}, status = {} } = pod
  const initContainers = spec.initContainers ?? []
  const restartable = new Set(initContainers.filter(isRestartable).map((one) => one.name))
  const total = (spec.containers?.length ?? 0) + restartable.size
  let ready = 0
  let reason = status.reason || status.phase || ''
  if (status.conditions?.some(isSchedulingGated)) reason = 'SchedulingGated'

  let restarts = new Restarts()
  const sidecarRestarts = new Restarts()
  let initializing = false
  for (const [index, one] of (status.initContainerStatuses ?? []).entries()) {
    restarts.add(one)
    const isSidecar = restartable.has(one.name)
    if (isSidecar) sidecarRestarts.add(one)
    if (one.state?.terminated !== undefined && (one.state.terminated.exitCode ?? 0) === 0) continue
    if (isSidecar && one.started === true) {
      if (one.ready) ready++
      continue
    }
    reason = initReason(one.state ?? {}, index, initContainers.length)
    initializing = true
    break
  }

  if (!initializing || isInitialized(status.conditions)) {
    restarts = sidecarRestarts
    let hasRunning = false
    let errorReason = ''
    for (const one of (status.containerStatuses ?? []).toReversed()) {
      restarts.add(one)
      const { waiting, terminated, running } = one.state ?? {}
      if (waiting?.reason) {
        reason = waiting.reason
      } else if (terminated !== undefined) {
        reason = terminated.reason || exitText(terminated)
        if (terminated.exitCode) errorReason = reason
      } else if (one.ready && running !== undefined) {
        hasRunning = true
        ready++
      }
    }
    if (reason === 'Completed') {
      if (hasRunning && hasCondition(status.conditions, 'Ready')) reason = 'Running'
      else if (errorReason !== '') reason = errorReason
      else if (hasRunning) reason = 'NotReady'
    }
  }

  if (pod.metadata?.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') reason = 'Unknown'
    else if (status.phase !== 'Failed' && status.phase !== 'Succeeded') reason = 'Terminating'
  }
  return { ready, total, reason, restarts: restarts.count, lastRestartMs: restarts.lastMs }
}

function initReason({ terminated, waiting }: ContainerState, index: number, count: number): string {
  if (terminated !== undefined) return `Init:${terminated.reason || exitText(terminated)}`
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`
  return `Init:${index}/${count}`
}

function exitText(terminated: { signal?: number | undefined; exitCode?: number | undefined }): string {
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`
}

function isRestartable(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

function isSchedulingGated(condition: PodCondition): boolean {
  return condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated'
}

function hasCondition(conditions: PodCondition[] | undefined, type: string): boolean {
  return conditions?.some((one) => one.type === type && one.status === 'True') ?? false
}

function isInitialized(conditions: PodCondition[] | undefined): boolean {
  return conditions?.find((one) => one.type === 'Initialized')?.status === 'True'
}

function readinessGatesCell(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const conditions = pod.status?.conditions ?? []
  const holding = gates.filter((gate) => conditions.find((one) => one.type === gate.conditionType)?.status === 'True')
  return `${holding.length}/${gates.length}`
}
