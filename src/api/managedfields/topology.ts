/**
 * How the values of a type are owned: which are one thing, which are owned member by member, and what identifies list items.
 *
 * Made from the schema tables once per type.
 *
 * @see sigs.k8s.io/structured-merge-diff schema/elements.go; kube-openapi pkg/schemaconv
 * @module
 */
import type { Field, Scalar, SchemaSource, StructType, ValueType } from '../schema.ts'
import { zeroScalar } from '../zero.ts'
import { type FieldSet, LEAF } from './field-set.ts'
import { scalarText } from './path-element.ts'
import { UNOWNED_METADATA } from './unowned.ts'

export type Topology = ScalarTopology | StructTopology | MapTopology | ListTopology | AnyTopology

export interface ScalarTopology {
  readonly kind: 'scalar'
  readonly scalar: 'string' | 'numeric' | 'boolean'
}

export interface StructTopology {
  readonly kind: 'struct'
  readonly atomic: boolean
  readonly members: ReadonlyMap<string, MemberTopology>
  /** Members that are there even when nobody wrote them: Go writes their zero value. */
  readonly implicit: readonly MemberTopology[]
  /** Members that the schema does not name are kept. */
  readonly open: boolean
}

export interface MemberTopology {
  readonly name: string
  /** `f:name`. */
  readonly element: string
  readonly type: Topology
  /** Value when absent: Go's zero value where that is always written. Undefined: absent is absent. */
  readonly zero: unknown
  /** Value of a list key when absent. */
  readonly keyDefault: unknown
  /** False for what nobody owns, like the name of an object: not worth comparing. */
  readonly owned: boolean
}

export interface MapTopology {
  readonly kind: 'map'
  readonly atomic: boolean
  readonly values: Topology
}

export interface ListTopology {
  readonly kind: 'list'
  readonly atomic: boolean
  readonly items: Topology
  /** Undefined unless items have keys; in alphabetical order. */
  readonly keys: readonly ListKey[] | undefined
}

export interface ListKey {
  readonly name: string
  /** `"name":`, as it stands in a path element. */
  readonly label: string
  /** Undefined: an item without it has no such key. */
  readonly fallback: unknown
}

/** Any JSON: maps are owned member by member, everything else is one thing. */
export interface AnyTopology {
  readonly kind: 'any'
}

/** A value that no schema describes. */
export const ANY: AnyTopology = { kind: 'any' }

const NOTHING = Object.freeze({})
const STRING: ScalarTopology = { kind: 'scalar', scalar: 'string' }
const NUMERIC: ScalarTopology = { kind: 'scalar', scalar: 'numeric' }
const BOOLEAN: ScalarTopology = { kind: 'scalar', scalar: 'boolean' }

const kinds = new WeakMap<StructType, StructTopology>()
const granular = new WeakMap<StructType, StructTopology>()
const atomic = new WeakMap<StructType, StructTopology>()

/** The topology of a kind, a custom one as well; kept as long as its schema is. */
export function topologyOf(type: StructType, schemas: SchemaSource): StructTopology {
  let topology = kinds.get(type)
  if (topology === undefined) {
    topology = withUnowned(structTopology(type, type.mapType === 'atomic', schemas), { 'f:kind': LEAF, 'f:apiVersion': LEAF })
    kinds.set(type, topology)
  }
  return topology
}

/** The same with members of the set marked as nobody's. The metadata of an object is not that of a template in it. */
function withUnowned(topology: StructTopology, unowned: FieldSet): StructTopology {
  const members = new Map<string, MemberTopology>()
  for (const [name, member] of topology.members) {
    const isMetadata = name === 'metadata' && member.type.kind === 'struct' && unowned !== UNOWNED_METADATA
    const type = isMetadata ? withUnowned(member.type as StructTopology, UNOWNED_METADATA) : member.type
    members.set(name, { ...member, type, owned: unowned[member.element] === undefined })
  }
  // Every implicit member is a member.
  return { ...topology, members, implicit: topology.implicit.map(({ name }) => members.get(name)!) }
}

/** The type of what an element of a path leads to; undefined where nothing is known. */
export function typeBelow(topology: Topology, element: string): Topology | undefined {
  switch (topology.kind) {
    case 'struct':
      return topology.members.get(element.slice(2))?.type
    case 'map':
      return topology.values
    case 'list':
      return topology.items
    default:
      return undefined
  }
}

function structTopology(type: StructType, isAtomic: boolean, schemas: SchemaSource): StructTopology {
  const known = (isAtomic ? atomic : granular).get(type)
  if (known !== undefined) return known
  const members = new Map<string, MemberTopology>()
  const implicit: MemberTopology[] = []
  const topology: StructTopology = { kind: 'struct', atomic: isAtomic, members, implicit, open: type.preserveUnknown === true }
  // Known before its members are: a type may contain itself.
  ;(isAtomic ? atomic : granular).set(type, topology)
  for (const field of type.fields.values()) {
    const zero = zeroOf(field)
    const member: MemberTopology = {
      name: field.name,
      element: `f:${field.name}`,
      type: valueTopology(field.type, field, schemas),
      zero,
      keyDefault: field.default ?? (typeof zero === 'object' ? undefined : zero),
      owned: true,
    }
    members.set(field.name, member)
    if (zero !== undefined) implicit.push(member)
  }
  return topology
}

function valueTopology(type: ValueType, field: Pick<Field, 'listType' | 'listMapKeys' | 'mapType'>, schemas: SchemaSource): Topology {
  switch (type.kind) {
    case 'scalar':
      return scalarTopology(type.scalar)
    case 'struct': {
      const struct = schemas.struct(type.name)
      return struct === undefined ? ANY : structTopology(struct, (field.mapType ?? struct.mapType) === 'atomic', schemas)
    }
    case 'map':
      return { kind: 'map', atomic: field.mapType === 'atomic', values: valueTopology(type.values, {}, schemas) }
    case 'list': {
      const items = valueTopology(type.items, {}, schemas)
      const isAtomic = field.listType !== 'map' && field.listType !== 'set'
      return {
        kind: 'list',
        atomic: isAtomic,
        items,
        keys: field.listType === 'map' ? listKeys(field.listMapKeys ?? [], items) : undefined,
      }
    }
  }
}

function listKeys(names: readonly string[], items: Topology): ListKey[] {
  return [...names].sort().map((name) => ({
    name,
    label: `${scalarText(name)}:`,
    fallback: items.kind === 'struct' ? items.members.get(name)?.keyDefault : undefined,
  }))
}

function scalarTopology(scalar: Scalar): Topology {
  switch (scalar) {
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
    case 'duration':
      return STRING
    case 'int32':
    case 'int64':
    case 'double':
      return NUMERIC
    case 'boolean':
      return BOOLEAN
    // OpenAPI gives these no type.
    case 'quantity':
    case 'intOrString':
    case 'fieldsV1':
    case 'raw':
      return ANY
  }
}

/** Go's zero value of a member that is always written. Pointers, lists and maps are null then. */
function zeroOf(field: Field): unknown {
  if (field.pointer !== true && field.type.kind === 'struct' && isEmptyStruct(field.default)) return NOTHING
  if (!field.always) return undefined
  return field.pointer === true || field.type.kind !== 'scalar' ? null : (zeroScalar(field.type.scalar) ?? null)
}

function isEmptyStruct(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
