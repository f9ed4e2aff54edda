/**
 * A binary heap: the first of many, by an order of one's own.
 *
 * @module
 */
export class Heap<T> {
  readonly #before: (left: T, right: T) => boolean
  /** The parent of `n` is at `(n - 1) / 2` and does not come after it. */
  readonly #items: T[] = []

  constructor(before: (left: T, right: T) => boolean) {
    this.#before = before
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  /** In no order. */
  get items(): readonly T[] {
    return this.#items
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#before(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Drops the first. */
  shift(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child++
      if (!this.#before(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
  }

  clear(): void {
    this.#items.length = 0
  }
}
