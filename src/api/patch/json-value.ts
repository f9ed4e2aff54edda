/**
 * Plain JSON values as patches and field managers see them: own members only, whatever a key is called, and compared by value.
 *
 * @module
 */

import { setMember } from '../json.ts'

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function hasNoMembers(object: object): boolean {
  for (const _ in object) return false
  return true
}

/** A member that the object has itself; `__proto__` and `constructor` are keys like any other. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** A copy that shares nothing with `value`. */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyJson) as T
  const copy: JsonObject = {}
  for (const key of Object.keys(value)) setMember(copy, key, copyJson((value as JsonObject)[key]))
  return copy as T
}

/** Equal as JSON: order of members does not count, a member that is undefined counts as absent, 5 and 5n are the same number. */
export function equalJson(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return equalScalars(left, right)
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false
    for (let i = 0; i < left.length; i++) if (!equalJson(left[i], right[i])) return false
    return true
  }
  if (Array.isArray(right)) return false
  return equalMembers(left as JsonObject, right as JsonObject)
}

function equalMembers(left: JsonObject, right: JsonObject): boolean {
  let count = 0
  for (const key in left) {
    const value = left[key]
    if (value === undefined) continue
    count++
    if (!Object.hasOwn(right, key) || !equalJson(value, right[key])) return false
  }
  for (const key in right) if (right[key] !== undefined) count--
  return count === 0
}

/** Of the scalars only numbers have two forms. */
function equalScalars(left: unknown, right: unknown): boolean {
  return isNumber(left) && isNumber(right) && left <= right && left >= right
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}
