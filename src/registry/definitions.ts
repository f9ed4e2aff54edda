/**
 * The built-in resources, in the order of discovery, without those that need what only a running server has (`served.ts`).
 *
 * Custom resources are added to the registry at run time; this list never changes.
 *
 * @module
 */
import { admissionregistrationDefinitions } from './admissionregistration/definitions.ts'
import { apiextensionsDefinitions } from './apiextensions/definitions.ts'
import { apiregistrationDefinitions } from './apiregistration/definitions.ts'
import { appsDefinitions } from './apps/definitions.ts'
import { autoscalingDefinitions } from './autoscaling/definitions.ts'
import { batchDefinitions } from './batch/definitions.ts'
import { certificatesDefinitions } from './certificates/definitions.ts'
import { withDescriptions } from './column-descriptions.ts'
import { coordinationDefinitions } from './coordination/definitions.ts'
import { coreDefinitions } from './core/definitions.ts'
import { podDefinitions } from './core/pods.ts'
import { discoveryDefinitions } from './discovery/definitions.ts'
import { eventsDefinitions } from './events/definitions.ts'
import { flowcontrolDefinitions } from './flowcontrol/definitions.ts'
import { networkingDefinitions } from './networking/definitions.ts'
import { nodeDefinitions } from './node/definitions.ts'
import { policyDefinitions } from './policy/definitions.ts'
import { rbacDefinitions } from './rbac/definitions.ts'
import { resourceDefinitions } from './resource/definitions.ts'
import type { ResourceDefinition } from './resource.ts'
import { schedulingDefinitions } from './scheduling/definitions.ts'
import { storageDefinitions } from './storage/definitions.ts'

export const definitions: readonly ResourceDefinition[] = [
  ...[...coreDefinitions, ...podDefinitions].sort((a, b) => (a.resource < b.resource ? -1 : 1)),
  ...apiregistrationDefinitions,
  ...appsDefinitions,
  ...eventsDefinitions,
  ...autoscalingDefinitions,
  ...batchDefinitions,
  ...certificatesDefinitions,
  ...networkingDefinitions,
  ...policyDefinitions,
  ...rbacDefinitions,
  ...storageDefinitions,
  ...admissionregistrationDefinitions,
  ...apiextensionsDefinitions,
  ...schedulingDefinitions,
  ...coordinationDefinitions,
  ...nodeDefinitions,
  ...discoveryDefinitions,
  ...resourceDefinitions,
  ...flowcontrolDefinitions,
].map(withDescriptions)

const byResource = new Map(definitions.map((definition) => [key(definition.group, definition.version, definition.resource), definition]))

/** The definition of a resource in one version; undefined when it is not built in. */
export function definitionOf(group: string, version: string, resource: string): ResourceDefinition | undefined {
  return byResource.get(key(group, version, resource))
}

function key(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`
}
