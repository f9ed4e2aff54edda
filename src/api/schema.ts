/**
 * API types as data: one table per type, one walker for each use of it (decoding, strict validation, protobuf, patches, apply, OpenAPI).
 *
 * A custom resource brings the same structure made from its structural schema.
 *
 * @module
 */
import type { GroupVersionKind } from './object.ts'

export type Scalar =
  | 'string'
  | 'bytes' // base64 text in JSON
  | 'boolean'
  | 'int32'
  | 'int64' // a number when it is exact, else a bigint
  | 'double'
  | 'quantity' // string or number in JSON, kept as sent; number becomes string
  | 'intOrString'
  | 'time' // metav1.Time
  | 'microTime'
  | 'duration'
  | 'fieldsV1' // an object that stays as it is
  | 'raw' // runtime.RawExtension, JSON: any value

export type ValueType =
  /** `message`: the protobuf message of a `raw` value that has one of its own (`JSONSchemaPropsOrBool`). */
  | { kind: 'scalar'; scalar: Scalar; message?: string }
  | { kind: 'struct'; name: string }
  /** `wrapped`: a named list, which protobuf writes as a message holding it (`ExtraValue`). */
  | { kind: 'list'; items: ValueType; wrapped?: boolean }
  | { kind: 'map'; values: ValueType }

export interface Field {
  name: string
  /** Number in the protobuf message; undefined where the member has none of its own (an inlined one). */
  number?: number
  type: ValueType
  /** A pointer in Go: its zero value is kept and written; absence is another thing. */
  pointer?: boolean
  /** How decoding errors name the Go type, where it does not follow from `type`: `v1.RestartPolicy`. */
  goType?: string
  /** Embedded Go structs between the type and this member, outermost first; JSON does not show them, protobuf and error texts do. */
  embedded?: readonly { name: string; number?: number }[]
  /** Go's `omitempty` is absent: the member is always written, as its zero value when unset. */
  always: boolean
  /** Marked as required in OpenAPI. */
  required: boolean
  /** From a `+default=` marker. An empty struct here means a struct that is no pointer: always written. */
  default?: unknown
  /** The values that an element of the field may have. */
  enum?: readonly string[]
  listType?: 'atomic' | 'set' | 'map'
  listMapKeys?: readonly string[]
  mapType?: 'atomic' | 'granular'
  patchStrategy?: string
  patchMergeKey?: string
}

export interface StructType {
  /** `io.k8s.api.core.v1.Pod`. */
  name: string
  fields: ReadonlyMap<string, Field>
  gvk?: GroupVersionKind
  mapType?: 'atomic' | 'granular'
  /** Which member says which others may be there, as OpenAPI writes it. */
  unions?: readonly object[]
  /** Unknown members are kept (custom resources with x-kubernetes-preserve-unknown-fields). */
  preserveUnknown?: boolean
}

/** Looks a struct up by its full name; made on first use. */
export interface SchemaSource {
  struct(name: string): StructType | undefined
}
