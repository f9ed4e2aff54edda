/**
 * `LimitRanger`: containers get the defaults of their namespace, and containers, pods and claims stay within its bounds.
 *
 * @see plugin/pkg/admission/limitranger/admission.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import { metaOf } from '../api/object.ts'
import { parseQuantities, podResources } from '../api/pod-resources.ts'
import { canonicalQuantity, formatQuantity, parseQuantity, type Quantity, scaledValue } from '../api/quantity.ts'
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionForbidden } from './chain.ts'

const ANNOTATION = 'kubernetes.io/limit-ranger'
/** Beyond this, thousandths do not fit into 64 bits and whole units are compared. */
const MAX_MILLI_VALUE = ((1n << 63n) - 1n) / 1000n

type List = ReadonlyMap<string, Quantity>

export function limitRanger({ cache }: { cache: Cache }): AdmissionPlugin {
  const rangesOf = (request: AdmissionRequest): LimitRange[] => {
    if (request.oldObject?.metadata?.deletionTimestamp !== undefined) return []
    const ranges = cache.resource('v1/limitranges')?.snapshot().scan(`${request.namespace}/`) ?? []
    return [...ranges].map(({ object }) => object)
  }
  return {
    name: 'LimitRanger',
    handles: ({ operation, group, resource, subresource }) => {
      if (group !== '') return false
      if (resource === 'pods') return (operation === 'CREATE' && subresource === '') || (operation === 'UPDATE' && subresource === 'resize')
      return resource === 'persistentvolumeclaims' && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')
    },
    admit(request) {
      if (request.resource !== 'pods') return
      for (const range of rangesOf(request)) setDefaults(request.object as Pod, range)
    },
    validate(request) {
      for (const range of rangesOf(request)) {
        const errors = (range.spec?.limits ?? []).flatMap((limit) =>
          request.resource === 'pods'
            ? podErrors(limit, request.object as Pod)
            : claimErrors(limit, request.object as PersistentVolumeClaim),
        )
        if (errors.length > 0) throw admissionForbidden(request, aggregateErrors(errors))
      }
    },
  }
}

/** Fills what containers leave out, and tells so in an annotation. */
function setDefaults(pod: Pod, range: LimitRange): void {
  const requests: Record<string, string> = {}
  const limits: Record<string, string> = {}
  for (const limit of range.spec?.limits ?? []) {
    if (limit.type !== 'Container') continue
    Object.assign(requests, limit.defaultRequest)
    Object.assign(limits, limit.default)
  }
  const told: string[] = []
  for (const container of pod.spec?.containers ?? []) told.push(...fill(container, 'container', requests, limits))
  for (const container of pod.spec?.initContainers ?? []) told.push(...fill(container, 'init container', requests, limits))
  if (told.length === 0) return
  const meta = metaOf(pod)
  meta.annotations = { ...meta.annotations, [ANNOTATION]: `LimitRanger plugin set: ${told.join('; ')}` }
}

function fill(
  container: Container,
  noun: string,
  requests: Readonly<Record<string, string>>,
  limits: Readonly<Record<string, string>>,
): string[] {
  const told: string[] = []
  const defaults = [
    ['requests', 'request', requests],
    ['limits', 'limit', limits],
  ] as const
  for (const [member, word, values] of defaults) {
    const present = container.resources?.[member] ?? {}
    const missing = Object.keys(values).filter((name) => !Object.hasOwn(present, name))
    if (missing.length === 0) continue
    container.resources = {
      ...container.resources,
      [member]: { ...present, ...Object.fromEntries(missing.map((name) => [name, values[name]])) },
    }
    told.push(`${missing.sort().join(', ')} ${word} for ${noun} ${container.name}`)
  }
  return told
}

function podErrors(limit: LimitRangeItem, pod: Pod): string[] {
  if (limit.type === 'Pod') {
    const podLevel = (name: string) => name === 'cpu' || name === 'memory'
    return boundErrors(limit, podResources(pod, 'requests', podLevel), podResources(pod, 'limits', podLevel))
  }
  if (limit.type !== 'Container') return []
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  return containers.flatMap(({ resources }) => boundErrors(limit, parseQuantities(resources?.requests), parseQuantities(resources?.limits)))
}

function claimErrors(limit: LimitRangeItem, claim: PersistentVolumeClaim): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return []
  const requests = parseQuantities(claim.spec?.resources?.requests)
  const nothing: List = new Map()
  return [
    ...each(limit.min, (name, bound) => minimumError({ type: limit.type, name, bound }, requests, nothing)),
    ...each(limit.max, (name, bound) => maximumRequestError({ type: limit.type, name, bound }, requests)),
  ]
}

function boundErrors(limit: LimitRangeItem, requests: List, limits: List): string[] {
  const { type } = limit
  return [
    ...each(limit.min, (name, bound) => minimumError({ type, name, bound }, requests, limits)),
    ...each(limit.max, (name, bound) => maximumError({ type, name, bound }, requests, limits)),
    ...each(limit.maxLimitRequestRatio, (name, bound) => ratioError({ type, name, bound }, requests, limits)),
  ]
}

function each(bounds: Readonly<Record<string, string>> | undefined, check: (name: string, bound: string) => string | undefined): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => check(name, bound) ?? [])
}

interface Bound {
  type: string | undefined
  name: string
  bound: string
}

/** Values in one unit: thousandths where all of them fit. */
function comparable(...quantities: (Quantity | undefined)[]): bigint[] {
  const values = quantities.map((quantity) => (quantity === undefined ? 0n : scaledValue(quantity)))
  if (values.some((value) => value > MAX_MILLI_VALUE)) return values
  return quantities.map((quantity) => (quantity === undefined ? 0n : scaledValue(quantity, -3)))
}

function minimumError({ type, name, bound }: Bound, requests: List, limits: List): string | undefined {
  const request = requests.get(name)
  const limit = limits.get(name)
  const [requestValue = 0n, limitValue = 0n, least = 0n] = comparable(request, limit, parseQuantity(bound))
  const text = `minimum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
  if (request === undefined) return `${text}.  No request is specified`
  if (requestValue < least) return `${text}, but request is ${formatQuantity(request)}`
  return limit !== undefined && limitValue < least ? `${text}, but limit is ${formatQuantity(limit)}` : undefined
}

function maximumRequestError({ type, name, bound }: Bound, requests: List): string | undefined {
  const request = requests.get(name)
  const [value = 0n, most = 0n] = comparable(request, parseQuantity(bound))
  const text = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
  if (request === undefined) return `${text}.  No request is specified`
  return value > most ? `${text}, but request is ${formatQuantity(request)}` : undefined
}

function maximumError({ type, name, bound }: Bound, requests: List, limits: List): string | undefined {
  const request = requests.get(name)
  const limit = limits.get(name)
  const [requestValue = 0n, limitValue = 0n, most = 0n] = comparable(request, limit, parseQuantity(bound))
  const text = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
  if (limit === undefined) return `${text}.  No limit is specified`
  if (limitValue > most) return `${text}, but limit is ${formatQuantity(limit)}`
  return request !== undefined && requestValue > most ? `${text}, but request is ${formatQuantity(request)}` : undefined
}

function ratioError({ type, name, bound }: Bound, requests: List, limits: List): string | undefined {
  const [request = 0n, limit = 0n] = comparable(requests.get(name), limits.get(name), parseQuantity(bound))
  const text = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`
  if (request === 0n) return `${text}, but no request is specified or request is 0`
  if (limit === 0n) return `${text}, but no limit is specified or limit is 0`
  const ratio = Number(limit) / Number(request)
  const most = parseQuantity(bound)
  const exceeds = scaledValue(most) <= MAX_MILLI_VALUE ? ratio * 1000 > Number(scaledValue(most, -3)) : ratio > Number(scaledValue(most))
  return exceeds ? `${text}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}
