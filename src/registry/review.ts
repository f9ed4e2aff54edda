/**
 * Kinds that are only ever POSTed and never kept: reviews, and what asks the server to act.
 *
 * @module
 */
import type { GroupVersionKind } from '../api/object.ts'
import type { ActionSubresource, ResourceDefinition } from './resource.ts'

export interface Review extends Pick<ActionSubresource, 'create'> {
  kind: GroupVersionKind
  /** Name of the kind's schema. */
  schema: string
  namespaced?: boolean
}

export function review({ kind: gvk, schema, namespaced = false, create }: Review): ResourceDefinition {
  const { group, version, kind } = gvk
  const singular = kind.toLowerCase()
  return {
    group,
    version,
    resource: `${singular}s`,
    singular,
    kind,
    namespaced,
    verbs: [],
    schema,
    strategy: { validateName: () => [] },
    action: { type: 'action', verbs: ['create'], kind: gvk, schema, create },
  }
}
