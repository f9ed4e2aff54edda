/**
 * Small byte arrays cut from larger blocks: an array of its own costs a few hundred bytes more.
 *
 * @module
 */

const BLOCK_BYTES = 16 * 1024
/** Larger ones stand alone, so that little of a block is wasted. */
const LARGEST_SHARED = 4 * 1024

export class ByteSlab {
  #block: Buffer = Buffer.alloc(0)
  #at = 0

  /** Uninitialized; the caller fills all of it. A block is freed with the last array cut from it. */
  allocate(length: number): Buffer {
    if (length > LARGEST_SHARED) return Buffer.allocUnsafeSlow(length)
    if (this.#at + length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#at = 0
    }
    const bytes = this.#block.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }
}
