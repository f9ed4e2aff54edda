/**
 * Cluster IPs and node ports.
 *
 * An address is taken when its IPAddress object exists, which the store decides for all replicas. Node ports are counted by following
 * the services in the cache. Values are chosen before validation, which looks at them, and claimed just before the service is written.
 *
 * @see pkg/registry/core/service/storage/alloc.go
 * @see pkg/registry/core/service/ipallocator, portallocator
 * @see KEP-1880, KEP-3070, KEP-3668
 * @module
 */
import { type FieldError, invalidValue } from '../../api/field.ts'
import { internalError, invalid, isStatusError } from '../../api/status.ts'
import type { Service, ServiceSpec } from '../../api/types/core/v1.ts'
import type { IPAddress, ServiceCIDR } from '../../api/types/networking/v1.ts'
import type { Cache } from '../../cache/cache.ts'
import { type CIDR, cidrContains, formatIP, parseCIDR, parseIP } from '../ip.ts'
import type { World, Write } from '../resource.ts'
import {
  allocatesNodePorts,
  type Families,
  type Family,
  familyOf,
  hasHealthCheckPort,
  keepsPreferDualStack,
  specOf,
  typeHasNodePorts,
} from './service-families.ts'

const IP_ADDRESSES = 'networking.k8s.io/v1/ipaddresses'
const SERVICE_CIDRS = 'networking.k8s.io/v1/servicecidrs'
const SERVICES = 'v1/services'

/** What kube-apiserver puts into a dry run instead of a free port. */
const DRY_RUN_PORT = 32769

const MISMATCH = 'the provided network does not match the current range'
const TAKEN_IP = 'provided IP is already allocated'
const TAKEN_PORT = 'provided port is already allocated'

/** What was chosen for a service on its way to the store. */
interface Claim {
  /** Chosen by us (may be chosen again) or asked for. */
  ips: { index: number; ip: string; asked: boolean }[]
  ports: number[]
}

const claims = new WeakMap<Service, Claim>()

export function configuredFamilies(world: World): Families {
  return [...new Set(world.features.serviceClusterIPRanges.map((range): Family => (range.includes(':') ? 'IPv6' : 'IPv4')))]
}

/** Chooses addresses and ports and writes them into the service; throws what cannot be given. */
export function chooseAllocations(service: Service, old: Service | undefined, write: Write): void {
  const claim: Claim = { ips: [], ports: [] }
  const refuse = (error: FieldError) => invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', [error])
  chooseIPs(service, old, write, claim, refuse)
  choosePorts(service, old, write, claim, refuse)
  claims.set(service, claim)
}

/** Claims what was chosen; the answer gives it back. Addresses that the update lets go are released once it is written. */
export async function claimAllocations(service: Service, old: Service | undefined, write: Write): Promise<undefined | (() => void)> {
  const claim = claims.get(service)
  if (claim === undefined || write.dryRun) return undefined
  const index = indexOf(write.world)
  const taken = claim.ports.find((port) => index.portTaken(port))
  if (taken !== undefined) {
    const at = (service.spec?.ports ?? []).findIndex(({ nodePort }) => nodePort === taken)
    throw invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', [
      invalidValue(`spec.ports[${at}].nodePort`, taken, TAKEN_PORT),
    ])
  }
  const letGo = index.hold(service, claim.ports, old === undefined ? [] : released(service, old))
  const held: string[] = []
  const giveBack = () => {
    letGo()
    for (const ip of held) void releaseIP(write.world, service, ip)
  }
  try {
    for (const one of claim.ips) held.push(await claimIP(service, one, write))
  } catch (error) {
    giveBack()
    throw error
  }
  return giveBack
}

/** Gives back the addresses of a service that is gone. Its ports go with it. */
export function releaseAllocations(service: Service, world: World): void {
  for (const ip of addressesOf(service.spec ?? {})) void releaseIP(world, service, ip)
}

function released(service: Service, old: Service): string[] {
  const now = new Set(addressesOf(service.spec ?? {}))
  return addressesOf(old.spec ?? {}).filter((ip) => !now.has(ip))
}

function chooseIPs(service: Service, old: Service | undefined, write: Write, claim: Claim, refuse: (error: FieldError) => Error): void {
  const spec = specOf(service)
  if (spec.type === 'ExternalName' || keepsPreferDualStack(service, old)) return
  if (spec.clusterIPs?.[0] === 'None') return
  const before = old?.spec
  if (before !== undefined && before.type !== 'ExternalName') {
    if (before.clusterIPs?.[0] === 'None') return
    if ((before.ipFamilies ?? []).length !== 1 || spec.ipFamilies?.length !== 2) return
    spec.clusterIPs = [...(spec.clusterIPs ?? [])]
    chooseIP(spec, 1, write, claim, refuse)
    return
  }
  spec.clusterIPs = [...(spec.clusterIPs ?? [])]
  for (const index of (spec.ipFamilies ?? []).keys()) chooseIP(spec, index, write, claim, refuse)
  if (spec.clusterIPs[0] !== undefined) spec.clusterIP = spec.clusterIPs[0]
}

function chooseIP(spec: ServiceSpec, index: number, write: Write, claim: Claim, refuse: (error: FieldError) => Error): void {
  const ips = spec.clusterIPs ?? []
  const asked = ips[index] ?? ''
  if (asked === '') {
    const family: Family = spec.ipFamilies?.[index] === 'IPv6' ? 'IPv6' : 'IPv4'
    const ip = write.dryRun ? networkAddress(write.world, family) : freeIP(write.world, family)
    if (ip === undefined) throw internalError(`failed to allocate a serviceIP for Service "": range is full`)
    ips[index] = ip
    claim.ips.push({ index, ip, asked: false })
    return
  }
  const why = refusedIP(write, asked)
  if (why !== undefined) throw refuse(invalidValue('spec.clusterIPs', ips, `failed to allocate IP ${asked}: ${why}`))
  claim.ips.push({ index, ip: asked, asked: true })
}

function refusedIP(write: Write, text: string): string | undefined {
  const ip = parseIP(text)
  if (ip === undefined) return MISMATCH
  const range = rangesOf(write.world, ip.family === 4 ? 'IPv4' : 'IPv6').find((one) => cidrContains(one, ip))
  if (range === undefined) return MISMATCH
  const { first, last } = usable(range)
  if (ip.value < first || ip.value > last) {
    return `the provided IP (${formatIP(ip)}) is not in the valid range. The range of valid IPs is ${formatIP({ family: range.family, value: range.base })}/${range.bits}`
  }
  if (write.dryRun) return undefined
  return isTaken(write.world, formatIP(ip)) ? TAKEN_IP : undefined
}

async function claimIP(service: Service, one: Claim['ips'][number], write: Write): Promise<string> {
  for (;;) {
    try {
      await createIPAddress(service, one.ip, write)
      return one.ip
    } catch (error) {
      if (!isStatusError(error, 'AlreadyExists')) throw error
    }
    const spec = specOf(service)
    if (one.asked) {
      throw invalid({ group: '', kind: 'Service' }, service.metadata?.name ?? '', [
        invalidValue('spec.clusterIPs', spec.clusterIPs, `failed to allocate IP ${one.ip}: ${TAKEN_IP}`),
      ])
    }
    const next = freeIP(write.world, familyOf(one.ip))
    if (next === undefined)
      throw internalError(`failed to allocate a serviceIP for Service ${JSON.stringify(service.metadata?.name ?? '')}: range is full`)
    one.ip = next
    if (spec.clusterIPs !== undefined) spec.clusterIPs[one.index] = next
    if (one.index === 0) spec.clusterIP = next
  }
}

async function createIPAddress(service: Service, text: string, { world }: Write): Promise<void> {
  const ip = parseIP(text)
  if (ip === undefined) throw new TypeError(`not an address: ${text}`)
  await registryOf(world).create(IP_ADDRESSES, {
    kind: 'IPAddress',
    apiVersion: 'networking.k8s.io/v1',
    metadata: {
      name: formatIP(ip),
      labels: {
        'ipaddress.kubernetes.io/ip-family': ip.family === 4 ? 'IPv4' : 'IPv6',
        'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
      },
    },
    spec: { parentRef: { resource: 'services', namespace: service.metadata?.namespace, name: service.metadata?.name } },
  })
}

/** Only an address that is this service's: by now it may be another's. */
async function releaseIP(world: World, service: Service, text: string): Promise<void> {
  const ip = parseIP(text)
  if (ip === undefined) return
  const name = formatIP(ip)
  const present = world.cache.resource(IP_ADDRESSES)?.get(name)?.object as IPAddress | undefined
  const { namespace, name: owner } = present?.spec?.parentRef ?? {}
  if (present?.metadata?.uid === undefined || namespace !== service.metadata?.namespace || owner !== service.metadata?.name) return
  try {
    await registryOf(world).delete(IP_ADDRESSES, { namespace: '', name }, { preconditions: { uid: present.metadata.uid } })
  } catch (error) {
    // Whoever removed it first did what was wanted.
    if (!isStatusError(error)) throw error
  }
}

function registryOf(world: World) {
  if (world.registry === undefined) throw new TypeError('services need a registry to write their addresses to')
  return world.registry
}

/** A random free address of the upper part of a range, then of the part kept for those who ask for an address. */
function freeIP(world: World, family: Family): string | undefined {
  for (const range of rangesOf(world, family)) {
    const { first, last } = usable(range)
    const size = 1n << BigInt((range.family === 4 ? 32 : 128) - range.bits)
    const offset = first + BigInt(dynamicOffset(Number(size > 1n << 40n ? 1n << 40n : size), 16, 256))
    const found =
      search(world, range.family, offset, last) ?? (offset > first ? search(world, range.family, first, offset - 1n) : undefined)
    if (found !== undefined) return found
  }
  return undefined
}

function search(world: World, family: 4 | 6, first: bigint, last: bigint): string | undefined {
  if (last < first) return undefined
  const span = last - first + 1n
  const start = randomBelow(world, span)
  for (let step = 0n; step < span; step++) {
    const text = formatIP({ family, value: first + ((start + step) % span) })
    if (!isTaken(world, text)) return text
  }
  return undefined
}

function isTaken(world: World, text: string): boolean {
  return world.cache.resource(IP_ADDRESSES)?.get(text) !== undefined
}

function networkAddress(world: World, family: Family): string | undefined {
  const range = rangesOf(world, family)[0]
  return range === undefined ? undefined : formatIP({ family: range.family, value: range.base })
}

/**
 * The ranges of every ServiceCIDR that takes new addresses, after those of the flag that no ServiceCIDR names yet.
 *
 * @see pkg/registry/core/service/ipallocator/cidrallocator.go, isReady
 */
function rangesOf(world: World, family: Family): CIDR[] {
  const texts = new Set(world.features.serviceClusterIPRanges)
  const objects = [...(world.cache.resource(SERVICE_CIDRS)?.snapshot().scan('') ?? [])].map(({ object }) => object as ServiceCIDR)
  const isOpen = ({ metadata, status }: ServiceCIDR) =>
    // Without a condition nobody looks after it, and it counts.
    metadata?.deletionTimestamp === undefined && status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'False'
  for (const one of objects) if (!isOpen(one)) for (const cidr of one.spec?.cidrs ?? []) texts.delete(cidr)
  for (const one of objects) if (isOpen(one)) for (const cidr of one.spec?.cidrs ?? []) texts.add(cidr)
  const wanted = family === 'IPv4' ? 4 : 6
  return [...texts].flatMap((text) => {
    const range = parseCIDR(text)
    return range !== undefined && range.family === wanted ? [range] : []
  })
}

/** Without the network's own address and, in IPv4, without broadcast. */
function usable(range: CIDR): { first: bigint; last: bigint } {
  const size = 1n << BigInt((range.family === 4 ? 32 : 128) - range.bits)
  return { first: range.base + 1n, last: range.base + size - (range.family === 4 ? 2n : 1n) }
}

/** How many values at the start of a range are left to those who ask for one. */
function dynamicOffset(size: number, step: number, max: number): number {
  if (size <= 16) return 0
  return Math.min(Math.max(Math.floor(size / step), 16), max)
}

function randomBelow(world: World, span: bigint): bigint {
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789'
  let value = 0n
  for (const char of world.randomSuffix(14)) value = value * BigInt(alphabet.length) + BigInt(Math.max(alphabet.indexOf(char), 0))
  return value % span
}

function addressesOf(spec: ServiceSpec): string[] {
  if (spec.type === 'ExternalName') return []
  return (spec.clusterIPs ?? []).filter((ip) => ip !== '' && ip !== 'None')
}

function choosePorts(service: Service, old: Service | undefined, write: Write, claim: Claim, refuse: (error: FieldError) => Error): void {
  const spec = specOf(service)
  const chooser = new PortChooser(write, claim)
  if (typeHasNodePorts(spec)) {
    if (old === undefined) portsOnCreate(spec, chooser, refuse)
    else portsOnUpdate(spec, old.spec ?? {}, chooser, refuse)
  }
  if (!hasHealthCheckPort(spec) || (old !== undefined && hasHealthCheckPort(old.spec ?? {}))) return
  const asked = spec.healthCheckNodePort ?? 0
  if (asked === 0) {
    spec.healthCheckNodePort = chooser.next('failed to allocate a HealthCheck NodePort 0')
    return
  }
  const why = chooser.ask(asked)
  if (why !== undefined) throw internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${why}`)
}

/** Ports of one number (over TCP and UDP) share a node port. */
function portsOnCreate(spec: ServiceSpec, chooser: PortChooser, refuse: (error: FieldError) => Error): void {
  const ports = spec.ports ?? []
  const chosen = new Map<number, number>()
  for (const [index, port] of ports.entries()) {
    if (!port.nodePort && !allocatesNodePorts(spec)) continue
    const number = port.port ?? 0
    const sibling = chosen.get(number) ?? 0
    if (sibling === 0) {
      const asked = ports.find((one) => one.port === number && one.nodePort)?.nodePort ?? 0
      const why = asked === 0 ? undefined : chooser.ask(asked)
      if (why !== undefined) throw refuse(invalidValue(`spec.ports[${index}].nodePort`, asked, why))
      port.nodePort = asked === 0 ? chooser.next('failed to allocate a nodePort') : asked
      chosen.set(number, port.nodePort)
    } else if (!port.nodePort) port.nodePort = sibling
    else if (port.nodePort !== sibling) {
      const why = chooser.ask(port.nodePort)
      if (why !== undefined) throw refuse(invalidValue(`spec.ports[${index}].nodePort`, port.nodePort, why))
    }
  }
}

function portsOnUpdate(spec: ServiceSpec, before: ServiceSpec, chooser: PortChooser, refuse: (error: FieldError) => Error): void {
  const known = new Set((before.ports ?? []).flatMap(({ nodePort }) => (nodePort ? [nodePort] : [])))
  const seen = new Set<string>()
  const asked = new Set<number>()
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (!port.nodePort) {
      if (!allocatesNodePorts(spec)) continue
      port.nodePort = chooser.next('failed to allocate a nodePort')
    } else if (!known.has(port.nodePort) && !asked.has(port.nodePort)) {
      const why = chooser.ask(port.nodePort)
      if (why !== undefined) throw refuse(invalidValue(`spec.ports[${index}].nodePort`, port.nodePort, why))
      asked.add(port.nodePort)
    }
    const key = `${port.protocol ?? ''} ${port.nodePort}`
    if (seen.has(key)) throw internalError(`duplicate nodePort: {${port.protocol ?? ''} ${port.nodePort}}`)
    seen.add(key)
  }
}

class PortChooser {
  readonly #write: Write
  readonly #claim: Claim

  constructor(write: Write, claim: Claim) {
    this.#write = write
    this.#claim = claim
  }

  /** Why a port cannot be had; undefined when it can. */
  ask(port: number): string | undefined {
    const { from, to } = this.#write.world.features.nodePortRange
    if (!this.#write.dryRun && (port < from || port > to))
      return `provided port is not in the valid range. The range of valid ports is ${from}-${to}`
    if (this.#taken(port)) return TAKEN_PORT
    this.#claim.ports.push(port)
    return undefined
  }

  next(failure: string): number {
    const { from, to } = this.#write.world.features.nodePortRange
    if (this.#write.dryRun) {
      const port = this.#claim.ports.length === 0 ? DRY_RUN_PORT : Math.max(...this.#claim.ports) + 1
      this.#claim.ports.push(port)
      return port
    }
    const offset = dynamicOffset(to - from + 1, 32, 128)
    const port = this.#search(from + offset, to) ?? this.#search(from, from + offset - 1)
    if (port === undefined) throw internalError(`${failure}: range is full`)
    this.#claim.ports.push(port)
    return port
  }

  #search(first: number, last: number): number | undefined {
    const span = last - first + 1
    if (span <= 0) return undefined
    const start = Number(randomBelow(this.#write.world, BigInt(span)))
    for (let step = 0; step < span; step++) {
      const port = first + ((start + step) % span)
      if (!this.#taken(port)) return port
    }
    return undefined
  }

  #taken(port: number): boolean {
    return this.#claim.ports.includes(port) || indexOf(this.#write.world).portTaken(port)
  }
}

/** Node ports in use, counted: two ports of one service may share a number. */
class ServiceIndex {
  readonly #counts = new Map<number, number>()
  /** Ports of writes that are still under way. */
  readonly #pending = new Set<number>()
  /** Addresses that go once the service with this key is written. */
  readonly #releases = new Map<string, string[]>()

  constructor(world: World) {
    world.cache.resource(SERVICES)?.follow(({ type, object, previous }) => {
      if (previous !== undefined) this.#count(previous.object as Service, -1)
      else if (type === 'DELETED') this.#count(object.object as Service, -1)
      if (type === 'DELETED') return
      const service = object.object as Service
      this.#count(service, 1)
      const addresses = this.#releases.get(object.key)
      if (addresses === undefined) return
      this.#releases.delete(object.key)
      for (const ip of addresses) void releaseIP(world, service, ip)
    })
  }

  portTaken(port: number): boolean {
    return this.#counts.has(port) || this.#pending.has(port)
  }

  /** Until the service is written, or the answer is called. */
  hold(service: Service, ports: readonly number[], releases: string[]): () => void {
    const key = `${service.metadata?.namespace ?? ''}/${service.metadata?.name ?? ''}`
    for (const port of ports) this.#pending.add(port)
    if (releases.length > 0) this.#releases.set(key, releases)
    return () => {
      for (const port of ports) this.#pending.delete(port)
      if (releases.length > 0) this.#releases.delete(key)
    }
  }

  #count({ spec = {} }: Service, by: 1 | -1): void {
    const ports = (spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0)
    for (const port of [...ports, spec.healthCheckNodePort ?? 0]) {
      if (port === 0) continue
      const count = (this.#counts.get(port) ?? 0) + by
      if (count > 0) this.#counts.set(port, count)
      else this.#counts.delete(port)
      if (by === 1) this.#pending.delete(port)
    }
  }
}

const indexes = new WeakMap<Cache, ServiceIndex>()

function indexOf(world: World): ServiceIndex {
  let index = indexes.get(world.cache)
  if (index === undefined) {
    index = new ServiceIndex(world)
    indexes.set(world.cache, index)
  }
  return index
}
