/**
 * The schemas of all built-in API types, compiled from the wire facts in `facts/` when first asked for.
 *
 * `facts/<group>.json` holds per type what OpenAPI and the protobuf definitions say; `members` adds what only the Go types know, in
 * their order: `name` is always written, `name?` is left out when empty, `*` is a pointer, `=v1.Phase` the Go type, and
 * `ProbeHandler#1/exec#1` a member of an embedded struct with the protobuf numbers of both.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { GroupVersionKind } from './object.ts'
import type { Field, Scalar, SchemaSource, StructType, ValueType } from './schema.ts'

interface FieldFact {
  number?: number
  type?: string
  ref?: string
  list?: FieldFact
  map?: FieldFact
  proto?: string
  default?: unknown
  enum?: string[]
  listType?: 'atomic' | 'set' | 'map'
  listMapKeys?: string[]
  mapType?: 'atomic' | 'granular'
  patchStrategy?: string
  patchMergeKey?: string
}

interface TypeFact {
  type?: string
  gvk?: GroupVersionKind
  required?: string[]
  mapType?: 'atomic' | 'granular'
  unions?: object[]
  fields?: Record<string, FieldFact>
  protoOnly?: Record<string, { number: number; proto: string }>
  members?: string
}

/** All built-in schemas, and the way from a kind to its schema. */
export interface BuiltinSchemas extends SchemaSource {
  byKind(group: string, version: string, kind: string): StructType | undefined
  /** Whether upstream knows the kind, be it served or not: decides how a body of a foreign kind is refused. */
  registered(group: string, version: string, kind: string): boolean
  /** Names of all structs, for tests and documents that list them. Compiles nothing. */
  names(): string[]
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'
const CRD = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.'

/** Types that are no structs in JSON. */
const SCALARS = new Map<string, Scalar>([
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', 'quantity'],
  ['io.k8s.apimachinery.pkg.util.intstr.IntOrString', 'intOrString'],
  ['io.k8s.apimachinery.pkg.runtime.RawExtension', 'raw'],
  [`${META}Time`, 'time'],
  [`${META}MicroTime`, 'microTime'],
  [`${META}Duration`, 'duration'],
  [`${META}FieldsV1`, 'fieldsV1'],
  ...['v1', 'v1beta1'].flatMap((version) =>
    ['JSON', 'JSONSchemaPropsOrArray', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrStringArray'].map((name): [string, Scalar] => [
      `${CRD}${version}.${name}`,
      'raw',
    ]),
  ),
])

/** First letters of a schema name to the facts file that has it. */
const FILES: readonly [prefix: string, file: string][] = [
  ['io.k8s.apimachinery.', 'meta'],
  ['k8s.io.apimachinery.', 'meta'],
  ['io.k8s.apiextensions-apiserver.', 'apiextensions'],
  ['io.k8s.kube-aggregator.', 'apiregistration'],
  ['k8s.io.', 'other'],
]

/** Package of a group where it is not the group's first label. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core',
  'flowcontrol.apiserver.k8s.io': 'io.k8s.api.flowcontrol',
  'rbac.authorization.k8s.io': 'io.k8s.api.rbac',
  'internal.apiserver.k8s.io': 'io.k8s.api.apiserverinternal',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  'meta.k8s.io': 'io.k8s.apimachinery.pkg.apis.meta',
  'audit.k8s.io': 'k8s.io.apiserver.pkg.apis.audit',
}

/** Kinds of every group: they are registered with each of them. */
const META_KINDS = new Set(['DeleteOptions', 'Status', 'WatchEvent'])

/** Types that OpenAPI does not know under a name of their own but clients send or receive. */
const EXTRA: Record<string, TypeFact> = {
  [`${META}PartialObjectMetadata`]: {
    gvk: { group: 'meta.k8s.io', version: 'v1', kind: 'PartialObjectMetadata' },
    fields: { kind: { type: 'string' }, apiVersion: { type: 'string' }, metadata: { number: 1, ref: `${META}ObjectMeta`, default: {} } },
    members: 'kind? apiVersion? metadata',
  },
  [`${META}PartialObjectMetadataList`]: {
    gvk: { group: 'meta.k8s.io', version: 'v1', kind: 'PartialObjectMetadataList' },
    required: ['items'],
    fields: {
      kind: { type: 'string' },
      apiVersion: { type: 'string' },
      metadata: { number: 1, ref: `${META}ListMeta`, default: {} },
      items: { number: 2, list: { ref: `${META}PartialObjectMetadata` } },
    },
    members: 'kind? apiVersion? metadata items',
  },
}

type Facts = Record<string, TypeFact>

/** One call per file: a bundler finds them all, and each is parsed when its group is first asked for. A module on its own has no `require`. */
const LOADERS: Readonly<Record<string, () => Facts>> = {
  admission: () => require('./facts/admission.json'),
  admissionregistration: () => require('./facts/admissionregistration.json'),
  apidiscovery: () => require('./facts/apidiscovery.json'),
  apiextensions: () => require('./facts/apiextensions.json'),
  apiregistration: () => require('./facts/apiregistration.json'),
  apps: () => require('./facts/apps.json'),
  authentication: () => require('./facts/authentication.json'),
  authorization: () => require('./facts/authorization.json'),
  autoscaling: () => require('./facts/autoscaling.json'),
  batch: () => require('./facts/batch.json'),
  certificates: () => require('./facts/certificates.json'),
  coordination: () => require('./facts/coordination.json'),
  core: () => require('./facts/core.json'),
  discovery: () => require('./facts/discovery.json'),
  events: () => require('./facts/events.json'),
  flowcontrol: () => require('./facts/flowcontrol.json'),
  meta: () => require('./facts/meta.json'),
  networking: () => require('./facts/networking.json'),
  node: () => require('./facts/node.json'),
  other: () => require('./facts/other.json'),
  policy: () => require('./facts/policy.json'),
  rbac: () => require('./facts/rbac.json'),
  resource: () => require('./facts/resource.json'),
  scheduling: () => require('./facts/scheduling.json'),
  storage: () => require('./facts/storage.json'),
}
const bundled = typeof require === 'function'

const facts = new Map<string, Facts>()
const compiled = new Map<string, StructType | undefined>()

function factsOf(file: string): Facts {
  let found = facts.get(file)
  if (found === undefined) {
    found = read(file)
    facts.set(file, found)
  }
  return found
}

function read(file: string): Facts {
  const load = LOADERS[file]
  if (load === undefined) return {}
  return bundled ? load() : (JSON.parse(readFileSync(new URL(`./facts/${file}.json`, import.meta.url), 'utf8')) as Facts)
}

const FILE_NAMES = Object.keys(LOADERS)

function fileOf(name: string): string | undefined {
  for (const [prefix, file] of FILES) if (name.startsWith(prefix)) return file
  if (!name.startsWith('io.k8s.api.')) return undefined
  const group = name.slice('io.k8s.api.'.length, name.indexOf('.', 'io.k8s.api.'.length))
  return FILE_NAMES.includes(group) ? group : undefined
}

function factOf(name: string): TypeFact | undefined {
  const extra = EXTRA[name]
  if (extra !== undefined) return extra
  const file = fileOf(name)
  if (file === undefined) return undefined
  const all = factsOf(file)
  return Object.hasOwn(all, name) ? all[name] : undefined
}

function struct(name: string): StructType | undefined {
  if (compiled.has(name)) return compiled.get(name)
  const fact = factOf(name)
  const type = fact === undefined || SCALARS.has(name) ? undefined : compile(name, fact)
  // A client chooses no schema names, so the map stays as small as the facts are.
  if (fact !== undefined) compiled.set(name, type)
  return type
}

function compile(name: string, fact: TypeFact): StructType | undefined {
  if (fact.fields === undefined && fact.type !== 'object') return undefined
  const fields = new Map<string, Field>()
  const facts = fact.fields ?? {}
  const required = new Set(fact.required)
  if (fact.members !== undefined) for (const member of fact.members.split(' ')) addMember(fields, name, member, facts, required)
  else for (const [key, field] of Object.entries(facts)) fields.set(key, fieldFrom(name, key, field, required, field.default === undefined))
  const type: StructType = { name, fields }
  if (fact.gvk !== undefined) type.gvk = fact.gvk
  if (fact.mapType !== undefined) type.mapType = fact.mapType
  if (fact.unions !== undefined) type.unions = fact.unions
  return type
}

function addMember(
  fields: Map<string, Field>,
  owner: string,
  member: string,
  facts: Record<string, FieldFact>,
  required: ReadonlySet<string>,
): void {
  const path = member.split('/')
  const own = /^([^?*=#]+)(?:#(\d+))?(\?)?(\*)?(?:=(.*))?$/.exec(path.pop() as string)
  if (own === null) throw new TypeError(`facts of ${owner}: cannot read member ${member}`)
  const [, key, number, omitted, pointer, goType] = own as unknown as [string, string, ...(string | undefined)[]]
  const fact = facts[key]
  if (fact === undefined) throw new TypeError(`facts of ${owner}: member ${key} has no field`)
  const field = fieldFrom(owner, key, fact, required, omitted !== undefined)
  if (number !== undefined) field.number = Number(number)
  if (pointer !== undefined) field.pointer = true
  if (goType !== undefined) field.goType = goType
  if (path.length > 0) {
    field.embedded = path.map((step) => {
      const [goName, embeddedNumber] = step.split('#') as [string, string?]
      return embeddedNumber === undefined ? { name: goName } : { name: goName, number: Number(embeddedNumber) }
    })
  }
  fields.set(key, field)
}

function fieldFrom(owner: string, name: string, fact: FieldFact, required: ReadonlySet<string>, omitted: boolean): Field {
  const field: Field = { name, type: valueType(fact, owner), always: !omitted, required: required.has(name) }
  if (fact.number !== undefined) field.number = fact.number
  if (fact.default !== undefined) field.default = fact.default
  if (fact.enum !== undefined) field.enum = fact.enum
  if (fact.listType !== undefined) field.listType = fact.listType
  if (fact.listMapKeys !== undefined) field.listMapKeys = fact.listMapKeys
  if (fact.mapType !== undefined) field.mapType = fact.mapType
  if (fact.patchStrategy !== undefined) field.patchStrategy = fact.patchStrategy
  if (fact.patchMergeKey !== undefined) field.patchMergeKey = fact.patchMergeKey
  return field
}

function valueType(fact: FieldFact, owner: string): ValueType {
  if (fact.list !== undefined) {
    const items = valueType(fact.list, owner)
    // A named list is a message of its own: its definition is not `repeated`.
    return fact.proto !== undefined && !fact.proto.startsWith('repeated ')
      ? { kind: 'list', items, wrapped: true }
      : { kind: 'list', items }
  }
  if (fact.map !== undefined) {
    const values = valueType(fact.map, owner)
    return { kind: 'map', values: values.kind === 'list' ? { ...values, wrapped: true } : values }
  }
  if (fact.ref !== undefined) {
    const scalar = SCALARS.get(fact.ref)
    if (scalar === undefined) {
      const target = factOf(fact.ref)
      if (target?.fields !== undefined || target?.type === 'object') return { kind: 'struct', name: fact.ref }
      throw new TypeError(`facts of ${owner}: nothing is known of ${fact.ref}`)
    }
    return scalar === 'raw' ? { kind: 'scalar', scalar, message: fact.ref } : { kind: 'scalar', scalar }
  }
  switch (fact.type) {
    case 'string':
      return { kind: 'scalar', scalar: 'string' }
    case 'string:byte':
      return { kind: 'scalar', scalar: 'bytes' }
    case 'boolean':
      return { kind: 'scalar', scalar: 'boolean' }
    case 'integer:int32':
      return { kind: 'scalar', scalar: 'int32' }
    case 'integer:int64':
      return { kind: 'scalar', scalar: 'int64' }
    case 'number:double':
      return { kind: 'scalar', scalar: 'double' }
    default:
      throw new TypeError(`facts of ${owner}: unknown type ${fact.type}`)
  }
}

function nameOf(group: string, version: string, kind: string): string {
  if (META_KINDS.has(kind)) return META + kind
  const dot = group.indexOf('.')
  const home = Object.hasOwn(PACKAGES, group) ? PACKAGES[group] : `io.k8s.api.${dot === -1 ? group : group.slice(0, dot)}`
  return `${home}.${version}.${kind}`
}

/** The schemas of kube-apiserver 1.36's own types. */
export const builtinSchemas: BuiltinSchemas = {
  struct,
  byKind(group, version, kind) {
    const type = struct(nameOf(group, version, kind))
    if (META_KINDS.has(kind)) return type
    return type?.gvk !== undefined && type.gvk.group === group && type.gvk.version === version ? type : undefined
  },
  registered(group, version, kind) {
    const fact = factOf(nameOf(group, version, kind))
    return fact !== undefined && (META_KINDS.has(kind) || fact.gvk !== undefined || fact.protoOnly?.metadata !== undefined)
  },
  names() {
    const names = Object.keys(EXTRA)
    for (const file of FILE_NAMES)
      for (const name of Object.keys(factsOf(file))) if (factsOf(file)[name]?.fields !== undefined) names.push(name)
    return names
  },
}
