/**
 * The registry: which resources are served, each with its schema, its cache and its place in the store.
 *
 * Mutable, with a generation: a custom resource is added while the server runs.
 *
 * @module
 */
import type { GroupResource, GroupVersionKind, KubeObject } from '../api/object.ts'
import { groupVersion } from '../api/object.ts'
import type { SchemaSource, StructType } from '../api/schema.ts'
import type { CachedObject, ResourceCache } from '../cache/cache.ts'
import type { ResourceDefinition, Subresource } from './resource.ts'

export interface Endpoint {
  readonly definition: ResourceDefinition
  readonly gr: GroupResource
  readonly gvk: GroupVersionKind
  readonly apiVersion: string
  readonly schema: StructType
  /** Absent for resources that are only actions. */
  readonly cache: ResourceCache | undefined
  /** `/registry/configmaps/`. */
  readonly prefix: string
  /** What is stored: kind and version of the bytes under `prefix`. */
  readonly stored: { apiVersion: string; kind: string; schema: StructType }
  /** Length of `{"kind":K,"apiVersion":V,`, which list items leave out. */
  readonly headBytes: number
}

export class Registry {
  readonly schemas: SchemaSource
  readonly #endpoints = new Map<string, Endpoint>()
  #generation = 0

  constructor(schemas: SchemaSource) {
    this.schemas = schemas
  }

  /** Grows with every change of what is served; discovery documents are made anew. */
  get generation(): number {
    return this.#generation
  }

  add(definition: ResourceDefinition, cache: ResourceCache | undefined): Endpoint {
    const schema = this.#struct(definition.schema)
    const apiVersion = groupVersion(definition.group, definition.version)
    const as = definition.storage?.as
    const storedVersion = as === undefined ? apiVersion : groupVersion(as.group, as.version)
    const storedKind = as?.kind ?? definition.kind
    const endpoint: Endpoint = {
      definition,
      gr: { group: definition.group, resource: definition.resource },
      gvk: { group: definition.group, version: definition.version, kind: definition.kind },
      apiVersion,
      schema,
      cache,
      prefix: definition.storage?.prefix ?? '',
      stored: { apiVersion: storedVersion, kind: storedKind, schema: as === undefined ? schema : this.#struct(as.schema) },
      headBytes: Buffer.byteLength(`{"kind":${JSON.stringify(storedKind)},"apiVersion":${JSON.stringify(storedVersion)},`),
    }
    this.#endpoints.set(endpointId(definition.group, definition.version, definition.resource), endpoint)
    this.#generation++
    return endpoint
  }

  endpoint(group: string, version: string, resource: string): Endpoint | undefined {
    return this.#endpoints.get(endpointId(group, version, resource))
  }

  endpoints(): IterableIterator<Endpoint> {
    return this.#endpoints.values()
  }

  hasGroup(group: string): boolean {
    for (const { gr } of this.#endpoints.values()) if (gr.group === group) return true
    return false
  }

  hasVersion(group: string, version: string): boolean {
    for (const { gvk } of this.#endpoints.values()) if (gvk.group === group && gvk.version === version) return true
    return false
  }

  #struct(name: string): StructType {
    const schema = this.schemas.struct(name)
    if (schema === undefined) throw new TypeError(`no schema ${name}`)
    return schema
  }
}

/** `v1/configmaps`, `apps/v1/deployments`: the name of a resource's cache and of its endpoint. */
export function endpointId(group: string, version: string, resource: string): string {
  return `${groupVersion(group, version)}/${resource}`
}

/** `namespace/name`, or `name`: the key within a resource. */
export function objectKey(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`
}

/** The object as this endpoint's version shows it; the caller owns it. */
export function decodeAt(endpoint: Endpoint, cached: CachedObject): KubeObject {
  const stored = cached.decode()
  return endpoint.definition.convert === undefined ? stored : endpoint.definition.convert.fromStored(stored)
}

/** The same, shared: only to be read. */
export function viewAt(endpoint: Endpoint, cached: CachedObject): KubeObject {
  return endpoint.definition.convert === undefined ? cached.object : endpoint.definition.convert.fromStored(cached.decode())
}

export function subresourceOf(endpoint: Endpoint, name: string): Subresource | undefined {
  const subresources = endpoint.definition.subresources
  return subresources !== undefined && Object.hasOwn(subresources, name) ? subresources[name] : undefined
}
