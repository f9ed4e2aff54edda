/**
 * What a manager applied before and leaves out now, taken out of an object in one walk; for owners who all wrote in one version.
 *
 * `pruned` says the same by sets, for any number of versions. Upstream removes, step by step, all that the manager had and everything
 * below it, except what is owned; then it puts back what the manager never had. A field that would be left without any owned part in
 * between goes, too.
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
  return new Walk().map(object, { last, owned, had: false, lost: false }, topology) as T
}

interface Way {
  last: FieldSet | undefined
  owned: FieldSet | undefined
  /** The manager had something on the way here. */
  had: boolean
  /** Something from there on is owned by nobody. */
  lost: boolean
}

/** The walk keeps two accounts of the value just visited, as it would be without what nobody owns. */
class Walk {
  /** It would not be there. */
  #gone = false
  /** It would be there with something in it that can be owned. */
  #counts = false

  /** What stays of a value: undefined for nothing. `declared`: a field of a struct, which counts when something in it does. */
  #value(value: unknown, element: string, way: Way, type: Topology, declared: boolean): unknown {
    const last = way.last?.[element]
    const owned = way.owned?.[element]
    const counted = !declared || hasParts(value, type)
    const hadHere = last !== undefined && (declared || isMember(last))
    const had = way.had || hadHere
    const lost = way.lost || (counted && had && (owned === undefined || !(declared || isMember(owned))))
    this.#counts = true
    const kept = had || last !== undefined ? this.#below(value, { last, owned, had, lost }, type) : value
    this.#gone = lost
    this.#counts = counted && !lost && (this.#counts || !declared)
    return counted && hadHere && !this.#counts ? undefined : kept
  }

  #below(value: unknown, way: Way, type: Topology): unknown {
    if (type.kind === 'scalar' || (type.kind !== 'any' && type.atomic)) return value
    if (type.kind === 'list') return Array.isArray(value) ? this.#list(value, way, type) : value
    return isObject(value) ? this.map(value, way, type) : value
  }

  map(object: JsonObject, way: Way, topology: Topology): JsonObject {
    let kept: JsonObject | undefined
    let counts = false
    // Emptied altogether, it is an empty object, which counts.
    let empty = true
    for (const name in object) {
      if (object[name] === undefined) continue
      const element = `f:${name}`
      const declared = topology.kind === 'struct' && topology.members.has(name)
      const value = this.#value(object[name], element, way, typeBelow(topology, element) ?? ANY, declared)
      counts ||= this.#counts
      empty &&= this.#gone
      if (value === object[name]) continue
      kept ??= { ...object }
      if (value === undefined) delete kept[name]
      else setMember(kept, name, value)
    }
    this.#counts = counts || empty
    return kept ?? object
  }

  #list(list: readonly unknown[], way: Way, topology: ListTopology): readonly unknown[] {
    const kept: unknown[] = []
    let same = true
    let counts = false
    for (const item of list) {
      const value = this.#value(item, itemElement(item, topology), way, topology.items, false)
      counts ||= this.#counts
      if (value !== item) same = false
      if (value !== undefined) kept.push(value)
    }
    this.#counts = counts
    return same ? list : kept
  }
}

/** Whether there is anything in a value that can be owned: not so for empty lists owned item by item, and structs of nothing else. */
function hasParts(value: unknown, type: Topology): boolean {
  if (Array.isArray(value)) return type.kind !== 'list' || type.atomic || value.length > 0
  if (type.kind !== 'struct' || type.atomic || !isObject(value)) return true
  let empty = true
  for (const name in value) {
    if (value[name] === undefined) continue
    empty = false
    const member = type.members.get(name)
    if (member === undefined || hasParts(value[name], member.type)) return true
  }
  return empty
}
