/**
 * What a manager applied before and leaves out now, taken out of an object in one walk; for owners who all wrote in one version.
 *
 * A field goes when the manager had it and, on the way down to it, something at or below what the manager had is owned by nobody.
 * `pruned` says the same by sets, for any number of versions.
 *
 * @see sigs.k8s.io/structured-merge-diff merge/update.go, prune
 * @module
 */
import { setMember } from '../json.ts'
import { isObject, type JsonObject } from '../patch/json-value.ts'
import { type FieldSet, isMember } from './field-set.ts'
import { itemElement } from './list-items.ts'
import { ANY, type ListTopology, type StructTopology, type Topology, typeBelow } from './topology.ts'

/** The object without what is given up; the same object when nothing is. */
export function withoutGivenUp<T extends JsonObject>(object: T, last: FieldSet, owned: FieldSet, topology: StructTopology): T {
  // Members come and go; what kind of object it is stays.
  return mapWithout(object, { last, owned, had: false, lost: false }, topology) as T
}

interface Way {
  last: FieldSet
  owned: FieldSet | undefined
  /** The manager had something on the way here. */
  had: boolean
  /** Something from there on is owned by nobody. */
  lost: boolean
}

function mapWithout(object: JsonObject, way: Way, topology: Topology): JsonObject {
  let kept: JsonObject | undefined
  for (const name in object) {
    const element = `f:${name}`
    if (way.last[element] === undefined || object[name] === undefined) continue
    const declared = topology.kind === 'struct' && topology.members.has(name)
    const type = typeBelow(topology, element) ?? ANY
    const value = isEmptyList(object[name], type, declared) ? object[name] : below(object[name], element, way, declared, type)
    if (value === object[name]) continue
    kept ??= { ...object }
    if (value === undefined) delete kept[name]
    else setMember(kept, name, value)
  }
  return kept ?? object
}

function listWithout(list: readonly unknown[], way: Way, topology: ListTopology): readonly unknown[] {
  const kept: unknown[] = []
  let same = true
  for (const item of list) {
    const element = itemElement(item, topology)
    const value = way.last[element] === undefined ? item : below(item, element, way, false, topology.items)
    if (value !== item) same = false
    if (value !== undefined) kept.push(value)
  }
  return same ? list : kept
}

/** What stays of a value: undefined for nothing. A declared field that leads to members counts as one. */
function below(value: unknown, element: string, way: Way, declared: boolean, type: Topology): unknown {
  const last = way.last[element]!
  const owned = way.owned?.[element]
  const hadHere = declared || isMember(last)
  const had = way.had || hadHere
  const lost = way.lost || (had && (owned === undefined || !(declared || isMember(owned))))
  if (lost && hadHere) return undefined
  if (type.kind === 'list') return type.atomic || !Array.isArray(value) ? value : listWithout(value, { last, owned, had, lost }, type)
  const atomic = type.kind === 'scalar' || (type.kind !== 'any' && type.atomic)
  return atomic || !isObject(value) ? value : mapWithout(value, { last, owned, had, lost }, type)
}

/** Nobody has an empty list that is owned item by item. */
function isEmptyList(value: unknown, type: Topology, declared: boolean): boolean {
  return declared && type.kind === 'list' && !type.atomic && Array.isArray(value) && value.length === 0
}
