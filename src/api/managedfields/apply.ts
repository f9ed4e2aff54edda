/**
 * Server-side apply: a configuration merged into the live object, with its manager as owner of exactly the fields it names.
 *
 * @see apimachinery/pkg/util/managedfields/internal/structuredmerge.go; sigs.k8s.io/structured-merge-diff merge/update.go
 * @module
 */
import { rfc3339 } from '../../clock.ts'
import type { GroupVersionKind, KubeObject } from '../object.ts'
import { equalJson, isObject } from '../patch/json-value.ts'
import { badRequest, failure, type StatusError } from '../status.ts'
import { type Comparison, compareObjects } from './compare.ts'
import { configuredFields } from './configured.ts'
import { applyConflict, type OwnerConflict } from './conflicts.ts'
import { decodeEntries, encodeEntries, type Owner, type Owners, ownerKey } from './entries.ts'
import { difference, type FieldSet, intersection, isEmptySet, LEAF, recursiveDifference, union } from './field-set.ts'
import { withoutGivenUp } from './given-up.ts'
import { conflictsBeyondLastApplied, refreshLastApplied } from './last-applied.ts'
import { mergeObjects } from './merge.ts'
import { pruned, type Version } from './prune.ts'
import { topologyOf } from './topology.ts'
import { comparisonsByVersion, type FieldManagerOptions, filtered, reconcileOwners, resetSet, updateOwners } from './track-update.ts'
import { withoutUnowned } from './unowned.ts'
import { typeErrors } from './validate.ts'

export interface Apply extends FieldManagerOptions {
  /** As stored, in the version of the request; undefined when the apply creates the object. Not changed. */
  live: KubeObject | undefined
  /** The configuration as parsed: neither decoded nor defaulted. */
  config: KubeObject
  /** Of the endpoint. */
  gvk: GroupVersionKind
  force: boolean
}

const NOTHING: KubeObject = Object.freeze({})

/**
 * The merged object with its new managedFields, still to be decoded and defaulted. It shares parts with `live` and `config`.
 *
 * Throws 400 for another kind or given managedFields, 500 for a configuration that does not fit the type, 409 for conflicts.
 */
export function apply(request: Apply): KubeObject {
  const { config, gvk } = request
  checkKind(config, gvk)
  const live = request.live ?? NOTHING
  const owners = decodeEntries(live.metadata?.managedFields, true) ?? new Map()
  if (owners.size === 0) updateOwners(owners, NOTHING, live, { ...request, manager: 'before-first-apply' })
  checkConfig(config, request)
  const merged = applyAs(owners, live, request, request.force)
  const object = withManagedFields(merged, owners)
  if (request.manager === 'kubectl') refreshLastApplied(object, config)
  return object
}

function checkKind(config: KubeObject, { group, version, kind }: GroupVersionKind): void {
  const apiVersion = typeof config.apiVersion === 'string' ? config.apiVersion : ''
  const slash = apiVersion.indexOf('/')
  const given = {
    group: slash === -1 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    kind: typeof config.kind === 'string' ? config.kind : '',
  }
  if (given.group === group && given.version === version && given.kind === kind) return
  throw badRequest(`invalid object type: ${kindText(given)}`)
}

function checkConfig(config: KubeObject, { gvk, schema, schemas }: Apply): void {
  const { metadata } = config
  if (Array.isArray(metadata?.managedFields)) throw badRequest('metadata.managedFields must be nil')
  const wrong = typeErrors(config, topologyOf(schema, schemas))
  if (wrong === undefined) return
  throw failure(500, '', `failed to create typed patch object (${nameText(config)}; ${kindText(gvk)}): ${wrong}`)
}

/** `namespace/name` as the configuration has them. */
function nameText({ metadata }: KubeObject): string {
  // Not decoded yet: anything may stand there.
  const { namespace, name } = isObject(metadata) ? (metadata as { namespace?: unknown; name?: unknown }) : {}
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  return `${text(namespace)}/${text(name)}`
}

/** 500: what `apply` answered does not decode; `why` is the decoder's text. */
export function unconvertible({ config, gvk }: Pick<Apply, 'config' | 'gvk'>, why: string): StatusError {
  const kind = kindText(gvk)
  return failure(
    500,
    '',
    `failed to convert new object (${nameText(config)}; ${kind}) to proper version: unable to convert unstructured object to ${kind}: ${why}`,
  )
}

function kindText({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`
}

/** Merges, prunes, and settles who owns what in `owners`. Throws 409. */
function applyAs(owners: Owners, live: KubeObject, request: Apply, force: boolean): KubeObject {
  const { config, schema, schemas, resetPaths } = request
  const topology = topologyOf(schema, schemas)
  const reset = resetPaths === undefined ? undefined : resetSet(resetPaths)
  reconcileOwners(owners, request)
  const applied = newOwner(configuredFields(config, topology), reset, request)
  const key = ownerKey(applied)
  const last = owners.get(key)
  owners.set(key, applied)
  const merged = prune(mergeObjects(live, config, topology), last, owners, request)
  const comparison = filtered(compareObjects(live, merged, topology, { decoded: false }), reset)
  const comparisonOf = comparisonsByVersion(live, merged, comparison, request, reset)
  const conflicts = conflictsWith(owners, key, comparisonOf)
  if (conflicts.length > 0 && !force) refuseConflicts(conflicts, live, request)
  take(owners, key, conflicts, comparisonOf)
  const unchanged = equalJson(live, merged)
  settle(owners, key, unchanged ? last?.time : rfc3339(request.nowMs))
  return merged
}

function newOwner(fields: FieldSet, reset: FieldSet | undefined, { manager, subresource, apiVersion }: Apply): Owner {
  const own = reset === undefined ? fields : recursiveDifference(fields, reset)
  return { manager: manager || 'unknown', operation: 'Apply', subresource, apiVersion, fields: own, time: undefined }
}

function prune(merged: KubeObject, last: Owner | undefined, owners: Owners, request: Apply): KubeObject {
  if (last === undefined) return merged
  const { apiVersion, schema, schemas } = request
  const all = [...owners.values()]
  if (last.apiVersion === apiVersion && all.every((owner) => owner.apiVersion === apiVersion)) {
    return withoutGivenUp(
      merged,
      last.fields,
      all.reduce((owned, { fields }) => union(owned, fields), LEAF),
      topologyOf(schema, schemas),
    )
  }
  return pruned(merged, last, all, (apiVersion) => versionOf(apiVersion, request))
}

function versionOf(apiVersion: string, { schema, schemas, otherVersion, apiVersion: own }: Apply): Version | undefined {
  const same = (object: KubeObject): KubeObject => object
  if (apiVersion === own) return { topology: topologyOf(schema, schemas), convert: same, back: same }
  const other = otherVersion?.(apiVersion)
  return other && { topology: topologyOf(other.schema, schemas), convert: other.convert, back: other.back }
}

/** Drops owners of versions that are gone on the way. */
function conflictsWith(owners: Owners, own: string, comparisonOf: (apiVersion: string) => Comparison | undefined): OwnerConflict[] {
  const conflicts: OwnerConflict[] = []
  for (const [key, owner] of owners) {
    if (key === own) continue
    const comparison = comparisonOf(owner.apiVersion)
    if (comparison === undefined) {
      owners.delete(key)
      continue
    }
    const fields = comparison.changed && intersection(owner.fields, comparison.changed)
    if (fields !== undefined) conflicts.push({ owner, fields })
  }
  return conflicts
}

/** Throws, unless they are only about what `kubectl apply` itself wrote before. */
function refuseConflicts(conflicts: OwnerConflict[], live: KubeObject, { manager, apiVersion, schema, schemas }: Apply): void {
  const left = manager === 'kubectl' ? conflictsBeyondLastApplied(conflicts, live, apiVersion, topologyOf(schema, schemas)) : undefined
  if (left === undefined) throw applyConflict(conflicts)
  if (left.length > 0) throw applyConflict(left)
}

/** Takes what conflicts, and what is gone, from the others. */
function take(
  owners: Owners,
  own: string,
  conflicts: readonly OwnerConflict[],
  comparisonOf: (apiVersion: string) => Comparison | undefined,
): void {
  for (const { owner, fields } of conflicts) owners.set(ownerKey(owner), { ...owner, fields: difference(owner.fields, fields) })
  for (const [key, owner] of owners) {
    const removed = key === own ? undefined : comparisonOf(owner.apiVersion)?.removed
    const fields = removed === undefined ? owner.fields : difference(owner.fields, removed)
    if (isEmptySet(fields)) owners.delete(key)
    else if (fields !== owner.fields) owners.set(key, { ...owner, fields })
  }
}

function settle(owners: Owners, key: string, time: string | undefined): void {
  const owner = owners.get(key)
  if (owner === undefined) return
  const fields = withoutUnowned(owner.fields)
  if (isEmptySet(fields)) owners.delete(key)
  else owners.set(key, { ...owner, fields, time })
}

function withManagedFields(merged: KubeObject, owners: Owners): KubeObject {
  const { managedFields: _, ...metadata } = merged.metadata ?? {}
  const entries = encodeEntries(owners)
  return { ...merged, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } }
}
