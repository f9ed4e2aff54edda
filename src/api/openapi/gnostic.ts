/**
 * OpenAPI documents in protobuf, as kubectl up to 1.28 asks for them.
 *
 * @see github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto and openapiv3/OpenAPIv3.proto
 * @module
 */
import type { JsonSchema } from './schema.ts'

/** A v2 document as `openapi_v2.Document`. */
export function v2Protobuf(document: JsonSchema): Buffer {
  return message(
    text(1, document['swagger']),
    embedded(2, info(member(document, 'info'), 2)),
    embedded(8, named(2, member(document, 'paths'), pathV2)),
    embedded(9, named(1, member(document, 'definitions'), schemaV2)),
    embedded(10, named(1, member(document, 'parameters'), parameterV2)),
    each(12, document['security'], (requirement) => named(1, requirement, (scopes) => texts(1, scopes))),
    embedded(
      13,
      named(1, member(document, 'securityDefinitions'), (item) => embedded(2, apiKey(item))),
    ),
  )
}

/** A v3 document as `openapi_v3.Document`. */
export function v3Protobuf(document: JsonSchema): Buffer {
  const components = member(document, 'components')
  return message(
    text(1, document['openapi']),
    embedded(2, info(member(document, 'info'), 6)),
    embedded(4, named(1, member(document, 'paths'), pathV3)),
    embedded(
      5,
      message(
        embedded(1, named(1, member(components, 'schemas'), schemaOrReference)),
        embedded(
          7,
          named(1, member(components, 'securitySchemes'), (scheme) => embedded(1, securityScheme(scheme))),
        ),
      ),
    ),
  )
}

type Json = JsonSchema

function member(of: Json, name: string): Json {
  return (of[name] ?? {}) as Json
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

const NOTHING = Buffer.alloc(0)

function message(...fields: Buffer[]): Buffer {
  return Buffer.concat(fields)
}

/** A message in a field; an empty one is there too. */
function embedded(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content])
}

/** proto3 leaves out what is empty. */
function text(number: number, value: unknown): Buffer {
  return typeof value === 'string' && value !== '' ? embedded(number, Buffer.from(value)) : NOTHING
}

function texts(number: number, value: unknown): Buffer {
  return Array.isArray(value) ? Buffer.concat(value.map((one: string) => embedded(number, Buffer.from(one)))) : NOTHING
}

function flag(number: number, value: unknown): Buffer {
  return value === true ? Buffer.concat([varint(number << 3), varint(1)]) : NOTHING
}

function each(number: number, list: unknown, write: (item: Json) => Buffer): Buffer {
  return Array.isArray(list) ? Buffer.concat(list.map((item: Json) => embedded(number, write(item)))) : NOTHING
}

/** A map: entries of name and value. */
function named(number: number, map: Json, write: (value: Json) => Buffer): Buffer {
  return Buffer.concat(
    Object.entries(map).map(([name, value]) => embedded(number, message(text(1, name), embedded(2, write(value as Json))))),
  )
}

/** Any value, as YAML; JSON is YAML. */
function any(value: unknown): Buffer {
  return text(2, JSON.stringify(value))
}

function extensions(number: number, of: Json): Buffer {
  return named(number, Object.fromEntries(Object.entries(of).filter(([name]) => name.startsWith('x-'))), any)
}

function info(of: Json, version: number): Buffer {
  return message(text(1, of['title']), text(version, of['version']))
}

function apiKey(of: Json): Buffer {
  return message(text(1, of['type']), text(2, of['name']), text(3, of['in']), text(4, of['description']))
}

function securityScheme(of: Json): Buffer {
  return message(text(1, of['type']), text(2, of['description']), text(3, of['name']), text(4, of['in']))
}

function pathV2(path: Json): Buffer {
  const fields: Buffer[] = []
  for (const [method, number] of [
    ['get', 2],
    ['put', 3],
    ['post', 4],
    ['delete', 5],
    ['patch', 8],
  ] as const) {
    if (path[method] !== undefined) fields.push(embedded(number, operationV2(member(path, method))))
  }
  return message(...fields, each(9, path['parameters'], parametersItemV2))
}

function operationV2(operation: Json): Buffer {
  return message(
    texts(1, operation['tags']),
    text(5, operation['operationId']),
    texts(6, operation['produces']),
    texts(7, operation['consumes']),
    each(8, operation['parameters'], parametersItemV2),
    embedded(
      9,
      named(1, member(operation, 'responses'), (response) => embedded(1, responseV2(response))),
    ),
    texts(10, operation['schemes']),
    extensions(13, operation),
  )
}

function responseV2(response: Json): Buffer {
  const schema = response['schema']
  return message(text(1, response['description']), schema === undefined ? NOTHING : embedded(2, embedded(1, schemaV2(schema as Json))))
}

function parametersItemV2(parameter: Json): Buffer {
  return parameter['$ref'] === undefined ? embedded(1, parameterV2(parameter)) : embedded(2, text(1, parameter['$ref']))
}

function parameterV2(parameter: Json): Buffer {
  if (parameter['in'] === 'body') {
    const body = message(
      text(2, parameter['name']),
      text(3, parameter['in']),
      flag(4, parameter['required']),
      embedded(5, schemaV2(member(parameter, 'schema'))),
    )
    return embedded(1, body)
  }
  const head = message(flag(1, parameter['required']), text(2, parameter['in']), text(4, parameter['name']))
  return parameter['in'] === 'path'
    ? embedded(2, embedded(4, message(head, text(5, parameter['type']), flag(19, parameter['uniqueItems']))))
    : embedded(2, embedded(3, message(head, text(6, parameter['type']), flag(20, parameter['uniqueItems']))))
}

function schemaV2(schema: Json): Buffer {
  const { additionalProperties, items, properties } = schema
  return message(
    text(1, schema['$ref']),
    text(2, schema['format']),
    text(4, schema['description']),
    schema['default'] === undefined ? NOTHING : embedded(5, any(schema['default'])),
    texts(19, schema['required']),
    each(20, schema['enum'], any),
    additionalProperties === undefined ? NOTHING : embedded(21, embedded(1, schemaV2(additionalProperties as Json))),
    schema['type'] === undefined ? NOTHING : embedded(22, text(1, schema['type'])),
    items === undefined ? NOTHING : embedded(23, embedded(1, schemaV2(items as Json))),
    each(24, schema['allOf'], schemaV2),
    properties === undefined ? NOTHING : embedded(25, named(1, properties as Json, schemaV2)),
    extensions(31, schema),
  )
}

function pathV3(path: Json): Buffer {
  const fields: Buffer[] = []
  for (const [method, number] of [
    ['get', 4],
    ['put', 5],
    ['post', 6],
    ['delete', 7],
    ['patch', 10],
  ] as const) {
    if (path[method] !== undefined) fields.push(embedded(number, operationV3(member(path, method))))
  }
  return message(...fields, each(13, path['parameters'], parameterV3))
}

function operationV3(operation: Json): Buffer {
  const body = operation['requestBody'] as Json | undefined
  return message(
    texts(1, operation['tags']),
    text(5, operation['operationId']),
    each(6, operation['parameters'], parameterV3),
    body === undefined
      ? NOTHING
      : embedded(7, embedded(1, message(embedded(2, content(member(body, 'content'))), flag(3, body['required'])))),
    embedded(
      8,
      named(2, member(operation, 'responses'), (response) => embedded(1, responseV3(response))),
    ),
    extensions(13, operation),
  )
}

function responseV3(response: Json): Buffer {
  const types = response['content'] as Json | undefined
  return message(text(1, response['description']), types === undefined ? NOTHING : embedded(3, content(types)))
}

function content(types: Json): Buffer {
  return named(1, types, (type) => embedded(1, schemaOrReference(member(type, 'schema'))))
}

function parameterV3(parameter: Json): Buffer {
  const fields = message(
    text(1, parameter['name']),
    text(2, parameter['in']),
    flag(4, parameter['required']),
    embedded(10, schemaOrReference(member(parameter, 'schema'))),
  )
  return embedded(1, fields)
}

function schemaOrReference(schema: Json): Buffer {
  return schema['$ref'] === undefined ? embedded(1, schemaV3(schema)) : embedded(2, text(1, schema['$ref']))
}

function schemaV3(schema: Json): Buffer {
  const { additionalProperties, items, properties } = schema
  return message(
    flag(20, schema['uniqueItems']),
    texts(23, schema['required']),
    each(24, schema['enum'], any),
    text(25, schema['type']),
    each(26, schema['allOf'], schemaOrReference),
    each(27, schema['oneOf'], schemaOrReference),
    items === undefined ? NOTHING : embedded(30, embedded(1, schemaOrReference(items as Json))),
    properties === undefined ? NOTHING : embedded(31, named(1, properties as Json, schemaOrReference)),
    additionalProperties === undefined ? NOTHING : embedded(32, embedded(1, schemaOrReference(additionalProperties as Json))),
    defaultV3(schema['default']),
    text(34, schema['description']),
    text(35, schema['format']),
    extensions(36, schema),
  )
}

/** Numbers, booleans and texts; the message has no place for objects. */
function defaultV3(value: unknown): Buffer {
  if (typeof value === 'string') return embedded(33, embedded(3, Buffer.from(value)))
  if (typeof value === 'boolean') return embedded(33, Buffer.concat([varint(2 << 3), varint(value ? 1 : 0)]))
  if (typeof value !== 'number') return NOTHING
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return embedded(33, Buffer.concat([varint((1 << 3) | 1), bytes]))
}
