/**
 * ASN.1 DER, as much of it as certificates need: a strict reader of elements and a writer.
 *
 * @see ITU-T X.690
 * @module
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** `[n]` of a context: constructed, or primitive when implicit over a primitive type. */
export function contextTag(n: number, constructed = true): number {
  return (constructed ? 0xa0 : 0x80) | n
}

export interface Element {
  tag: number
  /** Tag, length and contents. */
  raw: Buffer
  contents: Buffer
}

/** The one element that `bytes` is. Throws RangeError. */
export function readOne(bytes: Buffer): Element {
  const [element, ...more] = readAll(bytes)
  if (element === undefined || more.length > 0) throw new RangeError('not one DER element')
  return element
}

/** The elements that `bytes` is made of. Throws RangeError. */
export function readAll(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    if ((tag & 0x1f) === 0x1f) throw new RangeError('a tag of several bytes')
    let length = bytes[at + 1]
    let start = at + 2
    if (length === undefined) throw new RangeError('cut off')
    if (length & 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 4 || start + count > bytes.length) throw new RangeError('a length that DER does not have')
      length = bytes.readUIntBE(start, count)
      if (length < 0x80 || (count > 1 && bytes[start] === 0)) throw new RangeError('a length longer than it must be')
      start += count
    }
    const end = start + length
    if (end > bytes.length) throw new RangeError('cut off')
    elements.push({ tag, raw: bytes.subarray(at, end), contents: bytes.subarray(start, end) })
    at = end
  }
  return elements
}

/** Elements inside a constructed one, which has to have this tag. */
export function readInside(element: Element | undefined, tag: number): Element[] {
  return readAll(expectTag(element, tag).contents)
}

export function expectTag(element: Element | undefined, tag: number): Element {
  if (element?.tag !== tag) throw new RangeError(`tag ${element?.tag.toString(16) ?? 'missing'} where ${tag.toString(16)} belongs`)
  return element
}

export function readOid(element: Element | undefined): string {
  const { contents } = expectTag(element, TAG.oid)
  const arcs: number[] = []
  let arc = 0
  for (const byte of contents) {
    arc = arc * 128 + (byte & 0x7f)
    if (!Number.isSafeInteger(arc)) throw new RangeError('an arc too large')
    if ((byte & 0x80) === 0) {
      arcs.push(arc)
      arc = 0
    }
  }
  const [first = 0, ...rest] = arcs
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - root * 40, ...rest].join('.')
}

/** Text of any of the string types; undefined for other types. */
export function readText({ tag, contents }: Element): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(contents)
    case TAG.printableString:
    case TAG.teletexString:
    case TAG.ia5String:
      return contents.toString('latin1')
    case TAG.bmpString:
      return Buffer.from(contents).swap16().toString('utf16le')
    default:
      return undefined
  }
}

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const contents = Buffer.concat(parts)
  const { length } = contents
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), contents])
  const digits: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256)
  return Buffer.concat([Buffer.of(tag, 0x80 | digits.length, ...digits), contents])
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...parts)
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) septets.unshift((left % 128) | 0x80)
    return septets
  })
  return der(TAG.oid, Buffer.from(bytes))
}

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const minimal = bytes.subarray(start)
  return der(TAG.integer, minimal[0]! & 0x80 ? Buffer.concat([Buffer.of(0), minimal]) : minimal)
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return der(TAG.bitString, Buffer.of(unusedBits), bytes)
}

export function octetString(bytes: Uint8Array): Buffer {
  return der(TAG.octetString, bytes)
}

export function boolean(value: boolean): Buffer {
  return der(TAG.boolean, Buffer.of(value ? 0xff : 0))
}

export function utf8String(text: string): Buffer {
  return der(TAG.utf8String, Buffer.from(text, 'utf8'))
}

/** UTCTime until 2049, GeneralizedTime after. @see RFC 5280 section 4.1.2.5 */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return new Date(ms).getUTCFullYear() < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits))
}

/** Milliseconds since the epoch. */
export function readTime(element: Element | undefined): number {
  const text = element?.contents.toString('latin1') ?? ''
  const digits =
    element?.tag === TAG.utcTime
      ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}`
      : element?.tag === TAG.generalizedTime
        ? text
        : ''
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits)
  if (match === null) throw new RangeError('a time that DER does not have')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number)
  return Date.UTC(year!, month! - 1, day, hour, minute, second)
}
