/**
 * The values of CEL. What comes from JSON stays as it is and is read as CEL reads it: whole numbers are integers.
 *
 * | CEL | here |
 * |---|---|
 * | int | bigint |
 * | uint, double | `Uint`, `Double` (a bare number is JSON's and becomes int or double when it is read) |
 * | list | array |
 * | map | plain object (JSON's, keys are texts) or `Map` (made by an expression) |
 * | timestamp, duration, optional, type | classes below |
 *
 * @see github.com/google/cel-spec, doc/langdef.md
 * @module
 */
import { formatTime } from '../api/time.ts'

export const MIN_INT = -(2n ** 63n)
export const MAX_INT = 2n ** 63n - 1n
export const MAX_UINT = 2n ** 64n - 1n

/** What CEL calls an error: it makes the whole expression one, unless `&&`, `||` or a quantifier absorbs it. */
export class CelError extends Error {
  /** Never absorbed. */
  readonly fatal: boolean
  constructor(message: string, fatal = false) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.name = 'CelError'
    this.fatal = fatal
  }
}

export class Uint {
  readonly value: bigint
  constructor(value: bigint) {
    this.value = value
  }
}

export class Double {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export class Duration {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

export class Timestamp {
  /** Since the epoch. */
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

export class Optional {
  static readonly NONE = new Optional(undefined)
  /** Undefined: none. */
  readonly value: unknown
  constructor(value: unknown) {
    this.value = value
  }
}

export class CelType {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** A value of a library: it has a type, equality, and no inside. */
export interface Opaque {
  readonly celType: string
  equals?(other: unknown): boolean
}

/** Something with members that are made when they are asked for. */
export interface Members {
  readonly celType: string
  /** Undefined: there is no such member. */
  member(name: string): unknown
  /** Whether a member is set, where that is not the same as being there. */
  has?(name: string): boolean
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && 'member' in value && 'celType' in value
}

export function isOpaque(value: unknown): value is Opaque {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Opaque>).celType === 'string'
}

/** As CEL sees a value that was read from JSON. */
export function adapt(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : new Double(value)
  return value === undefined ? null : value
}

export function isMap(value: unknown): value is Map<unknown, unknown> | Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (value instanceof Map) return true
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

export function typeName(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int'
    case 'string':
      return 'string'
    case 'number':
      return Number.isInteger(value) ? 'int' : 'double'
    default:
  }
  if (value === null || value === undefined) return 'null_type'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Uint) return 'uint'
  if (value instanceof Double) return 'double'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Duration) return 'google.protobuf.Duration'
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp'
  if (value instanceof Optional) return 'optional_type'
  if (value instanceof CelType) return 'type'
  if (isOpaque(value)) return value.celType
  return 'map'
}

/** No function takes these. */
export class NoOverload extends CelError {}

export function noOverload(name: string, ...operands: unknown[]): NoOverload {
  return new NoOverload(noOverloadText(name, operands))
}

/** Types that an operator is defined for on its left. */
const DEFINED: Readonly<Record<string, readonly string[]>> = {
  '_+_': ['int', 'uint', 'double', 'string', 'bytes', 'list', 'google.protobuf.Duration', 'google.protobuf.Timestamp'],
  '_-_': ['int', 'uint', 'double', 'google.protobuf.Duration', 'google.protobuf.Timestamp'],
  '_*_': ['int', 'uint', 'double'],
  '_/_': ['int', 'uint', 'double'],
  '_%_': ['int', 'uint'],
  '-_': ['int', 'double', 'bool'],
}
const COMPARED = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'google.protobuf.Duration', 'google.protobuf.Timestamp']
/** They have methods, and say only that there is no such one. */
const RECEIVERS = ['string', 'google.protobuf.Duration', 'google.protobuf.Timestamp']
/** Functions that say no more, and those that say their name. */
const SILENT = new Set(['contains', 'startsWith', 'endsWith', 'matches', 'predicate'])
const NAMED = new Set(['size', 'sort', 'isSorted'])

/** As upstream says it: how much depends on what it was tried on. */
function noOverloadText(name: string, operands: readonly unknown[]): string {
  const types = operands.map(typeName)
  const [left = ''] = types
  if (/^(?:[_!@-]|optional element)/.test(name)) {
    const defined = /^_[<>]=?_$/.test(name) ? COMPARED : DEFINED[name]
    return defined === undefined || defined.includes(left) || RECEIVERS.includes(left) ? 'no such overload' : `no such overload: ${name}`
  }
  if (SILENT.has(name) || ((name === 'find' || name === 'findAll') && left !== 'string')) return 'no such overload'
  if (NAMED.has(name)) return `no such overload: ${name}`
  return name === 'flatten' ? `no such overload: ${left}.flatten()` : `no such overload: ${name}(${types.join(', ')})`
}

export function noSuchKey(key: unknown): CelError {
  return new CelError(`no such key: ${keyText(key)}`)
}

function keyText(key: unknown): string {
  return key instanceof Uint || key instanceof Double ? String(key.value) : String(key)
}

/** The value of a key, adapted; undefined when there is none. */
export function entryOf(map: Map<unknown, unknown> | Record<string, unknown>, key: unknown): unknown {
  if (map instanceof Map) return map.get(mapKey(key))
  const found = typeof key === 'string' && Object.hasOwn(map, key) ? map[key] : undefined
  return found === undefined ? undefined : adapt(found)
}

/** Keys that are equal are one key: 1, 1u and 1.0. */
export function mapKey(key: unknown): unknown {
  if (typeof key === 'string' || typeof key === 'bigint' || typeof key === 'boolean') return key
  if (key instanceof Uint) return key.value
  if (key instanceof Double) return Number.isInteger(key.value) ? BigInt(key.value) : key.value
  throw new CelError(`unsupported key type: ${typeName(key)}`)
}

export function mapKeys(map: Map<unknown, unknown> | Record<string, unknown>): unknown[] {
  return map instanceof Map ? [...map.keys()] : Object.keys(map)
}

export function mapSize(map: Map<unknown, unknown> | Record<string, unknown>): number {
  return map instanceof Map ? map.size : Object.keys(map).length
}

/** Characters, not units of UTF-16. */
export function textSize(text: string): number {
  let size = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length) {
      size--
      i++
    }
  }
  return size
}

const COMPARED_WITH_THEIR_OWN = /^(?:net\.|kubernetes\.(?!authorization))/

/** Equality over types: numbers by value, everything else only with its own kind. `spend` is called for every element looked at. */
export function equal(a: unknown, b: unknown, spend: (cost: number) => void): boolean {
  const [left, right] = [adapt(a), adapt(b)]
  if (left === right) return true
  // Values of libraries are compared with their own kind only.
  if (
    isOpaque(left) &&
    COMPARED_WITH_THEIR_OWN.test(left.celType) &&
    right !== null &&
    !(isOpaque(right) && right.celType === left.celType)
  )
    throw noOverload('_==_', left, right)
  if (typeof left === 'string' || typeof right === 'string' || typeof left === 'boolean' || typeof right === 'boolean') return false
  if (left === null || right === null) return false
  const order = compareNumbers(left, right)
  if (order !== undefined) return order === 0
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false
    for (let i = 0; i < left.length; i++) {
      spend(1)
      if (!equal(left[i], right[i], spend)) return false
    }
    return true
  }
  if (isMap(left) && isMap(right)) {
    if (mapSize(left) !== mapSize(right)) return false
    for (const key of mapKeys(left)) {
      spend(1)
      const other = entryOf(right, key)
      if (other === undefined || !equal(entryOf(left, key), other, spend)) return false
    }
    return true
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  if ((left instanceof Duration && right instanceof Duration) || (left instanceof Timestamp && right instanceof Timestamp))
    return left.nanos === right.nanos
  if (left instanceof CelType && right instanceof CelType) return left.name === right.name
  if (left instanceof Optional && right instanceof Optional) {
    if (left.value === undefined || right.value === undefined) return left.value === right.value
    return equal(left.value, right.value, spend)
  }
  return isOpaque(left) && left.equals?.(right) === true
}

/** Undefined unless both are numbers; NaN when one is not comparable. */
export function compareNumbers(a: unknown, b: unknown): number | undefined {
  const left = numeric(a)
  const right = numeric(b)
  if (left === undefined || right === undefined) return undefined
  if (typeof left === typeof right) return left < right ? -1 : left > right ? 1 : left === right ? 0 : Number.NaN
  // As upstream: an integer beside a double is read as one.
  const [a1, b1] = [Number(left), Number(right)]
  return a1 < b1 ? -1 : a1 > b1 ? 1 : a1 === b1 ? 0 : Number.NaN
}

function numeric(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint') return value
  return value instanceof Uint || value instanceof Double ? value.value : undefined
}

/** Less, equal, greater; throws where CEL knows no order. */
export function compare(a: unknown, b: unknown, operator: string): number {
  const numbers = compareNumbers(a, b)
  if (numbers !== undefined) return numbers
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if ((a instanceof Duration && b instanceof Duration) || (a instanceof Timestamp && b instanceof Timestamp))
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
  throw noOverload(operator, a, b)
}

export function checkedInt(value: bigint): bigint {
  if (value < MIN_INT || value > MAX_INT) throw new CelError('integer overflow')
  return value
}

export function checkedUint(value: bigint): Uint {
  if (value < 0n || value > MAX_UINT) throw new CelError('unsigned integer overflow')
  return new Uint(value)
}

export function checkedDuration(nanos: bigint): Duration {
  if (nanos < MIN_INT || nanos > MAX_INT) throw new CelError('integer overflow')
  return new Duration(nanos)
}

const SECOND = 1_000_000_000n
/** Years 1 to 9999. */
const FIRST = -62_135_596_800n * SECOND
const LAST = 253_402_300_800n * SECOND

export function checkedTimestamp(nanos: bigint): Timestamp {
  if (nanos < FIRST || nanos >= LAST) throw new CelError('timestamp overflow')
  return new Timestamp(nanos)
}

/** RFC 3339 with as many decimals as there are. */
export function timestampText({ nanos }: Timestamp): string {
  const rest = ((nanos % SECOND) + SECOND) % SECOND
  const text = formatTime(Number((nanos - rest) / SECOND))
  return rest === 0n ? text : `${text.slice(0, -1)}.${String(rest).padStart(9, '0').replace(/0+$/, '')}Z`
}

export function durationText({ nanos }: Duration): string {
  const magnitude = nanos < 0n ? -nanos : nanos
  const rest = magnitude % SECOND
  const decimals = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`
  return `${nanos < 0n ? '-' : ''}${magnitude / SECOND}${decimals}s`
}
