/**
 * `ResourceQuota`: an object is made only when every quota of its namespace that is about it has room, and is charged to them.
 *
 * The room is looked for again where the charge is written, so two requests never share the last place.
 *
 * @see apiserver/pkg/admission/plugin/resourcequota/controller.go
 * @module
 */
import { addTo, parseQuantities, type Quantities } from '../api/pod-resources.ts'
import { compareQuantities, formatQuantity, subtractQuantities } from '../api/quantity.ts'
import type { ResourceQuota } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { Clock } from '../clock.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { isTerminating, type QuotaEvaluator, quotaEvaluator, quotaMatches, ZERO } from './quota-usage.ts'

export interface ResourceQuotaDeps {
  cache: Cache
  clock: Clock
  /** Reads a quota, changes its status and writes it, again when somebody was faster. `change` may throw. Resolves without a quota that is gone. */
  updateQuotaStatus(key: { namespace: string; name: string }, change: (quota: ResourceQuota) => void): Promise<void>
}

export function resourceQuota(deps: ResourceQuotaDeps): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    handles: (request) => request.namespace !== '' && isCounted(request),
    validate(request) {
      const quotas = deps.cache.resource('v1/resourcequotas')?.snapshot().scan(`${request.namespace}/`) ?? []
      const all = [...quotas].map(({ object }) => object as ResourceQuota)
      return all.length === 0 ? undefined : evaluate(deps, request, all)
    },
  }
}

function isCounted(request: AdmissionRequest): boolean {
  const { operation, group, resource, subresource, object, oldObject } = request
  if (operation !== 'CREATE' && operation !== 'UPDATE') return false
  if (group === '' && resource === 'namespaces') return false
  if (group === '' && resource === 'pods') {
    if (subresource === 'resize') return operation === 'UPDATE'
    if (subresource !== '') return false
    return operation === 'CREATE' || isTerminating(object ?? {}) !== isTerminating(oldObject ?? {})
  }
  if (group === '' && resource === 'persistentvolumeclaims' && subresource === 'status') return true
  if (subresource !== '') return false
  return operation === 'CREATE' || (group === '' && (resource === 'services' || resource === 'persistentvolumeclaims'))
}

async function evaluate(deps: ResourceQuotaDeps, request: AdmissionRequest, quotas: readonly ResourceQuota[]): Promise<void> {
  const evaluator = quotaEvaluator(request)
  const { object } = request
  if (evaluator === undefined || object === undefined) return
  const about = quotas.filter((quota) => quotaMatches(quota, evaluator, object))
  for (const quota of about) mustBeUsable(request, quota, evaluator)
  const nowMs = deps.clock.nowMs()
  const usage = evaluator.usage(object, nowMs)
  const negative = [...usage].filter(([, quantity]) => compareQuantities(quantity, ZERO) < 0).map(([name]) => name)
  if (negative.length > 0) throw admissionForbidden(request, `quota usage is negative for resource(s): ${negative.sort().join(',')}`)
  const charges = about
    .map((quota) => ({ quota, delta: deltaFor(request, quota, evaluator, usage, nowMs) }))
    .filter(({ delta }) => delta.size > 0)
  // First all of them, so that a quota without room leaves the others uncharged.
  for (const { quota, delta } of charges) charged(request, quota, delta)
  if (request.dryRun) return
  for (const { quota, delta } of charges) {
    const key = { namespace: request.namespace, name: quota.metadata?.name ?? '' }
    await deps.updateQuotaStatus(key, (present) => {
      present.status = { ...present.status, used: charged(request, present, delta) }
    })
  }
}

function mustBeUsable(request: AdmissionRequest, quota: ResourceQuota, evaluator: QuotaEvaluator): void {
  const name = quota.metadata?.name ?? ''
  const names = evaluator.matchingNames(Object.keys(quota.status?.hard ?? {}))
  const error = evaluator.constraintError?.(names, request.object ?? {})
  if (error !== undefined) throw admissionForbidden(request, `failed quota: ${name}: ${error}`)
  const used = quota.status?.used ?? {}
  if (!names.every((one) => Object.hasOwn(used, one)))
    throw admissionForbidden(request, `status unknown for quota: ${name}, resources: ${names.sort().join(',')}`)
}

/** What the request adds to a quota: on an update only the difference, where the quota was about the object before. */
function deltaFor(
  request: AdmissionRequest,
  quota: ResourceQuota,
  evaluator: QuotaEvaluator,
  usage: Quantities,
  nowMs: number,
): Quantities {
  const { operation, oldObject } = request
  const before =
    operation === 'UPDATE' &&
    oldObject !== undefined &&
    (oldObject.metadata?.resourceVersion ?? '') !== '' &&
    quotaMatches(quota, evaluator, oldObject)
      ? evaluator.usage(oldObject, nowMs)
      : new Map<string, never>()
  const hard = quota.status?.hard ?? {}
  const delta: Quantities = new Map()
  for (const [name, quantity] of usage) {
    if (!Object.hasOwn(hard, name)) continue
    const old = before.get(name)
    const added = old === undefined ? quantity : subtractQuantities(quantity, old)
    if (compareQuantities(added, ZERO) > 0) delta.set(name, added)
  }
  return delta
}

/** `status.used` with the charge in it. Throws 403 when there is no room, except where only a status is written. */
function charged(request: AdmissionRequest, quota: ResourceQuota, delta: Quantities): Record<string, string> {
  const used = parseQuantities(quota.status?.used)
  const hard = parseQuantities(quota.status?.hard)
  const sum = new Map(used)
  addTo(sum, delta)
  if (request.subresource !== 'status') {
    const exceeded = [...delta.keys()].filter(
      (name) => hard.has(name) && compareQuantities(sum.get(name) ?? ZERO, hard.get(name) ?? ZERO) > 0,
    )
    if (exceeded.length > 0) {
      const print = (list: Quantities) => printed(new Map([...list].filter(([name]) => exceeded.includes(name))))
      throw admissionForbidden(
        request,
        `exceeded quota: ${quota.metadata?.name}, requested: ${print(delta)}, used: ${print(used)}, limited: ${print(hard)}`,
      )
    }
  }
  return Object.fromEntries([...sum].map(([name, quantity]) => [name, formatQuantity(quantity)]))
}

function printed(list: Quantities): string {
  return [...list]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, quantity]) => `${name}=${formatQuantity(quantity)}`)
    .join(',')
}
