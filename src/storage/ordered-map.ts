/**
 * A map of strings in byte order that can be frozen in O(1): a B+tree whose nodes are copied only when a frozen moment still needs them.
 *
 * Every branch knows how many keys are below it, so that counting a prefix costs O(log n). The store's index and every resource of the
 * cache are such maps.
 *
 * @module
 */

/** Most keys of a leaf and most children of a branch. */
const FANOUT = 32
/** A node smaller than this looks for a neighbour to join. */
const SPARSE = 8
/** Two neighbours join when the result is no larger than this, so that the next insertion does not split it again. */
const JOINED = 24
/** How full `fromSorted` packs its nodes. */
const PACKED = 28

/** Nodes carry the owner that may change them in place; a frozen moment takes the owner away. */
type Owner = object

interface Leaf<V> {
  owner: Owner
  readonly children: undefined
  keys: string[]
  values: V[]
  count: number
}

interface Branch<V> {
  owner: Owner
  /** `keys[i]` is not greater than any key below `children[i]`, and greater than any below `children[i - 1]`. */
  keys: string[]
  children: Node<V>[]
  readonly values: undefined
  count: number
}

type Node<V> = Leaf<V> | Branch<V>

/** A map at one moment. */
export class OrderedView<V> {
  protected root: Node<V>
  /** Some key holds a surrogate pair: UTF-16 order is not byte order then. */
  protected wide: boolean

  constructor(root: Node<V>, wide: boolean) {
    this.root = root
    this.wide = wide
  }

  get size(): number {
    return this.root.count
  }

  get(key: string): V | undefined {
    let node = this.root
    while (node.children !== undefined) node = node.children[childIndex(node.keys, key, this.wide)]!
    const at = lowerBound(node.keys, key, this.wide)
    return node.keys[at] === key ? node.values[at] : undefined
  }

  /** How many keys start with `prefix` and are not before `start`. */
  count(prefix: string, start = ''): number {
    return Math.max(0, this.#end(prefix) - this.#begin(prefix, start))
  }

  /** The values whose keys start with `prefix`, from `start` (inclusive) on. Later changes of the map are not seen. */
  scan(prefix: string, start = ''): Iterable<V> {
    const from = this.#begin(prefix, start)
    const count = this.#end(prefix) - from
    // The nodes must not change under a reader that pauses.
    const root = this.frozenRoot()
    return { [Symbol.iterator]: () => new ValueIterator(root, from, count) }
  }

  /** Like `scan`, for callers that need the keys too and are done before the map changes. `visit` answers false to stop. */
  visit(prefix: string, start: string, visit: (key: string, value: V) => boolean): void {
    const from = this.#begin(prefix, start)
    visitFrom(this.root, from, this.#end(prefix) - from, visit)
  }

  /** A map that starts as this one and goes its own way. O(1). */
  fork(): OrderedMap<V> {
    return new OrderedMap(this.frozenRoot(), this.wide)
  }

  protected frozenRoot(): Node<V> {
    return this.root
  }

  #begin(prefix: string, start: string): number {
    const wide = this.wide || hasSurrogate(start)
    return this.rank(before(prefix, start, wide) ? start : prefix)
  }

  #end(prefix: string): number {
    const end = prefixEnd(prefix)
    return end === undefined ? this.size : Math.max(this.rank(end), this.rank(prefix))
  }

  /** How many keys are before `key`. */
  protected rank(key: string): number {
    const wide = this.wide || hasSurrogate(key)
    let node = this.root
    let rank = 0
    while (node.children !== undefined) {
      const index = childIndex(node.keys, key, wide)
      for (let i = 0; i < index; i++) rank += node.children[i]!.count
      node = node.children[index]!
    }
    return rank + lowerBound(node.keys, key, wide)
  }
}

/** The map as it changes. */
export class OrderedMap<V> extends OrderedView<V> {
  #owner: Owner
  /** Right half of the node that `#set` just split. */
  #split: Node<V> | undefined
  #previous: V | undefined

  constructor(root?: Node<V>, wide = false) {
    const owner = {}
    super(root ?? { owner, children: undefined, keys: [], values: [], count: 0 }, wide)
    this.#owner = owner
  }

  /** A map of entries that are in byte order already; much faster than setting them one by one. */
  static fromSorted<V>(keys: readonly string[], values: readonly V[]): OrderedMap<V> {
    const map = new OrderedMap<V>()
    const owner = map.#owner
    let level: Node<V>[] = []
    for (let at = 0; at < keys.length; at += PACKED) {
      const leafKeys = keys.slice(at, at + PACKED)
      level.push({ owner, children: undefined, keys: leafKeys, values: values.slice(at, at + PACKED), count: leafKeys.length })
    }
    while (level.length > 1) {
      const above: Node<V>[] = []
      for (let at = 0; at < level.length; at += PACKED) above.push(branch(owner, level.slice(at, at + PACKED)))
      level = above
    }
    if (level[0] !== undefined) map.root = level[0]
    map.wide = keys.some(hasSurrogate)
    return map
  }

  /** One moment, for as long as the caller holds it. */
  snapshot(): OrderedView<V> {
    return new OrderedView(this.frozenRoot(), this.wide)
  }

  /** Answers the value that was there before. */
  set(key: string, value: V): V | undefined {
    this.wide ||= hasSurrogate(key)
    this.#previous = undefined
    this.root = this.#set(this.root, key, value)
    if (this.#split !== undefined) {
      this.root = branch(this.#owner, [this.root, this.#split])
      this.#split = undefined
    }
    const previous = this.#previous
    this.#previous = undefined
    return previous
  }

  /** Answers the value that was there. */
  delete(key: string): V | undefined {
    const value = this.get(key)
    if (value === undefined) return undefined
    this.root = this.#delete(this.root, key)
    while (this.root.children !== undefined && this.root.children.length === 1) this.root = this.root.children[0]!
    return value
  }

  protected override frozenRoot(): Node<V> {
    this.#owner = {}
    return this.root
  }

  #set(node: Node<V>, key: string, value: V): Node<V> {
    if (node.children === undefined) {
      const leaf = this.#ownLeaf(node)
      const at = lowerBound(leaf.keys, key, this.wide)
      if (leaf.keys[at] === key) {
        this.#previous = leaf.values[at]
        leaf.values[at] = value
        return leaf
      }
      leaf.keys.splice(at, 0, key)
      leaf.values.splice(at, 0, value)
      leaf.count++
      if (leaf.count > FANOUT) {
        // Keys that only ever grow leave full leaves behind.
        const half = at === leaf.count - 1 ? PACKED : FANOUT / 2
        const keys = leaf.keys.splice(half)
        this.#split = { owner: this.#owner, children: undefined, keys, values: leaf.values.splice(half), count: keys.length }
        leaf.count = half
      }
      return leaf
    }
    const own = this.#ownBranch(node)
    const index = childIndex(own.keys, key, this.wide)
    const child = own.children[index]!
    const before = child.count
    const changed = this.#set(child, key, value)
    own.children[index] = changed
    const right = this.#split
    if (right === undefined) {
      own.count += changed.count - before
      return own
    }
    this.#split = undefined
    own.children.splice(index + 1, 0, right)
    own.keys.splice(index + 1, 0, right.keys[0]!)
    own.count += changed.count + right.count - before
    if (own.children.length > FANOUT) {
      const half = index === own.children.length - 2 ? PACKED : FANOUT / 2
      const keys = own.keys.splice(half)
      const children = own.children.splice(half)
      this.#split = { owner: this.#owner, keys, children, values: undefined, count: total(children) }
      own.count -= this.#split.count
    }
    return own
  }

  /** `key` is there. */
  #delete(node: Node<V>, key: string): Node<V> {
    if (node.children === undefined) {
      const leaf = this.#ownLeaf(node)
      const at = lowerBound(leaf.keys, key, this.wide)
      leaf.keys.splice(at, 1)
      leaf.values.splice(at, 1)
      leaf.count--
      return leaf
    }
    const own = this.#ownBranch(node)
    const index = childIndex(own.keys, key, this.wide)
    own.children[index] = this.#delete(own.children[index]!, key)
    own.count--
    if (width(own.children[index]!) < SPARSE) this.#join(own, index)
    return own
  }

  /** Joins a sparse child with a neighbour where both fit into one node. */
  #join(parent: Branch<V>, index: number): void {
    if (width(parent.children[index]!) === 0 && parent.children.length > 1) {
      parent.children.splice(index, 1)
      parent.keys.splice(index, 1)
      return
    }
    const left = index > 0 ? index - 1 : index
    const a = parent.children[left]
    const b = parent.children[left + 1]
    if (a === undefined || b === undefined || width(a) + width(b) > JOINED) return
    let joined: Node<V>
    if (a.children === undefined && b.children === undefined) {
      joined = {
        owner: this.#owner,
        children: undefined,
        keys: a.keys.concat(b.keys),
        values: a.values.concat(b.values),
        count: a.count + b.count,
      }
    } else if (a.children !== undefined && b.children !== undefined) {
      const keys = a.keys.concat(b.keys)
      // The left end of `b` is known only to the parent.
      keys[a.keys.length] = parent.keys[left + 1]!
      joined = { owner: this.#owner, keys, children: a.children.concat(b.children), values: undefined, count: a.count + b.count }
    } else return
    parent.children.splice(left, 2, joined)
    parent.keys.splice(left + 1, 1)
  }

  #ownLeaf(leaf: Leaf<V>): Leaf<V> {
    if (leaf.owner === this.#owner) return leaf
    return { owner: this.#owner, children: undefined, keys: leaf.keys.slice(), values: leaf.values.slice(), count: leaf.count }
  }

  #ownBranch(own: Branch<V>): Branch<V> {
    if (own.owner === this.#owner) return own
    return { owner: this.#owner, keys: own.keys.slice(), children: own.children.slice(), values: undefined, count: own.count }
  }
}

/** The first key after all keys with the prefix; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const unit = prefix.charCodeAt(at)
    // In byte order the surrogates come last.
    if (unit === 0xdfff) continue
    const next = unit === 0xd7ff ? 0xe000 : unit === 0xffff ? 0xd800 : unit + 1
    return prefix.slice(0, at) + String.fromCharCode(next)
  }
  return undefined
}

/** Whether `a` is before `b` in the order of their UTF-8 bytes. `wide` when one of the keys concerned may hold a surrogate pair. */
export function before(a: string, b: string, wide: boolean): boolean {
  if (!wide) return a < b
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return codePointRank(x) < codePointRank(y)
  }
  return a.length < b.length
}

/** Surrogates stand for code points above all others. */
function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function hasSurrogate(key: string): boolean {
  return /[\ud800-\udfff]/.test(key)
}

/** Index of the first key that is not before `key`. */
function lowerBound(keys: readonly string[], key: string, wide: boolean): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(keys[middle]!, key, wide)) low = middle + 1
    else high = middle
  }
  return low
}

/** Index of the child that has, or would get, `key`. */
function childIndex(keys: readonly string[], key: string, wide: boolean): number {
  let low = 1
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(key, keys[middle]!, wide)) high = middle
    else low = middle + 1
  }
  return low - 1
}

function width<V>(node: Node<V>): number {
  return node.children === undefined ? node.count : node.children.length
}

function total<V>(nodes: readonly Node<V>[]): number {
  let count = 0
  for (const node of nodes) count += node.count
  return count
}

function branch<V>(owner: Owner, children: Node<V>[]): Branch<V> {
  return { owner, keys: children.map((child) => child.keys[0]!), children, values: undefined, count: total(children) }
}

/** Answers false when the visitor stopped. */
function visitFrom<V>(node: Node<V>, from: number, count: number, visit: (key: string, value: V) => boolean): boolean {
  if (count <= 0) return true
  if (node.children === undefined) {
    const end = Math.min(node.count, from + count)
    for (let at = from; at < end; at++) if (!visit(node.keys[at]!, node.values[at]!)) return false
    return true
  }
  let skip = from
  let left = count
  for (const child of node.children) {
    if (skip >= child.count) {
      skip -= child.count
      continue
    }
    const here = Math.min(left, child.count - skip)
    if (!visitFrom(child, skip, here, visit)) return false
    left -= here
    skip = 0
    if (left === 0) break
  }
  return true
}

class ValueIterator<V> implements Iterator<V, undefined> {
  /** Branches above the leaf and the child taken in each. */
  readonly #path: { node: Branch<V>; index: number }[] = []
  #leaf: Leaf<V> | undefined
  #at = 0
  #left: number

  constructor(root: Node<V>, from: number, count: number) {
    this.#left = count
    if (count > 0) this.#descend(root, from)
  }

  next(): IteratorResult<V, undefined> {
    if (this.#left <= 0) return { done: true, value: undefined }
    if (this.#at === this.#leaf!.count) this.#advance()
    this.#left--
    return { done: false, value: this.#leaf!.values[this.#at++]! }
  }

  #descend(root: Node<V>, from: number): void {
    let node = root
    let skip = from
    while (node.children !== undefined) {
      let index = 0
      while (skip >= node.children[index]!.count) skip -= node.children[index++]!.count
      this.#path.push({ node, index })
      node = node.children[index]!
    }
    this.#leaf = node
    this.#at = skip
  }

  #advance(): void {
    for (;;) {
      const top = this.#path.at(-1)!
      if (++top.index < top.node.children.length) {
        this.#descend(top.node.children[top.index]!, 0)
        return
      }
      this.#path.pop()
    }
  }
}
