/**
 * Types of API objects, as the type checker sees them: made from the schemas when a member is asked for, and named by their place.
 *
 * @see apiserver/pkg/cel/common/schemas.go, SchemaDeclType; apiserver/pkg/cel/types.go, MaybeAssignTypeName
 * @module
 */
import type { SchemaSource, StructType, ValueType } from '../api/schema.ts'
import type { Environment } from './checker.ts'
import { BOOL, BYTES, DOUBLE, DYN, INT, listOf, mapOf, STRING, struct, TIMESTAMP, type Type } from './types.ts'

/** The environment with the types of some objects known: of variables, by name. */
export function withSchemas(environment: Environment, schemas: SchemaSource, objects: ReadonlyMap<string, StructType>): Environment {
  const types = new ObjectTypes(schemas)
  const variables = new Map(environment.variables)
  for (const [name, type] of objects) variables.set(name, types.root(type))
  return {
    ...environment,
    variables,
    fieldOf: (structure, field) => types.fieldOf(structure, field) ?? environment.fieldOf(structure, field),
  }
}

class ObjectTypes {
  readonly #schemas: SchemaSource
  /** Types by the place where they stand: `Pod.spec.containers.@idx`. Undefined: an object of which no member is known. */
  readonly #places = new Map<string, StructType | undefined>()

  constructor(schemas: SchemaSource) {
    this.#schemas = schemas
  }

  root(type: StructType): Type {
    return this.#placed(type.gvk?.kind ?? type.name, type)
  }

  /** Undefined: it is no type of an object. */
  fieldOf(structure: string, field: string): Type | 'no field' | undefined {
    if (!this.#places.has(structure)) return undefined
    const found = this.#places.get(structure)?.fields.get(field)
    return (found === undefined ? undefined : this.#typeOf(found.type, `${structure}.${field}`)) ?? 'no field'
  }

  #placed(place: string, type: StructType | undefined): Type {
    this.#places.set(place, type)
    return struct(place)
  }

  /** Undefined for what OpenAPI gives no type: then there is no such member. */
  #typeOf(type: ValueType, place: string): Type | undefined {
    switch (type.kind) {
      case 'scalar':
        return this.#scalarType(type.scalar, place)
      case 'struct': {
        const found = this.#schemas.struct(type.name)
        return found === undefined ? undefined : this.#placed(place, found)
      }
      case 'list': {
        const items = this.#typeOf(type.items, `${place}.@idx`)
        return items === undefined ? undefined : listOf(items)
      }
      case 'map': {
        const values = this.#typeOf(type.values, `${place}.@elem`)
        return values === undefined ? undefined : mapOf(STRING, values)
      }
    }
  }

  #scalarType(scalar: Extract<ValueType, { kind: 'scalar' }>['scalar'], place: string): Type | undefined {
    switch (scalar) {
      case 'string':
      case 'duration':
        return STRING
      case 'bytes':
        return BYTES
      case 'boolean':
        return BOOL
      case 'int32':
      case 'int64':
        return INT
      case 'double':
        return DOUBLE
      case 'time':
      case 'microTime':
        return TIMESTAMP
      case 'intOrString':
        return DYN
      case 'fieldsV1':
      case 'raw':
        return this.#placed(place, undefined)
      case 'quantity':
        return undefined
    }
  }
}
