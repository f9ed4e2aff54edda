/**
 * Managed fields of an object as a view of it shows them, and back: `spec.replicas` of a Deployment is that of its Scale.
 *
 * @see apimachinery/pkg/util/managedfields/scalehandler.go
 * @module
 */
import type { ManagedFieldsEntry } from '../types/meta/v1.ts'
import { decodeEntries, encodeEntries, type Owner, type Owners, ownerKey } from './entries.ts'
import { difference, type FieldSet, hasPath, isEmptySet, LEAF, singlePath, union } from './field-set.ts'

export interface ViewMapping {
  /** Version of the object, in which its entries are written: `apps/v1`. */
  apiVersion: string
  /** Version of the view: `autoscaling/v1`. */
  viewVersion: string
  /** Path in the view to path in the object: `{'spec.replicas': 'spec.replicas'}`. */
  paths: Readonly<Record<string, string>>
  /** Paths in other versions of the object; entries of versions that are in neither are dropped. */
  otherVersions?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** The owners of what the view shows. */
export function fieldsOfView(entries: readonly ManagedFieldsEntry[] | undefined, mapping: ViewMapping): ManagedFieldsEntry[] | undefined {
  const shown: Owners = new Map()
  for (const owner of (decodeEntries(entries, true) ?? new Map<string, Owner>()).values()) {
    const paths = pathsOf(owner.apiVersion, mapping)
    const fields =
      paths === undefined
        ? LEAF
        : mapped(
            owner.fields,
            Object.entries(paths).map(([view, object]) => [object, view]),
          )
    if (isEmptySet(fields)) continue
    const inView = { ...owner, apiVersion: mapping.viewVersion, fields }
    shown.set(ownerKey(inView), inView)
  }
  return encodeEntries(shown)
}

/**
 * The object's owners after a write through the view: who is not among the view's owners any more loses the path.
 *
 * As upstream compares identities, and those who update have another one in the view's version, they lose the path even when the write
 * left it to them, and get it back in an entry without a time; so two entries may be of one owner.
 */
export function fieldsOfParent(
  entries: readonly ManagedFieldsEntry[] | undefined,
  viewEntries: readonly ManagedFieldsEntry[] | undefined,
  mapping: ViewMapping,
): ManagedFieldsEntry[] | undefined {
  const owners: Owners = new Map()
  const before = decodeEntries(entries, true) ?? new Map<string, Owner>()
  const view = decodeEntries(viewEntries, true) ?? new Map<string, Owner>()
  for (const [key, owner] of before) {
    const paths = pathsOf(owner.apiVersion, mapping)
    if (paths === undefined) continue
    const shown = Object.values(paths).some((path) => hasPath(owner.fields, elements(path)))
    const fields = shown && !view.has(key) ? difference(owner.fields, setOf(Object.values(paths))) : owner.fields
    if (shown) view.delete(key)
    if (!isEmptySet(fields)) owners.set(key, { ...owner, fields })
  }
  for (const [key, owner] of view) {
    const fields = mapped(owner.fields, Object.entries(mapping.paths))
    if (!isEmptySet(fields)) owners.set(key, { ...owner, apiVersion: mapping.apiVersion, fields, time: before.get(key)?.time })
  }
  return encodeEntries(owners)
}

function pathsOf(apiVersion: string, mapping: ViewMapping): Readonly<Record<string, string>> | undefined {
  return apiVersion === mapping.apiVersion ? mapping.paths : mapping.otherVersions?.[apiVersion]
}

function mapped(fields: FieldSet, paths: readonly [from: string, to: string][]): FieldSet {
  return setOf(paths.filter(([from]) => hasPath(fields, elements(from))).map(([, to]) => to))
}

function setOf(paths: readonly string[]): FieldSet {
  let set = LEAF
  for (const path of paths) set = union(set, singlePath(elements(path)))
  return set
}

function elements(path: string): string[] {
  return path.split('.').map((name) => `f:${name}`)
}
