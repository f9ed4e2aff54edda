/**
 * Field sets and types that became atomic since the sets were written.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/reconcile_schema.go
 * @module
 */
import { type FieldSet, LEAF } from './field-set.ts'
import { type Topology, typeBelow } from './topology.ts'

/** The set with one member where the type is one thing and the set has parts of it; the same set when there is no such place. */
export function reconciled(set: FieldSet, topology: Topology): FieldSet {
  let rebuilt: Record<string, FieldSet> | undefined
  for (const key in set) {
    const element = set[key]!
    if (key === '.' || element === LEAF) continue
    const type = typeBelow(topology, key)
    if (type === undefined) continue
    const now = reconciledElement(element, type)
    if (now === element) continue
    rebuilt ??= { ...set }
    rebuilt[key] = now
  }
  return rebuilt ?? set
}

function reconciledElement(element: FieldSet, type: Topology): FieldSet {
  for (const _ in element) return 'atomic' in type && type.atomic ? LEAF : reconciled(element, type)
  return element
}
