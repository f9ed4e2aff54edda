/**
 * From any value to an object in the form of its schema: members in the schema's order, unknown ones dropped, empty ones left out unless
 * Go writes them, embedded structs and required scalars present, quantities and times in canonical form. The same form comes out of every
 * encoding, so objects can be compared.
 *
 * There are two walkers. The quick one turns down whatever is unusual; the exact one reports it: unknown and duplicate members by path in
 * document order, and type mismatches in the words of Go's decoder.
 *
 * @see sigs.k8s.io/json, apimachinery/pkg/runtime/serializer/json
 * @module
 */
import { noteGivenEmpty } from './given-empty.ts'
import { type JsonNode, JsonNumber, JsonObject, membersOf, numberValue, plainValue, setMember, treeOf } from './json.ts'
import { canonicalQuantity } from './quantity.ts'
import { quote } from './quote.ts'
import type { Field, Scalar, SchemaSource, StructType, ValueType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'
import { canonicalMicroTime, canonicalTime } from './time.ts'
import { zeroScalar } from './zero.ts'

/** The value cannot be an object of its schema; the message is Go's. */
export class DecodeError extends Error {
  override name = 'DecodeError'
}

/** An object in normal form, and what was wrong but bearable: `unknown field "spec.x"`, `duplicate field "spec.y"`. */
export interface Normalized {
  object: any
  strictErrors: string[]
}

/** Upstream stops counting here. */
const MAX_STRICT_ERRORS = 100

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'

interface Member {
  name: string
  field: Field
  type: ValueType
  always: boolean
  /** An empty value is kept: pointers, and what is always written. */
  keepsZero: boolean
  /** An empty list is kept: that of managed fields tells to forget all owners. */
  keepsEmpty: boolean
}

interface Plan {
  type: StructType
  source: SchemaSource
  members: Member[]
  byName: Map<string, Member>
}

const plans = new WeakMap<StructType, Plan>()

function planOf(type: StructType, source: SchemaSource): Plan {
  let plan = plans.get(type)
  if (plan === undefined) {
    const members: Member[] = []
    for (const field of type.fields.values()) {
      const { name, always } = field
      const keepsEmpty = name === 'managedFields' && type.name === OBJECT_META
      members.push({ name, field, type: field.type, always, keepsZero: always || field.pointer === true, keepsEmpty })
    }
    plan = { type, source, members, byName: new Map(members.map((member) => [member.name, member])) }
    plans.set(type, plan)
  }
  return plan
}

function planNamed(name: string, source: SchemaSource): Plan {
  const type = source.struct(name)
  if (type === undefined) throw new TypeError(`schema ${name} is not known`)
  return planOf(type, source)
}

/**
 * Brings an already parsed value into the form of its schema.
 *
 * @throws DecodeError when a member has another type than its schema says
 */
export function normalize(schema: StructType, value: unknown, source: SchemaSource = builtinSchemas): Normalized {
  const quick = normalizeQuickly(schema, value, membersOf(value), source)
  return quick === undefined ? normalizeTree(schema, treeOf(value), source) : { object: quick, strictErrors: [] }
}

/** The object, when nothing about it is unusual; `members` is the number of object members that the value came with. */
export function normalizeQuickly(schema: StructType, value: unknown, members: number, source: SchemaSource = builtinSchemas): any {
  const walk = new Walk()
  const plan = planOf(schema, source)
  const object = walk.struct(plan, value)
  if (walk.failed || walk.members !== members) return undefined
  if (walk.leftOutEmpty) noteGivenEmpty(object, [...emptyLists(plan, value)])
  return object
}

/** Brings an exactly parsed document into the form of its schema. */
export function normalizeTree(schema: StructType, node: JsonNode, source: SchemaSource = builtinSchemas): Normalized {
  const plan = planOf(schema, source)
  const reader = new Reader()
  const value = node === null ? {} : reader.struct(plan, node, '', goName(schema.name), undefined)
  if (reader.saved !== undefined) throw new DecodeError(reader.saved)
  const walk = new Walk()
  const object = walk.struct(plan, value)
  if (walk.failed) throw new TypeError(`an exactly read ${schema.name} does not fit its schema`)
  if (walk.leftOutEmpty) noteGivenEmpty(object, [...emptyLists(plan, value)])
  return { object, strictErrors: reader.strictErrors }
}

/** Fills in what Go always writes of a struct: its embedded structs and required scalars. */
export function emptyStruct(schema: StructType, source: SchemaSource = builtinSchemas): any {
  return new Walk().struct(planOf(schema, source), {})
}

/** Paths of such lists, by way of structs alone. */
function* emptyLists(plan: Plan, value: any, path: readonly string[] = []): Generator<readonly string[]> {
  for (const { name, type, always } of plan.members) {
    const member = value[name]
    if (member === undefined || member === null) continue
    if (type.kind === 'struct') yield* emptyLists(planNamed(type.name, plan.source), member, [...path, name])
    else if (type.kind === 'list' && always && member.length === 0) yield [...path, name]
  }
}

/** The quick walker. It counts the members that it understood; what it does not like makes it fail, never throw. */
class Walk {
  members = 0
  failed = false
  /** Somewhere an empty list was left out that Go always writes. */
  leftOutEmpty = false

  struct(plan: Plan, value: unknown): Record<string, unknown> {
    const out: Record<string, unknown> = {}
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.failed = true
      return out
    }
    const given = value as Record<string, unknown>
    const { members } = plan
    for (let i = 0; i < members.length; i++) {
      const member = members[i] as Member
      const raw = given[member.name]
      let read: unknown
      if (raw !== undefined) {
        this.members++
        if (raw !== null) read = this.member(member, raw, plan.source)
      }
      if (read !== undefined) out[member.name] = read
      else if (member.always) {
        const zero = zeroOf(member.type, member.field, plan.source)
        if (zero !== undefined) out[member.name] = zero
      }
    }
    if (plan.type.preserveUnknown === true) {
      for (const name in given) {
        if (plan.byName.has(name) || given[name] === undefined) continue
        this.members += 1 + membersOf(given[name])
        setMember(out, name, given[name])
      }
    }
    return out
  }

  /** undefined: empty, and not to be kept. */
  member(member: Member, value: unknown, source: SchemaSource): unknown {
    const { type } = member
    switch (type.kind) {
      case 'scalar': {
        const scalar = this.scalar(type, value, source)
        if (scalar === '' || scalar === 0 || scalar === false) return member.keepsZero ? scalar : undefined
        return scalar
      }
      case 'struct':
        return this.struct(planNamed(type.name, source), value)
      case 'list': {
        const list = this.list(type.items, value, source)
        if (list.length > 0 || member.keepsEmpty) return list
        if (member.always) this.leftOutEmpty = true
        return undefined
      }
      case 'map': {
        const map = this.map(type.values, value, source)
        for (const _ in map) return map
        return undefined
      }
    }
  }

  value(type: ValueType, value: unknown, source: SchemaSource): unknown {
    if (value === null || value === undefined) return zeroItem(type, source)
    switch (type.kind) {
      case 'scalar':
        return this.scalar(type, value, source) ?? zeroItem(type, source)
      case 'struct':
        return this.struct(planNamed(type.name, source), value)
      case 'list':
        return this.list(type.items, value, source)
      case 'map':
        return this.map(type.values, value, source)
    }
  }

  list(items: ValueType, value: unknown, source: SchemaSource): unknown[] {
    if (!Array.isArray(value)) {
      this.failed = true
      return []
    }
    if (items.kind === 'scalar' && items.scalar === 'string') {
      for (let i = 0; i < value.length; i++) if (typeof value[i] !== 'string') return this.items(items, value, source)
      return value
    }
    return this.items(items, value, source)
  }

  items(items: ValueType, value: unknown[], source: SchemaSource): unknown[] {
    const out = new Array(value.length)
    for (let i = 0; i < value.length; i++) out[i] = this.value(items, value[i], source)
    return out
  }

  map(values: ValueType, value: unknown, source: SchemaSource): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.failed = true
      return {}
    }
    const map = value as Record<string, unknown>
    if (values.kind === 'scalar' && values.scalar === 'string') {
      let plain = true
      let members = 0
      for (const key in map) {
        members++
        if (typeof map[key] !== 'string') plain = false
      }
      if (plain) {
        this.members += members
        return map
      }
    }
    const out: Record<string, unknown> = {}
    for (const key in map) {
      if (map[key] === undefined) continue
      this.members++
      setMember(out, key, this.value(values, map[key], source))
    }
    return out
  }

  /** undefined: Go's zero value of a type that has no text for it. */
  scalar(type: ValueType & { kind: 'scalar' }, value: unknown, source: SchemaSource): unknown {
    switch (type.scalar) {
      case 'string':
      case 'duration':
        if (typeof value === 'string') return value
        break
      case 'boolean':
        if (typeof value === 'boolean') return value
        break
      case 'int32':
        // Adding zero makes -0 plain.
        if (typeof value === 'number' && (value | 0) === value) return value + 0
        break
      case 'int64':
        if (Number.isSafeInteger(value)) return (value as number) + 0
        if (typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 63n)
          return Number.isSafeInteger(Number(value)) ? Number(value) : value
        break
      case 'double':
        if (typeof value === 'number') return value + 0
        if (typeof value === 'bigint') return Number(value)
        break
      case 'bytes':
        if (typeof value === 'string') {
          const canonical = canonicalBase64(value)
          if (typeof canonical === 'string') return canonical
        }
        break
      case 'intOrString':
        if (typeof value === 'string') return value
        if (typeof value === 'number' && (value | 0) === value) return value + 0
        break
      case 'quantity':
        return this.canonical(
          canonicalQuantity,
          typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : undefined,
        )
      case 'time':
        return this.canonical(canonicalTime, value)
      case 'microTime':
        return this.canonical(canonicalMicroTime, value)
      case 'raw':
        this.members += membersOf(value)
        return type.message === undefined ? value : this.union(type.message, value, source)
      case 'fieldsV1':
        this.members += membersOf(value)
        return value
    }
    this.failed = true
    return undefined
  }

  /** Schemas inside the unions of a schema have their form too; what is unknown in them goes unreported, as upstream. */
  union(message: string, value: unknown, source: SchemaSource): unknown {
    const schema = unionSchema(message, source)
    if (schema === undefined || typeof value !== 'object' || value === null) return value
    const inner = new Walk()
    const read = Array.isArray(value)
      ? value.map((item) => (typeof item === 'object' && item !== null ? inner.struct(schema, item) : item))
      : inner.struct(schema, value)
    if (inner.failed) this.failed = true
    return read
  }

  canonical(form: (text: string) => string | undefined, text: unknown): string | undefined {
    if (typeof text === 'string') {
      try {
        return form(text)
      } catch {
        // The exact reader says why.
      }
    }
    this.failed = true
    return undefined
  }
}

const UNION = /^(.*\.)JSONSchemaPropsOr(Array|Bool|StringArray)$/

/** The schema that a union may hold: only those of custom resource definitions do. */
function unionSchema(message: string, source: SchemaSource): Plan | undefined {
  const union = UNION.exec(message)
  return union === null ? undefined : planNamed(`${union[1]}JSONSchemaProps`, source)
}

/** What is written of a member that must be written and is not there; undefined where that is `null`. */
function zeroOf(type: ValueType, field: Field, source: SchemaSource): unknown {
  if (field.pointer === true || type.kind === 'list' || type.kind === 'map' || (type.kind === 'scalar' && type.scalar === 'bytes'))
    return undefined
  return zeroItem(type, source)
}

/** Go's zero value of a type; undefined where it is written as `null`. */
function zeroItem(type: ValueType, source: SchemaSource): unknown {
  switch (type.kind) {
    case 'struct':
      return new Walk().struct(planNamed(type.name, source), {})
    case 'list':
      return []
    case 'map':
      return {}
    case 'scalar':
      return type.scalar === 'bytes' ? '' : zeroScalar(type.scalar)
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/

/** The bytes' own base64 text; a number is the offset at which Go gives up. */
function canonicalBase64(text: string): string | number {
  if (BASE64.test(text)) return text
  let at = 0
  const quantum: number[] = []
  let padding = 0
  let last = 0
  for (; at < text.length; at++) {
    const c = text[at] as string
    if (c === '\n' || c === '\r') continue
    if (padding > 0 && (c !== '=' || quantum.length + padding >= 4)) return at
    if (c === '=') {
      if (quantum.length < 2) return at
      padding++
    } else {
      if (!/[A-Za-z0-9+/]/.test(c)) return at
      if (quantum.length === 4) quantum.length = 0
      quantum.push(at)
    }
    last = at
  }
  if (quantum.length % 4 !== 0 && quantum.length + padding !== 4) return padding > 0 ? text.length : last - quantum.length - padding + 1
  return Buffer.from(text, 'base64').toString('base64')
}

interface Context {
  /** Go name of the innermost struct and the members on the way to the value. */
  struct: string
  path: string
}

/** The exact walker: everything it says is what Go's decoder says. */
class Reader {
  readonly strictErrors: string[] = []
  /** The first type mismatch; decoding goes on behind it, and it is reported at the end. */
  saved: string | undefined

  struct(
    plan: Plan,
    node: JsonNode,
    path: string,
    goType: string,
    context: Context | undefined,
    into: Record<string, unknown> = {},
  ): Record<string, unknown> {
    if (!(node instanceof JsonObject)) {
      this.mismatch(node, goType, context)
      return into
    }
    const seen = new Set<Member>()
    const struct = simpleName(plan.type.name)
    for (const [name, value] of node.members) {
      const member = plan.byName.get(name)
      const at = path === '' ? name : `${path}.${name}`
      if (member === undefined) {
        if (plan.type.preserveUnknown === true) setMember(into, name, plainValue(value))
        else this.strict('unknown', at)
        continue
      }
      if (seen.has(member)) this.strict('duplicate', at)
      seen.add(member)
      const embedded = member.field.embedded === undefined ? '' : `${member.field.embedded.map((step) => step.name).join('.')}.`
      const inner = { struct, path: `${context === undefined || context.path === '' ? '' : `${context.path}.`}${embedded}${name}` }
      const named = member.field.goType ?? goTypeOf(member.type)
      if (value === null) {
        // Null leaves a plain value as it is and clears what can be nil.
        if (member.field.pointer === true || member.type.kind === 'list' || member.type.kind === 'map' || !isPlain(member.type))
          delete into[name]
        continue
      }
      const read = this.value(member.type, value, at, named, inner, plan.source, into[name])
      if (read !== undefined) into[name] = read
    }
    return into
  }

  value(type: ValueType, node: JsonNode, path: string, goType: string, context: Context, source: SchemaSource, into?: unknown): unknown {
    switch (type.kind) {
      case 'struct':
        return this.struct(planNamed(type.name, source), node, path, goType, context, into as Record<string, unknown> | undefined)
      case 'list': {
        if (!Array.isArray(node)) return this.mismatch(node, goType, context)
        const item = goType.startsWith('[]') ? goType.slice(2) : goTypeOf(type.items)
        return node.map((value, index) =>
          value === null ? null : (this.value(type.items, value, `${path}[${index}]`, item, context, source) ?? null),
        )
      }
      case 'map': {
        if (!(node instanceof JsonObject)) return this.mismatch(node, goType, context)
        const item = goType.startsWith('map[') ? goType.slice(goType.indexOf(']') + 1) : goTypeOf(type.values)
        const out = (into ?? {}) as Record<string, unknown>
        const seen = new Set<string>()
        for (const [key, value] of node.members) {
          const at = `${path}.${key}`
          if (seen.has(key)) this.strict('duplicate', at)
          seen.add(key)
          setMember(out, key, value === null ? null : (this.value(type.values, value, at, item, context, source) ?? null))
        }
        return out
      }
      case 'scalar':
        return this.scalar(type, node, goType, context, source)
    }
  }

  scalar(type: ValueType & { kind: 'scalar' }, node: JsonNode, goType: string, context: Context, source: SchemaSource): unknown {
    switch (type.scalar) {
      case 'string':
        return typeof node === 'string' ? node : this.mismatch(node, goType, context)
      case 'boolean':
        return typeof node === 'boolean' ? node : this.mismatch(node, goType, context)
      case 'int32':
      case 'int64': {
        if (!(node instanceof JsonNumber)) return this.mismatch(node, goType, context)
        return this.integer(node, type.scalar === 'int32' ? 32n : 64n) ?? this.mismatch(node, goType, context, true)
      }
      case 'double':
        return node instanceof JsonNumber ? Number(node.literal) : this.mismatch(node, goType, context)
      case 'bytes': {
        if (typeof node !== 'string') return this.mismatch(node, goType, context)
        const canonical = canonicalBase64(node)
        if (typeof canonical === 'string') return canonical
        this.saved ??= `illegal base64 data at input byte ${canonical}`
        return undefined
      }
      case 'intOrString': {
        if (typeof node === 'string') return node
        const integer = node instanceof JsonNumber ? this.integer(node, 32n) : undefined
        if (integer === undefined) throw new DecodeError(mismatchText(node, 'int32', context, true))
        return integer
      }
      case 'quantity': {
        const text = typeof node === 'string' ? node : node instanceof JsonNumber ? node.literal : '{'
        return this.canonical(canonicalQuantity, text.trim())
      }
      case 'duration':
      case 'time':
      case 'microTime':
        if (typeof node !== 'string') throw new DecodeError(mismatchText(node, 'string', context))
        if (type.scalar === 'duration') return node
        return this.canonical(type.scalar === 'time' ? canonicalTime : canonicalMicroTime, node)
      case 'raw':
        return type.message === undefined ? plainValue(node) : this.union(type.message, node, source)
      case 'fieldsV1':
        return plainValue(node)
    }
  }

  union(message: string, node: JsonNode, source: SchemaSource): unknown {
    const plan = unionSchema(message, source)
    if (plan === undefined) return plainValue(node)
    if (message.endsWith('OrBool') && !(node instanceof JsonObject) && typeof node !== 'boolean')
      throw new DecodeError('boolean or JSON schema expected')
    const inner = new Reader()
    const read = (item: JsonNode): unknown =>
      item instanceof JsonObject ? inner.struct(plan, item, '', goName(plan.type.name), undefined) : plainValue(item)
    const value = Array.isArray(node) ? node.map(read) : read(node)
    if (inner.saved !== undefined) throw new DecodeError(inner.saved)
    return value
  }

  integer(node: JsonNumber, bits: bigint): number | bigint | undefined {
    // Nothing longer fits, and long ones take long to read.
    if (!/^-?\d{1,19}$/.test(node.literal)) return undefined
    const exact = BigInt(node.literal)
    const bound = 1n << (bits - 1n)
    return exact < bound && exact >= -bound ? numberValue(node.literal) : undefined
  }

  /** Go's own unmarshalers stop at once. */
  canonical(form: (text: string) => string | undefined, text: string): string | undefined {
    try {
      return form(text)
    } catch (error) {
      throw new DecodeError((error as Error).message)
    }
  }

  mismatch(node: JsonNode, goType: string, context: Context | undefined, literal = false): undefined {
    this.saved ??= mismatchText(node, goType, context, literal)
    return undefined
  }

  strict(kind: 'unknown' | 'duplicate', path: string): void {
    const text = `${kind} field ${quote(path)}`
    if (this.strictErrors.length < MAX_STRICT_ERRORS && !this.strictErrors.includes(text)) this.strictErrors.push(text)
  }
}

/** `json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container`. */
function mismatchText(node: JsonNode, goType: string, context: Context | undefined, literal = false): string {
  const into = context === undefined ? 'Go value' : `Go struct field ${context.struct}.${context.path}`
  return `json: cannot unmarshal ${describe(node, literal)} into ${into} of type ${goType}`
}

function describe(node: JsonNode, literal: boolean): string {
  if (typeof node === 'string') return 'string'
  if (typeof node === 'boolean') return 'bool'
  if (node instanceof JsonNumber) return literal ? `number ${node.literal}` : 'number'
  return Array.isArray(node) ? 'array' : 'object'
}

/** Go leaves a value of this type alone when it reads null into it. */
function isPlain(type: ValueType): boolean {
  return type.kind === 'struct' || (type.kind === 'scalar' && ['string', 'boolean', 'int32', 'int64', 'double'].includes(type.scalar))
}

const GO_SCALARS: Readonly<Record<Scalar, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  fieldsV1: 'v1.FieldsV1',
  raw: 'runtime.RawExtension',
}

/** The Go type of a value where its member names none. */
function goTypeOf(type: ValueType): string {
  switch (type.kind) {
    case 'struct':
      return goName(type.name)
    case 'list':
      return `[]${goTypeOf(type.items)}`
    case 'map':
      return `map[string]${goTypeOf(type.values)}`
    case 'scalar':
      return GO_SCALARS[type.scalar]
  }
}

function goName(name: string): string {
  return name.split('.').slice(-2).join('.')
}

function simpleName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
