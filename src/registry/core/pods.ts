/**
 * Pods, and what is made of pods or holds their template in the core group.
 *
 * @see pkg/registry/core/pod
 * @module
 */
import type { Pod } from '../../api/types/core/v1.ts'
import { ALL_VERBS, type ConnectSubresource, define, type ResourceDefinition } from '../resource.ts'
import { podBinding } from './pod/binding.ts'
import { podEviction } from './pod/eviction.ts'
import { podEphemeralContainers, podResize, podStatus, podStrategy } from './pod/strategy.ts'
import { podTable } from './pod/table.ts'
import { podTemplates } from './podtemplates.ts'
import { replicationControllers } from './replicationcontrollers.ts'

function stream(kind: string, verbs: readonly string[]): ConnectSubresource {
  return { type: 'connect', verbs, kind: { group: '', version: 'v1', kind } }
}

export const pods = define<Pod>({
  group: '',
  version: 'v1',
  resource: 'pods',
  singular: 'pod',
  kind: 'Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Pod',
  storage: { prefix: '/registry/pods/' },
  strategy: podStrategy,
  fields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  table: podTable,
  subresources: {
    attach: stream('PodAttachOptions', ['create', 'get']),
    binding: podBinding,
    ephemeralcontainers: podEphemeralContainers,
    eviction: podEviction,
    exec: stream('PodExecOptions', ['create', 'get']),
    log: stream('Pod', ['get']),
    portforward: stream('PodPortForwardOptions', ['create', 'get']),
    proxy: stream('PodProxyOptions', ['create', 'delete', 'get', 'patch', 'update']),
    resize: podResize,
    status: podStatus,
  },
})

/** Pods, their templates and replication controllers. */
export const podDefinitions: readonly ResourceDefinition[] = [pods, podTemplates, replicationControllers]
