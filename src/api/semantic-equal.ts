/**
 * Whether two values of the wire mean the same: what Go would hold as its zero value is as good as absent.
 *
 * @see apimachinery/pkg/api/equality/semantic.go
 * @module
 */

/** Order of members and prototypes do not count, order of lists does. */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isZero(a) && isZero(b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, i) => semanticEqual(one, b[i]))
  }
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  return (
    Object.keys(left).every((key) => semanticEqual(left[key], own(right, key))) &&
    Object.keys(right).every((key) => Object.hasOwn(left, key) || isZero(right[key]))
  )
}

function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false || value === 0n) return true
  return typeof value === 'object' && (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0)
}
