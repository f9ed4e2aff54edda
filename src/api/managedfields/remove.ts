/**
 * An object without some of its fields and list items.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/remove.go
 * @module
 */
import { setMember } from '../json.ts'
import { isObject, type JsonObject } from '../patch/json-value.ts'
import { type FieldSet, isMember, LEAF } from './field-set.ts'
import { itemElement } from './list-items.ts'
import { ANY, type ListTopology, type StructTopology, type Topology, typeBelow } from './topology.ts'

/** The object without the members of the set; what becomes empty stays, empty. Not changed itself. */
export function withoutFields(object: JsonObject, gone: FieldSet, topology: StructTopology): JsonObject {
  return mapWithout(object, gone, (name) => topology.members.get(name)?.type ?? ANY)
}

function valueWithout(value: unknown, gone: FieldSet, topology: Topology): unknown {
  switch (topology.kind) {
    case 'scalar':
      return value
    case 'struct':
      return topology.atomic || !isObject(value) ? value : mapWithout(value, gone, (name) => topology.members.get(name)?.type ?? ANY)
    case 'map':
      return topology.atomic || !isObject(value) ? value : mapWithout(value, gone, () => topology.values)
    case 'list':
      return topology.atomic || !Array.isArray(value) ? value : listWithout(value, gone, topology)
    case 'any':
      return isObject(value) ? mapWithout(value, gone, () => ANY) : value
  }
}

function mapWithout(object: JsonObject, gone: FieldSet, typeOf: (name: string) => Topology): JsonObject {
  const kept: JsonObject = {}
  for (const name of Object.keys(object)) {
    const element = gone[`f:${name}`]
    if (element === undefined) setMember(kept, name, object[name])
    else if (!isMember(element)) setMember(kept, name, valueWithout(object[name], element, typeOf(name)))
  }
  return kept
}

function listWithout(list: readonly unknown[], gone: FieldSet, topology: ListTopology): unknown[] {
  const kept: unknown[] = []
  for (const item of list) {
    const element = gone[itemElement(item, topology)]
    if (element === undefined) kept.push(item)
    else if (!isMember(element)) kept.push(valueWithout(item, element, topology.items))
  }
  return kept
}

/** The set with every named field that leads to a member being one as well. */
export function withNamedFields(set: FieldSet, topology: Topology): FieldSet {
  const named: Record<string, FieldSet> = {}
  for (const key in set) {
    const element = set[key]!
    const member = topology.kind === 'struct' ? topology.members.get(key.slice(2)) : undefined
    const below = key === '.' || element === LEAF ? element : withNamedFields(element, typeBelow(topology, key) ?? ANY)
    named[key] = member !== undefined && below !== LEAF && below['.'] === undefined ? { '.': LEAF, ...below } : below
  }
  return named
}
