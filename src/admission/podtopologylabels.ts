/**
 * `PodTopologyLabels`: a pod carries zone and region of the node that it is bound to.
 *
 * @see KEP-4742; plugin/pkg/admission/podtopologylabels/admission.go
 * @module
 */
import { metaOf } from '../api/object.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin } from './admission.ts'

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

export function podTopologyLabels({ cache }: { cache: Cache }): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    handles: ({ operation, group, resource, subresource, object }) =>
      operation === 'CREATE' &&
      group === '' &&
      resource === 'pods' &&
      (subresource === '' || subresource === 'binding') &&
      object !== undefined,
    admit({ object, subresource }) {
      if (object === undefined) return
      const target = object['target']
      const nodeName: string =
        subresource === 'binding' ? (target?.kind === 'Node' ? (target.name ?? '') : '') : (object['spec']?.nodeName ?? '')
      if (nodeName === '') return
      const labels = cache.resource('v1/nodes')?.get(nodeName)?.object.metadata?.labels ?? {}
      const copied = LABELS.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]] as const]))
      if (copied.length === 0) return
      const meta = metaOf(object)
      meta.labels = { ...meta.labels, ...Object.fromEntries(copied) }
    },
  }
}
