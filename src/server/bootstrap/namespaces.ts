/**
 * The namespaces that every cluster has.
 *
 * @see pkg/controlplane/controller/systemnamespaces/system_namespaces_controller.go
 * @module
 */
import type { RegistryAccess } from '../../registry/resource.ts'
import { about, repeat } from './loop.ts'
import { cached, ensure, type System } from './system.ts'

export const SYSTEM_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease', 'default'] as const

/** One that is deleted comes back within a minute. */
const SETTLE_MS = 60_000

export async function ensureNamespaces(registry: RegistryAccess): Promise<void> {
  await Promise.all(SYSTEM_NAMESPACES.map((name) => ensure(registry, 'v1/namespaces', { metadata: { name } })))
}

export function keepNamespaces({ registry, cache, clock, log, signal }: System): void {
  const concerns = about(...SYSTEM_NAMESPACES)
  repeat({
    name: 'system-namespaces',
    clock,
    log,
    signal,
    work: () => ensureNamespaces(registry),
    settleMs: SETTLE_MS,
    watch: [{ resource: cached(cache, 'v1/namespaces'), concerns: (event) => event.type === 'DELETED' && concerns(event) }],
  })
}
