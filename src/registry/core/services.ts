/**
 * Service.
 *
 * @see pkg/registry/core/service/strategy.go
 * @see pkg/apis/core/v1/defaults.go, SetDefaults_Service
 * @module
 */
import { labelName } from '../../api/names.ts'
import { invalid, isStatusError } from '../../api/status.ts'
import type { Service } from '../../api/types/core/v1.ts'
import { cidrWarnings, ipWarnings } from '../ip.ts'
import { ALL_VERBS, define, type World, type Write } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, labelsCell, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { chooseAllocations, claimAllocations, configuredFamilies, releaseAllocations } from './service-allocation.ts'
import { dropTypeDependentFields, initFamilies, keepAllocated, normalizeClusterIPs } from './service-families.ts'
import { externallyAccessible, validateLoadBalancerStatus, validateService, validateServiceUpdate } from './service-validation.ts'

const AFFINITY_SECONDS = 10_800
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode'

export const services = define<Service>({
  group: '',
  version: 'v1',
  resource: 'services',
  singular: 'service',
  kind: 'Service',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Service',
  storage: { prefix: '/registry/services/specs/' },
  strategy: {
    validateName: labelName,
    defaults,
    prepareForCreate(service, write) {
      normalizeClusterIPs(service, undefined)
      complete(service, undefined, write)
      service.status = { loadBalancer: {} }
    },
    prepareForUpdate(service, old, write) {
      keepAllocated(service, old)
      normalizeClusterIPs(service, old)
      complete(service, old, write)
      if (old.status === undefined) delete service.status
      else service.status = old.status
      dropTypeDependentFields(service, old)
    },
    validate: (service) => validateService(service, undefined),
    validateUpdate: validateServiceUpdate,
    warnings: (service) => serviceWarnings(service),
    allocate(service, old, write) {
      // Taken and validated, and never shown. Upstream stores it, and drops it whenever it is read.
      if (service.spec?.type === 'ExternalName') delete service.spec.internalTrafficPolicy
      return claimAllocations(service, old, write)
    },
    released(service, world) {
      releaseAllocations(service, world)
      void removeEndpoints(service, world)
    },
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  fields: {
    'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
    'spec.type': ({ spec }) => spec?.type ?? '',
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Type', 'doc:io.k8s.api.core.v1.ServiceSpec.type'),
      column('Cluster-IP', 'doc:io.k8s.api.core.v1.ServiceSpec.clusterIP'),
      column('External-IP', 'doc:io.k8s.api.core.v1.ServiceSpec.externalIPs'),
      column('Port(s)', 'doc:io.k8s.api.core.v1.ServiceSpec.ports'),
      AGE_COLUMN,
      wideColumn('Selector', 'doc:io.k8s.api.core.v1.ServiceSpec.selector'),
    ],
    cells: (service, { nowMs }) => [
      nameCell(service),
      service.spec?.type ?? '',
      service.spec?.clusterIPs?.[0] ?? '<none>',
      externalIPCell(service),
      portsCell(service),
      ageCell(service, nowMs),
      labelsCell(service.spec?.selector),
    ],
  },
  subresources: {
    proxy: {
      type: 'connect',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      kind: { group: '', version: 'v1', kind: 'ServiceProxyOptions' },
    },
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(service, old) {
          service.spec = old.spec
        },
        validateUpdate: validateLoadBalancerStatus,
        warnings: ({ status }) =>
          (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
            ip ? ipWarnings(`status.loadBalancer.ingress[${index}]`, ip) : [],
          ),
        resetFields: ['spec'],
      },
    },
  },
})

/** Families and policy are inferred, then addresses and ports chosen; what cannot be is refused before validation looks. */
function complete(service: Service, old: Service | undefined, write: Write): void {
  const errors = initFamilies(service, old, configuredFamilies(write.world))
  if (errors.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', errors)
  chooseAllocations(service, old, write)
}

function defaults(service: Service): void {
  const spec = (service.spec ?? {}) satisfies Service['spec']
  service.spec = spec
  if (!spec.sessionAffinity) spec.sessionAffinity = 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } }
  }
  if (!spec.type) spec.type = 'ClusterIP'
  for (const port of spec.ports ?? []) {
    if (!port.protocol) port.protocol = 'TCP'
    if (!port.targetPort) port.targetPort = port.port ?? 0
  }
  if (externallyAccessible(service) && !spec.externalTrafficPolicy) spec.externalTrafficPolicy = 'Cluster'
  if (spec.internalTrafficPolicy === undefined && ['ClusterIP', 'NodePort', 'LoadBalancer'].includes(spec.type))
    spec.internalTrafficPolicy = 'Cluster'
  if (spec.type !== 'LoadBalancer') return
  spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of service.status?.loadBalancer?.ingress ?? []) if (ingress.ip && ingress.ipMode === undefined) ingress.ipMode = 'VIP'
}

async function removeEndpoints(service: Service, world: World): Promise<void> {
  const { namespace = '', name = '' } = service.metadata ?? {}
  try {
    await world.registry?.delete('v1/endpoints', { namespace, name })
  } catch (error) {
    // Most services have none, or the controller was faster.
    if (!isStatusError(error)) throw error
  }
}

function serviceWarnings(service: Service): string[] {
  const { spec = {} } = service
  const externalIPs = spec.externalIPs ?? []
  const headless = spec.type === 'ClusterIP' && spec.clusterIP === 'None'
  const warnings: string[] = []
  if (service.metadata?.annotations?.[TOPOLOGY_HINTS] !== undefined) {
    warnings.push(`annotation ${TOPOLOGY_HINTS} is deprecated, please use ${TOPOLOGY_MODE} instead`)
  }
  if (spec.type !== 'ExternalName' && spec.clusterIP && spec.clusterIP !== 'None') {
    warnings.push(...(spec.clusterIPs ?? []).flatMap((ip, index) => ipWarnings(`spec.clusterIPs[${index}]`, ip)))
  }
  if (headless) {
    if (spec.loadBalancerIP) warnings.push('spec.loadBalancerIP is ignored for headless services')
    if (externalIPs.length > 0) warnings.push('spec.externalIPs is ignored for headless services')
    if (spec.sessionAffinity !== 'None') warnings.push('spec.SessionAffinity is ignored for headless services')
  }
  warnings.push(...externalIPs.flatMap((ip, index) => ipWarnings(`spec.externalIPs[${index}]`, ip)))
  if (externalIPs.length > 0 && !headless && spec.type !== 'ExternalName') {
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters')
  }
  if (spec.loadBalancerIP) warnings.push(...ipWarnings('spec.loadBalancerIP', spec.loadBalancerIP))
  warnings.push(
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) => cidrWarnings(`spec.loadBalancerSourceRanges[${index}]`, range)),
  )
  if (spec.type === 'ExternalName' && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  if (spec.type !== 'ExternalName' && spec.externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  if (spec.trafficDistribution === 'PreferClose')
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
  return warnings
}

function externalIPCell({ spec = {}, status = {} }: Service): string {
  const externalIPs = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return externalIPs.join(',') || '<none>'
    case 'LoadBalancer': {
      const points = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((point) => point !== '')
      return [...[...new Set(points)].sort(), ...externalIPs].join(',') || '<pending>'
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}

function portsCell({ spec = {} }: Service): string {
  const ports = (spec.ports ?? []).map(({ port = 0, nodePort = 0, protocol = '' }) =>
    nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  )
  return ports.join(',') || '<none>'
}
