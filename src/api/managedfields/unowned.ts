/**
 * What nobody owns.
 *
 * @see apimachinery/pkg/util/managedfields/internal/stripmeta.go
 * @module
 */
import { difference, type FieldSet, LEAF } from './field-set.ts'

/** Members of `metadata` that nobody owns, as a set. */
export const UNOWNED_METADATA: FieldSet = {
  '.': LEAF,
  'f:name': LEAF,
  'f:namespace': LEAF,
  'f:creationTimestamp': LEAF,
  'f:selfLink': LEAF,
  'f:uid': LEAF,
  'f:clusterName': LEAF,
  'f:generation': LEAF,
  'f:managedFields': LEAF,
  'f:resourceVersion': LEAF,
}

const UNOWNED: FieldSet = { 'f:apiVersion': LEAF, 'f:kind': LEAF, 'f:metadata': UNOWNED_METADATA }

/** A set without what nobody can own. */
export function withoutUnowned(fields: FieldSet): FieldSet {
  return difference(fields, UNOWNED)
}
