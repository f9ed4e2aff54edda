/**
 * Results of the verbs as bytes: the cached ones where they will do, else encoded in the form that was asked for.
 *
 * @module
 */
import { complete, encodeObject, encodePretty, encodeYaml } from '../api/encode.ts'
import type { KubeObject } from '../api/object.ts'
import { encodeProtobuf } from '../api/protobuf.ts'
import type { SchemaSource } from '../api/schema.ts'
import { failure, type Status } from '../api/status.ts'
import type { CachedObject } from '../cache/cache.ts'
import { decodeAt, type Endpoint } from '../registry/endpoint.ts'
import type { World } from '../registry/resource.ts'
import type { ListResult, ObjectResult, Result, ViewResult } from '../registry/verbs/context.ts'
import type { Format } from './negotiate.ts'
import { type IncludeObject, includeObject, partialMetadata, table, tableColumns, tableRow } from './table.ts'

const STATUS_SCHEMA = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'
const NEWLINE = Buffer.from('\n')
const COMMA = 0x2c
const BRACE = 0x7b

export interface RenderContext {
  format: Format
  query: URLSearchParams
  schemas: SchemaSource
  world: World
}

/** The body of an answer. */
export function renderResult(result: Result, context: RenderContext): Uint8Array {
  switch (result.kind) {
    case 'object':
      return renderObject(result, context)
    case 'list':
      return renderList(result, context)
    case 'view':
      return renderView(result, context)
    case 'status':
      return renderStatus(result.status, context.format, context.schemas)
  }
}

export function renderStatus(status: Status, format: Format, schemas: SchemaSource): Uint8Array {
  return encodeAs(status as unknown as KubeObject, STATUS_SCHEMA, format, schemas)
}

function renderObject(result: ObjectResult, context: RenderContext): Uint8Array {
  const { endpoint, cached } = result
  const { format } = context
  if (format.transform === 'none') {
    if (cached !== undefined && isPlainJson(format) && endpoint.definition.convert === undefined)
      return Buffer.concat([cached.bytes, NEWLINE])
    return encodeAs(objectOf(result), endpoint.schema.name, format, context.schemas)
  }
  return encodeTransform(transformed(endpoint, objectOf(result), context), format, context.schemas)
}

function objectOf({ endpoint, cached, object }: ObjectResult): KubeObject {
  const made = object ?? (cached === undefined ? {} : decodeAt(endpoint, cached))
  return { ...made, kind: endpoint.gvk.kind, apiVersion: endpoint.apiVersion }
}

function transformed(endpoint: Endpoint, object: KubeObject, { format, query, world }: RenderContext): object {
  const version = format.transformVersion
  switch (format.transform) {
    case 'Table': {
      const row = tableRow(endpoint.definition, object, includeObject(query), version, world)
      return table(tableColumns(endpoint.definition, world), [row], { resourceVersion: object.metadata?.resourceVersion }, version)
    }
    case 'PartialObjectMetadata':
      return partialMetadata(object, version)
    default:
      throw failure(
        406,
        'NotAcceptable',
        `you requested PartialObjectMetadataList, but the requested object is not a list (*${goPackage(endpoint)}.${endpoint.gvk.kind})`,
      )
  }
}

/** Go's internal package of a group: `core`, `apps`, `rbac`. */
function goPackage(endpoint: Endpoint): string {
  return endpoint.gr.group === '' ? 'core' : (endpoint.gr.group.split('.')[0] as string)
}

function renderView(result: ViewResult, context: RenderContext): Uint8Array {
  const { format } = context
  // Only what has a name of its own can be shown otherwise: the answer to an action stays what it is.
  if (format.transform === 'none' || result.action === true) return encodeAs(result.object, result.schema, format, context.schemas)
  if (format.transform === 'PartialObjectMetadata')
    return encodeTransform(partialMetadata(result.object, format.transformVersion), format, context.schemas)
  if (format.transform === 'Table') {
    const meta = result.object.metadata ?? {}
    const columns = [
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
      { name: 'Created At', type: 'date', format: '', description: '', priority: 0 },
    ]
    const object = includeObject(context.query) === 'None' ? null : partialMetadata(result.object, format.transformVersion)
    const row = { cells: [meta.name ?? '', meta.creationTimestamp ?? null], object }
    return encodeTransform(
      table(columns, [row], { resourceVersion: meta.resourceVersion }, format.transformVersion),
      format,
      context.schemas,
    )
  }
  throw failure(406, 'NotAcceptable', `you requested PartialObjectMetadataList, but the requested object is not a list`)
}

function renderList(result: ListResult, context: RenderContext): Uint8Array {
  const { endpoint } = result
  const { format, schemas, world } = context
  const version = format.transformVersion
  if (format.transform === 'none') {
    if (isPlainJson(format) && endpoint.definition.convert === undefined) return joinList(result)
    const list: KubeObject = {
      kind: `${endpoint.gvk.kind}List`,
      apiVersion: endpoint.apiVersion,
      metadata: listMetadata(result),
      items: result.items.map((item) => itemOf(endpoint, item)),
    }
    return encodeAs(list, `${endpoint.schema.name}List`, format, schemas)
  }
  if (format.transform === 'Table') {
    const include: IncludeObject = includeObject(context.query)
    const rows = result.items.map((item) =>
      tableRow(
        endpoint.definition,
        { ...decodeAt(endpoint, item), kind: endpoint.gvk.kind, apiVersion: endpoint.apiVersion },
        include,
        version,
        world,
      ),
    )
    return encodeTransform(table(tableColumns(endpoint.definition, world), rows, listMetadata(result), version), format, schemas)
  }
  if (format.transform === 'PartialObjectMetadata') {
    throw failure(
      406,
      'NotAcceptable',
      `you requested PartialObjectMetadata, but the requested object is a list (*${goPackage(endpoint)}.${endpoint.gvk.kind}List)`,
    )
  }
  const items = result.items.map((item) => partialMetadata(item.object, version))
  return encodeTransform(
    { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata: listMetadata(result), items },
    format,
    schemas,
  )
}

function itemOf(endpoint: Endpoint, item: CachedObject): KubeObject {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = decodeAt(endpoint, item)
  return rest
}

export function listMetadata(result: ListResult): { resourceVersion: string; continue?: string; remainingItemCount?: number } {
  const metadata: ReturnType<typeof listMetadata> = { resourceVersion: String(result.revision) }
  if (result.continueToken !== undefined) metadata.continue = result.continueToken
  if (result.remainingItemCount !== undefined) metadata.remainingItemCount = result.remainingItemCount
  return metadata
}

/** The list as one copy of the cached bytes: no object is decoded or encoded. */
function joinList(result: ListResult): Uint8Array {
  const { endpoint, items } = result
  const head = Buffer.from(
    `{"kind":"${endpoint.gvk.kind}List","apiVersion":"${endpoint.apiVersion}","metadata":${JSON.stringify(listMetadata(result))},"items":[`,
  )
  const skip = endpoint.headBytes
  let size = head.length + 3 + Math.max(0, items.length - 1)
  for (const item of items) size += item.bytes.length - skip + 1
  const body = Buffer.allocUnsafe(size)
  let at = head.copy(body)
  for (let i = 0; i < items.length; i++) {
    const bytes = (items[i] as CachedObject).bytes
    if (i > 0) body[at++] = COMMA
    body[at++] = BRACE
    body.set(skip === 0 ? bytes : bytes.subarray(skip), at)
    at += bytes.length - skip
  }
  body.write(']}\n', at)
  return body
}

function isPlainJson(format: Format): boolean {
  return format.media === 'application/json' && !format.pretty
}

function encodeAs(object: KubeObject, schema: string, format: Format, schemas: SchemaSource): Uint8Array {
  switch (format.media) {
    case 'application/json': {
      const whole = schema === '' ? object : completeFor(schema, object, schemas)
      // Go's encoder ends with a newline, its indenting one does not.
      return format.pretty ? encodePretty(whole) : Buffer.concat([encodeObject(whole), NEWLINE])
    }
    case 'application/yaml':
      return encodeYaml(schema === '' ? object : completeFor(schema, object, schemas))
    case 'application/vnd.kubernetes.protobuf': {
      const struct = schemas.struct(schema)
      if (struct === undefined) throw new TypeError(`no schema ${schema}`)
      return encodeProtobuf(struct, object, schemas)
    }
  }
}

function encodeTransform(object: object, format: Format, schemas: SchemaSource): Uint8Array {
  const { kind } = object as KubeObject
  return encodeAs(
    object as KubeObject,
    format.media === 'application/vnd.kubernetes.protobuf' ? partialSchema(kind ?? '') : '',
    format,
    schemas,
  )
}

/** Of PartialObjectMetadata and its list, which protobuf can carry. */
export function partialSchema(kind: string): string {
  return `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`
}

/** With the members that Go always writes. */
function completeFor(schema: string, object: KubeObject, schemas: SchemaSource): KubeObject {
  const struct = schemas.struct(schema)
  return struct === undefined ? object : complete(struct, object, schemas)
}
