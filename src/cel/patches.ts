/**
 * What mutations make: `Object{…}`, with the path of a part of the object as its type, and `JSONPatch{…}`.
 *
 * @see apiserver/pkg/cel/mutation/{jsonpatch.go,dynamic/objects.go}; apiserver/pkg/cel/library/jsonpatch.go
 * @module
 */
import { type Calls, parsing } from './call.ts'
import {
  adapt,
  CelError,
  Double,
  Duration,
  durationText,
  entryOf,
  equal,
  isMap,
  type Members,
  mapKeys,
  mapSize,
  Timestamp,
  timestampText,
  typeName,
  Uint,
} from './values.ts'

/** Of making one. @see github.com/google/cel-go, common/cost.go */
export const MESSAGE_COST = 40

const PATCH_FIELDS: readonly string[] = ['op', 'path', 'from', 'value']

/** Part of an object, or all of it. */
export class ObjectValue implements Members {
  readonly celType: string
  readonly fields: ReadonlyMap<string, unknown>
  constructor(celType: string, fields: ReadonlyMap<string, unknown>) {
    this.celType = celType
    this.fields = fields
  }
  /** What is not set is null. */
  member(name: string): unknown {
    return this.fields.get(name) ?? null
  }
  has(name: string): boolean {
    return this.fields.has(name)
  }
  equals(other: unknown): boolean {
    return other instanceof ObjectValue && other.celType === this.celType && sameFields(this.fields, other.fields)
  }
}

/** Upstream compares what is inside by identity: lists and maps are never the same, nor are numbers of two types. */
function sameFields(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  if (a.size !== b.size) return false
  return [...a].every(([name, value]) => {
    const other = b.get(name)
    return typeName(value) === typeName(other) && !Array.isArray(value) && !isMap(value) && equal(value, other, () => undefined)
  })
}

/** One operation of a JSON patch. */
export class JsonPatchValue implements Members {
  readonly celType = 'JSONPatch'
  readonly fields: ReadonlyMap<string, unknown>
  constructor(fields: ReadonlyMap<string, unknown>) {
    this.fields = fields
  }
  /** What is not set is null, or an empty text. */
  member(name: string): unknown {
    return this.fields.get(name) ?? (name === 'value' ? null : PATCH_FIELDS.includes(name) ? '' : undefined)
  }
  has(name: string): boolean {
    return this.fields.has(name)
  }
  equals(other: unknown): boolean {
    return other instanceof JsonPatchValue && equal(this.fields, other.fields, () => undefined)
  }
}

export function isPatchType(name: string): boolean {
  return name === 'JSONPatch' || name === 'Object' || name.startsWith('Object.')
}

export function madeOf(type: string, fields: ReadonlyMap<string, unknown>): ObjectValue | JsonPatchValue {
  if (type !== 'JSONPatch') return new ObjectValue(type, fields)
  for (const [name, value] of fields) {
    if (!PATCH_FIELDS.includes(name)) throw new CelError(`unexpected JSONPatchType field: ${name}`)
    if (name !== 'value' && typeof value !== 'string')
      throw new CelError(`unexpected type ${goType(value)} for JSONPatchType '${name}' field`)
  }
  return new JsonPatchValue(fields)
}

/** What upstream calls what it holds. */
function goType(value: unknown): string {
  const name = typeName(value)
  return { int: 'int64', uint: 'uint64', double: 'float64', bytes: '[]uint8', null_type: 'structpb.NullValue' }[name] ?? name
}

/** Where parts of an object are called otherwise than their place in it says. */
export function misnamedParts(value: unknown, path: string): string[] {
  if (value instanceof ObjectValue) {
    const own =
      value.celType === path
        ? []
        : [
            `unexpected type name ${JSON.stringify(value.celType)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`,
          ]
    return [...own, ...[...value.fields].flatMap(([name, inner]) => misnamedParts(inner, `${path}.${name}`))]
  }
  if (Array.isArray(value)) return value.flatMap((one) => misnamedParts(one, path))
  return isMap(value) ? mapKeys(value).flatMap((key) => misnamedParts(entryOf(value, key), path)) : []
}

/** As JSON. Throws a CelError for what JSON has not. */
export function toJson(given: unknown): unknown {
  const value = adapt(given)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return jsonNumber(value)
  if (value instanceof Uint) return jsonNumber(value.value)
  if (value instanceof Double) return value.value
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(toJson)
  if (value instanceof ObjectValue) return Object.fromEntries([...value.fields].map(([name, inner]) => [name, toJson(inner)]))
  if (isMap(value))
    return mapSize(value) === 0 ? {} : Object.fromEntries(mapKeys(value).map((key) => [textKey(key), toJson(entryOf(value, key))]))
  throw new CelError(`unsupported type conversion: ${typeName(value)} to JSON`)
}

/** Numbers beyond what a double holds are texts. */
function jsonNumber(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function textKey(key: unknown): string {
  if (typeof key === 'string') return key
  throw new CelError(`map key ${String(key)} is of type ${typeName(key)}, not string`)
}

export const PATCH_FUNCTIONS: Calls = [
  parsing('jsonpatch.escapeKey', ['string'], ([text]) => (text as string).replaceAll('~', '~0').replaceAll('/', '~1')),
]
