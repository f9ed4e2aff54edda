/**
 * Sets of fields in the form that managedFields carries them: `{"f:data":{".":{},"f:a":{}}}`.
 *
 * The wire form is the working form, so that nothing is parsed or written to compare and combine. A member of a set is an element that
 * is `{}` or has a `.` inside; other elements only lead to members. Sets are never changed once made: results share what did not change.
 *
 * @see sigs.k8s.io/structured-merge-diff fieldpath/set.go, serialize.go
 * @module
 */

export interface FieldSet {
  readonly [element: string]: FieldSet
}

type Building = Record<string, FieldSet>

/** What a member without anything below it looks like; at the root of a set, the set without members. */
export const LEAF: FieldSet = Object.freeze({})

/** Whether the set has no member. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether an element is a member itself, whatever lies below it. */
export function isMember(element: FieldSet): boolean {
  for (const key in element) return key === '.' || element['.'] !== undefined
  return true
}

/** Whether the element at the path (`['f:spec', 'f:replicas']`) is a member. */
export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let at: FieldSet | undefined = set
  for (const element of path) {
    at = at[element]
    if (at === undefined) return false
  }
  return path.length > 0 && isMember(at)
}

/** The set of one path. */
export function singlePath(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), LEAF)
}

/** Members of either. */
export function union(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right || isEmptySet(right)) return left
  if (isEmptySet(left)) return right
  return joinBelow(left, right)
}

function joinBelow(left: FieldSet, right: FieldSet): FieldSet {
  let joined: Building | undefined
  for (const key in right) {
    const mine = left[key]
    const theirs = right[key]!
    const both = mine === undefined ? theirs : joinElements(mine, theirs)
    if (both === mine) continue
    joined ??= { ...left }
    joined[key] = both
  }
  return joined ?? left
}

function joinElements(left: FieldSet, right: FieldSet): FieldSet {
  if (left === right) return left
  if (isEmptySet(left)) return withSelf(right)
  if (isEmptySet(right)) return withSelf(left)
  return joinBelow(left, right)
}

/** The element as a member as well. */
export function withSelf(element: FieldSet): FieldSet {
  if (element['.'] !== undefined || isEmptySet(element)) return element
  return { '.': LEAF, ...element }
}

/**
 * Members of `left` that are no members of `right`. What lies below a member of `right` stays, unless `right` has it too.
 *
 * Answers `left` itself when nothing goes.
 */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  let rest: Building | undefined
  for (const key in right) {
    if (key === '.') continue
    const mine = left[key]
    if (mine === undefined) continue
    const kept = elementWithout(mine, right[key]!)
    if (kept === mine) continue
    rest ??= { ...left }
    if (kept === undefined) delete rest[key]
    else rest[key] = kept
  }
  return rest ?? left
}

function elementWithout(left: FieldSet, right: FieldSet): FieldSet | undefined {
  if (isEmptySet(left)) return isMember(right) ? undefined : left
  const below = difference(left, right)
  if (left['.'] === undefined) return isEmptySet(below) ? undefined : below
  const { '.': _, ...children } = below
  const bare = isEmptySet(children)
  if (isMember(right)) return bare ? undefined : children
  return bare ? LEAF : below
}

/** Members of `left` that are neither members of `right` nor below one. */
export function recursiveDifference(left: FieldSet, right: FieldSet): FieldSet {
  let rest: Building | undefined
  for (const key in right) {
    if (key === '.') continue
    const mine = left[key]
    if (mine === undefined) continue
    const theirs = right[key]!
    const kept = isMember(theirs) ? undefined : recursiveElementWithout(mine, theirs)
    if (kept === mine) continue
    rest ??= { ...left }
    if (kept === undefined) delete rest[key]
    else rest[key] = kept
  }
  return rest ?? left
}

function recursiveElementWithout(left: FieldSet, right: FieldSet): FieldSet | undefined {
  if (isEmptySet(left)) return left
  const below = recursiveDifference(left, right)
  if (isEmptySet(below)) return undefined
  for (const key in below) if (key !== '.') return below
  return LEAF
}

/** Members of both; undefined when there are none. */
export function intersection(left: FieldSet, right: FieldSet): FieldSet | undefined {
  let common: Building | undefined
  for (const key in left) {
    if (key === '.') continue
    const theirs = right[key]
    if (theirs === undefined) continue
    const both = commonElement(left[key]!, theirs)
    if (both === undefined) continue
    common ??= {}
    common[key] = both
  }
  return common
}

function commonElement(left: FieldSet, right: FieldSet): FieldSet | undefined {
  if (left === right) return left
  const self = isMember(left) && isMember(right)
  const below = intersection(left, right)
  if (below === undefined) return self ? LEAF : undefined
  return self ? { '.': LEAF, ...below } : below
}

/** Whether both have the same members, in whatever order. */
export function equalSets(left: FieldSet, right: FieldSet): boolean {
  if (left === right) return true
  let count = 0
  for (const key in left) {
    count++
    const theirs = right[key]
    if (theirs === undefined || !equalSets(left[key]!, theirs)) return false
  }
  for (const _ in right) count--
  return count === 0
}
