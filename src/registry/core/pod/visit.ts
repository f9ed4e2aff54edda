/**
 * Every container of a pod with its place in the object.
 *
 * @see pkg/apis/core/pods/helpers.go, VisitContainersWithPath
 * @module
 */
import type { Container, EphemeralContainer, PodSpec } from '../../../api/types/core/v1.ts'

/** Init containers, containers, ephemeral containers. `field` makes the path only when asked: mostly nothing is wrong. */
export function eachContainer(
  spec: PodSpec,
  path: string,
  visit: (container: Container | EphemeralContainer, field: () => string) => void,
): void {
  for (const member of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    const containers = spec[member]
    if (containers === undefined) continue
    for (let index = 0; index < containers.length; index++) visit(containers[index]!, () => `${path}.${member}[${index}]`)
  }
}
