/**
 * A live object with a configuration merged in: what the configuration says wins, nothing is removed.
 *
 * @see sigs.k8s.io/structured-merge-diff typed/merge.go
 * @module
 */
import { setMember } from '../json.ts'
import { hasNoMembers, isObject, type JsonObject, own } from '../patch/json-value.ts'
import { itemElement } from './list-items.ts'
import { ANY, type ListTopology, type StructTopology, type Topology } from './topology.ts'

/** Neither is changed; the result shares parts with both. */
export function mergeObjects(live: JsonObject, config: JsonObject, topology: StructTopology): JsonObject {
  return members(live, config, (name) => topology.members.get(name)?.type ?? ANY)
}

function merge(live: unknown, config: unknown, topology: Topology): unknown {
  if (config === undefined) return live
  if (live === undefined) return config
  switch (topology.kind) {
    case 'scalar':
      return config
    case 'struct':
      return topology.atomic ? config : maps(live, config, (name) => topology.members.get(name)?.type ?? ANY)
    case 'map':
      return topology.atomic ? config : maps(live, config, () => topology.values)
    case 'any':
      return isObject(live) && (isObject(config) || config === null) ? maps(live, config, () => ANY) : config
    case 'list':
      return topology.atomic || !Array.isArray(live) || live.length === 0 ? config : lists(live, config, topology)
  }
}

/** Emptiness given for something that is not empty removes nothing. */
function maps(live: unknown, config: unknown, typeOf: (name: string) => Topology): unknown {
  if (!isObject(live) || hasNoMembers(live)) return config
  return isObject(config) ? members(live, config, typeOf) : live
}

function members(live: JsonObject, config: JsonObject, typeOf: (name: string) => Topology): JsonObject {
  const merged = { ...live }
  for (const name in config) setMember(merged, name, merge(own(live, name), config[name], typeOf(name)))
  return merged
}

/** An item of the live list; `value` is undefined when several share its identity. */
interface Keyed {
  element: string
  item: unknown
}

/**
 * Items of both, in the order of the configuration; items that only the live list has keep their place among those.
 */
function lists(live: readonly unknown[], config: unknown, topology: ListTopology): unknown {
  if (!Array.isArray(config) || config.length === 0) return live
  const left = keyed(live, topology)
  const right = keyed(config, topology)
  const mine = new Map<string, unknown>()
  for (const { element, item } of left) mine.set(element, mine.has(element) ? null : item)
  const theirs = new Map(right.map(({ element, item }) => [element, item]))
  const shared = right.filter(({ element }) => mine.has(element)).map(({ element }) => element)
  const merged: unknown[] = []
  const done = new Set<string>()
  let nextShared = 0
  let l = 0
  let r = 0
  const take = (element: string): void => {
    done.add(element)
    merged.push(merge(mine.get(element) ?? undefined, theirs.get(element), topology.items))
  }
  while (l < left.length || r < right.length) {
    const liveElement = left[l]?.element
    const element = right[r]?.element
    if (liveElement !== undefined && liveElement === element) {
      take(element)
      l++
      r++
      nextShared++
      continue
    }
    if (liveElement !== undefined) {
      if (element !== undefined && theirs.has(liveElement) && nextShared < shared.length && shared[nextShared] !== liveElement) {
        // The configuration has it too, elsewhere: it comes when its turn comes.
        l++
        continue
      }
      if (!theirs.has(liveElement)) {
        merged.push(left[l++]!.item)
        continue
      }
      if (done.has(liveElement)) l++
    }
    if (element !== undefined) {
      take(element)
      r++
      if (shared[nextShared] === element) nextShared++
    }
  }
  return merged
}

function keyed(list: readonly unknown[], topology: ListTopology): Keyed[] {
  return list.map((item) => ({ element: itemElement(item, topology), item }))
}
