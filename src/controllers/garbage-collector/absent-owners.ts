/**
 * Owners that the server was asked for and does not have, so that a thousand dependents ask once. Bounded: the longest unused go.
 *
 * @see pkg/controller/garbagecollector/uid_cache.go
 * @module
 */
const LIMIT = 500

export class AbsentOwners {
  readonly #places = new Set<string>()
  readonly #limit: number

  constructor(limit = LIMIT) {
    this.#limit = limit
  }

  has(place: string): boolean {
    if (!this.#places.delete(place)) return false
    this.#places.add(place)
    return true
  }

  add(place: string): void {
    this.#places.add(place)
    for (const oldest of this.#places) {
      if (this.#places.size <= this.#limit) return
      this.#places.delete(oldest)
    }
  }
}
