/**
 * Why a document that a strategic merge patch has made is no object of its type.
 *
 * Upstream decodes such a document from Go maps and not from JSON, and has other words for it.
 *
 * @see apimachinery/pkg/runtime/converter.go
 * @module
 */
import type { Field, Scalar, SchemaSource, StructType, ValueType } from '../schema.ts'
import { goType } from './go-format.ts'
import { isObject, type JsonObject, own } from './json-value.ts'

/** The first mismatch in the order of the type's members; undefined when there is none of these kinds. */
export function typeMismatch(schema: StructType, document: unknown, source: SchemaSource): string | undefined {
  if (!isObject(document)) return `cannot restore struct from: ${goKind(document)}`
  for (const field of schema.fields.values()) {
    const value = own(document, field.name)
    if (value === undefined || value === null) continue
    const found = valueMismatch(field.type, value, source, field)
    if (found !== undefined) return found
  }
  return undefined
}

function valueMismatch(type: ValueType, value: unknown, source: SchemaSource, field?: Field): string | undefined {
  if (value === null || value === undefined) return undefined
  switch (type.kind) {
    case 'struct': {
      const schema = source.struct(type.name)
      return schema === undefined ? undefined : typeMismatch(schema, value, source)
    }
    case 'list':
      if (!Array.isArray(value)) return `cannot restore slice from ${goKind(value)}`
      return firstOf(value, (item) => valueMismatch(type.items, item, source))
    case 'map':
      if (!isObject(value)) return `cannot restore map from ${goKind(value)}`
      return firstOf(Object.keys(value), (key) => valueMismatch(type.values, (value as JsonObject)[key], source))
    case 'scalar':
      return scalarMismatch(type.scalar, value, field?.goType)
  }
}

function firstOf<T>(items: readonly T[], judge: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = judge(item)
    if (found !== undefined) return found
  }
  return undefined
}

const GO_KINDS: Partial<Record<Scalar, string>> = { string: 'string', boolean: 'bool', int32: 'int32', int64: 'int64', double: 'float64' }

/** Only what Go holds as a plain value: times, quantities and the like decode themselves, and speak for themselves. */
function scalarMismatch(scalar: Scalar, value: unknown, goName: string | undefined): string | undefined {
  if (scalar === 'bytes') return typeof value === 'string' ? undefined : `cannot restore slice from ${goKind(value)}`
  const wanted = GO_KINDS[scalar]
  if (wanted === undefined) return undefined
  const given = goType(value)
  if (given === wanted) return undefined
  const isNumber = given === 'int64' || given === 'float64'
  if (isNumber && wanted === 'float64') return undefined
  if (given === 'int64' && (wanted === 'int32' || wanted === 'int64')) return undefined
  // Go converts among numbers, and integers to texts, but JSON does not.
  if (isNumber && (wanted === 'int32' || wanted === 'int64')) return `cannot convert ${given} to ${goName ?? wanted}`
  if (given === 'int64' && wanted === 'string') return `cannot convert int64 to ${goName ?? wanted}`
  return `unrecognized type: ${wanted}`
}

/** reflect.Kind of a decoded value. */
function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice'
  return isObject(value) ? 'map' : goType(value)
}
