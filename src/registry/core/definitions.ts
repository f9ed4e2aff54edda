/**
 * The core group without pods and what makes them (`pods.ts`).
 *
 * @module
 */
import { coreEvents } from '../events/events.ts'
import type { ResourceDefinition } from '../resource.ts'
import { bindings } from './bindings.ts'
import { configMaps } from './configmaps.ts'
import { endpoints } from './endpoints.ts'
import { limitRanges } from './limitranges.ts'
import { namespaces } from './namespaces.ts'
import { nodes } from './nodes.ts'
import { persistentVolumeClaims } from './persistentvolumeclaims.ts'
import { persistentVolumes } from './persistentvolumes.ts'
import { resourceQuotas } from './resourcequotas.ts'
import { secrets } from './secrets.ts'
import { serviceAccounts } from './serviceaccounts.ts'
import { services } from './services.ts'

export const coreDefinitions: readonly ResourceDefinition[] = [
  bindings,
  configMaps,
  endpoints,
  coreEvents,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
]
