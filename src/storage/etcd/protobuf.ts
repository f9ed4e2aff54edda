/**
 * Protobuf's wire format, as much of it as etcd's messages need. Numbers are exact up to 2^53.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 * @module
 */

const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** A whole number field; left out when 0, as proto3 does. */
export function numberField(field: number, value: number): Buffer {
  if (value === 0) return EMPTY
  return Buffer.concat([varint(field * 8 + VARINT), varint(value)])
}

export function booleanField(field: number, value: boolean): Buffer {
  return numberField(field, value ? 1 : 0)
}

/** Bytes, or a message that is encoded already. Written even when empty: an empty message is not a missing one. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(field * 8 + LENGTH_DELIMITED), varint(value.length), value])
}

export function message(...fields: Uint8Array[]): Buffer {
  return Buffer.concat(fields)
}

/** Goes through the fields of a message: `while (reader.next()) switch (reader.field) …`; fields nobody reads are skipped. */
export class FieldReader {
  readonly #bytes: Buffer
  #at = 0
  #wireType = VARINT
  /** Where the present field's value starts; -1 once it has been read. */
  #value = -1
  field = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  next(): boolean {
    if (this.#value >= 0) this.#skip()
    if (this.#at >= this.#bytes.length) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.#wireType = tag % 8
    this.#value = this.#at
    return true
  }

  number(): number {
    this.#expect(VARINT)
    return this.#varint()
  }

  boolean(): boolean {
    return this.number() !== 0
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    this.#expect(LENGTH_DELIMITED)
    const length = this.#varint()
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('a protobuf field ends after its message')
    const value = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return value
  }

  text(): string {
    return this.bytes().toString()
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw new TypeError(`protobuf field ${this.field} has wire type ${this.#wireType}, not ${wireType}`)
    this.#value = -1
  }

  #skip(): void {
    switch (this.#wireType) {
      case VARINT:
        this.#varint()
        break
      case FIXED64:
        this.#at += 8
        break
      case LENGTH_DELIMITED:
        this.bytes()
        break
      case FIXED32:
        this.#at += 4
        break
      default:
        throw new TypeError(`protobuf field ${this.field} has the unknown wire type ${this.#wireType}`)
    }
    this.#value = -1
  }

  #varint(): number {
    let value = 0
    let factor = 1
    for (let n = 0; n < 10; n++) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new RangeError('a protobuf number ends after its message')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    throw new RangeError('a protobuf number is longer than ten bytes')
  }
}

const EMPTY = Buffer.alloc(0)

function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be written as a protobuf number here`)
  const bytes: number[] = []
  let left = value
  while (left > 127) {
    bytes.push((left % 128) | 0x80)
    left = Math.floor(left / 128)
  }
  bytes.push(left)
  return Buffer.from(bytes)
}
