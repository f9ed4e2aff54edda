/**
 * Sets of indexes of an indexed job: `1,3-5,7`.
 *
 * @see pkg/apis/batch/validation/validation.go, validateIndexesFormat and validateFailedIndexesNotOverlapCompleted
 * @module
 */
import { quote } from '../../api/status.ts'

interface Interval {
  first: number
  last: number
}

/** How many indexes a text names, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  let total = 0
  let previous: number | undefined
  for (const part of text === '' ? [] : text.split(',')) {
    const interval = parseInterval(part, completions)
    if (typeof interval === 'string') return interval
    const { first, last } = interval
    if (previous !== undefined && previous >= first) return `non-increasing order, previous: ${previous}, current: ${first}`
    total += last - first + 1
    previous = last
  }
  return total
}

/** What is wrong when an index is in both texts; parts that are no intervals do not count. */
export function overlapError(completed: string, failed: string, completions: number): string | undefined {
  const a = intervals(completed, completions)
  const b = intervals(failed, completions)
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const one = a[i]!
    const other = b[j]!
    if (one.first <= other.last && other.first <= one.last) {
      return `failedIndexes and completedIndexes overlap at index: ${Math.max(one.first, other.first)}`
    }
    if (one.first <= other.first) i++
    else j++
  }
  return undefined
}

function intervals(text: string, completions: number): Interval[] {
  return text.split(',').flatMap((part) => {
    const interval = parseInterval(part, completions)
    return typeof interval === 'string' ? [] : [interval]
  })
}

function parseInterval(text: string, completions: number): Interval | string {
  const limits = text.split('-')
  if (limits.length > 2)
    return `the fragment ${quote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`
  const numbers: number[] = []
  for (const limit of limits) {
    if (!/^\+?[0-9]+$/.test(limit)) return `cannot convert string to integer for index: ${quote(limit)}`
    if (Number(limit) >= completions) return `too large index: ${quote(limit)}`
    numbers.push(Number(limit))
  }
  const [first = 0, last = first] = numbers
  if (numbers.length === 2 && first >= last) return `non-increasing order, previous: ${first}, current: ${last}`
  return { first, last }
}
