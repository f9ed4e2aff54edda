/**
 * Who depends on whom: objects that have owners, by the uids of these.
 *
 * Objects nobody owns are not kept: whether an owner is there is asked of the live caches. What happens to an object costs as much as it
 * has owners and dependents, and to an object without either nearly nothing.
 *
 * @see pkg/controller/garbagecollector/graph_builder.go
 * @module
 */
import type { ObjectMeta, OwnerReference } from '../../api/types/meta/v1.ts'
import type { CachedObject, CacheEvent } from '../../cache/cache.ts'
import type { ServedResource } from '../served-resources.ts'

/** The owner waits for its blocking dependents to go. */
export const FOREGROUND = 'foregroundDeletion'
/** The owner waits for its dependents to be let go. */
export const ORPHAN = 'orphan'

/** One incarnation of one object. */
export interface Item {
  /** Id of the cache that keeps it. */
  resource: string
  /** `namespace/name`, or `name`. */
  key: string
  uid: string
}

/** A validated reference has all of these. */
export type Owner = OwnerReference & { apiVersion: string; kind: string; name: string; uid: string }

/** What is to be done about objects, told as it turns up; the same may be told again. */
export interface Collector {
  /** Its owners may be gone, or what it waits for. */
  attemptToDelete(item: Item): void
  /** Its dependents are to be let go. */
  attemptToOrphan(item: Item): void
  /** A new reference names an owner that is not where it says. */
  ownerNotFound(item: Item, reference: Owner): void
}

/** How the graph looks at the world. */
export interface Owners {
  /** The owner's metadata as the caches have it; undefined when there is none of this uid, or the kind is not known. */
  find(reference: Owner, namespace: string): { item: Item; metadata: ObjectMeta } | undefined
}

interface Node extends Item {
  owners: readonly Owner[]
}

const OWNED = Buffer.from('"ownerReferences":[{')
const ENDING = Buffer.from('"deletionTimestamp":"')
const UID = Buffer.from('"uid":"')
const UID_LENGTH = 36

export class OwnerGraph {
  readonly #collector: Collector
  readonly #owners: Owners
  /** Objects that have owners, by their own uid. */
  readonly #nodes = new Map<string, Node>()
  /** By the owner's uid. */
  readonly #dependents = new Map<string, Set<Node>>()

  constructor(collector: Collector, owners: Owners) {
    this.#collector = collector
    this.#owners = owners
  }

  /** Objects with owners. */
  get size(): number {
    return this.#nodes.size
  }

  dependentsOf(uid: string): readonly Item[] {
    return [...(this.#dependents.get(uid) ?? [])]
  }

  hasDependents(uid: string): boolean {
    return this.#dependents.has(uid)
  }

  /** Those that an owner in foreground deletion waits for. */
  blockingDependentsOf(uid: string): readonly Item[] {
    const all = this.#dependents.get(uid) ?? []
    return [...all].filter(({ owners }) => owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true))
  }

  ownersOf(uid: string): readonly Owner[] {
    return this.#nodes.get(uid)?.owners ?? []
  }

  observe(resource: ServedResource, { type, object, previous }: CacheEvent): void {
    if (type === 'DELETED') {
      const last = previous ?? object
      if (this.#dependents.size > 0 || mentions(last, OWNED)) this.#gone(last.object.metadata ?? {})
      return
    }
    if (previous !== undefined && this.#dependents.size > 0 && !sameUid(object, previous)) this.#gone(previous.object.metadata ?? {})
    const owned = mentions(object, OWNED)
    const ending = mentions(object, ENDING)
    if (!owned && !ending && (previous === undefined || !mentions(previous, OWNED))) return
    const metadata = object.object.metadata ?? {}
    const item: Item = { resource: resource.cache.id, key: object.key, uid: metadata.uid ?? '' }
    this.#owned(item, metadata)
    if (ending) this.#transition(item, metadata, previous?.object.metadata)
  }

  #owned(item: Item, metadata: ObjectMeta): void {
    const owners = ownersIn(metadata)
    const known = this.#nodes.get(item.uid)
    if (known === undefined && owners.length === 0) return
    const node: Node = known ?? { ...item, owners: [] }
    const before = node.owners
    if (sameReferences(before, owners)) return
    node.owners = owners
    if (owners.length === 0) this.#nodes.delete(item.uid)
    else this.#nodes.set(item.uid, node)
    for (const { uid } of owners) this.#link(uid, node)
    for (const old of before) {
      const present = owners.find(({ uid }) => uid === old.uid)
      if (present === undefined) this.#unlink(old.uid, node)
      // Its owner may have waited for just this one.
      if (old.blockOwnerDeletion === true && present?.blockOwnerDeletion !== true) this.#lookAgainAt(old, node)
    }
    this.#verify(node, before, metadata.namespace ?? '')
  }

  /** New owners that are not there, or are about to go. */
  #verify(node: Node, before: readonly Owner[], namespace: string): void {
    for (const reference of node.owners) {
      if (before.some((old) => sameReference(old, reference))) continue
      const owner = this.#owners.find(reference, namespace)
      if (owner === undefined) {
        this.#collector.ownerNotFound(node, reference)
        this.#collector.attemptToDelete(node)
      } else if (isDeletingDependents(owner.metadata)) this.#collector.attemptToDelete(owner.item)
    }
  }

  #transition(item: Item, now: ObjectMeta, before: ObjectMeta | undefined): void {
    const starts = (finalizer: string) => endsWith(now, finalizer) && !(before?.uid === now.uid && endsWith(before ?? {}, finalizer))
    if (starts(ORPHAN)) this.#collector.attemptToOrphan(item)
    else if (starts(FOREGROUND)) {
      for (const dependent of this.#dependents.get(item.uid) ?? []) this.#collector.attemptToDelete(dependent)
      this.#collector.attemptToDelete(item)
    }
  }

  #gone({ uid = '' }: ObjectMeta): void {
    const node = this.#nodes.get(uid)
    if (node !== undefined) {
      this.#nodes.delete(uid)
      for (const reference of node.owners) this.#unlink(reference.uid, node)
      for (const reference of node.owners) this.#lookAgainAt(reference, node)
    }
    for (const dependent of this.#dependents.get(uid) ?? []) this.#collector.attemptToDelete(dependent)
  }

  #lookAgainAt(reference: Owner, { key }: Node): void {
    const slash = key.indexOf('/')
    const owner = this.#owners.find(reference, slash < 0 ? '' : key.slice(0, slash))
    if (owner !== undefined && isDeletingDependents(owner.metadata)) this.#collector.attemptToDelete(owner.item)
  }

  #link(owner: string, node: Node): void {
    const dependents = this.#dependents.get(owner)
    if (dependents === undefined) this.#dependents.set(owner, new Set([node]))
    else dependents.add(node)
  }

  #unlink(owner: string, node: Node): void {
    const dependents = this.#dependents.get(owner)
    if (dependents?.delete(node) === true && dependents.size === 0) this.#dependents.delete(owner)
  }
}

export function ownersIn(metadata: ObjectMeta): readonly Owner[] {
  // Nothing is stored with a reference that lacks one of these.
  return (metadata.ownerReferences ?? []) as Owner[]
}

export function isBeingDeleted({ deletionTimestamp }: ObjectMeta): boolean {
  return deletionTimestamp !== undefined
}

export function isDeletingDependents(metadata: ObjectMeta): boolean {
  return endsWith(metadata, FOREGROUND)
}

/** Whether it is being deleted and this finalizer has a say in it. */
function endsWith(metadata: ObjectMeta, finalizer: string): boolean {
  return isBeingDeleted(metadata) && metadata.finalizers?.includes(finalizer) === true
}

/** A look at the bytes, as most objects have neither owners nor an end and need no parsing. May be true for a text inside a string. */
function mentions({ bytes }: CachedObject, member: Buffer): boolean {
  return asBuffer(bytes).includes(member)
}

/** The first member `uid` of both is the same: another incarnation has another one. */
function sameUid(a: CachedObject, b: CachedObject): boolean {
  return uidText(a) === uidText(b)
}

function uidText({ bytes, metadataAt = 0 }: CachedObject): string {
  const buffer = asBuffer(bytes)
  const at = buffer.indexOf(UID, metadataAt)
  return at < 0 ? '' : buffer.toString('latin1', at + UID.length, at + UID.length + UID_LENGTH)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function sameReferences(a: readonly Owner[], b: readonly Owner[]): boolean {
  return a.length === b.length && a.every((one, at) => sameReference(one, b[at]!))
}

function sameReference(a: Owner, b: Owner): boolean {
  return (
    a.uid === b.uid &&
    a.name === b.name &&
    a.kind === b.kind &&
    a.apiVersion === b.apiVersion &&
    (a.blockOwnerDeletion === true) === (b.blockOwnerDeletion === true)
  )
}
