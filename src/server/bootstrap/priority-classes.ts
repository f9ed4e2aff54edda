/**
 * The two priority classes that no cluster is without.
 *
 * @see pkg/apis/scheduling/helpers.go, pkg/registry/scheduling/rest/storage_scheduling.go
 * @module
 */
import type { RegistryAccess } from '../../registry/resource.ts'
import { ensure } from './system.ts'

const SYSTEM_CLASSES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description: 'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

export async function ensurePriorityClasses(registry: RegistryAccess): Promise<void> {
  await Promise.all(
    SYSTEM_CLASSES.map(({ name, value, description }) =>
      ensure(registry, 'scheduling.k8s.io/v1/priorityclasses', {
        metadata: { name },
        value,
        description,
        preemptionPolicy: 'PreemptLowerPriority',
      }),
    ),
  )
}
