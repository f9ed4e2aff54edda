/**
 * What a Service must fulfil.
 *
 * @see pkg/apis/core/validation/validation.go, validateService and its neighbours
 * @module
 */

import { duplicate, type FieldError, forbiddenField, internalFieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { validateLabels } from '../../api/metadata.ts'
import { dns1123SubdomainErrors } from '../../api/names.ts'
import type { LoadBalancerStatus, Service, ServicePort } from '../../api/types/core/v1.ts'
import { isDualStack, isIPv6, parseIP, validateEndpointIP, validateLegacyCIDR, validateLegacyIP } from '../ip.ts'
import {
  each,
  portNameErrors,
  portNumberErrors,
  validateDNS1123Label,
  validateDNS1123Subdomain,
  validateQualifiedName,
} from '../validation.ts'

const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode'
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const MAX_AFFINITY_SECONDS = 86400
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None'
}

/** NodePort, LoadBalancer, or a ClusterIP with external addresses. */
export function externallyAccessible({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' || spec?.type === 'NodePort' || (spec?.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
}

export function needsHealthCheck({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}

export function validateService(service: Service, old: Service | undefined): FieldError[] {
  const { annotations = {} } = service.metadata ?? {}
  const { spec = {} } = service
  const ports = spec.ports ?? []
  const type = spec.type ?? ''
  const errors: FieldError[] = []
  const hints = annotations[TOPOLOGY_HINTS]
  const mode = annotations[TOPOLOGY_MODE]
  if (hints !== undefined && mode !== undefined && hints !== mode) {
    errors.push(
      invalidValue(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, `must match annotations[${TOPOLOGY_HINTS}] when both are specified`),
    )
  }
  if (ports.length === 0 && !isHeadless(service) && type !== 'ExternalName') errors.push(required('spec.ports'))
  errors.push(...validateByType(service))
  errors.push(...validatePorts(ports))
  if (spec.selector !== undefined) errors.push(...validateLabels(spec.selector, 'spec.selector'))
  errors.push(...validateSessionAffinity(service))
  errors.push(...validateClusterIPs(service, old))
  errors.push(...(spec.externalIPs ?? []).flatMap((ip, index) => validateExternalIP(ip, index, old)))
  if (type === '') errors.push(required('spec.type'))
  else if (!TYPES.includes(type)) errors.push(notSupported('spec.type', type, TYPES))
  if (type === 'ClusterIP') {
    errors.push(
      ...ports.flatMap(({ nodePort }, index) =>
        nodePort ? [forbiddenField(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'")] : [],
      ),
    )
  }
  errors.push(...duplicatePorts(ports))
  errors.push(...validateSourceRanges(service, old))
  if (spec.allocateLoadBalancerNodePorts !== undefined && type !== 'LoadBalancer') {
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER))
  }
  if (spec.allocateLoadBalancerNodePorts === undefined && type === 'LoadBalancer') errors.push(required('allocateLoadBalancerNodePorts'))
  errors.push(...validateLoadBalancerClass(service, undefined))
  errors.push(...validateExternalTraffic(service))
  errors.push(...validateInternalTraffic(service))
  if (spec.trafficDistribution !== undefined && !DISTRIBUTIONS.includes(spec.trafficDistribution)) {
    errors.push(notSupported('spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS))
  }
  return errors
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors = [...clusterIPChanges(service, old), ...familyChanges(service, old), ...validateLoadBalancerClass(service, old)]
  if (
    needsHealthCheck(old) &&
    needsHealthCheck(service) &&
    (service.spec?.healthCheckNodePort ?? 0) !== (old.spec?.healthCheckNodePort ?? 0)
  ) {
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'))
  }
  return [...errors, ...validateService(service, old)]
}

/** Addresses, families and policy, which depend on each other; also asked before anything is allocated. */
export function validateClusterIPs({ spec = {} }: Service, old: Service | undefined): FieldError[] {
  if (spec.type === 'ExternalName') return []
  const ips = spec.clusterIPs ?? []
  const families = spec.ipFamilies ?? []
  const errors: FieldError[] = []
  if (spec.clusterIP) {
    if (ips.length === 0) errors.push(required('spec.clusterIPs'))
    else if (ips[0] !== spec.clusterIP) errors.push(invalidValue('spec.clusterIPs', ips, 'first value must match `clusterIP`'))
  } else if (ips.length > 0) errors.push(invalidValue('spec.clusterIPs', ips, 'must be empty when `clusterIP` is not specified'))

  const seen = new Set<string>()
  for (const [index, family] of families.entries()) {
    if (family !== 'IPv4' && family !== 'IPv6') errors.push(notSupported(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6']))
    if (seen.has(family)) errors.push(duplicate(`spec.ipFamilies[${index}]`, family))
    seen.add(family)
  }
  if (spec.ipFamilyPolicy !== undefined && !POLICIES.includes(spec.ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', spec.ipFamilyPolicy, POLICIES))
  }

  let hasInvalid = false
  for (const [index, ip] of ips.entries()) {
    const wrong =
      index === 0 && ip === 'None'
        ? ips.length > 1
          ? [invalidValue('spec.clusterIPs', ips, "'None' must be the first and only value")]
          : []
        : validateLegacyIP(`spec.clusterIPs[${index}]`, ip, old?.spec?.clusterIPs)
    hasInvalid ||= wrong.length > 0
    errors.push(...wrong)
  }
  if (ips.length > 2) errors.push(invalidValue('spec.clusterIPs', ips, 'may only hold up to 2 values'))
  if (hasInvalid) return errors

  if (ips.length > 1) {
    const unparsable = ips.find((ip) => parseIP(ip) === undefined)
    if (unparsable !== undefined)
      errors.push(internalFieldError('spec.clusterIPs', `failed to check for dual stack with error:invalid IP address: ${unparsable}`))
    if (!isDualStack(ips)) errors.push(invalidValue('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'))
  }
  if (!(ips.length === 1 && ips[0] === 'None')) {
    for (const [index, ip] of ips.entries()) {
      const family = families[index]
      if (family === 'IPv4' && isIPv6(ip))
        errors.push(invalidValue(`spec.clusterIPs[${index}]`, ip, `expected an IPv4 value as indicated by \`ipFamilies[${index}]\``))
      if (family === 'IPv6' && !isIPv6(ip))
        errors.push(invalidValue(`spec.clusterIPs[${index}]`, ip, `expected an IPv6 value as indicated by \`ipFamilies[${index}]\``))
    }
  }
  return errors
}

export function validateLoadBalancerStatus(service: Service, old: Service): FieldError[] {
  const field = 'status.loadBalancer.ingress'
  const ingress = service.status?.loadBalancer?.ingress ?? []
  if (service.spec?.type !== 'LoadBalancer' && ingress.length > 0)
    return [forbiddenField(field, "may only be used when `spec.type` is 'LoadBalancer'")]
  return validateIngressPoints(ingress, old.status?.loadBalancer, field)
}

/** An unnamed or named port to send to. */
export function validatePortOrName(value: number | string | undefined, field: string): FieldError[] {
  if (typeof value === 'string') return each(field, value, portNameErrors(value))
  return each(field, value ?? 0, portNumberErrors(value))
}

function validateByType(service: Service): FieldError[] {
  const { spec = {} } = service
  switch (spec.type) {
    case 'LoadBalancer':
    case 'NodePort':
      return isHeadless(service) ? [invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)] : []
    case 'ExternalName': {
      const errors: FieldError[] = []
      if ((spec.clusterIPs ?? []).length > 0) errors.push(forbiddenField('spec.clusterIPs', 'may not be set for ExternalName services'))
      if ((spec.ipFamilies ?? []).length > 0) errors.push(forbiddenField('spec.ipFamilies', 'may not be set for ExternalName services'))
      if (spec.ipFamilyPolicy !== undefined) errors.push(forbiddenField('spec.ipFamilyPolicy', 'may not be set for ExternalName services'))
      const name = (spec.externalName ?? '').replace(/\.$/, '')
      return [...errors, ...(name === '' ? [required('spec.externalName')] : validateDNS1123Subdomain(name, 'spec.externalName'))]
    }
    default:
      return []
  }
}

function validatePorts(ports: readonly ServicePort[]): FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => {
    const field = `spec.ports[${index}]`
    const errors: FieldError[] = []
    if (port.name) {
      errors.push(...validateDNS1123Label(port.name, `${field}.name`))
      if (names.has(port.name)) errors.push(duplicate(`${field}.name`, port.name))
      names.add(port.name)
    } else if (ports.length > 1) errors.push(required(`${field}.name`))
    errors.push(...each(`${field}.port`, port.port ?? 0, portNumberErrors(port.port)))
    if (!port.protocol) errors.push(required(`${field}.protocol`))
    else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${field}.protocol`, port.protocol, PROTOCOLS))
    errors.push(...validatePortOrName(port.targetPort, `${field}.targetPort`))
    if (port.appProtocol !== undefined) errors.push(...validateQualifiedName(port.appProtocol, `${field}.appProtocol`))
    return errors
  })
}

function duplicatePorts(ports: readonly ServicePort[]): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { protocol = '', nodePort }] of ports.entries()) {
    if (!nodePort) continue
    const key = `node ${protocol} ${nodePort}`
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort))
    seen.add(key)
  }
  for (const [index, { protocol = '', port = 0 }] of ports.entries()) {
    const key = `${protocol} ${port}`
    if (seen.has(key))
      errors.push(
        duplicate(`spec.ports[${index}]`, { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }),
      )
    seen.add(key)
  }
  return errors
}

function validateSessionAffinity({ spec = {} }: Service): FieldError[] {
  const { sessionAffinity = '', sessionAffinityConfig: config } = spec
  const field = 'spec.sessionAffinityConfig'
  const detail = 'when session affinity type is ClientIP'
  if (sessionAffinity === '') return [required('spec.sessionAffinity')]
  if (sessionAffinity === 'None')
    return config === undefined ? [] : [forbiddenField(field, 'must not be set when session affinity is None')]
  if (sessionAffinity !== 'ClientIP') return [notSupported('spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])]
  if (config === undefined) return [required(field, detail)]
  if (config.clientIP === undefined) return [required(`${field}.clientIP`, detail)]
  const seconds = config.clientIP.timeoutSeconds
  if (seconds === undefined) return [required(`${field}.clientIP.timeoutSeconds`, detail)]
  if (seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return []
  return [invalidValue(`${field}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)]
}

function validateExternalIP(ip: string, index: number, old: Service | undefined): FieldError[] {
  const field = `spec.externalIPs[${index}]`
  const errors = validateLegacyIP(field, ip, old?.spec?.externalIPs)
  return errors.length > 0 ? errors : validateEndpointIP(ip, field)
}

function validateSourceRanges(service: Service, old: Service | undefined): FieldError[] {
  const { spec = {} } = service
  const ranges = spec.loadBalancerSourceRanges ?? []
  const errors: FieldError[] = []
  if (ranges.length > 0) {
    const field = 'spec.LoadBalancerSourceRanges'
    if (spec.type !== 'LoadBalancer') errors.push(forbiddenField(field, ONLY_LOAD_BALANCER))
    const before = (old?.spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim())
    return [...errors, ...ranges.flatMap((range, index) => validateLegacyCIDR(`${field}[${index}]`, range.trim(), before))]
  }
  const annotation = service.metadata?.annotations?.[SOURCE_RANGES]
  if (annotation === undefined) return []
  const field = `metadata.annotations[${SOURCE_RANGES}]`
  if (spec.type !== 'LoadBalancer') errors.push(forbiddenField(field, ONLY_LOAD_BALANCER))
  if (old?.metadata?.annotations?.[SOURCE_RANGES] === annotation || annotation.trim() === '') return errors
  return [
    ...errors,
    ...annotation
      .trim()
      .split(',')
      .flatMap((range) => validateLegacyCIDR(field, range.trim())),
  ]
}

function validateLoadBalancerClass({ spec = {} }: Service, old: Service | undefined): FieldError[] {
  const field = 'spec.loadBalancerClass'
  const errors: FieldError[] = []
  if (old?.spec?.type === 'LoadBalancer' && spec.type === 'LoadBalancer' && old.spec.loadBalancerClass !== spec.loadBalancerClass) {
    errors.push(invalidValue(field, spec.loadBalancerClass, 'may not change once set'))
  }
  if (spec.loadBalancerClass === undefined) return errors
  if (spec.type === 'LoadBalancer') return [...errors, ...validateQualifiedName(spec.loadBalancerClass, field)]
  return [...errors, forbiddenField(field, ONLY_LOAD_BALANCER)]
}

function validateExternalTraffic(service: Service): FieldError[] {
  const { externalTrafficPolicy = '', healthCheckNodePort = 0 } = service.spec ?? {}
  const errors: FieldError[] = []
  if (!externallyAccessible(service)) {
    if (externalTrafficPolicy !== '')
      errors.push(invalidValue('spec.externalTrafficPolicy', externalTrafficPolicy, 'may only be set for externally-accessible services'))
  } else if (externalTrafficPolicy === '') errors.push(required('spec.externalTrafficPolicy'))
  else if (externalTrafficPolicy !== 'Cluster' && externalTrafficPolicy !== 'Local')
    errors.push(notSupported('spec.externalTrafficPolicy', externalTrafficPolicy, ['Cluster', 'Local']))
  const field = 'spec.healthCheckNodePort'
  if (!needsHealthCheck(service)) {
    if (healthCheckNodePort !== 0) {
      errors.push(
        invalidValue(field, healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"),
      )
    }
  } else if (healthCheckNodePort === 0) errors.push(required(field))
  else errors.push(...each(field, healthCheckNodePort, portNumberErrors(healthCheckNodePort)))
  return errors
}

function validateInternalTraffic({ spec = {} }: Service): FieldError[] {
  const policy = spec.internalTrafficPolicy
  const field = 'spec.internalTrafficPolicy'
  if (policy === undefined) return ['NodePort', 'LoadBalancer', 'ClusterIP'].includes(spec.type ?? '') ? [required(field)] : []
  return policy === 'Cluster' || policy === 'Local' ? [] : [notSupported(field, policy, ['Cluster', 'Local'])]
}

function clusterIPChanges(service: Service, old: Service): FieldError[] {
  if (service.spec?.type === 'ExternalName' || old.spec?.type === 'ExternalName') return []
  if (isHeadless(service) && isHeadless(old)) return []
  const now = service.spec?.clusterIPs ?? []
  const before = old.spec?.clusterIPs ?? []
  if (before.length === now.length) {
    return before.flatMap((ip, index) =>
      ip === now[index] ? [] : [invalidValue(`spec.clusterIPs[${index}]`, now, 'may not change once set')],
    )
  }
  const errors: FieldError[] = []
  if (now.length === 0) errors.push(invalidValue('spec.clusterIPs[0]', now, 'primary clusterIP can not be unset'))
  if (before.length > 0 && now.length > 0 && before[0] !== now[0])
    errors.push(invalidValue('spec.clusterIPs[0]', now, 'may not change once set'))
  if (before.length > now.length && now.length === 1 && service.spec?.ipFamilyPolicy !== 'SingleStack') {
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        service.spec?.ipFamilyPolicy,
        "must be set to 'SingleStack' when releasing the secondary clusterIP",
      ),
    )
  }
  return errors
}

function familyChanges(service: Service, old: Service): FieldError[] {
  if (service.spec?.type === 'ExternalName' || old.spec?.type === 'ExternalName') return []
  if (isHeadless(service) || isHeadless(old)) return []
  const field = 'spec.ipFamilies[0]'
  const now = service.spec?.ipFamilies ?? []
  const before = old.spec?.ipFamilies ?? []
  const ips = service.spec?.clusterIPs ?? []
  if (before.length === now.length)
    return before.flatMap((family, index) => (family === now[index] ? [] : [invalidValue(field, now, 'may not change once set')]))
  const errors: FieldError[] = []
  const reduced = before.length > now.length
  if (reduced && ips.length === 0) errors.push(invalidValue(field, now, 'primary ipFamily can not be unset'))
  if (now.length > 0 && before.length > 0 && now[0] !== before[0]) errors.push(invalidValue(field, ips, 'may not change once set'))
  if (reduced && now.length === 1 && service.spec?.ipFamilyPolicy !== 'SingleStack') {
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        service.spec?.ipFamilyPolicy,
        "must be set to 'SingleStack' when releasing the secondary ipFamily",
      ),
    )
  }
  return errors
}

function validateIngressPoints(
  ingress: NonNullable<LoadBalancerStatus['ingress']>,
  old: LoadBalancerStatus | undefined,
  field: string,
): FieldError[] {
  const before = (old?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  return ingress.flatMap(({ ip = '', ipMode, hostname = '' }, index) => {
    const at = `${field}[${index}]`
    const errors = ip === '' ? [] : validateLegacyIP(`${at}.ip`, ip, before)
    if (ipMode === undefined) {
      if (ip !== '') errors.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'))
    } else if (ip === '') errors.push(forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set'))
    else if (ipMode !== 'Proxy' && ipMode !== 'VIP') errors.push(notSupported(`${at}.ipMode`, ipMode, ['Proxy', 'VIP']))
    if (hostname !== '') {
      errors.push(...each(`${at}.hostname`, hostname, dns1123SubdomainErrors(hostname)))
      if (parseIP(hostname) !== undefined) errors.push(invalidValue(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'))
    }
    return errors
  })
}
