/**
 * A write that would change nothing but times of managedFields changes nothing.
 *
 * @see apiserver/pkg/endpoints/handlers/fieldmanager/equality.go
 * @module
 */
import type { KubeObject } from '../object.ts'
import { equalJson, isObject, own } from '../patch/json-value.ts'

/**
 * Puts the old times of managedFields back into `after` when nothing else differs between the two.
 *
 * For updates, when `after` is as it will be stored, before the two are compared to see whether anything is written.
 */
export function keepTimesWhenUnchanged(before: KubeObject, after: KubeObject): void {
  const old = before.metadata?.managedFields
  const now = after.metadata?.managedFields
  if (old === undefined || now === undefined || old === now || old.length !== now.length || now.length === 0) return
  if (now.every((entry, i) => entry.time === old[i]!.time)) return
  if (!now.every((entry, i) => equalJson({ ...entry, time: '' }, { ...old[i], time: '' }))) return
  if (!sameMembers(before, after, 'metadata') || !sameMembers(before.metadata, after.metadata, 'managedFields')) return
  // Not null: both were read above.
  after.metadata!.managedFields = old
}

/** Equal but for the member named; what is null or empty counts as absent. */
function sameMembers(left: unknown, right: unknown, ignored: string): boolean {
  if (!isObject(left) || !isObject(right)) return false
  for (const key in left) if (key !== ignored && !same(left[key], own(right, key))) return false
  for (const key in right) if (key !== ignored && !Object.hasOwn(left, key) && !isAbsent(right[key])) return false
  return true
}

function same(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length && left.every((item, i) => same(item, right[i]))
  if (isObject(left) && isObject(right)) return sameMembers(left, right, '')
  return isAbsent(left) && isAbsent(right)
}

function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
