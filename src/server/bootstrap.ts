/**
 * What a server creates by itself, before it says it is ready, and keeps from then on.
 *
 * @see pkg/controlplane/instance.go, pkg/controlplane/apiserver/server.go
 * @module
 */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Store } from '../storage/store.ts'
import { ensureApiServices, type GroupVersion } from './bootstrap/api-services.ts'
import { ensureAuthenticationTrust, keepAuthenticationTrust } from './bootstrap/authentication-trust.ts'
import { keepFlowSchemaStatus, updateFlowSchemaStatus } from './bootstrap/flow-schema-status.ts'
import { ensureFlowControl, keepFlowControl } from './bootstrap/flowcontrol.ts'
import { giveUpIdentity, identityName, keepIdentity, renewIdentity } from './bootstrap/identity-lease.ts'
import {
  type Advertised,
  advertisedAddress,
  ensureKubernetesService,
  keepKubernetesService,
  withdrawEndpoints,
} from './bootstrap/kubernetes-service.ts'
import { begin } from './bootstrap/loop.ts'
import { ensureNamespaces, keepNamespaces } from './bootstrap/namespaces.ts'
import { ensurePriorityClasses } from './bootstrap/priority-classes.ts'
import { ensureRbacPolicy } from './bootstrap/rbac.ts'
import { serverAddresses } from './bootstrap/server-addresses.ts'
import { ensureServiceCidr, keepServiceCidr } from './bootstrap/service-cidr.ts'
import type { System } from './bootstrap/system.ts'
import type { ServerOptions } from './options.ts'

/** All that does not depend on the port. */
export async function bootstrap(system: System, options: ServerOptions, served: Iterable<GroupVersion>): Promise<void> {
  const { registry } = system
  const groups = [...served]
  const first = (name: string, work: () => Promise<unknown>) => begin({ ...system, name, work: async () => void (await work()) })
  await first('namespaces', () => ensureNamespaces(registry))
  const ranges = options.network.serviceClusterIPRanges
  const trust = { clientCA: options.clientCA, requestHeader: options.requestHeader }
  await Promise.all([
    first('rbac', () => ensureRbacPolicy(system)),
    first('priority-classes', () => ensurePriorityClasses(registry)),
    first('flow-control', () => ensureFlowControl(system)),
    first('service-cidr', () => ensureServiceCidr(system, ranges)),
    first('api-services', () => ensureApiServices(system, groups)),
    first('authentication-trust', () => ensureAuthenticationTrust(system, trust)),
  ])
  await first('flow-schema-status', () => updateFlowSchemaStatus(system))
  keepNamespaces(system)
  keepFlowControl(system)
  keepFlowSchemaStatus(system)
  keepServiceCidr(system, ranges)
  keepAuthenticationTrust(system, trust)
}

/** This server among others: its Service, its endpoints, its Lease. */
export interface Announcement {
  /** Others need not wait for the Lease and the endpoints to run out. */
  withdraw(): Promise<void>
}

/** Once the port is known. */
export async function announce(system: System, options: ServerOptions, port: number, store: Store): Promise<Announcement> {
  const address = advertisedAddress(options.advertiseAddress, options.bindAddress)
  const shared = options.store.kind === 'etcd' && address !== undefined
  const advertised: Advertised = {
    address,
    port,
    ranges: options.network.serviceClusterIPRanges,
    ...(shared ? { servers: serverAddresses(store, address) } : {}),
  }
  const host = hostname()
  const identity = {
    hostname: host,
    holder: `${identityName(host)}_${randomUUID()}`,
    peerAddress: address === undefined ? undefined : `${address.includes(':') ? `[${address}]` : address}:${port}`,
  }
  await Promise.all([
    begin({ ...system, name: 'kubernetes-service', work: () => ensureKubernetesService(system, advertised, true) }),
    begin({ ...system, name: 'identity-lease', work: () => renewIdentity(system, identity) }),
  ])
  keepKubernetesService(system, advertised)
  keepIdentity(system, identity)
  return {
    async withdraw() {
      await Promise.allSettled([withdrawEndpoints(system, advertised), giveUpIdentity(system, identity)])
    },
  }
}
