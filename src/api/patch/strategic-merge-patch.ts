/**
 * Strategic merge patch: a merge patch that knows the type, so that lists merge by key and directives order, replace and delete.
 *
 * @see apimachinery/pkg/util/strategicpatch/patch.go
 * @module
 */
import { setMember } from '../json.ts'
import type { Field, SchemaSource, StructType, ValueType } from '../schema.ts'
import { badRequest, failure, type StatusError } from '../status.ts'
import { goString, goType, goValue } from './go-format.ts'
import { isObject, type JsonObject, own } from './json-value.ts'
import { inGivenOrder, positions, sameAs, unique } from './list-order.ts'

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const DELETE_FROM_LIST = '$deleteFromPrimitiveList'
const SET_ELEMENT_ORDER = '$setElementOrder'

/** The type that a patch is being merged into, as far as it is known. */
interface Target {
  /** Undefined inside maps of scalars and lists of them: there nothing can be looked up. */
  struct: StructType | undefined
  /** What upstream's reflection calls it: `struct`, `map`, `string`, … */
  goKind: string
}

/** How one list or map member is merged. */
interface Merge {
  items: Target
  strategy: string
  mergeKey: string
}

/**
 * The document with the patch merged in. Neither is changed; untouched parts are shared with the document.
 *
 * Throws what the API answers: 400 for malformed directives, 422 for lists of lists, 500 without a reason for everything else.
 */
export function applyStrategicMergePatch(document: JsonObject, patch: JsonObject, schema: StructType, schemas: SchemaSource): JsonObject {
  return mergeMap(document, patch, { struct: schema, goKind: 'struct' }, schemas)
}

function mergeMap(original: JsonObject, patchAsSent: JsonObject, target: Target, schemas: SchemaSource): JsonObject {
  if (Object.hasOwn(patchAsSent, DIRECTIVE)) return mapDirective(patchAsSent)
  const merged = { ...original }
  const patch = { ...patchAsSent }
  retainKeys(merged, patch)
  mergeOrderedLists(merged, patch, target, schemas)
  for (const key of Object.keys(patch)) {
    const value = own(patch, key)
    if (key.startsWith(DELETE_FROM_LIST)) deleteFromList(merged, listOf(key, DELETE_FROM_LIST), value, target, schemas)
    else mergeMember(merged, key, value, target, schemas)
  }
  return merged
}

function mergeMember(merged: JsonObject, key: string, value: unknown, target: Target, schemas: SchemaSource): void {
  if (value === null) {
    delete merged[key]
    return
  }
  const current = own(merged, key)
  if (isObject(value) && isObject(current)) {
    const { items, strategy } = lookUp(target, key, schemas)
    setMember(merged, key, strategy === 'replace' ? value : mergeMap(current, value, items, schemas))
  } else if (Array.isArray(value) && Array.isArray(current)) {
    const { items, strategy, mergeKey } = lookUpList(target, key, schemas)
    setMember(merged, key, strategy === 'merge' ? mergeList(current, value, items, mergeKey, schemas) : value)
  } else {
    const kept = withoutDirectives(withoutNulls(value))
    if (kept === undefined) delete merged[key]
    else setMember(merged, key, kept)
  }
}

/** `$patch` in a map: the patch is the whole answer, or the map becomes empty. */
function mapDirective(patch: JsonObject): JsonObject {
  const { [DIRECTIVE]: directive, ...rest } = patch
  if (directive === 'replace') return rest
  if (directive === 'delete') return {}
  throw refusal(`unknown patch type: ${goString(directive)} in map: ${goValue(patch)}`)
}

/** `$retainKeys`: what the live map has beyond the list goes; what the patch has must be in it. Takes the directive out of the patch. */
function retainKeys(merged: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return
  const list = patch[RETAIN_KEYS]
  delete patch[RETAIN_KEYS]
  if (!Array.isArray(list)) throw badRequest('invalid patch format of retainKeys')
  const kept = new Set<unknown>(list)
  for (const key of Object.keys(patch)) {
    if (own(patch, key) === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(SET_ELEMENT_ORDER)) continue
    if (!kept.has(key)) throw badRequest('invalid patch format of retainKeys')
  }
  for (const key of Object.keys(merged)) if (!kept.has(key)) delete merged[key]
}

/** `$setElementOrder/<list>` together with the list it orders; takes both out of the patch. */
function mergeOrderedLists(merged: JsonObject, patch: JsonObject, target: Target, schemas: SchemaSource): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(SET_ELEMENT_ORDER)) continue
    const order = patch[directive]
    delete patch[directive]
    if (!Array.isArray(order)) throw badType('[]interface {}', order)
    const key = listOf(directive, SET_ELEMENT_ORDER)
    const current = listMember(merged, key)
    const changes = listMember(patch, key)
    const { items, strategy, mergeKey } = lookUpList(target, key, schemas)
    checkOrder(changes, order, mergeKey)
    if (changes === undefined) {
      if (current === undefined) continue
      setMember(merged, key, ordered(current, order, current, mergeKey))
    } else if (current === undefined) {
      setMember(merged, key, ordered(withoutDirectives(changes) as unknown[], order, [], mergeKey, changes))
    } else {
      const list = strategy === 'merge' ? mergeList(current, changes, items, mergeKey, schemas) : changes
      setMember(merged, key, ordered(list, order, current, mergeKey, changes))
    }
    delete patch[key]
  }
}

/** Puts the items that `order` names in its order, the others where they were among them in `live`. */
function ordered(
  list: readonly unknown[],
  order: readonly unknown[],
  live: readonly unknown[],
  mergeKey: string,
  changes: readonly unknown[] = [],
): unknown[] {
  const named = keyIndex(order, mergeKey, 'value')
  const inOrder: unknown[] = []
  const others: unknown[] = []
  for (const item of list) (named.has(keyOf(item, mergeKey, true)) ? inOrder : others).push(item)
  const kind = elementKind([live, changes])
  if (kind === 'map' && mergeKey !== '') for (const item of order) keyOf(item, mergeKey, true)
  return inGivenOrder(inOrder, others, order, live, keyFunction(kind, mergeKey))
}

function mergeList(current: unknown[], patch: unknown[], items: Target, mergeKey: string, schemas: SchemaSource): unknown[] {
  if (current.length === 0 && patch.length === 0) return current
  const kind = elementKind([current, patch])
  if (kind !== 'map') return inGivenOrder(...partition(unique([...current, ...patch]), patch, mergeKey), patch, current, sameAs)
  if (mergeKey === '') throw refusal(`cannot merge lists without merge key for ${items.goKind}`)
  const { live, changes } = listDirectives(current as JsonObject[], patch as JsonObject[], mergeKey)
  const merged = mergeByKey(live, changes, items, mergeKey, schemas)
  return inGivenOrder(...partition(merged, changes, mergeKey), changes, live, keyFunction(kind, mergeKey))
}

/** Items with `$patch` act on the live list and vanish. */
function listDirectives(current: JsonObject[], patch: JsonObject[], mergeKey: string): { live: JsonObject[]; changes: JsonObject[] } {
  let live = current
  let replace = false
  const changes: JsonObject[] = []
  for (const item of patch) {
    if (!Object.hasOwn(item, DIRECTIVE)) {
      changes.push(item)
      continue
    }
    const directive = item[DIRECTIVE]
    if (directive === 'delete') {
      const key = keyOf(item, mergeKey, true)
      live = live.filter((one) => !(Object.hasOwn(one, mergeKey) && one[mergeKey] === key))
    } else if (directive === 'replace') replace = true
    else if (directive === 'merge') throw refusal('merging lists cannot yet be specified in the patch')
    else throw refusal(`unknown patch type: ${goString(directive)} in map: ${goValue(item)}`)
  }
  return replace ? { live: changes, changes: [] } : { live, changes }
}

function mergeByKey(
  live: readonly JsonObject[],
  changes: readonly JsonObject[],
  items: Target,
  mergeKey: string,
  schemas: SchemaSource,
): JsonObject[] {
  const merged = [...live]
  const at = keyIndex(merged, mergeKey, 'position')
  for (const item of changes) {
    const key = keyOf(item, mergeKey, true)
    const found = at.get(key)
    if (found === undefined) {
      at.set(key, merged.length)
      merged.push(item)
    } else {
      merged[found] = mergeMap(merged[found] as JsonObject, item, items, schemas)
    }
  }
  return merged
}

/** `$deleteFromPrimitiveList/<list>`: whatever the strategy of the list is. */
function deleteFromList(merged: JsonObject, key: string, value: unknown, target: Target, schemas: SchemaSource): void {
  if (value === null) {
    delete merged[key]
    return
  }
  const current = own(merged, key)
  if (current === undefined || Array.isArray(current) !== Array.isArray(value)) return
  const { items, strategy, mergeKey } = Array.isArray(value) ? lookUpList(target, key, schemas) : lookUp(target, key, schemas)
  if (isObject(value) && isObject(current))
    setMember(merged, key, strategy === 'replace' ? value : mergeMap(current, value, items, schemas))
  if (!Array.isArray(value) || !Array.isArray(current) || current.length + value.length === 0) return
  if (elementKind([current, value]) === 'map') {
    setMember(merged, key, mergeList(current, value, items, mergeKey, schemas))
    return
  }
  const gone = new Set<unknown>(value)
  setMember(
    merged,
    key,
    current.filter((one) => !gone.has(one)),
  )
}

/** The items of the patch must stand in the order list, in its order; deletions aside, and other directives while the order lasts. */
function checkOrder(changes: readonly unknown[] | undefined, order: readonly unknown[], mergeKey: string): void {
  if (changes === undefined || changes.length === 0 || order.length === 0) return
  let next = 0
  for (const item of changes) {
    if (mergeKey !== '' && !isObject(item)) throw badType('map[string]interface {}', item)
    const directive = isObject(item) ? own(item, DIRECTIVE) : undefined
    if (mergeKey !== '' && directive === 'delete') continue
    if (directive !== undefined && next < order.length) continue
    const key = next < order.length ? keyOf(item, mergeKey, true) : undefined
    while (next < order.length && keyOf(order[next], mergeKey, true) !== key) next++
    if (next++ >= order.length) {
      throw refusal(`The order in patch list:\n${goValue(changes)}\n doesn't match ${SET_ELEMENT_ORDER} list:\n${goValue(order)}\n`)
    }
  }
}

function partition(list: readonly unknown[], by: readonly unknown[], mergeKey: string): [named: unknown[], others: unknown[]] {
  const keys = keyIndex(by, mergeKey, 'value')
  const named: unknown[] = []
  const others: unknown[] = []
  for (const item of list) (keys.has(keyOf(item, mergeKey, true)) ? named : others).push(item)
  return [named, others]
}

function keyFunction(kind: string, mergeKey: string): (item: unknown) => unknown {
  return kind === 'map' ? (item) => (isObject(item) ? own(item, mergeKey) : undefined) : sameAs
}

/** What identifies an item: the value of its merge key, or itself in a list of scalars. */
function keyOf(item: unknown, mergeKey: string, needed: boolean): unknown {
  if (mergeKey === '') return item
  if (!isObject(item)) throw badType('map[string]interface {}', item)
  if (needed && !Object.hasOwn(item, mergeKey)) throw refusal(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`)
  return own(item, mergeKey)
}

/** First position of every key; items without one are passed over. */
function keyIndex(list: readonly unknown[], mergeKey: string, use: 'value' | 'position'): Map<unknown, number> {
  if (mergeKey === '') return positions(list, sameAs)
  for (let i = 0; i < list.length; i++) {
    if (!isObject(list[i])) throw use === 'value' ? refusal(`value for key ${i} is not a map`) : badType('map[string]interface {}', list[i])
  }
  return positions(list, (item) => own(item as JsonObject, mergeKey))
}

/** What all items of the lists are; lists within them, or a mixture, cannot be merged. */
function elementKind(lists: readonly (readonly unknown[])[]): string {
  let kind = ''
  for (const list of lists) {
    for (const item of list) {
      const type = goType(item)
      if (kind === '') kind = type
      if (type === '[]interface {}' && kind === type)
        throw failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
      if (type !== kind) throw refusal(`list element types are not identical: ${goValue(lists)}`)
    }
  }
  if (kind === '') throw refusal('no elements in any of the given slices')
  return kind === 'map[string]interface {}' ? 'map' : kind
}

/** Objects with `$patch` in them are instructions that found nothing to act on; undefined stands for one. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((one) => one !== undefined)
  if (!isObject(value)) return value
  if (Object.hasOwn(value, DIRECTIVE)) return undefined
  const kept: JsonObject = {}
  for (const key of Object.keys(value)) {
    const member = withoutDirectives(own(value, key))
    if (member !== undefined) setMember(kept, key, member)
  }
  return kept
}

/** Members that are null are dropped at every depth; null items of lists stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const kept: JsonObject = {}
  for (const key of Object.keys(value)) {
    const member = own(value, key)
    if (member !== null) setMember(kept, key, withoutNulls(member))
  }
  return kept
}

function listMember(object: JsonObject, key: string): unknown[] | undefined {
  const value = own(object, key)
  if (value === undefined || Array.isArray(value)) return value
  throw badType('[]interface {}', value)
}

/** `finalizers` of `$setElementOrder/finalizers`. */
function listOf(directive: string, prefix: string): string {
  const slash = directive.indexOf('/')
  if (slash === prefix.length) return directive.slice(slash + 1)
  throw badRequest(prefix === SET_ELEMENT_ORDER ? 'invalid patch format of setElementOrder list' : 'invalid patch format of primitive list')
}

function lookUp(target: Target, key: string, schemas: SchemaSource): Merge {
  const field = fieldOf(target, key)
  return { items: targetOf(field.type, schemas), ...strategyOf(field) }
}

function lookUpList(target: Target, key: string, schemas: SchemaSource): Merge {
  const field = fieldOf(target, key)
  if (field.type.kind !== 'list') throw refusal(`expected slice or array type, but got: ${target.goKind}`)
  return { items: targetOf(field.type.items, schemas), ...strategyOf(field) }
}

function fieldOf(target: Target, key: string): Field {
  if (target.struct === undefined) throw refusal(`merging an object in json but data type is not struct, instead is: ${target.goKind}`)
  const field = target.struct.fields.get(key)
  if (field !== undefined) return field
  const name = target.struct.name.slice(target.struct.name.lastIndexOf('.') + 1)
  throw refusal(`unable to find api field in struct ${name} for the json field "${key}"`)
}

function targetOf(type: ValueType, schemas: SchemaSource): Target {
  switch (type.kind) {
    case 'struct':
      return { struct: schemas.struct(type.name), goKind: 'struct' }
    case 'map':
      return { struct: undefined, goKind: 'map' }
    case 'list':
      return { struct: undefined, goKind: 'slice' }
    case 'scalar':
      return { struct: undefined, goKind: type.scalar === 'boolean' ? 'bool' : type.scalar }
  }
}

/** `retainKeys` is an allowance for the client and changes nothing here. */
function strategyOf(field: Field): { strategy: string; mergeKey: string } {
  const strategies = field.patchStrategy?.split(',') ?? []
  return { strategy: strategies.find((one) => one !== 'retainKeys') ?? '', mergeKey: field.patchMergeKey ?? '' }
}

function badType(expected: string, actual: unknown): StatusError {
  return refusal(`expected a ${expected}, but received a ${goType(actual)}`)
}

/** An error that upstream does not classify: 500 without a reason. */
function refusal(message: string): StatusError {
  return failure(500, '', message)
}
