/**
 * OpenAPI v3: one document per group version.
 *
 * @see kube-openapi/pkg/builder3
 * @module
 */
import type { SchemaSource } from '../schema.ts'
import { type Operation, type Parameter, type PathItem, sharedParameters } from './operations.ts'
import { type JsonSchema, schemasOf } from './schema.ts'

/** What the server calls itself in the documents. */
export interface Info {
  title: string
  version: string
}

const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

/** A document of the given paths with the schemas that they use. */
export function v3Document(
  paths: readonly PathItem[],
  { info, source, groupVersion }: { info: Info; source: SchemaSource; groupVersion: { group: string; version: string } },
): JsonSchema {
  const names = new Set<string>()
  const items: Record<string, JsonSchema> = {}
  for (const item of [...paths].sort((a, b) => (a.path < b.path ? -1 : 1))) items[item.path] = pathItem(item, names)
  const schemas = [...names].some((name) => name !== '') ? schemasOf(names, 'v3', source, [groupVersion]) : undefined
  return {
    openapi: '3.0.0',
    info,
    paths: items,
    components: {
      ...(schemas === undefined ? {} : { schemas }),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' } },
    },
  }
}

function pathItem(item: PathItem, names: Set<string>): JsonSchema {
  const { shared, own } = sharedParameters(item)
  const written: JsonSchema = {}
  for (const operation of item.operations) written[operation.method] = operationOf(operation, own.get(operation) ?? [], names)
  if (shared.length > 0) written['parameters'] = shared.map(parameter)
  return written
}

function parameter({ name, in: where, type }: Parameter): JsonSchema {
  return { name, in: where, ...(where === 'path' ? { required: true } : {}), schema: { type, uniqueItems: true } }
}

function operationOf(operation: Operation, parameters: readonly Parameter[], names: Set<string>): JsonSchema {
  const { id, tag, action, kind, body, answers, produces } = operation
  const written: JsonSchema = { tags: [tag], operationId: id }
  if (parameters.length > 0) written['parameters'] = parameters.map(parameter)
  if (body !== undefined) {
    written['requestBody'] = { content: content(body.types ?? ['*/*'], body.schema, names), ...(body.required ? { required: true } : {}) }
  }
  const responses: Record<string, JsonSchema> = {}
  for (const [code, schema] of Object.entries(answers)) {
    responses[code] = { description: DESCRIPTIONS[Number(code)] ?? 'OK', content: content(produces, schema, names) }
  }
  responses['401'] = { description: 'Unauthorized' }
  written['responses'] = responses
  if (action !== undefined) written['x-kubernetes-action'] = action
  if (kind !== undefined) written['x-kubernetes-group-version-kind'] = { group: kind.group, kind: kind.kind, version: kind.version }
  return written
}

function content(types: readonly string[], schema: string, names: Set<string>): JsonSchema {
  names.add(schema)
  const value = { schema: schema === '' ? { type: 'string' } : { $ref: `#/components/schemas/${schema}` } }
  return Object.fromEntries(types.map((type) => [type, value]))
}
