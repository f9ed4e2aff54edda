/**
 * Random objects of any schema, for property tests.
 *
 * @module
 */
import fc from 'fast-check'
import type { Scalar, SchemaSource, StructType, ValueType } from '../schema.ts'
import { builtinSchemas } from '../schemas.ts'

const text = fc.constantFrom('', 'a', 'abc', 'ü', '<&>', 'x/y', '日本', '\u2028', '😀', '1', 'true', '"q"', '\\', '__proto__')
const json = fc.constantFrom<unknown>({ a: 1 }, { 'f:a': { '.': {} } }, { list: [1, 'x', null, { deep: true }] })

const SCALARS: Readonly<Record<Scalar, fc.Arbitrary<unknown>>> = {
  string: text,
  duration: fc.constant('1m0s'),
  bytes: text.map((bytes) => Buffer.from(bytes).toString('base64')),
  boolean: fc.boolean(),
  int32: fc.oneof(fc.constant(0), fc.integer()),
  int64: fc.oneof(fc.constant(0), fc.maxSafeInteger(), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n))),
  double: fc.constantFrom(0, 1, 1.5, -2.25),
  quantity: fc.constantFrom('0', '1', '100m', '1Gi', '1500m', '1025Ki', '12345678901234567890', '500k', '-1'),
  intOrString: fc.oneof(fc.integer(), fc.constantFrom('http', '50%')),
  time: fc.constantFrom('2024-01-02T03:04:05Z', '1969-12-31T23:59:59Z'),
  microTime: fc.constantFrom('2024-01-02T03:04:05.000000Z', '2024-01-02T03:04:05.123456Z'),
  fieldsV1: json,
  raw: json,
}

const UNIONS: readonly [end: string, value: fc.Arbitrary<unknown>][] = [
  ['OrBool', fc.constantFrom<unknown>(true, false)],
  ['OrArray', fc.constant({ type: 'string' })],
  ['OrStringArray', fc.constant(['a', 'b'])],
]

/** Objects in normal form or near it: members are there or not, lists and maps short, at most eight structs deep. */
export function arbitraryObject(schema: StructType, source: SchemaSource = builtinSchemas, depth = 0): fc.Arbitrary<Record<string, any>> {
  const members: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of schema.fields.values()) {
    if ((field.name === 'kind' || field.name === 'apiVersion') && field.number === undefined) continue
    const value = arbitraryValue(field.type, source, depth)
    if (value === undefined) continue
    // An empty list of managed fields says something in JSON, and cannot be said in protobuf.
    const sayable = field.name === 'managedFields' ? value.filter((list) => (list as unknown[]).length > 0) : value
    members[field.name] = fc.option(sayable, { nil: undefined, freq: depth > 2 ? 1 : 2 })
  }
  return fc.record(members).map((object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)))
}

function arbitraryValue(type: ValueType, source: SchemaSource, depth: number): fc.Arbitrary<unknown> | undefined {
  switch (type.kind) {
    case 'scalar':
      return UNIONS.find(([end]) => type.message?.endsWith(end))?.[1] ?? SCALARS[type.scalar]
    case 'struct': {
      const schema = source.struct(type.name)
      return depth >= 4 || schema === undefined ? undefined : arbitraryObject(schema, source, depth + 1)
    }
    case 'list': {
      const items = arbitraryValue(type.items, source, depth)
      return items === undefined ? undefined : fc.array(items, { maxLength: 2 })
    }
    case 'map': {
      const values = arbitraryValue(type.values, source, depth)
      return values === undefined
        ? undefined
        : fc.dictionary(fc.constantFrom('a', 'b', 'c/d'), values, { maxKeys: 2, noNullPrototype: true })
    }
  }
}
