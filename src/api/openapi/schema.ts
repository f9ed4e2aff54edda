/**
 * API types as OpenAPI schemas, and all types that a document needs.
 *
 * @see kube-openapi/pkg/builder, kube-openapi/pkg/generators
 * @module
 */
import type { GroupVersionKind } from '../object.ts'
import type { Field, Scalar, SchemaSource, StructType, ValueType } from '../schema.ts'

export type JsonSchema = Record<string, unknown>

/** How the two versions of OpenAPI differ. */
export type Style = 'v2' | 'v3'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'

/** Scalars that have a schema under a name. */
const NAMED: Partial<Record<Scalar, string>> = {
  time: `${META}Time`,
  microTime: `${META}MicroTime`,
  duration: `${META}Duration`,
  fieldsV1: `${META}FieldsV1`,
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
}
const PLAIN: Partial<Record<Scalar, JsonSchema>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
}
const SPECIAL: Readonly<Record<Style, Readonly<Record<string, JsonSchema>>>> = {
  v2: {
    'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: 'string', format: 'int-or-string' },
  },
  v3: {
    'io.k8s.apimachinery.pkg.api.resource.Quantity': { oneOf: [{ type: 'string' }, { type: 'number' }] },
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
}
const FREE: Readonly<Record<string, JsonSchema>> = {
  [`${META}Time`]: { type: 'string', format: 'date-time' },
  [`${META}MicroTime`]: { type: 'string', format: 'date-time' },
  [`${META}Duration`]: { type: 'string' },
  [`${META}FieldsV1`]: { type: 'object' },
  [`${META}Patch`]: { type: 'object' },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object' },
}

/** Kinds that every group has; the groups at hand are told to the document. */
const EVERYWHERE = new Set([`${META}DeleteOptions`, `${META}WatchEvent`])

/** The schemas of the named types and of all that they are made of, sorted by name. */
export function schemasOf(
  names: Iterable<string>,
  style: Style,
  source: SchemaSource,
  groupVersions: readonly { group: string; version: string }[],
): Record<string, JsonSchema> {
  const schemas = new Map<string, JsonSchema>()
  const queue = [...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (name === '' || schemas.has(name)) continue
    const special = SPECIAL[style][name] ?? FREE[name]
    const type = special === undefined ? source.struct(name) : undefined
    // What has no structure of its own can be anything.
    const schema = special ?? (type === undefined ? {} : structSchema(type, style, queue))
    if (EVERYWHERE.has(name)) schema['x-kubernetes-group-version-kind'] = kindsEverywhere(name, groupVersions)
    schemas.set(name, schema)
  }
  return Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function kindsEverywhere(name: string, groupVersions: readonly { group: string; version: string }[]): GroupVersionKind[] {
  const kind = name.slice(META.length)
  const all = new Map([['/v1', { group: '', kind, version: 'v1' }]])
  for (const { group, version } of groupVersions) if (version !== '') all.set(`${group}/${version}`, { group, kind, version })
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, gvk]) => gvk)
}

function structSchema(type: StructType, style: Style, queue: string[]): JsonSchema {
  const properties: Record<string, JsonSchema> = {}
  const required: string[] = []
  for (const name of [...type.fields.keys()].sort()) properties[name] = fieldSchema(type.fields.get(name) as Field, style, queue)
  for (const field of type.fields.values()) if (field.required) required.push(field.name)
  const schema: JsonSchema = { type: 'object' }
  if (required.length > 0) schema['required'] = required
  if (type.fields.size > 0) schema['properties'] = properties
  if (type.gvk !== undefined)
    schema['x-kubernetes-group-version-kind'] = [{ group: type.gvk.group, kind: type.gvk.kind, version: type.gvk.version }]
  if (type.mapType !== undefined) schema['x-kubernetes-map-type'] = type.mapType
  if (type.unions !== undefined) schema['x-kubernetes-unions'] = type.unions
  return schema
}

function fieldSchema(field: Field, style: Style, queue: string[]): JsonSchema {
  const schema = valueSchema(field.type, style, queue, true)
  if (field.enum !== undefined) elementOf(schema)['enum'] = field.enum
  if (style === 'v3' && field.default !== undefined) schema['default'] = field.default
  if (field.listType !== undefined) schema['x-kubernetes-list-type'] = field.listType
  if (field.listMapKeys !== undefined) schema['x-kubernetes-list-map-keys'] = field.listMapKeys
  if (field.mapType !== undefined) schema['x-kubernetes-map-type'] = field.mapType
  if (field.patchStrategy !== undefined) schema['x-kubernetes-patch-strategy'] = field.patchStrategy
  if (field.patchMergeKey !== undefined) schema['x-kubernetes-patch-merge-key'] = field.patchMergeKey
  return schema
}

/** The schema of one element: of a list's items, of a map's values, of the value itself. */
function elementOf(schema: JsonSchema): JsonSchema {
  return (schema['items'] ?? schema['additionalProperties'] ?? schema) as JsonSchema
}

function valueSchema(type: ValueType, style: Style, queue: string[], isMember = false): JsonSchema {
  switch (type.kind) {
    case 'list':
      return { type: 'array', items: valueSchema(type.items, style, queue) }
    case 'map':
      return { type: 'object', additionalProperties: valueSchema(type.values, style, queue) }
    case 'struct':
      return reference(type.name, style, queue, isMember)
    case 'scalar': {
      const plain = PLAIN[type.scalar]
      if (plain !== undefined) return { ...plain }
      return reference(type.message ?? NAMED[type.scalar] ?? 'io.k8s.apimachinery.pkg.runtime.RawExtension', style, queue, isMember)
    }
  }
}

/** In v3 nothing may stand beside a reference, so that of a member is wrapped. */
function reference(name: string, style: Style, queue: string[], isMember: boolean): JsonSchema {
  queue.push(name)
  if (style === 'v2') return { $ref: `#/definitions/${name}` }
  const ref = { $ref: `#/components/schemas/${name}` }
  return isMember ? { allOf: [ref] } : ref
}
