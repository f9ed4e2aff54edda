/**
 * The fields that a configuration names.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/tofieldset.go
 * @module
 */
import { hasNoMembers, isObject, type JsonObject } from '../patch/json-value.ts'
import { type FieldSet, LEAF, withSelf } from './field-set.ts'
import { itemElement } from './list-items.ts'
import { ANY, type ListTopology, type StructTopology, type Topology } from './topology.ts'

/** Every leaf and every list item that the object mentions. Throws an UnidentifiedItem. */
export function configuredFields(object: JsonObject, topology: StructTopology): FieldSet {
  return members(object, topology) ?? LEAF
}

/** What a value amounts to as an element: undefined when nothing of it is owned. */
function element(value: unknown, topology: Topology): FieldSet | undefined {
  if (value === null) return LEAF
  switch (topology.kind) {
    case 'scalar':
      return LEAF
    case 'struct':
      return topology.atomic || !isObject(value) || hasNoMembers(value) ? LEAF : members(value, topology)
    case 'map':
      return topology.atomic || !isObject(value) || hasNoMembers(value) ? LEAF : entries(value, topology.values)
    case 'list':
      return topology.atomic || !Array.isArray(value) ? LEAF : items(value, topology)
    case 'any':
      return !isObject(value) || hasNoMembers(value) ? LEAF : entries(value, topology)
  }
}

function members(object: JsonObject, { members: known, open }: StructTopology): FieldSet | undefined {
  let set: Record<string, FieldSet> | undefined
  for (const name in object) {
    const value = object[name]
    const member = known.get(name)
    if (value === undefined || (member === undefined && !open)) continue
    const found = member === undefined ? entry(value, ANY) : element(value, member.type)
    if (found === undefined) continue
    set ??= {}
    set[member === undefined ? `f:${name}` : member.element] = found
  }
  return set
}

function entries(object: JsonObject, values: Topology): FieldSet | undefined {
  let set: Record<string, FieldSet> | undefined
  for (const key in object) {
    if (object[key] === undefined) continue
    set ??= {}
    set[`f:${key}`] = entry(object[key], values)
  }
  return set
}

/** Members that no schema names are owned themselves, besides what is in them. */
function entry(value: unknown, values: Topology): FieldSet {
  const found = element(value, values)
  return found === undefined ? LEAF : withSelf(found)
}

/** Several items of one identity are one thing. */
function items(list: readonly unknown[], topology: ListTopology): FieldSet | undefined {
  let set: Record<string, FieldSet> | undefined
  for (const item of list) {
    const key = itemElement(item, topology)
    set ??= {}
    set[key] = key in set ? LEAF : entry(item, topology.items)
  }
  return set
}
