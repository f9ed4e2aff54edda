/**
 * JSON as the API server reads it: duplicate members are seen, 64-bit integers stay exact, nesting is bounded, and what is wrong is said
 * in the words of Go's encoding/json, which clients have come to see.
 *
 * Ordinary bodies take a shortcut: one pass over the bytes proves that `JSON.parse` loses nothing but perhaps duplicate members, and
 * whoever walks the result counts members against the number that the bytes hold.
 *
 * @see sigs.k8s.io/json
 * @module
 */
import { isUtf8 } from 'node:buffer'
import { byteOrder } from './byte-order.ts'

export { byteOrder } from './byte-order.ts'

/** Deepest nesting of a text, as Go has it. */
const MAX_DEPTH = 10_000
/** Deepest nesting of a value that is kept: whatever walks it may call itself. No API type comes near. */
const MAX_VALUE_DEPTH = 1000

/** A number as it was written. */
export class JsonNumber {
  readonly literal: string
  constructor(literal: string) {
    this.literal = literal
  }
}

/** An object with its members in order, duplicates included. */
export class JsonObject {
  readonly members: [name: string, value: JsonNode][] = []
}

export type JsonNode = string | boolean | null | JsonNumber | JsonObject | JsonNode[]

/** The text is no JSON; the message is Go's. */
export class JsonSyntaxError extends Error {
  override name = 'JsonSyntaxError'
}

/** The text of a body. Bytes that are no UTF-8 become U+FFFD one by one, as Go does it. */
export function decodeText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : textWith(bytes, () => '\ufffd')
}

/** The text of bytes that keeps those that are no UTF-8 apart: as lone surrogates, U+DC80 to U+DCFF. */
export function textOfBytes(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : textWith(bytes, (byte) => String.fromCharCode(0xdc00 + byte))
}

function textWith(bytes: Buffer, noText: (byte: number) => string): string {
  let text = ''
  let start = 0
  let i = 0
  while (i < bytes.length) {
    const length = runeLength(bytes, i)
    if (length === 0) {
      text += bytes.toString('utf8', start, i) + noText(bytes[i] as number)
      i += 1
      start = i
    } else i += length
  }
  return text + bytes.toString('utf8', start)
}

/** Bytes of the UTF-8 sequence at `at`; 0 when there is none. */
function runeLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  return length !== 0 && at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length)) ? length : 0
}

/**
 * How many object members the bytes hold; -1 when `JSON.parse` would lose something else than duplicates, or the text is no JSON anyway:
 * numbers that are no plain integers of 15 digits, escaped surrogates, nesting beyond the bound.
 */
export function countMembers(bytes: Uint8Array): number {
  let members = 0
  let depth = 0
  let digits = 0
  const end = bytes.length
  for (let i = 0; i < end; i++) {
    const c = bytes[i] as number
    if (c === 0x22) {
      for (i++; i < end; i++) {
        const s = bytes[i] as number
        if (s === 0x22) break
        if (s === 0x5c) {
          i++
          // \ud800 to \udfff: alone they are no characters.
          if (bytes[i] === 0x75 && ((bytes[i + 1] as number) | 0x20) === 0x64) return -1
        }
      }
      digits = 0
    } else if (c >= 0x30 && c <= 0x39) {
      if (++digits > 15) return -1
    } else {
      if (c === 0x3a) members++
      else if (c === 0x7b || c === 0x5b) {
        if (++depth > MAX_VALUE_DEPTH) return -1
      } else if (c === 0x7d || c === 0x5d) depth--
      // A fraction or an exponent; the `e` of true and false follows no digit.
      else if (c === 0x2e || c === 0x45 || (c === 0x65 && digits > 0)) return -1
      digits = 0
    }
  }
  return members
}

/** How many members the objects in a parsed value have. */
export function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += membersOf(item)
    return members
  }
  for (const name in value) members += 1 + membersOf((value as Record<string, unknown>)[name])
  return members
}

/** What `JSON.parse` says of a body, when that is the whole truth; undefined when the exact parser has to look. */
export function parsePlain(bytes: Buffer): { value: unknown; members: number } | undefined {
  const members = countMembers(bytes)
  if (members === -1 || !isUtf8(bytes)) return undefined
  try {
    return { value: JSON.parse(bytes.toString('utf8')), members }
  } catch {
    return undefined
  }
}

/**
 * A parsed body and the paths of its duplicate members (the last one counts), in document order. Integers beyond 2^53 are bigint.
 *
 * @throws JsonSyntaxError
 */
export function parseJson(bytes: Buffer): { value: any; duplicates: string[] } {
  const plain = parsePlain(bytes)
  if (plain !== undefined && membersOf(plain.value) === plain.members) return { value: plain.value, duplicates: [] }
  const duplicates: string[] = []
  return { value: plainValue(parseTree(decodeText(bytes)), '', duplicates), duplicates }
}

/**
 * A tree as ordinary values. Paths of duplicate members are added to `duplicates`.
 *
 * @throws JsonSyntaxError when it is nested deeper than a value may be
 */
export function plainValue(node: JsonNode, path = '', duplicates: string[] = [], depth = 1): unknown {
  if (node instanceof JsonNumber) return numberValue(node.literal)
  if (typeof node !== 'object' || node === null) return node
  if (depth > MAX_VALUE_DEPTH) throw new JsonSyntaxError(`invalid character '${Array.isArray(node) ? '[' : '{'}' exceeded max depth`)
  if (Array.isArray(node)) return node.map((item, index) => plainValue(item, `${path}[${index}]`, duplicates, depth + 1))
  const object: Record<string, unknown> = {}
  for (const [name, value] of node.members) {
    const at = path === '' ? name : `${path}.${name}`
    if (Object.hasOwn(object, name)) duplicates.push(at)
    setMember(object, name, plainValue(value, at, duplicates, depth + 1))
  }
  return object
}

/** Sets a member by a name that a client chose: `__proto__` is a name like any other. */
export function setMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  else object[name] = value
}

/** A number, or a bigint where a number would lose digits of a 64-bit integer. */
export function numberValue(literal: string): number | bigint {
  const value = Number(literal)
  // Nothing longer is a 64-bit integer, and long ones take long to read.
  if (Number.isSafeInteger(value) || !/^-?\d{1,19}$/.test(literal)) return value === 0 ? 0 : value
  const exact = BigInt(literal)
  return exact >= -(2n ** 63n) && exact < 2n ** 63n ? exact : value
}

/** An already parsed value as a tree; `sorted` puts members in byte order, as a YAML body passes through a Go map. */
export function treeOf(value: unknown, sorted = false): JsonNode {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' || typeof value === 'bigint') return new JsonNumber(String(value))
  if (Array.isArray(value)) return value.map((item) => treeOf(item, sorted))
  const object = new JsonObject()
  const names = Object.keys(value)
  if (sorted) names.sort(byteOrder)
  for (const name of names) {
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined) object.members.push([name, treeOf(member, sorted)])
  }
  return object
}

/**
 * Parses a text exactly.
 *
 * @throws JsonSyntaxError with the text of Go's encoding/json
 */
export function parseTree(text: string): JsonNode {
  return new Parser(text).document()
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): JsonNode {
    const value = this.#value()
    this.#space()
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value')
    return value
  }

  /** No function calls itself here: a text may be nested deeper than the stack is. */
  #value(): JsonNode {
    const open: (JsonObject | JsonNode[])[] = []
    for (;;) {
      this.#space()
      const c = this.#text[this.#at]
      let value: JsonNode
      if (c === '{' || c === '[') {
        if (open.length === MAX_DEPTH) throw this.#unexpected('exceeded max depth')
        this.#at++
        this.#space()
        value = c === '{' ? new JsonObject() : []
        if (this.#text[this.#at] !== (c === '{' ? '}' : ']')) {
          open.push(value)
          if (value instanceof JsonObject) value.members.push([this.#name(), null])
          continue
        }
        this.#at++
      } else value = this.#scalar()
      // What has been read may end what it is in, and that the next.
      for (;;) {
        const container = open.at(-1)
        if (container === undefined) return value
        if (Array.isArray(container)) container.push(value)
        else (container.members.at(-1) as [string, JsonNode])[1] = value
        if (this.#goesOn(container)) break
        value = open.pop() as JsonObject | JsonNode[]
      }
    }
  }

  /** Past a comma, and for an object past the name of its next member; false behind the closing bracket. */
  #goesOn(container: JsonObject | JsonNode[]): boolean {
    this.#space()
    const c = this.#text[this.#at]
    const isList = Array.isArray(container)
    if (c === (isList ? ']' : '}')) {
      this.#at++
      return false
    }
    if (c !== ',') throw this.#unexpected(isList ? 'after array element' : 'after object key:value pair')
    this.#at++
    if (!isList) container.members.push([this.#name(), null])
    return true
  }

  /** The name of a member, and its colon. */
  #name(): string {
    this.#space()
    if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string')
    const name = this.#string()
    this.#space()
    if (this.#text[this.#at] !== ':') throw this.#unexpected('after object key')
    this.#at++
    return name
  }

  #scalar(): JsonNode {
    const c = this.#text[this.#at]
    switch (c) {
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true', true)
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      default:
        if (c === '-' || isDigit(c)) return this.#number()
        throw this.#unexpected('looking for beginning of value')
    }
  }

  #string(): string {
    this.#at++
    let value = ''
    let start = this.#at
    for (;;) {
      const c = this.#text.charCodeAt(this.#at)
      if (c === 0x22) {
        value += this.#text.slice(start, this.#at++)
        return value.toWellFormed()
      }
      if (c === 0x5c) {
        value += this.#text.slice(start, this.#at++)
        value += this.#escape()
        start = this.#at
      } else if (Number.isNaN(c) || c < 0x20) throw this.#unexpected('in string literal')
      else this.#at++
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at] ?? ''
    if (letter === 'u') {
      this.#at++
      for (let i = 0; i < 4; i++, this.#at++) {
        if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? '')) throw this.#unexpected('in \\u hexadecimal character escape')
      }
      return String.fromCharCode(Number.parseInt(this.#text.slice(this.#at - 4, this.#at), 16))
    }
    const escaped = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
    if (escaped === undefined) throw this.#unexpected('in string escape code')
    this.#at++
    return escaped
  }

  #number(): JsonNumber {
    const start = this.#at
    if (this.#text[this.#at] === '-') this.#at++
    if (this.#text[this.#at] === '0') this.#at++
    else this.#digits('in numeric literal')
    if (this.#text[this.#at] === '.') {
      this.#at++
      this.#digits('after decimal point in numeric literal')
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++
      this.#digits('in exponent of numeric literal')
    }
    return new JsonNumber(this.#text.slice(start, this.#at))
  }

  #digits(where: string): void {
    if (!isDigit(this.#text[this.#at])) throw this.#unexpected(where)
    while (isDigit(this.#text[this.#at])) this.#at++
  }

  #literal<T>(word: string, value: T): T {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) throw this.#unexpected(`in literal ${word} (expecting '${expected}')`)
      this.#at++
    }
    return value
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at)
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return
      this.#at++
    }
  }

  #unexpected(where: string): JsonSyntaxError {
    const point = this.#text.codePointAt(this.#at)
    if (point === undefined) return new JsonSyntaxError('unexpected end of JSON input')
    return new JsonSyntaxError(`invalid character ${quoteByte(Buffer.from(String.fromCodePoint(point))[0] as number)} ${where}`)
  }
}

function isDigit(c: string | undefined): boolean {
  return c !== undefined && c >= '0' && c <= '9'
}

const LETTERS: Readonly<Record<number, string>> = {
  7: '\\a',
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  39: "\\'",
  92: '\\\\',
}

/** Go's single-quoted form of a byte taken for a character. */
function quoteByte(byte: number): string {
  const letter = LETTERS[byte]
  if (letter !== undefined) return `'${letter}'`
  const hex = byte.toString(16).padStart(2, '0')
  if (byte < 0x20 || byte === 0x7f) return `'\\x${hex}'`
  if ((byte >= 0x80 && byte <= 0xa0) || byte === 0xad) return `'\\u00${hex}'`
  return `'${String.fromCharCode(byte)}'`
}
