/**
 * What a manager applied before and leaves out now is removed, unless somebody else owns it.
 *
 * @see sigs.k8s.io/structured-merge-diff merge/update.go, prune
 * @module
 */
import type { KubeObject } from '../object.ts'
import { configuredFields } from './configured.ts'
import type { Owner } from './entries.ts'
import { difference, type FieldSet, intersection, isEmptySet, LEAF, union } from './field-set.ts'
import { withNamedFields, withoutFields } from './remove.ts'
import type { StructTopology } from './topology.ts'

/** One version of the kind: its topology, and the way there from the version of the request and back. */
export interface Version {
  topology: StructTopology
  convert(object: KubeObject): KubeObject
  back(object: KubeObject): KubeObject
}

/**
 * @param merged the live object with the configuration merged in
 * @param last the manager's Apply entry as it was
 * @param owners all owners, the manager with what it applies now
 * @param versionOf undefined for versions that are gone; what is owned in them protects nothing
 */
export function pruned(
  merged: KubeObject,
  last: Owner,
  owners: Iterable<Owner>,
  versionOf: (apiVersion: string) => Version | undefined,
): KubeObject {
  const version = versionOf(last.apiVersion)
  if (version === undefined) return merged
  const { topology } = version
  const before = version.convert(merged)
  const lastFields = withNamedFields(last.fields, topology)
  let after: KubeObject = withoutFields(before, lastFields, topology)
  const owned = ownedByVersion(owners)
  after = withOwned(before, after, owned.get(last.apiVersion) ?? LEAF, topology)
  owned.delete(last.apiVersion)
  for (const [apiVersion, fields] of owned) {
    const other = versionOf(apiVersion)
    if (other === undefined) continue
    const kept = withOwned(other.convert(merged), other.convert(version.back(after)), fields, other.topology)
    after = version.convert(other.back(kept))
  }
  return version.back(withoutForeign(before, after, lastFields, topology))
}

function ownedByVersion(owners: Iterable<Owner>): Map<string, FieldSet> {
  const owned = new Map<string, FieldSet>()
  for (const { apiVersion, fields } of owners) owned.set(apiVersion, union(owned.get(apiVersion) ?? LEAF, fields))
  return owned
}

/** `merged` without what `after` lacks and nobody owns. */
function withOwned(merged: KubeObject, after: KubeObject, owned: FieldSet, topology: StructTopology): KubeObject {
  const all = fieldsOf(merged, topology)
  const kept = union(fieldsOf(after, topology), withNamedFields(owned, topology))
  return withoutFields(merged, difference(all, kept), topology)
}

/** `merged` without what `after` lacks and the manager had applied: what it never owned stays. */
function withoutForeign(merged: KubeObject, after: KubeObject, last: FieldSet, topology: StructTopology): KubeObject {
  const gone = intersection(difference(fieldsOf(merged, topology), fieldsOf(after, topology)), last)
  return gone === undefined || isEmptySet(gone) ? merged : withoutFields(merged, gone, topology)
}

function fieldsOf(object: KubeObject, topology: StructTopology): FieldSet {
  return withNamedFields(configuredFields(object, topology), topology)
}
