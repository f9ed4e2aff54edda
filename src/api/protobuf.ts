/**
 * The protobuf encoding of API objects, both ways, from the same schemas as JSON. What Go's generated code writes, this writes, byte by
 * byte: fields in order of their numbers, plain members always, pointers and lists when they are there.
 *
 * @see apimachinery/pkg/runtime/serializer/protobuf, apimachinery/pkg/runtime/generated.proto
 * @module
 */
import { encodeJson } from './encode.ts'
import { byteOrder, parseJson, setMember } from './json.ts'
import { DecodeError, normalize } from './normalize.ts'
import type { KubeObject } from './object.ts'
import type { Field, SchemaSource, StructType, ValueType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'
import { formatMicroTime, formatTime, parseMicroTime, parseTime } from './time.ts'

/** The bytes are no message of their type. `unrecognized`: not even their kind can be read. */
export class ProtobufError extends Error {
  override name = 'ProtobufError'
  readonly unrecognized: boolean
  constructor(message: string, unrecognized = false) {
    super(message)
    this.unrecognized = unrecognized
  }
}

const MAGIC = Buffer.from('k8s\0')
const MAX_DEPTH = 200

/** `runtime.Unknown`: an object's message and its kind. */
export interface Unknown {
  apiVersion: string
  kind: string
  raw: Buffer
}

/** Whether bytes, of a body or of the store, hold an object in protobuf. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x6b && bytes[1] === 0x38 && bytes[2] === 0x73 && bytes[3] === 0
}

/** @throws ProtobufError */
export function unwrapUnknown(bytes: Buffer): Unknown {
  if (bytes.length === 0) throw new ProtobufError('empty data', true)
  if (!isProtobuf(bytes))
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]', true)
  if (bytes.length === MAGIC.length) throw new ProtobufError('empty body', true)
  const unknown: Unknown = { apiVersion: '', kind: '', raw: Buffer.alloc(0) }
  try {
    const reader = new Reader(bytes, 4, bytes.length)
    while (reader.next()) {
      if (reader.number === 1 && reader.wire === 2) {
        const inner = reader.message()
        while (inner.next()) {
          if (inner.number === 1 && inner.wire === 2) unknown.apiVersion = inner.text()
          else if (inner.number === 2 && inner.wire === 2) unknown.kind = inner.text()
          else inner.skip()
        }
      } else if (reader.number === 2 && reader.wire === 2) unknown.raw = reader.bytes()
      else reader.skip()
    }
  } catch (error) {
    if (error instanceof ProtobufError) throw new ProtobufError(error.message, true)
    throw error
  }
  return unknown
}

/** A whole object in its frame: `k8s\0` and `runtime.Unknown`. The object names its kind. */
export function encodeProtobuf(schema: StructType, object: KubeObject, source: SchemaSource = builtinSchemas): Buffer {
  return wrapUnknown(object.apiVersion ?? '', object.kind ?? '', encodeMessage(schema, object, source))
}

/** The frame around a message. */
export function wrapUnknown(apiVersion: string, kind: string, message: Buffer): Buffer {
  const writer = new Writer(message.length + apiVersion.length + kind.length + 64)
  writer.string(4, '')
  writer.string(3, '')
  writer.bytes(2, message)
  const end = writer.mark()
  writer.string(2, kind)
  writer.string(1, apiVersion)
  writer.close(1, end)
  return Buffer.concat([MAGIC, writer.result()])
}

/** The message of an object, without its frame. */
export function encodeMessage(
  schema: StructType,
  object: Readonly<Record<string, unknown>>,
  source: SchemaSource = builtinSchemas,
): Buffer {
  const writer = new Writer(512)
  writeMessage(writer, planOf(schema, source), object)
  return writer.result()
}

/** The message of a list from the messages of its items; `metadata` is a ListMeta. */
export function encodeListMessage(
  metadata: Readonly<Record<string, unknown>>,
  items: readonly Buffer[],
  source: SchemaSource = builtinSchemas,
): Buffer {
  const meta = encodeMessage(structNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta', source), metadata, source)
  const parts: Buffer[] = [header(1, meta.length), meta]
  for (const item of items) parts.push(header(2, item.length), item)
  return Buffer.concat(parts)
}

/** One frame of a watch stream: length, and a WatchEvent that holds an object's own frame. */
export function encodeWatchFrame(type: string, object: Buffer): Buffer {
  const name = Buffer.from(type)
  const raw = header(1, object.length)
  const head = Buffer.concat([header(1, name.length), name, header(2, raw.length + object.length), raw])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length + object.length)
  return Buffer.concat([length, head, object])
}

function header(number: number, length: number): Buffer {
  const writer = new Writer(16)
  writer.varint(length)
  writer.varint((number << 3) | 2)
  return writer.result()
}

/**
 * An object from its message, in the form of its schema; kind and apiVersion are the frame's.
 *
 * @throws ProtobufError
 */
export function decodeProtobufObject(schema: StructType, message: Buffer, source: SchemaSource = builtinSchemas): KubeObject {
  const raw = readMessage(new Reader(message, 0, message.length), planOf(schema, source), 0)
  try {
    return normalize(schema, raw, source).object as KubeObject
  } catch (error) {
    if (error instanceof DecodeError) throw new ProtobufError(error.message)
    throw error
  }
}

/**
 * An object from its frame, as the store keeps what kube-apiserver wrote; undefined when its kind is not known.
 *
 * @throws ProtobufError
 */
export function decodeProtobuf(bytes: Buffer, schemas = builtinSchemas): KubeObject | undefined {
  const { apiVersion, kind, raw } = unwrapUnknown(bytes)
  const slash = apiVersion.indexOf('/')
  const schema = schemas.byKind(slash === -1 ? '' : apiVersion.slice(0, slash), apiVersion.slice(slash + 1), kind)
  if (schema === undefined) return undefined
  const { kind: _, apiVersion: __, ...members } = decodeProtobufObject(schema, raw, schemas)
  return { kind, apiVersion, ...members }
}

/** One field of a message: a member, or an embedded struct with members of its own. */
interface Slot {
  number: number
  field?: Field
  embedded?: Plan
}

interface Plan {
  name: string
  /** In order of their numbers. */
  slots: Slot[]
  byNumber: Map<number, Slot>
  source: SchemaSource
}

const plans = new WeakMap<StructType, Plan>()

function planOf(schema: StructType, source: SchemaSource): Plan {
  let plan = plans.get(schema)
  if (plan === undefined) {
    plan = emptyPlan(schema.name, source)
    for (const field of schema.fields.values()) {
      if (field.number === undefined) continue
      let into: Plan | undefined = plan
      for (const step of field.embedded ?? [])
        into = into === undefined || step.number === undefined ? undefined : embeddedIn(into, step.number)
      if (into !== undefined) addSlot(into, { number: field.number, field })
    }
    sortSlots(plan)
    plans.set(schema, plan)
  }
  return plan
}

function emptyPlan(name: string, source: SchemaSource): Plan {
  return { name, slots: [], byNumber: new Map(), source }
}

function embeddedIn(plan: Plan, number: number): Plan {
  const known = plan.byNumber.get(number)?.embedded
  if (known !== undefined) return known
  const embedded = emptyPlan(plan.name, plan.source)
  addSlot(plan, { number, embedded })
  return embedded
}

function addSlot(plan: Plan, slot: Slot): void {
  plan.slots.push(slot)
  plan.byNumber.set(slot.number, slot)
}

function sortSlots(plan: Plan): void {
  plan.slots.sort((a, b) => a.number - b.number)
  for (const slot of plan.slots) if (slot.embedded !== undefined) sortSlots(slot.embedded)
}

function structNamed(name: string, source: SchemaSource): StructType {
  const schema = source.struct(name)
  if (schema === undefined) throw new TypeError(`schema ${name} is not known`)
  return schema
}

function planNamed(name: string, source: SchemaSource): Plan {
  return planOf(structNamed(name, source), source)
}

/** Everything is written from the end, so that the length of a message is known when its header is due. */
function writeMessage(writer: Writer, plan: Plan, object: Readonly<Record<string, unknown>>): void {
  for (let i = plan.slots.length - 1; i >= 0; i--) {
    const { number, field, embedded } = plan.slots[i] as Slot
    if (embedded !== undefined) {
      const end = writer.mark()
      writeMessage(writer, embedded, object)
      writer.close(number, end)
    } else if (field !== undefined) writeField(writer, number, field, object[field.name], plan.source)
  }
}

function writeField(writer: Writer, number: number, field: Field, value: unknown, source: SchemaSource): void {
  const { type } = field
  const absent = value === undefined || value === null
  switch (type.kind) {
    case 'list': {
      if (absent) return
      const items = value as unknown[]
      const end = type.wrapped === true ? writer.mark() : 0
      for (let i = items.length - 1; i >= 0; i--) writeValue(writer, type.wrapped === true ? 1 : number, type.items, items[i], source)
      if (type.wrapped === true) writer.close(number, end)
      return
    }
    case 'map': {
      if (absent) return
      const map = value as Record<string, unknown>
      const keys = Object.keys(map).sort(byteOrder)
      for (let i = keys.length - 1; i >= 0; i--) {
        const key = keys[i] as string
        const end = writer.mark()
        writeValue(writer, 2, type.values, map[key], source)
        writer.string(1, key)
        writer.close(number, end)
      }
      return
    }
    default:
      // Pointers and byte strings are nil when absent; everything else has a zero value, which is written.
      if (absent && (field.pointer === true || (type.kind === 'scalar' && type.scalar === 'bytes'))) return
      writeValue(writer, number, type, value, source)
  }
}

function writeValue(writer: Writer, number: number, type: ValueType, value: unknown, source: SchemaSource): void {
  const end = writer.mark()
  switch (type.kind) {
    case 'struct':
      writeMessage(writer, planNamed(type.name, source), (value ?? {}) as Record<string, unknown>)
      writer.close(number, end)
      return
    case 'list': {
      const items = (value ?? []) as unknown[]
      for (let i = items.length - 1; i >= 0; i--) writeValue(writer, 1, type.items, items[i], source)
      writer.close(number, end)
      return
    }
    case 'map':
      throw new TypeError('protobuf has no maps of maps')
    case 'scalar':
      writeScalar(writer, number, type, value, source)
  }
}

function writeScalar(writer: Writer, number: number, type: ValueType & { kind: 'scalar' }, value: unknown, source: SchemaSource): void {
  switch (type.scalar) {
    case 'string':
      writer.string(number, (value ?? '') as string)
      return
    case 'bytes':
      writer.bytes(number, Buffer.from((value ?? '') as string, 'base64'))
      return
    case 'boolean':
      writer.integer(number, value === true ? 1 : 0)
      return
    case 'int32':
    case 'int64':
      writer.integer(number, (value ?? 0) as number | bigint)
      return
    case 'double':
      writer.double(number, (value ?? 0) as number)
      return
  }
  const end = writer.mark()
  switch (type.scalar) {
    case 'duration':
      writer.integer(1, durationNanos((value ?? '0s') as string))
      break
    case 'quantity':
      writer.string(1, (value ?? '0') as string)
      break
    case 'intOrString':
      writer.string(3, typeof value === 'string' ? value : '')
      writer.integer(2, typeof value === 'number' ? value : 0)
      writer.integer(1, typeof value === 'string' ? 1 : 0)
      break
    case 'time':
    case 'microTime': {
      if (value === undefined || value === null) break
      const { seconds, nanos } =
        type.scalar === 'time' ? { seconds: parseTime(value as string).seconds, nanos: 0 } : parseMicroTime(value as string)
      writer.integer(2, nanos)
      writer.integer(1, seconds)
      break
    }
    case 'fieldsV1':
    case 'raw':
      writeRaw(writer, type.message ?? '', value, source)
  }
  writer.close(number, end)
}

const UNION = /^(.*\.)JSONSchemaPropsOr(Array|Bool|StringArray)$/

/** Free JSON is kept as bytes; the unions of a CRD's schema have messages. */
function writeRaw(writer: Writer, message: string, value: unknown, source: SchemaSource): void {
  if (value === undefined || value === null) return
  const union = UNION.exec(message)
  if (union === null) {
    writer.bytes(1, Buffer.from(encodeJson(value)))
    return
  }
  const props = planNamed(`${union[1]}JSONSchemaProps`, source)
  const schemaAt = union[2] === 'Bool' ? 2 : 1
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) {
      const end = writer.mark()
      if (typeof value[i] === 'string') writer.string(2, value[i])
      else {
        writeMessage(writer, props, value[i])
        writer.close(2, end)
      }
    }
  } else if (typeof value === 'object') {
    const end = writer.mark()
    writeMessage(writer, props, value as Record<string, unknown>)
    writer.close(schemaAt, end)
  }
  if (union[2] === 'Bool') writer.integer(1, value === false ? 0 : 1)
}

/** Nanoseconds of a Go duration, `1h30m0.5s`. */
function durationNanos(text: string): bigint {
  const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 6e10, h: 3.6e12 }
  let nanos = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) nanos += Number(amount) * (units[unit as string] as number)
  return BigInt(Math.round(text.startsWith('-') ? -nanos : nanos))
}

/** A buffer that is filled from its end. */
class Writer {
  #buffer: Buffer
  #at: number

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size)
    this.#at = size
  }

  #room(bytes: number): void {
    if (this.#at >= bytes) return
    const used = this.#buffer.length - this.#at
    const size = Math.max(this.#buffer.length * 2, used + bytes)
    const bigger = Buffer.allocUnsafe(size)
    this.#buffer.copy(bigger, size - used, this.#at)
    this.#buffer = bigger
    this.#at = size - used
  }

  result(): Buffer {
    return this.#buffer.subarray(this.#at)
  }

  /** Bytes written so far: where a message that begins now will end. */
  mark(): number {
    return this.#buffer.length - this.#at
  }

  /** The header of what was written since `mark`. */
  close(number: number, mark: number): void {
    this.varint(this.mark() - mark)
    this.varint((number << 3) | 2)
  }

  varint(value: number): void {
    let length = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
    this.#room(length)
    this.#at -= length
    let at = this.#at
    let rest = value
    while (rest >= 128) {
      this.#buffer[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[at] = rest
  }

  integer(number: number, value: number | bigint): void {
    if (typeof value === 'number' && value >= 0) this.varint(value)
    else {
      let rest = BigInt.asUintN(64, BigInt(value))
      const bytes: number[] = []
      for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
      bytes.push(Number(rest))
      this.#room(bytes.length)
      this.#at -= bytes.length
      for (let i = 0; i < bytes.length; i++) this.#buffer[this.#at + i] = bytes[i] as number
    }
    this.varint(number << 3)
  }

  double(number: number, value: number): void {
    this.#room(8)
    this.#at -= 8
    this.#buffer.writeDoubleLE(value, this.#at)
    this.varint((number << 3) | 1)
  }

  string(number: number, text: string): void {
    const length = Buffer.byteLength(text)
    this.#room(length)
    this.#at -= length
    this.#buffer.write(text, this.#at)
    this.varint(length)
    this.varint((number << 3) | 2)
  }

  bytes(number: number, bytes: Buffer): void {
    this.#room(bytes.length)
    this.#at -= bytes.length
    bytes.copy(this.#buffer, this.#at)
    this.varint(bytes.length)
    this.varint((number << 3) | 2)
  }
}

function readMessage(reader: Reader, plan: Plan, depth: number, into: Record<string, unknown> = {}): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new ProtobufError('proto: exceeded max depth')
  while (reader.next()) {
    const slot = plan.byNumber.get(reader.number)
    if (slot === undefined) reader.skip()
    else if (slot.embedded !== undefined) {
      reader.expect(2, plan.name)
      readMessage(reader.message(), slot.embedded, depth + 1, into)
    } else if (slot.field !== undefined) readField(reader, slot.field, plan, depth, into)
  }
  return into
}

function readField(reader: Reader, field: Field, plan: Plan, depth: number, into: Record<string, unknown>): void {
  const { type, name } = field
  switch (type.kind) {
    case 'list': {
      into[name] ??= []
      const list = into[name] as unknown[]
      if (type.wrapped === true) readItems(reader.message(), type.items, plan, depth, list)
      else readItem(reader, type.items, plan, depth, list)
      return
    }
    case 'map': {
      reader.expect(2, plan.name)
      const entry = reader.message()
      into[name] ??= {}
      const map = into[name] as Record<string, unknown>
      let key = ''
      let value: unknown
      while (entry.next()) {
        if (entry.number === 1) key = entry.text()
        else if (entry.number === 2) value = readValue(entry, type.values, plan, depth)
        else entry.skip()
      }
      setMember(map, key, value ?? null)
      return
    }
    case 'struct':
      reader.expect(2, plan.name)
      // A message that comes in pieces is one message.
      into[name] = readMessage(
        reader.message(),
        planNamed(type.name, plan.source),
        depth + 1,
        into[name] as Record<string, unknown> | undefined,
      )
      return
    case 'scalar': {
      const value = readValue(reader, type, plan, depth)
      if (value !== undefined) into[name] = value
    }
  }
}

function readItems(reader: Reader, items: ValueType, plan: Plan, depth: number, list: unknown[]): void {
  while (reader.next()) {
    if (reader.number === 1) readItem(reader, items, plan, depth, list)
    else reader.skip()
  }
}

function readItem(reader: Reader, items: ValueType, plan: Plan, depth: number, list: unknown[]): void {
  const packed =
    items.kind === 'scalar' && (items.scalar === 'int32' || items.scalar === 'int64' || items.scalar === 'boolean') && reader.wire === 2
  if (!packed) {
    list.push(readValue(reader, items, plan, depth) ?? null)
    return
  }
  const inner = reader.message()
  while (inner.more()) list.push(items.scalar === 'boolean' ? inner.boolean() : inner.integer())
}

function readValue(reader: Reader, type: ValueType, plan: Plan, depth: number): unknown {
  switch (type.kind) {
    case 'struct':
      reader.expect(2, plan.name)
      return readMessage(reader.message(), planNamed(type.name, plan.source), depth + 1)
    case 'list': {
      const list: unknown[] = []
      reader.expect(2, plan.name)
      readItems(reader.message(), type.items, plan, depth, list)
      return list
    }
    case 'map':
      throw new TypeError('protobuf has no maps of maps')
    case 'scalar':
      return readScalar(reader, type, plan, depth)
  }
}

function readScalar(reader: Reader, type: ValueType & { kind: 'scalar' }, plan: Plan, depth: number): unknown {
  switch (type.scalar) {
    case 'string':
      reader.expect(2, plan.name)
      return reader.text()
    case 'bytes':
      reader.expect(2, plan.name)
      return reader.bytes().toString('base64')
    case 'boolean':
      reader.expect(0, plan.name)
      return reader.boolean()
    case 'int32':
    case 'int64': {
      reader.expect(0, plan.name)
      const value = reader.integer()
      return type.scalar === 'int32' ? Number(BigInt.asIntN(32, BigInt(value))) : value
    }
    case 'double':
      reader.expect(1, plan.name)
      return reader.double()
  }
  reader.expect(2, plan.name)
  const inner = reader.message()
  switch (type.scalar) {
    case 'quantity': {
      let text = ''
      while (inner.next()) {
        if (inner.number === 1) text = inner.text()
        else inner.skip()
      }
      return text
    }
    case 'intOrString': {
      let isText = false
      let integer: unknown = 0
      let text = ''
      while (inner.next()) {
        if (inner.number === 1) isText = inner.integer() === 1
        else if (inner.number === 2) integer = inner.integer()
        else if (inner.number === 3) text = inner.text()
        else inner.skip()
      }
      return isText ? text : integer
    }
    case 'time':
    case 'microTime': {
      let seconds = 0
      let nanos = 0
      while (inner.next()) {
        if (inner.number === 1) seconds = Number(inner.integer())
        else if (inner.number === 2) nanos = Number(inner.integer())
        else inner.skip()
      }
      if (seconds === 0 && nanos === 0) return undefined
      if (Math.abs(seconds) > 8.64e12) throw new ProtobufError('proto: time is out of range')
      return type.scalar === 'time' ? formatTime(seconds) : formatMicroTime({ seconds, nanos })
    }
    case 'duration': {
      let nanos: number | bigint = 0
      while (inner.next()) {
        if (inner.number === 1) nanos = inner.integer()
        else inner.skip()
      }
      return `${Number(nanos) / 1e9}s`
    }
    default:
      return readRaw(inner, type.message ?? '', plan, depth)
  }
}

function readRaw(reader: Reader, message: string, plan: Plan, depth: number): unknown {
  const union = UNION.exec(message)
  if (union === null) {
    let value: unknown
    while (reader.next()) {
      if (reader.number === 1) value = rawValue(reader.bytes())
      else reader.skip()
    }
    return value
  }
  const props = planNamed(`${union[1]}JSONSchemaProps`, plan.source)
  const schemaAt = union[2] === 'Bool' ? 2 : 1
  let allows: boolean | undefined
  let schema: unknown
  const list: unknown[] = []
  while (reader.next()) {
    if (reader.number === schemaAt && reader.wire === 2) schema = readMessage(reader.message(), props, depth + 1)
    else if (reader.number === 1) allows = reader.boolean()
    else if (reader.number === 2) list.push(union[2] === 'StringArray' ? reader.text() : readMessage(reader.message(), props, depth + 1))
    else reader.skip()
  }
  return schema ?? (union[2] === 'Bool' ? allows : list)
}

function rawValue(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (isProtobuf(bytes)) return decodeProtobuf(bytes)
  try {
    return parseJson(bytes).value
  } catch (error) {
    throw new ProtobufError((error as Error).message)
  }
}

class Reader {
  number = 0
  wire = 0
  readonly #buffer: Buffer
  readonly #end: number
  #at: number

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer
    this.#at = start
    this.#end = end
  }

  more(): boolean {
    return this.#at < this.#end
  }

  /** Steps to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false
    const tag = Number(this.#varint())
    this.number = Math.floor(tag / 8)
    this.wire = tag % 8
    if (this.number <= 0 || this.number > 0x1fffffff) throw new ProtobufError(`proto: illegal tag ${this.number} (wire type ${tag})`)
    return true
  }

  expect(wire: number, name: string): void {
    if (this.wire !== wire)
      throw new ProtobufError(`proto: wrong wireType = ${this.wire} for field of ${name.slice(name.lastIndexOf('.') + 1)}`)
  }

  #varint(): number | bigint {
    let value = 0
    let scale = 1
    for (let i = 0; i < 7; i++) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF')
      const byte = this.#buffer[this.#at++] as number
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
    let big = BigInt(value)
    for (let shift = 49n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF')
      const byte = this.#buffer[this.#at++] as number
      big |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, big)
    }
    throw new ProtobufError('proto: integer overflow')
  }

  integer(): number | bigint {
    const value = this.#varint()
    if (typeof value === 'number') return value
    const signed = BigInt.asIntN(64, value)
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
  }

  boolean(): boolean {
    return Number(this.#varint()) !== 0
  }

  double(): number {
    const at = this.#take(8)
    return this.#buffer.readDoubleLE(at)
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw new ProtobufError('unexpected EOF')
    this.#at += length
    return at
  }

  #span(): [number, number] {
    const length = this.#varint()
    if (typeof length !== 'number') throw new ProtobufError('proto: negative length found during unmarshaling')
    const start = this.#take(length)
    return [start, start + length]
  }

  text(): string {
    const [start, end] = this.#span()
    return this.#buffer.toString('utf8', start, end)
  }

  bytes(): Buffer {
    const [start, end] = this.#span()
    return this.#buffer.subarray(start, end)
  }

  message(): Reader {
    const [start, end] = this.#span()
    return new Reader(this.#buffer, start, end)
  }

  /** Leaves out a field that nobody knows. */
  skip(): void {
    switch (this.wire) {
      case 0:
        this.#varint()
        return
      case 1:
        this.#take(8)
        return
      case 2:
        this.#span()
        return
      case 5:
        this.#take(4)
        return
      default:
        throw new ProtobufError(`proto: illegal wireType ${this.wire}`)
    }
  }
}
