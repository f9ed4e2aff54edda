/**
 * What changed between two values, for the end of a refusal.
 *
 * @see apimachinery/pkg/util/diff/diff.go
 * @module
 */

const CONTEXT = 3

/** A unified diff of the values as indented JSON, in one hunk from the first change to the last. */
export function difference(before: unknown, after: unknown): string {
  const a = lines(before)
  const b = lines(after)
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const from = Math.max(0, start - CONTEXT)
  const rest = Math.max(0, end - CONTEXT)
  const head = `@@ -${range(from, a.length - rest)} +${range(from, b.length - rest)} @@`
  return [
    head,
    ...a.slice(from, start).map((line) => ` ${line}`),
    ...a.slice(start, a.length - end).map((line) => `-${line}`),
    ...b.slice(start, b.length - end).map((line) => `+${line}`),
    ...a.slice(a.length - end, a.length - rest).map((line) => ` ${line}`),
    '',
  ].join('\n')
}

function range(from: number, to: number): string {
  return to - from === 1 ? String(from + 1) : `${from + 1},${to - from}`
}

function lines(value: unknown): string[] {
  return JSON.stringify(sorted(value), undefined, 1).split('\n')
}

/** The order of members is no difference. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]))
}
