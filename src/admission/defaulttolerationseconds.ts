/**
 * `DefaultTolerationSeconds`: a pod stays five minutes on a node that is not ready or cannot be reached, unless it says otherwise.
 *
 * @see plugin/pkg/admission/defaulttolerationseconds/admission.go
 * @module
 */
import type { Pod } from '../api/types/core/v1.ts'
import type { AdmissionPlugin } from './admission.ts'

/** `--default-not-ready-toleration-seconds` and `--default-unreachable-toleration-seconds`. */
export interface TolerationSeconds {
  notReady: number
  unreachable: number
}

export function defaultTolerationSeconds(seconds: TolerationSeconds): AdmissionPlugin {
  const defaults: [string, number][] = [
    ['node.kubernetes.io/not-ready', seconds.notReady],
    ['node.kubernetes.io/unreachable', seconds.unreachable],
  ]
  return {
    name: 'DefaultTolerationSeconds',
    handles: ({ operation, group, resource, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') && group === '' && resource === 'pods' && subresource === '',
    admit(request) {
      const pod = request.object as Pod
      pod.spec ??= {}
      const given = pod.spec.tolerations ?? []
      const missing = defaults.filter(
        ([taint]) => !given.some(({ key = '', effect = '' }) => (key === taint || key === '') && (effect === 'NoExecute' || effect === '')),
      )
      if (missing.length === 0) return
      pod.spec.tolerations = [
        ...given,
        ...missing.map(([key, tolerationSeconds]) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds })),
      ]
    },
  }
}
