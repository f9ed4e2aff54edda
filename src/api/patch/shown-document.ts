/**
 * A patched document as a refusal shows it.
 *
 * Upstream's patch library opens what a patch touches as a Go map, whose members come out sorted; what it does not touch stays the text
 * that the object was written as.
 *
 * @see evanphx/json-patch v4 patch.go, merge.go; apiserver/pkg/endpoints/handlers/patch.go
 * @module
 */
import { complete, encodeJson } from '../encode.ts'
import { byteOrder, setMember } from '../json.ts'
import type { KubeObject } from '../object.ts'
import type { SchemaSource, StructType, ValueType } from '../schema.ts'
import { isObject, type JsonObject, own } from './json-value.ts'

/** `patched` shares with `before` what the patch did not touch. */
export function shownDocument(patched: unknown, before: unknown, schema: StructType, source: SchemaSource): string {
  return encodeJson(shown(patched, before, { kind: 'struct', name: schema.name }, source, true))
}

function shown(patched: unknown, before: unknown, type: ValueType | undefined, source: SchemaSource, isRoot = false): unknown {
  if (typeof patched !== 'object' || patched === null) return patched
  if (patched === before && !isRoot) return asWritten(patched, type, source)
  if (Array.isArray(patched)) {
    const kept = new Set(Array.isArray(before) ? before : [])
    const items = type?.kind === 'list' ? type.items : undefined
    return patched.map((item) => shown(item, kept.has(item) ? item : undefined, items, source))
  }
  const object = patched as JsonObject
  const sorted: JsonObject = {}
  for (const name of Object.keys(object).sort(byteOrder)) {
    if (object[name] === undefined) continue
    const old = isObject(before) ? own(before, name) : undefined
    setMember(sorted, name, shown(object[name], old, memberType(type, name, source), source))
  }
  return sorted
}

function asWritten(value: object, type: ValueType | undefined, source: SchemaSource): unknown {
  if (Array.isArray(value)) {
    const items = type?.kind === 'list' ? type.items : undefined
    return items === undefined ? value : value.map((item) => (isObject(item) ? asWritten(item, items, source) : item))
  }
  const struct = type?.kind === 'struct' ? source.struct(type.name) : undefined
  return struct === undefined ? value : complete(struct, value as KubeObject, source)
}

function memberType(type: ValueType | undefined, name: string, source: SchemaSource): ValueType | undefined {
  if (type?.kind === 'map') return type.values
  return type?.kind === 'struct' ? source.struct(type.name)?.fields.get(name)?.type : undefined
}
