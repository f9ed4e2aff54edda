/**
 * Who owns which field after a create, an update or a patch.
 *
 * Fields that the request added or changed belong to its manager and to nobody else; what it removed belongs to nobody.
 *
 * @see apimachinery/pkg/util/managedfields/internal: fieldmanager.go, skipnonapplied.go, capmanagers.go, managedfieldsupdater.go, stripmeta.go
 * @module
 */
import { rfc3339 } from '../../clock.ts'
import { withGivenEmpty } from '../given-empty.ts'
import { type KubeObject, metaOf } from '../object.ts'
import { isObject } from '../patch/json-value.ts'
import type { SchemaSource, StructType } from '../schema.ts'
import type { ManagedFieldsEntry } from '../types/meta/v1.ts'
import { type Comparison, compareObjects } from './compare.ts'
import { decodeEntries, encodeEntries, type Owner, type Owners, ownerIdentifier, ownerKey, timeOrder } from './entries.ts'
import { difference, type FieldSet, isEmptySet, LEAF, recursiveDifference, singlePath, union } from './field-set.ts'
import { UnidentifiedItem } from './list-items.ts'
import { reconciled } from './reconcile.ts'
import { topologyOf } from './topology.ts'
import { withoutUnowned } from './unowned.ts'

/** More Update entries than this are merged, the oldest first. */
const MAX_UPDATERS = 10

const NOTHING: KubeObject = Object.freeze({})

/** An object in another version of its kind, for entries that were written in that version. */
export interface OtherVersion {
  schema: StructType
  /** From the version of the request. */
  convert(object: KubeObject): KubeObject
  /** To the version of the request. */
  back(object: KubeObject): KubeObject
}

export interface FieldManagerOptions {
  /** Type of the objects, in the version of the request. */
  schema: StructType
  schemas: SchemaSource
  /** `fieldManager` of the request, or what the User-Agent gives; empty is `unknown`. */
  manager: string
  /** `''`, or the subresource written through. */
  subresource: string
  /** The version of the request: `apps/v1`. */
  apiVersion: string
  nowMs: number
  /** What this endpoint resets and so nobody can own through it: `['status']`. */
  resetPaths?: readonly string[]
  /** Versions besides `apiVersion`; entries of versions that this does not know are dropped. Absent: there are none. */
  otherVersion?: (apiVersion: string) => OtherVersion | undefined
}

export interface TrackUpdate extends FieldManagerOptions {
  /** As stored; undefined on create. Not changed. */
  before: KubeObject | undefined
  /** As decoded and defaulted, before the strategy and admission saw it. Its `metadata.managedFields` is set. */
  after: KubeObject
}

/** Sets `after.metadata.managedFields` to who owns what now; a managedFields that the client sent is taken as its wish. */
export function trackUpdate(request: TrackUpdate): void {
  const { before, after, subresource } = request
  const meta = metaOf(after)
  const owners = ownersBefore(before?.metadata?.managedFields, meta.managedFields, subresource !== '')
  meta.managedFields = undefined
  if (owners.size > 0 || before?.metadata?.uid === undefined) meta.managedFields = ownersAfter(owners, request)
  // Taken out only here: an object that loses a member is slower from then on.
  if (meta.managedFields === undefined) delete meta.managedFields
}

function ownersAfter(owners: Owners, request: TrackUpdate): ManagedFieldsEntry[] | undefined {
  try {
    updateOwners(owners, request.before ?? NOTHING, withGivenEmpty(request.after), request)
    return encodeEntries(owners)
  } catch (error) {
    // Lists whose items cannot be told apart have no owners at all; later refusals say why.
    if (error instanceof UnidentifiedItem) return undefined
    throw error
  }
}

/** The owners to start from: those the client sent, unless it sent none, nonsense, or wrote through a subresource. */
function ownersBefore(
  stored: readonly ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | null | undefined,
  isSubresource: boolean,
): Owners {
  if (!isSubresource && sent !== undefined && sent !== null) {
    if (isReset(sent)) return new Map()
    if (sent !== stored) {
      const owners = decodeEntries(sent, false)
      if (owners !== undefined && owners.size > 0) return owners
    }
  }
  return decodeEntries(stored, true) ?? new Map()
}

/** `[]` and `[{}]` say: forget all owners. */
function isReset(entries: readonly ManagedFieldsEntry[]): boolean {
  return (
    entries.length === 0 ||
    (entries.length === 1 && isObject(entries[0]) && Object.values(entries[0]).every((value) => value === undefined))
  )
}

/** Gives what the request changed to its manager, in `owners`. */
export function updateOwners(owners: Owners, before: KubeObject, after: KubeObject, options: FieldManagerOptions): void {
  const reset = options.resetPaths === undefined ? undefined : resetSet(options.resetPaths)
  reconcileOwners(owners, options)
  const comparison = filtered(compareObjects(before, after, topologyOf(options.schema, options.schemas), { decoded: true }), reset)
  const gained = comparison.changed === undefined ? LEAF : withoutUnowned(comparison.changed)
  const owner = updater(gained, options)
  takeFromOwners(owners, ownerKey(owner), comparisonsByVersion(before, after, comparison, options, reset))
  if (!isEmptySet(gained)) give(owners, owner)
  capUpdaters(owners)
}

function updater(fields: FieldSet, { manager, subresource, apiVersion, nowMs }: FieldManagerOptions): Owner {
  return { manager: manager || 'unknown', operation: 'Update', subresource, apiVersion, fields, time: rfc3339(nowMs) }
}

function give(owners: Owners, owner: Owner): void {
  const key = ownerKey(owner)
  const known = owners.get(key)
  owners.set(key, known === undefined ? owner : { ...owner, fields: union(known.fields, owner.fields) })
}

/** Removes from all owners what was changed or removed; owners left with nothing vanish. Whoever updates gets back what it changed. */
function takeFromOwners(owners: Owners, updating: string, comparisonOf: (apiVersion: string) => Comparison | undefined): void {
  for (const [key, owner] of owners) {
    const comparison = comparisonOf(owner.apiVersion)
    if (comparison === undefined) {
      owners.delete(key)
      continue
    }
    const { changed, removed } = comparison
    let fields = owner.fields
    if (changed !== undefined && key !== updating) fields = difference(fields, changed)
    if (removed !== undefined) fields = difference(fields, removed)
    if (isEmptySet(fields)) owners.delete(key)
    else if (fields !== owner.fields) owners.set(key, { ...owner, fields })
  }
}

/** What changed as each version shows it; undefined for versions that are gone. */
export function comparisonsByVersion(
  before: KubeObject,
  after: KubeObject,
  comparison: Comparison,
  { apiVersion, otherVersion, schemas }: FieldManagerOptions,
  reset: FieldSet | undefined,
): (apiVersion: string) => Comparison | undefined {
  const known = new Map<string, Comparison | undefined>([[apiVersion, comparison]])
  return (version) => {
    if (known.has(version)) return known.get(version)
    const other = otherVersion?.(version)
    const found =
      other &&
      filtered(compareObjects(other.convert(before), other.convert(after), topologyOf(other.schema, schemas), { decoded: true }), reset)
    known.set(version, found)
    return found
  }
}

/** A comparison without what the endpoint resets. */
export function filtered(comparison: Comparison, reset: FieldSet | undefined): Comparison {
  if (reset === undefined) return comparison
  const { changed, removed } = comparison
  return { changed: changed && without(changed, reset), removed: removed && without(removed, reset) }
}

function without(set: FieldSet, reset: FieldSet): FieldSet | undefined {
  const rest = recursiveDifference(set, reset)
  return isEmptySet(rest) ? undefined : rest
}

/** `['status', 'metadata.labels']` as a set. */
export function resetSet(paths: readonly string[]): FieldSet {
  let set = LEAF
  for (const path of paths) set = union(set, singlePath(path.split('.').map((name) => `f:${name}`)))
  return set
}

/** Sets written when a type was owned member by member that is one thing now. */
export function reconcileOwners(owners: Owners, { schema, schemas, apiVersion, otherVersion }: FieldManagerOptions): void {
  for (const [key, owner] of owners) {
    const type = owner.apiVersion === apiVersion ? schema : otherVersion?.(owner.apiVersion)?.schema
    if (type === undefined) continue
    const fields = reconciled(owner.fields, topologyOf(type, schemas))
    if (fields !== owner.fields) owners.set(key, { ...owner, fields })
  }
}

/** Merges the oldest Update entries of a version into one while there are too many. */
function capUpdaters(owners: Owners): void {
  let excess = -MAX_UPDATERS
  for (const owner of owners.values()) if (owner.operation === 'Update') excess++
  if (excess <= 0) return
  const updaters = [...owners.values()].filter(({ operation }) => operation === 'Update')
  updaters.sort((a, b) => timeOrder(a.time, b.time) || (ownerIdentifier(a) < ownerIdentifier(b) ? -1 : 1))
  const first = new Map<string, Owner>()
  for (const owner of updaters) {
    if (excess <= 0) return
    const oldest = first.get(owner.apiVersion)
    if (oldest === undefined) {
      first.set(owner.apiVersion, owner)
      continue
    }
    const bucket: Owner = {
      manager: 'ancient-changes',
      operation: 'Update',
      subresource: '',
      apiVersion: owner.apiVersion,
      fields: LEAF,
      time: owner.time,
    }
    const key = ownerKey(bucket)
    const merged = owners.get(key)
    if (merged === undefined) owners.delete(ownerKey(oldest))
    bucket.fields = union(owner.fields, (merged ?? oldest).fields)
    owners.delete(ownerKey(owner))
    owners.set(key, bucket)
    excess--
  }
}
