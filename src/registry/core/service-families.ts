/**
 * How a Service's addresses, IP families and policy complete each other before anything is allocated.
 *
 * All functions change the service in place; what the user meant is inferred from what changed.
 *
 * @see pkg/registry/core/service/storage/storage.go, alloc.go
 * @see pkg/registry/core/service/strategy.go, dropTypeDependentFields
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'
import type { Service, ServiceSpec } from '../../api/types/core/v1.ts'
import { isIPv6 } from '../ip.ts'
import { externallyAccessible, validateClusterIPs } from './service-validation.ts'

export type Family = 'IPv4' | 'IPv6'

/** Families that have a service range, the primary first. */
export type Families = readonly Family[]

export function familyOf(ip: string): Family {
  return isIPv6(ip) ? 'IPv6' : 'IPv4'
}

export function specOf(service: Service): ServiceSpec {
  service.spec ??= {}
  return service.spec
}

/** Old clients know `clusterIP` only. */
export function normalizeClusterIPs(service: Service, old: Service | undefined): void {
  const spec = specOf(service)
  if (old === undefined) {
    if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP]
    return
  }
  const before = old.spec ?? {}
  const sameSingular = (before.clusterIP ?? '') === (spec.clusterIP ?? '')
  if ((before.clusterIPs ?? []).length > 0 && (spec.clusterIPs ?? []).length === 0 && sameSingular) spec.clusterIPs = before.clusterIPs
  if (sameSingular || !sameList(before.clusterIPs, spec.clusterIPs)) return
  if (spec.clusterIP) spec.clusterIPs = [spec.clusterIP]
  else if (before.clusterIP) delete spec.clusterIPs
}

/** What was allocated stays when the client did not repeat it. */
export function keepAllocated(service: Service, old: Service): void {
  const spec = specOf(service)
  const before = old.spec ?? {}
  if (before.type !== 'ExternalName' && spec.type !== 'ExternalName') {
    if (!spec.clusterIP && before.clusterIP) spec.clusterIP = before.clusterIP
    if ((spec.clusterIPs ?? []).length === 0 && (before.clusterIPs ?? []).length > 0) spec.clusterIPs = before.clusterIPs
  }
  if (allocatesNodePorts(before) && allocatesNodePorts(spec)) {
    const given = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0))
    const taken = new Set((before.ports ?? []).map(({ nodePort }) => nodePort ?? 0).filter((port) => port !== 0 && given.has(port)))
    const byName = new Map((before.ports ?? []).map(({ name = '', nodePort = 0 }) => [name, nodePort]))
    for (const port of spec.ports ?? []) {
      if (port.nodePort) continue
      const known = byName.get(port.name ?? '') ?? 0
      if (known !== 0 && !taken.has(known)) port.nodePort = known
    }
  }
  if (hasHealthCheckPort(before) && hasHealthCheckPort(spec) && !spec.healthCheckNodePort && before.healthCheckNodePort) {
    spec.healthCheckNodePort = before.healthCheckNodePort
  }
}

/** Fields that the new type does not know go by themselves, unless the client changed them as well. */
export function dropTypeDependentFields(service: Service, old: Service): void {
  const spec = specOf(service)
  const before = old.spec ?? {}
  if (before.type !== 'ExternalName' && spec.type === 'ExternalName') {
    if ((before.clusterIP ?? '') === (spec.clusterIP ?? '') && sameList(before.clusterIPs, spec.clusterIPs)) {
      delete spec.clusterIP
      delete spec.clusterIPs
    }
    if (sameList(before.ipFamilies, spec.ipFamilies)) delete spec.ipFamilies
    if (before.ipFamilyPolicy === spec.ipFamilyPolicy) delete spec.ipFamilyPolicy
  }
  if (typeHasNodePorts(before) && !typeHasNodePorts(spec)) {
    const known = new Set((before.ports ?? []).map(({ nodePort }) => nodePort ?? 0))
    if ((spec.ports ?? []).every(({ nodePort }) => !nodePort || known.has(nodePort)))
      for (const port of spec.ports ?? []) delete port.nodePort
  }
  if (hasHealthCheckPort(before) && !hasHealthCheckPort(spec) && before.healthCheckNodePort === spec.healthCheckNodePort)
    delete spec.healthCheckNodePort
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (before.allocateLoadBalancerNodePorts === spec.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts
    if (before.loadBalancerClass === spec.loadBalancerClass) delete spec.loadBalancerClass
  }
  if (externallyAccessible(old) && !externallyAccessible(service) && before.externalTrafficPolicy === spec.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy
  }
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} }
}

/** Fills in policy and families; what cannot be is answered, and the service is then only partly filled. */
export function initFamilies(service: Service, old: Service | undefined, configured: Families): FieldError[] {
  const spec = specOf(service)
  if (spec.type === 'ExternalName' || keepsPreferDualStack(service, old)) return []
  const headlessWithoutSelector = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= old?.spec?.ipFamilyPolicy ?? (headlessWithoutSelector ? 'RequireDualStack' : 'SingleStack')
  const related = validateClusterIPs(service, old)
  if (related.length > 0) return related

  const errors = [...policyErrors(service, old), ...inferFamilies(spec, configured)]
  if (errors.length > 0) return errors

  if (headlessWithoutSelector) {
    if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [primaryOf(configured)]
    if (spec.ipFamilies?.length === 1 && spec.ipFamilyPolicy !== 'SingleStack')
      spec.ipFamilies = [...spec.ipFamilies, other(spec.ipFamilies[0])]
    return []
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    errors.push(invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'))
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (!configured.includes(family as Family))
      errors.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'))
  }
  if (errors.length > 0) return errors
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [primaryOf(configured)]
  if (spec.ipFamilyPolicy !== 'SingleStack' && spec.ipFamilies?.length === 1 && configured.length === 2) {
    spec.ipFamilies = [...spec.ipFamilies, other(spec.ipFamilies[0])]
  }
  return []
}

/** A PreferDualStack service is neither up- nor downgraded because the cluster changed. */
export function keepsPreferDualStack(service: Service, old: Service | undefined): boolean {
  const spec = service.spec ?? {}
  const before = old?.spec
  if (before === undefined || before.type !== spec.type || !['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type ?? ''))
    return false
  if (spec.ipFamilyPolicy !== 'PreferDualStack') return false
  if (before.ipFamilyPolicy !== undefined && before.ipFamilyPolicy !== 'PreferDualStack') return false
  return sameList(before.clusterIPs, spec.clusterIPs) && sameList(before.ipFamilies, spec.ipFamilies)
}

/** NodePort, and LoadBalancer unless it says that it does not want them. */
export function allocatesNodePorts(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
}

export function typeHasNodePorts(spec: ServiceSpec): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer'
}

export function hasHealthCheckPort(spec: ServiceSpec): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}

function policyErrors(service: Service, old: Service | undefined): FieldError[] {
  const spec = specOf(service)
  const field = 'spec.ipFamilyPolicy'
  const errors: FieldError[] = []
  const ips = () => spec.clusterIPs ?? []
  const families = () => spec.ipFamilies ?? []
  if (old !== undefined) {
    const oldIPs = old.spec?.clusterIPs ?? []
    const oldFamilies = old.spec?.ipFamilies ?? []
    if (spec.ipFamilyPolicy === 'SingleStack') {
      if (sameList(oldIPs, ips()) && ips().length > 1) spec.clusterIPs = ips().slice(0, 1)
      if (sameList(oldFamilies, families()) && families().length > 1) spec.ipFamilies = families().slice(0, 1)
    } else {
      if (ips().length > 0 && ips().length < oldIPs.length)
        errors.push(invalidValue(field, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"))
      if (families().length > 0 && families().length < oldFamilies.length) {
        errors.push(invalidValue(field, spec.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"))
      }
    }
  }
  if (spec.ipFamilyPolicy === 'SingleStack') {
    const dual = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    if (ips().length === 2) errors.push(invalidValue(field, spec.ipFamilyPolicy, `${dual} cluster IPs are specified`))
    if (families().length === 2) errors.push(invalidValue(field, spec.ipFamilyPolicy, `${dual} IP families are specified`))
  }
  return errors
}

/** Addresses given without a family tell it. */
function inferFamilies(spec: ServiceSpec, configured: Families): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None') break
    if (index < (spec.ipFamilies ?? []).length) continue
    const family = familyOf(ip)
    if (configured.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family]
    else errors.push(invalidValue(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`))
  }
  return errors
}

function primaryOf(configured: Families): Family {
  return configured[0] ?? 'IPv4'
}

function other(family: string | undefined): Family {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

function sameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index])
}
