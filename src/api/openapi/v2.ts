/**
 * OpenAPI v2 (Swagger): one document for everything.
 *
 * @see kube-openapi/pkg/builder
 * @module
 */
import type { SchemaSource } from '../schema.ts'
import { type Operation, type Parameter, type PathItem, sharedParameters } from './operations.ts'
import { type JsonSchema, schemasOf } from './schema.ts'
import type { Info } from './v3.ts'

const DESCRIPTIONS: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

/** The document of the given paths with the schemas that they use. */
export function v2Document(
  paths: readonly PathItem[],
  { info, source, groupVersions }: { info: Info; source: SchemaSource; groupVersions: readonly { group: string; version: string }[] },
): JsonSchema {
  const names = new Set<string>()
  const parameters: Record<string, JsonSchema> = {}
  const items: Record<string, JsonSchema> = {}
  for (const item of [...paths].sort((a, b) => (a.path < b.path ? -1 : 1))) items[item.path] = pathItem(item, names, parameters)
  return {
    swagger: '2.0',
    info,
    paths: items,
    definitions: schemasOf(names, 'v2', source, groupVersions),
    parameters,
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  }
}

function pathItem(item: PathItem, names: Set<string>, parameters: Record<string, JsonSchema>): JsonSchema {
  const { shared, own } = sharedParameters(item)
  const written: JsonSchema = {}
  for (const operation of item.operations) written[operation.method] = operationOf(operation, own.get(operation) ?? [], names, parameters)
  if (shared.length > 0) written['parameters'] = shared.map((parameter) => reference(parameter, parameters))
  return written
}

/** Most operations have the same few parameters, so they are written once. */
function reference({ name, in: where, type }: Parameter, parameters: Record<string, JsonSchema>): JsonSchema {
  const written: JsonSchema = { uniqueItems: true, type, name, in: where, ...(where === 'path' ? { required: true } : {}) }
  // kubectl looks for these two with the operation itself.
  if (name === 'dryRun' || name === 'fieldValidation') return written
  parameters[name] ??= written
  return { $ref: `#/parameters/${name}` }
}

function operationOf(
  operation: Operation,
  own: readonly Parameter[],
  names: Set<string>,
  parameters: Record<string, JsonSchema>,
): JsonSchema {
  const { id, tag, action, kind, body, answers, produces } = operation
  const { consumes = body?.types ?? ['*/*'] } = operation
  const written: JsonSchema = { ...(consumes.length > 0 ? { consumes } : {}), produces, schemes: ['https'], tags: [tag], operationId: id }
  const list: JsonSchema[] = []
  if (body !== undefined) {
    names.add(body.schema)
    list.push({ name: 'body', in: 'body', ...(body.required ? { required: true } : {}), schema: { $ref: `#/definitions/${body.schema}` } })
  }
  for (const parameter of own) list.push(reference(parameter, parameters))
  if (list.length > 0) written['parameters'] = list
  const responses: Record<string, JsonSchema> = {}
  for (const [code, schema] of Object.entries(answers)) {
    names.add(schema)
    responses[code] = {
      description: DESCRIPTIONS[Number(code)] ?? 'OK',
      schema: schema === '' ? { type: 'string' } : { $ref: `#/definitions/${schema}` },
    }
  }
  responses['401'] = { description: 'Unauthorized' }
  written['responses'] = responses
  if (action !== undefined) written['x-kubernetes-action'] = action
  if (kind !== undefined) written['x-kubernetes-group-version-kind'] = { group: kind.group, kind: kind.kind, version: kind.version }
  return written
}
