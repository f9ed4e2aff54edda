/**
 * The order of a list that a patch and the live object share.
 *
 * @see "preserve order in strategic merge patch" (Kubernetes design proposal), apimachinery/pkg/util/strategicpatch/patch.go
 * @module
 */

/** The key of an item that is its own key. */
export function sameAs(item: unknown): unknown {
  return item
}

/** First position of every key in the list. */
export function positions(list: readonly unknown[], keyOf: (item: unknown) => unknown): Map<unknown, number> {
  const at = new Map<unknown, number>()
  for (let i = 0; i < list.length; i++) {
    const key = keyOf(list[i])
    if (!at.has(key)) at.set(key, i)
  }
  return at
}

/** Each scalar once, where it first stood. */
export function unique(list: readonly unknown[]): unknown[] {
  return [...new Set(list)]
}

/**
 * Joins what the patch names with what only the live object has.
 *
 * `named` is put in the order `order`, `others` in the order `live`; an item of `others` stands before the first named item that it
 * precedes in `live`, and behind all named items otherwise.
 */
export function inGivenOrder(
  named: readonly unknown[],
  others: readonly unknown[],
  order: readonly unknown[],
  live: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): unknown[] {
  const inOrder = positions(order, keyOf)
  const inLive = positions(live, keyOf)
  const left = sorted(others, inLive, keyOf)
  const right = sorted(named, inOrder, keyOf)
  const joined: unknown[] = []
  let i = 0
  let j = 0
  while (i < left.length && j < right.length) {
    const l = inLive.get(keyOf(left[i]))
    const r = inLive.get(keyOf(right[j]))
    joined.push(l !== undefined && r !== undefined && l < r ? left[i++] : right[j++])
  }
  while (j < right.length) joined.push(right[j++])
  while (i < left.length) joined.push(left[i++])
  return joined
}

function sorted(list: readonly unknown[], at: ReadonlyMap<unknown, number>, keyOf: (item: unknown) => unknown): unknown[] {
  return list.toSorted((a, b) => (at.get(keyOf(a)) ?? 0) - (at.get(keyOf(b)) ?? 0))
}
