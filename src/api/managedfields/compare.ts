/**
 * Which fields differ between two objects of one type, as sets of fields.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/compare.go
 * @module
 */
import { equalJson, hasNoMembers, isObject, type JsonObject } from '../patch/json-value.ts'
import { type FieldSet, LEAF, withSelf } from './field-set.ts'
import { itemElement } from './list-items.ts'
import { ANY, type ListTopology, type MapTopology, type MemberTopology, type StructTopology, type Topology } from './topology.ts'

/** Fields that are new or another on the right, and fields that are gone there. Undefined: none. */
export interface Comparison {
  changed: FieldSet | undefined
  removed: FieldSet | undefined
}

type Building = Record<string, FieldSet>

const NO_MEMBERS: JsonObject = Object.freeze({})
const NO_ITEMS: readonly unknown[] = Object.freeze([])

/**
 * Compares two objects; the left one is as decoded, so that members with an implicit zero value count as there.
 *
 * `decoded`: so is the right one. A merge of the left one with a configuration is not: what it adds has only the members written.
 *
 * Throws an UnidentifiedItem when a list item lacks its keys.
 */
export function compareObjects(
  left: JsonObject,
  right: JsonObject,
  topology: StructTopology,
  { decoded }: { decoded: boolean },
): Comparison {
  const comparer = new Comparer(decoded)
  comparer.members(left, right, topology)
  return { changed: comparer.changed, removed: comparer.removed }
}

/** Leaves what it finds below the value compared last in `changed` and `removed`; one is made per comparison. */
class Comparer {
  changed: FieldSet | undefined
  removed: FieldSet | undefined
  readonly #rightDecoded: boolean

  constructor(rightDecoded: boolean) {
    this.#rightDecoded = rightDecoded
  }

  /** `undefined` is absent, on one side at most. */
  #value(left: unknown, right: unknown, topology: Topology): void {
    switch (topology.kind) {
      case 'scalar':
        this.#leaf(left, right)
        return
      case 'struct':
        if (topology.atomic || (isBare(left, topology, true) && isBare(right, topology, this.#rightDecoded))) this.#leaf(left, right)
        else {
          this.members(asObject(left), asObject(right), topology)
          this.#self(left, right)
        }
        return
      case 'map':
        if (topology.atomic || (isBareMap(left) && isBareMap(right))) this.#leaf(left, right)
        else {
          this.#entries(asObject(left) ?? NO_MEMBERS, asObject(right) ?? NO_MEMBERS, topology.values)
          this.#self(left, right)
        }
        return
      case 'list':
        if (topology.atomic || (hasNoItems(left) && hasNoItems(right))) this.#leaf(left, right)
        else {
          this.#items(asList(left), asList(right), topology)
          this.#self(left, right)
        }
        return
      case 'any':
        if ((isObject(left) || isObject(right)) && mayBeObject(left) && mayBeObject(right)) this.#value(left, right, ANY_MAP)
        else this.#leaf(left, right)
    }
  }

  #leaf(left: unknown, right: unknown): void {
    if (left === undefined) this.changed = LEAF
    else if (right === undefined) this.removed = LEAF
    else if (!equalJson(left, right)) this.changed = LEAF
  }

  /** A value that is only on one side is itself new or gone, besides what it consists of. */
  #self(left: unknown, right: unknown): void {
    if (left === undefined) this.changed = this.changed === undefined ? LEAF : withSelf(this.changed)
    else if (right === undefined) this.removed = this.removed === undefined ? LEAF : withSelf(this.removed)
  }

  members(left: JsonObject | undefined, right: JsonObject | undefined, { members, implicit, open }: StructTopology): void {
    let changed: Building | undefined
    let removed: Building | undefined
    const rightZeros = right !== undefined && this.#rightDecoded
    for (const name in right) {
      const theirs = right[name]
      if (theirs === undefined) continue
      const member = members.get(name)
      if (member === undefined ? !open : !member.owned) continue
      const mine = left !== undefined && Object.hasOwn(left, name) && left[name] !== undefined ? left[name] : left && member?.zero
      if (mine === theirs) continue
      this.#value(mine, theirs, member === undefined ? ANY : member.type)
      if (this.changed !== undefined) changed = add(changed, elementOf(member, name), this.#takeChanged())
      if (this.removed !== undefined) removed = add(removed, elementOf(member, name), this.#takeRemoved())
    }
    for (const name in left) {
      const mine = left[name]
      if (mine === undefined || (right !== undefined && Object.hasOwn(right, name) && right[name] !== undefined)) continue
      const member = members.get(name)
      if (member === undefined ? !open : !member.owned) continue
      const theirs = rightZeros ? member?.zero : undefined
      if (mine === theirs) continue
      this.#value(mine, theirs, member === undefined ? ANY : member.type)
      if (this.changed !== undefined) changed = add(changed, elementOf(member, name), this.#takeChanged())
      if (this.removed !== undefined) removed = add(removed, elementOf(member, name), this.#takeRemoved())
    }
    if (left === undefined ? rightZeros : right === undefined) {
      for (const member of implicit) {
        if (hasValue(left ?? right!, member.name)) continue
        this.#value(left && member.zero, right && member.zero, member.type)
        if (this.changed !== undefined) changed = add(changed, member.element, this.#takeChanged())
        if (this.removed !== undefined) removed = add(removed, member.element, this.#takeRemoved())
      }
    }
    this.changed = changed
    this.removed = removed
  }

  #entries(left: JsonObject, right: JsonObject, values: Topology): void {
    let changed: Building | undefined
    let removed: Building | undefined
    for (const key in right) {
      const theirs = right[key]
      const mine = Object.hasOwn(left, key) ? left[key] : undefined
      if (mine === theirs) continue
      this.#value(mine, theirs, values)
      if (this.changed !== undefined) changed = add(changed, `f:${key}`, this.#takeChanged())
      if (this.removed !== undefined) removed = add(removed, `f:${key}`, this.#takeRemoved())
    }
    for (const key in left) {
      if (left[key] === undefined || (Object.hasOwn(right, key) && right[key] !== undefined)) continue
      this.#value(left[key], undefined, values)
      if (this.removed !== undefined) removed = add(removed, `f:${key}`, this.#takeRemoved())
    }
    this.changed = changed
    this.removed = removed
  }

  #items(left: readonly unknown[], right: readonly unknown[], list: ListTopology): void {
    let changed: Building | undefined
    let removed: Building | undefined
    const mine = itemsByElement(left, list)
    const theirs = itemsByElement(right, list)
    for (const [element, after] of theirs) {
      this.#item(mine.get(element), after, list.items)
      if (this.changed !== undefined) changed = add(changed, element, this.#takeChanged())
      if (this.removed !== undefined) removed = add(removed, element, this.#takeRemoved())
    }
    for (const [element, before] of mine) {
      if (theirs.has(element)) continue
      this.#item(before, undefined, list.items)
      if (this.changed !== undefined) changed = add(changed, element, this.#takeChanged())
      if (this.removed !== undefined) removed = add(removed, element, this.#takeRemoved())
    }
    this.changed = changed
    this.removed = removed
  }

  /** Items of one identity: several on a side are one thing, owned as a whole. */
  #item(left: Same | undefined, right: Same | undefined, items: Topology): void {
    const before = left?.more === undefined ? left?.item : undefined
    const after = right?.more === undefined ? right?.item : undefined
    if (left?.more !== undefined && right?.more !== undefined) {
      if (!equalJson(left.more, right.more)) this.changed = LEAF
    } else if (left?.more !== undefined) {
      if (after !== undefined) this.#value(undefined, after, items)
      this.removed = LEAF
    } else if (right?.more !== undefined) {
      if (before !== undefined) this.#value(before, undefined, items)
      this.changed = LEAF
    } else if (before !== after) this.#value(before, after, items)
  }

  #takeChanged(): FieldSet {
    const taken = this.changed!
    this.changed = undefined
    return taken
  }

  #takeRemoved(): FieldSet {
    const taken = this.removed!
    this.removed = undefined
    return taken
  }
}

const ANY_MAP: MapTopology = { kind: 'map', atomic: false, values: ANY }

/** An item, and all of that identity when there are several. */
interface Same {
  item: unknown
  more: unknown[] | undefined
}

function itemsByElement(list: readonly unknown[], topology: ListTopology): Map<string, Same> {
  const items = new Map<string, Same>()
  for (let i = 0; i < list.length; i++) {
    const item = list[i]
    const element = itemElement(item, topology)
    const same = items.get(element)
    if (same === undefined) items.set(element, { item, more: undefined })
    else if (same.more === undefined) same.more = [same.item, item]
    else same.more.push(item)
  }
  return items
}

function add(set: Building | undefined, element: string, below: FieldSet): Building {
  const added = set ?? {}
  added[element] = below
  return added
}

function elementOf(member: MemberTopology | undefined, name: string): string {
  return member === undefined ? `f:${name}` : member.element
}

function hasValue(object: JsonObject, name: string): boolean {
  return Object.hasOwn(object, name) && object[name] !== undefined
}

function asObject(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : NO_ITEMS
}

function mayBeObject(value: unknown): boolean {
  return value === undefined || value === null || isObject(value)
}

function hasNoItems(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

function isBareMap(value: unknown): boolean {
  return value === undefined || value === null || (isObject(value) && hasNoMembers(value))
}

/** Absent, null or an object without a member; a decoded struct with implicit members always has some. */
function isBare(value: unknown, { implicit }: StructTopology, decoded: boolean): boolean {
  return isBareMap(value) && (value === undefined || value === null || !decoded || implicit.length === 0)
}
