/**
 * `NodeDeclaredFeatureValidator`: a change of a running pod that only newer kubelets can make needs a node that says it can.
 *
 * @see KEP-5328; plugin/pkg/admission/nodedeclaredfeatures/admission.go, component-helpers/nodedeclaredfeatures/features
 * @module
 */
import { semanticEqual } from '../api/semantic-equal.ts'
import { quote } from '../api/status.ts'
import type { Pod, PodSpec } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin } from './admission.ts'
import { admissionForbidden } from './chain.ts'
import { boundPodThatChanges, nodeOf } from './podresize.ts'

/** Features that an update can need, in upstream's order, and when it does. */
const NEEDED: readonly (readonly [feature: string, by: (spec: PodSpec, old: PodSpec) => boolean])[] = [
  ['InPlacePodLevelResourcesVerticalScaling', (spec, old) => !semanticEqual(spec.resources, old.resources)],
  ['InPlacePodVerticalScalingInitContainers', resizesInitContainer],
]

export function nodeDeclaredFeatures({ cache }: { cache: Cache }): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'UPDATE' && group === '' && resource === 'pods' && (subresource === '' || subresource === 'resize'),
    validate(request) {
      const pod = boundPodThatChanges(request)
      if (pod === undefined) return
      const spec = pod.spec ?? {}
      const old = (request.oldObject as Pod | undefined)?.spec ?? {}
      const needed = NEEDED.filter(([, by]) => by(spec, old)).map(([feature]) => feature)
      if (needed.length === 0) return
      const node = nodeOf(cache, pod, request)
      const missing = needed.filter((feature) => !node.status?.declaredFeatures?.includes(feature))
      if (missing.length === 0) return
      const where = quote(node.metadata?.name ?? '')
      throw admissionForbidden(request, `pod update requires features ${missing.join(', ')} which are not available on node ${where}`)
    },
  }
}

/** Init containers that run beside the others are resized like those. */
function resizesInitContainer(spec: PodSpec, old: PodSpec): boolean {
  return (old.initContainers ?? []).some(
    ({ restartPolicy, resources }, index) =>
      restartPolicy !== 'Always' && !semanticEqual(resources ?? {}, spec.initContainers?.[index]?.resources ?? {}),
  )
}
