/**
 * Status endpoints of newer kinds change nothing of the metadata but the managed fields.
 *
 * @see apimachinery/pkg/apis/meta/v1/helpers.go, ResetObjectMetaForStatus
 * @module
 */
import type { KubeObject } from '../api/object.ts'

const KEPT = ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const

/** Takes what a status write may not change from the old object. */
export function keepMetadata(object: KubeObject, old: KubeObject): void {
  const metadata: NonNullable<KubeObject['metadata']> = { ...object.metadata }
  for (const member of KEPT) {
    delete metadata[member]
    const before = old.metadata?.[member]
    if (before !== undefined) Object.assign(metadata, { [member]: before })
  }
  object.metadata = metadata
}
