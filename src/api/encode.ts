/**
 * From objects to the bytes of answers and of the store: JSON as Go writes it, indented JSON, and YAML.
 *
 * @see encoding/json, apimachinery/pkg/runtime/serializer/json, sigs.k8s.io/yaml
 * @module
 */
import { byteOrder, setMember } from './json.ts'
import type { KubeObject } from './object.ts'
import type { SchemaSource, StructType, ValueType } from './schema.ts'
import { builtinSchemas } from './schemas.ts'
import { writeYaml } from './yaml-writer.ts'
import { zeroScalar } from './zero.ts'

/**
 * One line of JSON: kind, apiVersion and metadata first, then the members in their own order; no line feed at the end.
 *
 * With a schema, members that Go always writes are written: `null` for lists and pointers that are not there.
 */
export function encodeObject(object: KubeObject, schema?: StructType, source: SchemaSource = builtinSchemas): Buffer {
  return Buffer.from(encodeJson(ordered(schema === undefined ? object : complete(schema, object, source))))
}

/** JSON text as Go writes it: `<`, `>`, `&` and the line separators escaped, bigint as number, undefined members left out. */
export function encodeJson(value: unknown): string {
  return escapeText(hasBigInt(value) ? writeExactly(value) : JSON.stringify(value))
}

/** JSON indented by two spaces, for people. */
export function encodePretty(object: KubeObject): Buffer {
  const value = ordered(object)
  const text = hasBigInt(value) ? indent(value, '') : JSON.stringify(value, undefined, 2)
  return Buffer.from(escapeText(text))
}

/** YAML with members in natural order. */
export function encodeYaml(object: KubeObject): Buffer {
  return Buffer.from(writeYaml(object))
}

function ordered(object: KubeObject): KubeObject {
  let place = 0
  let fine = true
  for (const name in object) {
    if (name === 'kind') fine &&= place === 0
    else if (name === 'apiVersion') fine &&= place <= 1
    else if (name === 'metadata') fine &&= place <= 2
    else place = 3
    place++
  }
  if (fine) return object
  const { kind, apiVersion, metadata, ...rest } = object
  const out: KubeObject = {}
  if (kind !== undefined) out.kind = kind
  if (apiVersion !== undefined) out.apiVersion = apiVersion
  if (metadata !== undefined) out.metadata = metadata
  return Object.assign(out, rest)
}

const NEEDS_ESCAPE = /[<>&\u2028\u2029]/
const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** Characters that `JSON.stringify` leaves and Go escapes, so that HTML and JavaScript can hold the text. */
function escapeText(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replace(/[<>&\u2028\u2029]/g, (c) => ESCAPES[c] as string) : text
}

function hasBigInt(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint'
  if (Array.isArray(value)) {
    for (const item of value) if (hasBigInt(item)) return true
    return false
  }
  for (const name in value) if (hasBigInt((value as Record<string, unknown>)[name])) return true
  return false
}

function writeExactly(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => (item === undefined ? 'null' : writeExactly(item))).join(',')}]`
  const members: string[] = []
  for (const name of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${writeExactly(member)}`)
  }
  return `{${members.join(',')}}`
}

function indent(value: unknown, margin: string): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${margin}  `
  const parts: string[] = []
  if (Array.isArray(value)) for (const item of value) parts.push(inner + (item === undefined ? 'null' : indent(item, inner)))
  else {
    for (const name of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[name]
      if (member !== undefined) parts.push(`${inner}${JSON.stringify(name)}: ${indent(member, inner)}`)
    }
  }
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return parts.length === 0 ? `${open}${close}` : `${open}\n${parts.join(',\n')}\n${margin}${close}`
}

/**
 * The object with every member that Go always writes, in the schema's order: `null` for lists, maps, pointers and times that are not
 * there, zero for plain values, empty structs. Members the schema does not know stay.
 */
export function complete(schema: StructType, object: KubeObject, source: SchemaSource = builtinSchemas): KubeObject {
  return completeStruct(schema, object, source)
}

function completeStruct(schema: StructType, object: Record<string, unknown>, source: SchemaSource): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const field of schema.fields.values()) {
    const value = object[field.name]
    if (value !== undefined && value !== null) out[field.name] = completeValue(field.type, value, source)
    else if (field.always) out[field.name] = field.pointer === true ? null : zero(field.type, source)
  }
  for (const name in object) if (!schema.fields.has(name) && object[name] !== undefined) setMember(out, name, object[name])
  return out
}

function completeValue(type: ValueType, value: unknown, source: SchemaSource): unknown {
  switch (type.kind) {
    case 'scalar':
      return value
    case 'struct': {
      const schema = source.struct(type.name)
      return schema === undefined ? value : completeStruct(schema, value as Record<string, unknown>, source)
    }
    case 'list':
      if (type.items.kind === 'scalar') return value
      return (value as unknown[]).map((item) => completeValue(type.items, item, source))
    case 'map': {
      const map = sortedMap(value as Record<string, unknown>)
      if (type.values.kind === 'scalar') return map
      const out: Record<string, unknown> = {}
      for (const key of Object.keys(map)) setMember(out, key, completeValue(type.values, map[key], source))
      return out
    }
  }
}

/** Go writes the keys of a map in order. */
function sortedMap(map: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(map)
  if (keys.every((key, i) => i === 0 || byteOrder(keys[i - 1] as string, key) < 0)) return map
  const out: Record<string, unknown> = {}
  for (const key of keys.sort(byteOrder)) setMember(out, key, map[key])
  return out
}

function zero(type: ValueType, source: SchemaSource): unknown {
  if (type.kind === 'struct') {
    const schema = source.struct(type.name)
    return schema === undefined ? {} : completeStruct(schema, {}, source)
  }
  return type.kind === 'scalar' ? (zeroScalar(type.scalar) ?? null) : null
}
