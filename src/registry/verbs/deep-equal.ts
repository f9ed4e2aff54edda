/**
 * Equality of decoded objects as Kubernetes sees it: order of members does not count, order of lists does, absent is undefined.
 *
 * @module
 */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false
    return true
  }
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  let members = 0
  for (const key of Object.keys(left)) {
    const value = left[key]
    if (value === undefined) continue
    members++
    if (!Object.hasOwn(right, key) || !deepEqual(value, right[key])) return false
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined) members--
  return members === 0
}
