/**
 * The entries of `metadata.managedFields`: who owns what, told by whom and where it was written.
 *
 * @see apimachinery/pkg/util/managedfields/internal/managedfields.go
 * @module
 */

import { byteOrder } from '../json.ts'
import { hasNoMembers, isObject } from '../patch/json-value.ts'
import type { ManagedFieldsEntry } from '../types/meta/v1.ts'
import { type FieldSet, isEmptySet, LEAF } from './field-set.ts'
import { canonicalElement, inOrder, scalarText } from './path-element.ts'

export interface Owner {
  manager: string
  operation: 'Apply' | 'Update'
  subresource: string
  apiVersion: string
  fields: FieldSet
  /** RFC 3339; undefined: nobody wrote when. */
  time: string | undefined
}

/** Owners by identity: what `ownerKey` answers. */
export type Owners = Map<string, Owner>

/** An owner's identity: those who apply have one for all versions. */
export function ownerKey(owner: Pick<Owner, 'manager' | 'operation' | 'subresource' | 'apiVersion'>): string {
  const version = owner.operation === 'Apply' ? '' : owner.apiVersion
  return `${owner.manager}\u0000${owner.operation}\u0000${version}\u0000${owner.subresource}`
}

/** The identity as upstream writes it, which decides the order where times are the same. */
export function ownerIdentifier({ manager, operation, apiVersion, subresource }: Owner): string {
  const members = manager === '' ? [] : [`"manager":${scalarText(manager)}`]
  members.push(`"operation":"${operation}"`)
  if (operation === 'Update') members.push(`"apiVersion":${scalarText(apiVersion)}`)
  if (subresource !== '') members.push(`"subresource":${scalarText(subresource)}`)
  return `{${members.join(',')}}`
}

/**
 * The owners of an object that was stored.
 *
 * Undefined: some entry is not one. `checked`: the sets were written by a server and need no reading.
 */
export function decodeEntries(entries: readonly ManagedFieldsEntry[] | null | undefined, checked: boolean): Owners | undefined {
  const owners: Owners = new Map()
  if (entries === undefined || entries === null) return owners
  for (const entry of entries) {
    const { operation, apiVersion, fieldsType } = entry
    if (operation !== 'Apply' && operation !== 'Update') return undefined
    if (apiVersion === undefined || apiVersion === '' || fieldsType !== 'FieldsV1') return undefined
    // The schema knows fieldsV1 as an object of any form.
    const fields = checked ? ((entry.fieldsV1 ?? LEAF) as FieldSet) : readFields(entry.fieldsV1 ?? LEAF)
    if (fields === undefined) return undefined
    const owner = {
      manager: entry.manager ?? '',
      operation,
      subresource: entry.subresource ?? '',
      apiVersion,
      fields,
      time: entry.time,
    } as const
    owners.set(ownerKey(owner), owner)
  }
  return owners
}

/** A set that a client sent, in its one form; undefined when it cannot be read. Elements of unknown kinds are dropped. */
export function readFields(fields: unknown): FieldSet | undefined {
  try {
    if (!isObject(fields)) return undefined
    // Most were read from the server and come back as they were.
    return isPlain(fields) ? (fields as FieldSet) : readBelow(fields).set
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Whether a set is in its one form already and has nothing but names in it. */
function isPlain(value: Record<string, unknown>): boolean {
  for (const key in value) {
    const below = value[key]
    if (!isObject(below)) return false
    if (key === '.') {
      if (!hasNoMembers(below)) return false
    } else if (!key.startsWith('f:') || !isPlain(below)) return false
  }
  return !('.' in value) || Object.keys(value).length > 1
}

function readBelow(value: Record<string, unknown>): { set: FieldSet; self: boolean } {
  let rebuilt: Record<string, FieldSet> | undefined
  let self = false
  let children = 0
  const keys = Object.keys(value)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (key === '.') {
      self = true
      if (value[key] === LEAF || (isObject(value[key]) && hasNoMembers(value[key]))) continue
      rebuilt ??= copyUpTo(value, keys, i)
      rebuilt['.'] = LEAF
      continue
    }
    const element = canonicalElement(key)
    const below = value[key]
    if (below !== null && !isObject(below)) throw new SyntaxError('a set of fields is an object')
    const read = below === null ? LEAF : readElement(below)
    if (element !== key || read !== below) rebuilt ??= copyUpTo(value, keys, i)
    if (element === undefined) continue
    children++
    if (rebuilt !== undefined) rebuilt[element] = read
  }
  return { set: rebuilt ?? (value as unknown as FieldSet), self: self || children === 0 }
}

function readElement(value: Record<string, unknown>): FieldSet {
  const { set, self } = readBelow(value)
  if (!self) return set
  for (const key in set) if (key !== '.') return set
  return isEmptySet(set) ? set : LEAF
}

function copyUpTo(value: Record<string, unknown>, keys: readonly string[], end: number): Record<string, FieldSet> {
  const copy: Record<string, FieldSet> = {}
  for (let i = 0; i < end; i++) {
    const element = keys[i] === '.' ? '.' : canonicalElement(keys[i]!)
    // Members before `end` were read and found to be in their one form.
    if (element !== undefined) copy[element] = value[keys[i]!] as FieldSet
  }
  return copy
}

/** The entries as they are stored and served: Apply before Update, then by time, manager, version, subresource. Undefined: none. */
export function encodeEntries(owners: Owners): ManagedFieldsEntry[] | undefined {
  if (owners.size === 0) return undefined
  const entries: Owner[] = [...owners.values()]
  if (entries.length > 1) entries.sort(compareOwners)
  return entries.map(encodeEntry)
}

function encodeEntry(owner: Owner): ManagedFieldsEntry {
  const entry: ManagedFieldsEntry = {}
  if (owner.manager !== '') entry.manager = owner.manager
  entry.operation = owner.operation
  entry.apiVersion = owner.apiVersion
  if (owner.time !== undefined) entry.time = owner.time
  entry.fieldsType = 'FieldsV1'
  entry.fieldsV1 = inOrder(owner.fields)
  if (owner.subresource !== '') entry.subresource = owner.subresource
  return entry
}

function compareOwners(left: Owner, right: Owner): number {
  return (
    byteOrder(left.operation, right.operation) ||
    timeOrder(left.time, right.time) ||
    byteOrder(left.manager, right.manager) ||
    byteOrder(left.apiVersion, right.apiVersion) ||
    byteOrder(left.subresource, right.subresource)
  )
}

/** By whole seconds; no time is the oldest. */
export function timeOrder(left: string | undefined, right: string | undefined): number {
  if (left === right) return 0
  return seconds(left) - seconds(right)
}

function seconds(time: string | undefined): number {
  const ms = time === undefined ? 0 : Date.parse(time)
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000)
}
