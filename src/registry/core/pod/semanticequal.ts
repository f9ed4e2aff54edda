/**
 * Whether two decoded pod specs or templates say the same: an absent list is an empty one, an absent map is an empty one; an absent
 * struct is not an empty one.
 *
 * @see apimachinery/pkg/api/equality/semantic.go
 * @module
 */

/** The members of pods and workloads that are maps: everything else that prints as `{}` is a struct. */
const MAPS = new Set([
  'nodeSelector',
  'overhead',
  'limits',
  'requests',
  'matchLabels',
  'labels',
  'annotations',
  'volumeAttributes',
  'options',
  'selector',
])

/** `a` and `b` are values of one type; `member` is the name they are kept under. */
export function semanticEqual(a: unknown, b: unknown, member = ''): boolean {
  if (a === b) return true
  const emptyA = isEmpty(a, member)
  if (emptyA || isEmpty(b, member)) return emptyA && isEmpty(b, member)
  if (typeof a !== 'object' || typeof b !== 'object') return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]))
  if (Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) if (!semanticEqual(left[key], right[key], key)) return false
  for (const key in right) if (left[key] === undefined && !isEmpty(right[key], key)) return false
  return true
}

function isEmpty(value: unknown, member: string): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object') return false
  if (Array.isArray(value)) return value.length === 0
  if (!MAPS.has(member)) return false
  for (const _ in value) return false
  return true
}
