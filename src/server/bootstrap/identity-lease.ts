/**
 * The Lease by which this server is known among its peers, and the end of those that nobody renews.
 *
 * @see pkg/controlplane/apiserver/server.go, component-helpers/apimachinery/lease/controller.go, KEP-1965
 * @module
 */
import { createHash } from 'node:crypto'
import type { Lease } from '../../api/types/coordination/v1.ts'
import { rfc3339Micro, systemClock } from '../../clock.ts'
import { repeat } from './loop.ts'
import { cached, create, remove, type System } from './system.ts'

const RESOURCE = 'coordination.k8s.io/v1/leases'
const NAMESPACE = 'kube-system'
const COMPONENT = 'kube-apiserver'
const COMPONENT_LABEL = 'apiserver.kubernetes.io/identity'
const PEER_ADDRESS = 'kubernetes.io/peer-advertise-address'
const DURATION_SECONDS = 3600
const RENEW_MS = 10_000
const COLLECT_MS = DURATION_SECONDS * 1000
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

export interface Identity {
  hostname: string
  /** `apiserver-<hash>_<uuid>`: new at each start. */
  holder: string
  /** `address:port` for peers; undefined without an address that others reach. */
  peerAddress: string | undefined
}

/** `apiserver-` and a hash of host and component, so that a restarted server finds its own Lease again. */
export function identityName(hostname: string): string {
  const host = Buffer.from(hostname)
  const component = Buffer.from(COMPONENT)
  const digest = createHash('sha256')
    .update(Buffer.from([host.length >> 8, host.length & 0xff]))
    .update(host)
    .update(Buffer.from([0, component.length]))
    .update(component)
    .digest()
  return `apiserver-${base32(digest.subarray(0, 16))}`
}

export async function renewIdentity({ registry, clock }: System, { hostname, holder, peerAddress }: Identity): Promise<void> {
  const name = identityName(hostname)
  const renewTime = rfc3339Micro(clock.nowMs())
  const labels = { [COMPONENT_LABEL]: COMPONENT, 'kubernetes.io/hostname': hostname }
  const annotations = peerAddress === undefined ? undefined : { [PEER_ADDRESS]: peerAddress }
  if (registry.get(RESOURCE, { namespace: NAMESPACE, name }) === undefined) {
    return create(registry, RESOURCE, {
      metadata: { name, namespace: NAMESPACE, labels, ...(annotations === undefined ? {} : { annotations }) },
      spec: { holderIdentity: holder, leaseDurationSeconds: DURATION_SECONDS, renewTime },
    })
  }
  await registry.update(RESOURCE, { namespace: NAMESPACE, name }, (lease) => {
    lease.metadata = { ...lease.metadata, labels: { ...lease.metadata?.labels, ...labels } }
    if (annotations !== undefined) lease.metadata.annotations = { ...lease.metadata.annotations, ...annotations }
    lease['spec'] = { ...lease['spec'], renewTime }
  })
}

export function keepIdentity(system: System, identity: Identity): void {
  const { clock, log, signal } = system
  const renew = () => renewIdentity(system, identity)
  // The pulse of a process beats in real time, however the clock is turned: an hour of it would be 360 writes.
  repeat({ name: 'identity-lease', clock: systemClock, log, signal, work: renew, everyMs: RENEW_MS })
  const collect = async () => {
    await renew()
    await collectIdentities(system)
  }
  repeat({ name: 'identity-lease-garbage-collector', clock, log, signal, work: collect, everyMs: COLLECT_MS })
}

/** At the end the server's place is empty at once. */
export function giveUpIdentity({ registry }: System, { hostname }: Identity): Promise<void> {
  return remove(registry, RESOURCE, { namespace: NAMESPACE, name: identityName(hostname) })
}

/** Removes the Leases of servers that have not been heard of for their duration. */
export async function collectIdentities({ registry, cache, clock }: System): Promise<void> {
  for (const { object } of cached(cache, RESOURCE).snapshot().scan(`${NAMESPACE}/`)) {
    const { metadata, spec } = object as Lease
    if (metadata?.labels?.[COMPONENT_LABEL] !== COMPONENT) continue
    const renewed = Date.parse(spec?.renewTime ?? '')
    const expired = Number.isNaN(renewed) || renewed + (spec?.leaseDurationSeconds ?? 0) * 1000 < clock.nowMs()
    if (expired) await remove(registry, RESOURCE, { namespace: NAMESPACE, name: metadata?.name ?? '' })
  }
}

/** RFC 4648 without padding, in lower case. */
function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >> (bits - 5)) & 31]
    value &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + BASE32[(value << (5 - bits)) & 31]
}
