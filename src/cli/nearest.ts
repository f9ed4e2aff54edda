/**
 * The name that somebody probably meant.
 *
 * @module
 */

/** The one of `names` with the fewest slips between it and `written`; undefined where all are too far away. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(written.length / 4))
  let best: string | undefined
  let bestSlips = limit + 1
  for (const name of names) {
    const slips = slipsBetween(written.toLowerCase(), name.toLowerCase())
    if (slips < bestSlips) {
      best = name
      bestSlips = slips
    }
  }
  // A word left out of a long name is many letters, and still the likeliest meaning.
  return best ?? (written.length >= 4 ? names.find((name) => name.startsWith(written) || name.endsWith(written)) : undefined)
}

/** Insertions, deletions, replacements and swaps of neighbours (Damerau's distance, restricted). */
function slipsBetween(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let slips = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) slips = Math.min(slips, (beforeLast[j - 2] as number) + 1)
      row.push(slips)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] as number
}

/** Says what else there is. */
export function unknownName(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near !== undefined) return `${name} is unknown; did you mean ${near}?`
  return `${name} is unknown${known.length > 8 ? '' : `; there are ${known.join(', ')}`}`
}
