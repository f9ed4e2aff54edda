/**
 * Status endpoints of newer kinds change nothing of the metadata but the managed fields.
 *
 * @see apimachinery/pkg/apis/meta/v1/helpers.go, ResetObjectMetaForStatus
 * @module
 */
import type { KubeObject } from '../api/object.ts'

const KEPT = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const

/** For `prepareForUpdate` of such an endpoint: what a status write may not change is the old object's. */
export function keepAllButStatus(object: KubeObject, old: KubeObject): void {
  object['spec'] = old['spec']
  keepMetadata(object, old)
}

function keepMetadata(object: KubeObject, old: KubeObject): void {
  const metadata: NonNullable<KubeObject['metadata']> = { ...object.metadata }
  for (const member of KEPT) {
    delete metadata[member]
    const before = old.metadata?.[member]
    if (before !== undefined) Object.assign(metadata, { [member]: before })
  }
  object.metadata = metadata
}
