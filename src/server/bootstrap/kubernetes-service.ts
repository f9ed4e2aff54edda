/**
 * The Service `kubernetes`, through which workloads find this server: its cluster IP is the first of the range, its endpoints are the
 * advertised addresses of all servers on the store.
 *
 * @see pkg/controlplane/controller/kubernetesservice/controller.go, pkg/controlplane/reconcilers/endpointsadapter.go
 * @module
 */
import { networkInterfaces } from 'node:os'
import type { KubeObject } from '../../api/object.ts'
import { semanticEqual } from '../../api/semantic-equal.ts'
import { isStatusError } from '../../api/status.ts'
import type { Endpoints } from '../../api/types/core/v1.ts'
import type { EndpointSlice } from '../../api/types/discovery/v1.ts'
import { formatIP, isIPv6, parseCIDR, parseIP } from '../../registry/ip.ts'
import { about, repeat } from './loop.ts'
import { cached, create, ensure, remove, type System } from './system.ts'

const KEY = { namespace: 'default', name: 'kubernetes' }
const CACHE_KEY = 'default/kubernetes'
const SERVICES = 'v1/services'
const ENDPOINTS = 'v1/endpoints'
const SLICES = 'discovery.k8s.io/v1/endpointslices'
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror'
const INTERVAL_MS = 10_000
const SERVICE_ATTEMPTS = 20
const SERVICE_RETRY_MS = 100

export interface Advertised {
  /** Where clients inside reach this server; undefined where the host has no address but the loopback one, which endpoints cannot hold. */
  address: string | undefined
  port: number
  /** `--service-cluster-ip-range`. */
  ranges: readonly string[]
  /** Addresses of all servers on the same store, this one's among them; absent where nobody shares the store. */
  servers?: ServerAddresses
}

/** Who else serves from the same store. */
export interface ServerAddresses {
  /** Says that this server is there, for a while. */
  renew(): Promise<void>
  list(): Promise<readonly string[]>
  withdraw(): Promise<void>
}

/**
 * The address that others are told: the one asked for, else the one that is listened on, else the host's own. A loopback address that is
 * asked for is told to nobody: endpoints cannot hold it, and kube-apiserver serves without them.
 *
 * @see apimachinery/pkg/util/net/interface.go, ResolveBindAddress
 */
export function advertisedAddress(asked: string | undefined, bound: string): string | undefined {
  if (asked !== undefined) return isLoopback(asked) ? undefined : asked
  const own = parseIP(bound)
  const usable = own !== undefined && own.value !== 0n && !isLoopback(bound)
  if (usable) return bound
  const external = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).filter(({ internal }) => !internal))
  return (external.find(({ family }) => family === 'IPv4') ?? external.find(({ address }) => !address.startsWith('fe80:')))?.address
}

/** The first address of a range: the Service's. */
export function firstAddress(range: string): string | undefined {
  const block = parseCIDR(range)
  return block === undefined ? undefined : formatIP({ family: block.family, value: block.base + 1n })
}

/**
 * @param atStart the ports are corrected only then: another server on the store may have its own.
 */
export async function ensureKubernetesService(system: System, advertised: Advertised, atStart: boolean): Promise<void> {
  const clusterIP = firstAddress(advertised.ranges[0] ?? '')
  if (clusterIP === undefined) throw new RangeError(`${advertised.ranges[0]} is no range of addresses`)
  await Promise.all([
    ensureService(system, {
      metadata: { ...KEY, labels: { provider: 'kubernetes', component: 'apiserver' } },
      spec: {
        ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: advertised.port }],
        clusterIP,
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
    }),
    ensureEndpoints(system, advertised, atStart),
  ])
}

/** Another server that starts on the same empty store may hold the address already, for the same Service an instant later. */
async function ensureService({ registry, clock }: System, service: KubeObject): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ensure(registry, SERVICES, service)
    } catch (error) {
      if (!isStatusError(error, 'Invalid') || attempt === SERVICE_ATTEMPTS) throw error
      await new Promise<void>((resolve) => clock.after(SERVICE_RETRY_MS, resolve))
    }
  }
}

async function ensureEndpoints({ registry }: System, { address, port, servers }: Advertised, atStart: boolean): Promise<void> {
  await servers?.renew()
  const addresses = servers === undefined ? (address === undefined ? [] : [address]) : await servers.list()
  // Nobody's address is a sign of trouble, not of an empty world.
  if (addresses.length === 0) return
  await writeEndpoints(registry, addresses, port, atStart)
}

async function writeEndpoints(registry: System['registry'], addresses: readonly string[], port: number, atStart: boolean): Promise<void> {
  const present = registry.get(ENDPOINTS, KEY) as Endpoints | undefined
  const subset = present?.subsets?.length === 1 ? present.subsets[0] : undefined
  const ports = !atStart && subset?.ports !== undefined ? subset.ports : [{ name: 'https', port, protocol: 'TCP' }]
  const subsets = addresses.length === 0 ? undefined : [{ addresses: [...addresses].sort().map((ip) => ({ ip })), ports }]
  if (present === undefined) {
    await create(registry, ENDPOINTS, {
      metadata: { ...KEY, labels: { [SKIP_MIRROR]: 'true' } },
      ...(subsets === undefined ? {} : { subsets }),
    })
  } else if (!semanticEqual(present.subsets, subsets) || present.metadata?.labels?.[SKIP_MIRROR] !== 'true') {
    await registry.update(ENDPOINTS, KEY, (object) => {
      if (subsets === undefined) delete object['subsets']
      else object['subsets'] = subsets
      object.metadata = { ...object.metadata, labels: { ...object.metadata?.labels, [SKIP_MIRROR]: 'true' } }
    })
  }
  await writeSlice(registry, addresses, ports)
}

async function writeSlice(registry: System['registry'], addresses: readonly string[], ports: readonly object[]): Promise<void> {
  const addressType = addresses.length > 0 && addresses.every(isIPv6) ? 'IPv6' : 'IPv4'
  const ofType = addresses.filter((address) => isIPv6(address) === (addressType === 'IPv6')).sort()
  const slice = {
    metadata: { ...KEY, labels: { 'kubernetes.io/service-name': KEY.name } },
    addressType,
    endpoints: ofType.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [...ports],
  }
  const present = registry.get(SLICES, KEY) as EndpointSlice | undefined
  if (present === undefined) return create(registry, SLICES, slice)
  if (present.addressType !== addressType) {
    await remove(registry, SLICES, KEY)
    return create(registry, SLICES, slice)
  }
  const asItShouldBe =
    semanticEqual(present.endpoints ?? [], slice.endpoints) &&
    semanticEqual(present.ports ?? [], slice.ports) &&
    semanticEqual(present.metadata?.labels, slice.metadata.labels)
  if (asItShouldBe) return
  await registry.update(SLICES, KEY, (object) => {
    object['endpoints'] = slice.endpoints
    object['ports'] = slice.ports
    object.metadata = { ...object.metadata, labels: slice.metadata.labels }
  })
}

/** Where the store is shared the loop also renews this server's place in the list. */
export function keepKubernetesService(system: System, advertised: Advertised): void {
  const { cache, clock, log, signal } = system
  const concerns = about(CACHE_KEY)
  repeat({
    name: 'kubernetes-service',
    clock,
    log,
    signal,
    work: () => ensureKubernetesService(system, advertised, false),
    settleMs: INTERVAL_MS,
    ...(advertised.servers === undefined ? {} : { everyMs: INTERVAL_MS }),
    watch: [SERVICES, ENDPOINTS, SLICES].map((id) => ({ resource: cached(cache, id), concerns })),
  })
}

/** At the end: others on the store go on without this server. */
export async function withdrawEndpoints({ registry }: System, { port, servers }: Advertised): Promise<void> {
  if (servers === undefined) return
  await servers.withdraw()
  await writeEndpoints(registry, await servers.list(), port, false)
}

function isLoopback(text: string): boolean {
  return text === '::1' || text.startsWith('127.')
}
