/**
 * Every built-in resource, in the order of discovery.
 *
 * Custom resources are added to the registry at run time; this list never changes.
 *
 * @module
 */
import { appsDefinitions } from './apps/definitions.ts'
import { autoscalingDefinitions } from './autoscaling/definitions.ts'
import { batchDefinitions } from './batch/definitions.ts'
import { certificatesDefinitions } from './certificates/definitions.ts'
import { coordinationDefinitions } from './coordination/definitions.ts'
import { coreDefinitions } from './core/definitions.ts'
import { podDefinitions } from './core/pods.ts'
import { discoveryDefinitions } from './discovery/definitions.ts'
import { eventsDefinitions } from './events/definitions.ts'
import { networkingDefinitions } from './networking/definitions.ts'
import { nodeDefinitions } from './node/definitions.ts'
import { policyDefinitions } from './policy/definitions.ts'
import { rbacDefinitions } from './rbac/definitions.ts'
import type { ResourceDefinition } from './resource.ts'
import { schedulingDefinitions } from './scheduling/definitions.ts'

export const definitions: readonly ResourceDefinition[] = [
  ...coreDefinitions,
  ...podDefinitions,
  ...appsDefinitions,
  ...batchDefinitions,
  ...eventsDefinitions,
  ...autoscalingDefinitions,
  ...certificatesDefinitions,
  ...networkingDefinitions,
  ...policyDefinitions,
  ...rbacDefinitions,
  ...schedulingDefinitions,
  ...coordinationDefinitions,
  ...nodeDefinitions,
  ...discoveryDefinitions,
]

const byResource = new Map(definitions.map((definition) => [key(definition.group, definition.version, definition.resource), definition]))

/** The definition of a resource in one version; undefined when it is not built in. */
export function definitionOf(group: string, version: string, resource: string): ResourceDefinition | undefined {
  return byResource.get(key(group, version, resource))
}

function key(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`
}
