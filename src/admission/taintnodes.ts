/**
 * `TaintNodesByCondition`: a new node is not ready until a controller says so.
 *
 * @see plugin/pkg/admission/nodetaint/admission.go
 * @module
 */
import type { Node } from '../api/types/core/v1.ts'
import type { AdmissionPlugin } from './admission.ts'

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: ({ operation, group, resource, subresource }) =>
    operation === 'CREATE' && group === '' && resource === 'nodes' && subresource === '',
  admit(request) {
    const node = request.object as Node
    node.spec ??= {}
    const taints = node.spec.taints ?? []
    if (!taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect))
      node.spec.taints = [...taints, { ...NOT_READY }]
  },
}
