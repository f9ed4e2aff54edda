/**
 * Eviction: a deletion that a disruption budget may refuse.
 *
 * @see pkg/registry/core/pod/storage/eviction.go
 * @module
 */
import { invalidValue } from '../../../api/field.ts'
import { selectorFromObject } from '../../../api/labels.ts'
import type { KubeObject } from '../../../api/object.ts'
import {
  badRequest,
  conflict,
  failure,
  forbidden,
  invalid,
  isStatusError,
  notFound,
  StatusError,
  success,
  tooManyRequests,
} from '../../../api/status.ts'
import type { Pod } from '../../../api/types/core/v1.ts'
import type { DeleteOptions } from '../../../api/types/meta/v1.ts'
import type { Eviction, PodDisruptionBudget } from '../../../api/types/policy/v1.ts'
import { rfc3339 } from '../../../clock.ts'
import type { Action, ActionSubresource } from '../../resource.ts'
import { hasTrueCondition, updatePodCondition } from './conditions.ts'

/** More disrupted pods than this are not confirmed any more: the budget's controller is behind. */
const MAX_DISRUPTED_PODS = 2000
const CONFLICT_RETRIES = 20
const BUDGETS = 'policy/v1/poddisruptionbudgets'
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."

export const podEviction: ActionSubresource = {
  type: 'action',
  verbs: ['create'],
  kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
  schema: 'io.k8s.api.policy.v1.Eviction',
  create: (action, body) => evict(action, body),
}

async function evict(action: Action, eviction: Eviction & KubeObject): Promise<KubeObject> {
  const { name } = action
  if (name !== (eviction.metadata?.name ?? '')) throw badRequest('name in URL does not match name in Eviction object')
  const requested = eviction.deleteOptions ?? {}
  if (requested.ignoreStoreReadErrorWithClusterBreakingPotential === true) {
    const detail = 'can not be set for pod eviction, try after removing the option'
    throw invalid({ group: 'policy', kind: 'Eviction' }, name, [
      invalidValue('deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential', true, detail),
    ])
  }
  await action.validateAdmission()
  const dryRun = action.dryRun || (requested.dryRun?.length ?? 0) > 0
  const clientSetVersion = requested.preconditions?.resourceVersion !== undefined

  for (let attempt = 1; ; attempt++) {
    const pod = podOf(action)
    if (!ignoresBudgets(pod)) break
    const enforceVersion = pod.status?.phase === 'Pending' && pod.metadata?.deletionTimestamp === undefined && !clientSetVersion
    try {
      await deletePod(action, { options: enforceVersion ? atVersion(requested, pod) : requested, dryRun })
      return evicted()
    } catch (error) {
      if (clientSetVersion || attempt === CONFLICT_RETRIES || !isStatusError(error, 'Conflict')) throw error
    }
  }

  const pod = podOf(action)
  const budgets = budgetsOf(action, pod)
  if (budgets.length > 1) {
    throw failure(500, '', 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.')
  }
  const budget = budgets[0]
  let options = requested
  if (budget !== undefined) {
    if (goesWithoutBudget(pod, budget)) options = atVersion(requested, pod)
    else await spend(action, { budget, dryRun })
  }
  try {
    await deletePod(action, { options, dryRun })
  } catch (error) {
    if (isStatusError(error, 'Conflict') && options !== requested && !clientSetVersion) throw stillProcessed(budget?.metadata?.name ?? '')
    throw error
  }
  return evicted()
}

function evicted(): KubeObject {
  return { ...success(), code: 201 }
}

function podOf(action: Action): Pod {
  const pod = action.registry.get('v1/pods', action)
  if (pod === undefined) throw notFound({ group: '', resource: 'pods' }, action.name)
  return pod
}

/** An ended, waiting or going pod serves nobody: its end disrupts nothing. */
function ignoresBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata?.deletionTimestamp !== undefined
}

/** An unhealthy pod does not count, so that its end spends nothing where the budget allows that. */
function goesWithoutBudget(pod: Pod, { spec = {}, status = {} }: PodDisruptionBudget): boolean {
  if (hasTrueCondition(pod.status, 'Ready')) return false
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  return (status.currentHealthy ?? 0) >= (status.desiredHealthy ?? 0) && (status.desiredHealthy ?? 0) > 0
}

function atVersion(options: DeleteOptions, pod: Pod): DeleteOptions {
  return { ...options, preconditions: { ...options.preconditions, resourceVersion: pod.metadata?.resourceVersion } }
}

async function deletePod(action: Action, { options, dryRun }: { options: DeleteOptions; dryRun: boolean }): Promise<void> {
  const { registry, user } = action
  const key = { namespace: action.namespace, name: action.name }
  const { uid, resourceVersion } = options.preconditions ?? {}
  const preconditions: { uid?: string; resourceVersion?: string } = {}
  if (uid) preconditions.uid = uid
  if (resourceVersion) preconditions.resourceVersion = resourceVersion
  if (!dryRun) {
    const updated = await registry.update(
      'v1/pods',
      key,
      (pod: Pod & KubeObject) => {
        checkPreconditions(pod, preconditions)
        const message = 'Eviction API: evicting'
        pod.status ??= {}
        updatePodCondition(pod.status, { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message }, action.nowMs)
      },
      { subresource: 'status', user },
    )
    const version = updated.metadata?.resourceVersion
    if (preconditions.resourceVersion !== undefined && version !== undefined) preconditions.resourceVersion = version
  }
  const { gracePeriodSeconds, propagationPolicy } = options
  await registry.delete('v1/pods', key, {
    preconditions,
    user,
    dryRun,
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  })
}

function checkPreconditions({ metadata = {} }: Pod, { uid, resourceVersion }: { uid?: string; resourceVersion?: string }): void {
  const pods = { group: '', resource: 'Pod' }
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      pods,
      metadata.name ?? '',
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      pods,
      metadata.name ?? '',
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
  }
}

function budgetsOf({ world, namespace }: Action, pod: Pod): PodDisruptionBudget[] {
  const budgets: PodDisruptionBudget[] = []
  for (const { object } of world.cache.resource(BUDGETS)?.snapshot().scan(`${namespace}/`) ?? []) {
    const budget: PodDisruptionBudget = object
    if (selectorFromObject(budget.spec?.selector).matches(pod.metadata?.labels)) budgets.push(budget)
  }
  return budgets
}

/** Takes one disruption from the budget, as it is at the moment of the write. */
async function spend(action: Action, { budget, dryRun }: { budget: PodDisruptionBudget; dryRun: boolean }): Promise<void> {
  const { name = '' } = budget.metadata ?? {}
  checkBudget(budget)
  if (dryRun) return
  await action.registry.update(
    BUDGETS,
    { namespace: action.namespace, name },
    (current: PodDisruptionBudget & KubeObject) => {
      checkBudget(current)
      current.status ??= {}
      const { status } = current
      status.disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1
      if (status.disruptionsAllowed === 0) noMoreDisruptions(current, action.nowMs)
      status.disruptedPods = { ...status.disruptedPods, [action.name]: rfc3339(action.nowMs) }
    },
    { subresource: 'status' },
  )
}

function noMoreDisruptions(budget: PodDisruptionBudget, nowMs: number): void {
  budget.status ??= {}
  const { status } = budget
  status.conditions ??= []
  const { conditions } = status
  const index = conditions.findIndex((one) => one.type === 'DisruptionAllowed')
  const old = conditions[index]
  const lastTransitionTime = old?.status === 'False' ? old.lastTransitionTime : rfc3339(nowMs)
  const condition = {
    type: 'DisruptionAllowed',
    status: 'False',
    observedGeneration: status.observedGeneration,
    lastTransitionTime,
    reason: 'InsufficientPods',
    message: '',
  }
  if (old === undefined) conditions.push(condition)
  else conditions[index] = condition
}

function checkBudget({ metadata = {}, status = {} }: PodDisruptionBudget): void {
  const { name = '' } = metadata
  const budgets = { group: 'policy', resource: 'poddisruptionbudget' }
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw stillProcessed(name)
  const allowed = status.disruptionsAllowed ?? 0
  if (allowed < 0) throw forbidden(budgets, name, 'pdb disruptions allowed is negative')
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS) {
    throw forbidden(budgets, name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (allowed === 0) throw refused(0, refusalText(name, status))
}

function refusalText(
  name: string,
  { conditions = [], currentHealthy = 0, desiredHealthy = 0 }: NonNullable<PodDisruptionBudget['status']>,
): string {
  const condition = conditions.find((one) => one.type === 'DisruptionAllowed')
  const message = condition?.status === 'False' ? (condition.message ?? '') : ''
  if (message !== '' && condition?.reason === 'SyncFailed')
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${message}`
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
  if (message !== '') return `The disruption budget ${name} does not allow evicting pods currently (${condition?.reason}): ${message}`
  return `The disruption budget ${name} does not allow evicting pods currently`
}

function stillProcessed(name: string): StatusError {
  return refused(10, `The disruption budget ${name} is still being processed by the server.`)
}

function refused(retryAfterSeconds: number, message: string): StatusError {
  const { status } = tooManyRequests(REFUSED, retryAfterSeconds)
  const details = { ...status.details, causes: [{ reason: 'DisruptionBudget', message }] }
  if (retryAfterSeconds === 0) delete details.retryAfterSeconds
  return new StatusError({ ...status, details })
}
