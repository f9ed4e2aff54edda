/**
 * All OpenAPI documents of a list of resources, with the hashes by which clients keep them.
 *
 * It takes a good part of a second for all built-in resources, so it runs at build time; a custom resource's document is made by
 * `groupVersionDocument` when first asked for.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { SchemaSource } from '../schema.ts'
import { builtinSchemas } from '../schemas.ts'
import { v2Protobuf, v3Protobuf } from './gnostic.ts'
import { documentsOf, type OpenAPIResource, type PathItem } from './operations.ts'
import { v2Document } from './v2.ts'
import { type Info, v3Document } from './v3.ts'

/** One document in both encodings. */
export interface EncodedDocument {
  json: Buffer
  protobuf: Buffer
  /** Upper-case hexadecimal SHA-512 of the JSON: the ETag, and the `hash` of v3 URLs. */
  hash: string
}

export interface OpenAPI {
  v2: EncodedDocument
  /** By their path in the index: `api/v1`, `apis/apps/v1`. */
  v3: ReadonlyMap<string, EncodedDocument>
}

export const PROTOBUF_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
export const PROTOBUF_V3 = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'

/** Every document of the given resources. */
export function buildOpenAPI(resources: readonly OpenAPIResource[], info: Info, source: SchemaSource = builtinSchemas): OpenAPI {
  const documents = documentsOf(resources)
  const v3 = new Map<string, EncodedDocument>()
  const paths: PathItem[] = []
  const groupVersions: { group: string; version: string }[] = []
  for (const [name, document] of documents) {
    const { group, version } = document
    paths.push(...document.paths)
    if (version !== '') groupVersions.push({ group, version })
    const json = v3Document(document.paths, { info, source, groupVersion: { group, version } })
    v3.set(name, encoded(json, v3Protobuf(json)))
  }
  const json = v2Document(paths, { info, source, groupVersions })
  return { v2: encoded(json, v2Protobuf(json)), v3 }
}

/** The v3 document of one group version, for resources that come while the server runs. */
export function groupVersionDocument(resources: readonly OpenAPIResource[], info: Info, source: SchemaSource): EncodedDocument {
  const { group = '', version = '' } = resources[0] ?? {}
  const document = [...documentsOf(resources).values()].find((one) => one.version === version && one.group === group)
  const json = v3Document(document?.paths ?? [], { info, source, groupVersion: { group, version } })
  return encoded(json, v3Protobuf(json))
}

/** The index that `/openapi/v3` answers, from names and hashes. */
export function v3Index(documents: Iterable<readonly [name: string, document: { hash: string }]>): Buffer {
  const paths: Record<string, { serverRelativeURL: string }> = {}
  for (const [name, { hash }] of [...documents].sort(([a], [b]) => (a < b ? -1 : 1))) {
    paths[name] = { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }
  }
  return Buffer.from(JSON.stringify({ paths }))
}

function encoded(document: object, protobuf: Buffer): EncodedDocument {
  const json = Buffer.from(JSON.stringify(document))
  return { json, protobuf, hash: createHash('sha512').update(json).digest('hex').toUpperCase() }
}
