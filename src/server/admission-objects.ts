/**
 * What admission webhooks and policies have to know of the kinds served, from the registry.
 *
 * @see apimachinery/pkg/runtime/mapper.go, EquivalentResourceMapper
 * @module
 */
import type { GroupVersionResource, ObjectInterfaces, ResourceName } from '../admission/webhook-objects.ts'
import { sameKind } from '../admission/webhook-objects.ts'
import { applySchemaDefaults } from '../api/defaults.ts'
import type { GroupVersionKind } from '../api/object.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { type Endpoint, objectKey, type Registry, subresourceOf, viewAt } from '../registry/endpoint.ts'
import { applyDefaults } from '../registry/verbs/write.ts'

export function objectInterfaces(registry: Registry): ObjectInterfaces {
  let generation = -1
  let byKind = new Map<string, Endpoint>()
  let byPrefix = new Map<string, Endpoint[]>()

  function refresh(): void {
    if (generation === registry.generation) return
    generation = registry.generation
    byKind = new Map()
    byPrefix = new Map()
    for (const endpoint of registry.endpoints()) {
      byKind.set(kindId(endpoint.gvk), endpoint)
      if (endpoint.prefix === '') continue
      const same = byPrefix.get(endpoint.prefix)
      if (same === undefined) byPrefix.set(endpoint.prefix, [endpoint])
      else same.push(endpoint)
    }
  }
  const endpointOf = (name: ResourceName) => registry.endpoint(name.resource.group, name.resource.version, name.resource.resource)

  return {
    equivalents(of, subresource) {
      refresh()
      const endpoint = registry.endpoint(of.group, of.version, of.resource)
      const all = (endpoint === undefined ? undefined : byPrefix.get(endpoint.prefix)) ?? []
      return all.length < 2 ? [] : all.filter((one) => one !== endpoint).map((one) => nameOf(one, subresource))
    },
    convert(object, from, to) {
      if (sameKind(from.kind, to.kind)) return object
      const stored = endpointOf(from)?.definition.convert?.toStored(structuredClone(object)) ?? structuredClone(object)
      const shown = endpointOf(to)?.definition.convert?.fromStored(stored) ?? stored
      return { ...shown, kind: to.kind.kind, apiVersion: apiVersionOf(to.kind) }
    },
    schema(kind) {
      refresh()
      return byKind.get(kindId(kind))?.schema ?? builtinSchemas.byKind(kind.group, kind.version, kind.kind)
    },
    setDefaults(kind, object) {
      refresh()
      const endpoint = byKind.get(kindId(kind))
      if (endpoint !== undefined) return applyDefaults(endpoint, object)
      const schema = builtinSchemas.byKind(kind.group, kind.version, kind.kind)
      if (schema !== undefined) applySchemaDefaults(schema, object)
    },
    parameters(apiVersion, kind) {
      refresh()
      const endpoint = byKind.get(`${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}/${kind}`)
      const cache = endpoint?.cache
      if (endpoint === undefined || cache === undefined) return undefined
      return {
        namespaced: endpoint.definition.namespaced,
        get(namespace, name) {
          const cached = cache.get(objectKey(namespace, name))
          return cached === undefined ? undefined : viewAt(endpoint, cached)
        },
        *list(namespace) {
          for (const cached of cache.snapshot().scan(namespace === '' ? '' : `${namespace}/`)) yield viewAt(endpoint, cached)
        },
      }
    },
  }
}

function kindId({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}/${kind}`
}

function apiVersionOf({ group, version }: GroupVersionKind): string {
  return group === '' ? version : `${group}/${version}`
}

function nameOf(endpoint: Endpoint, subresource: string): ResourceName {
  const resource: GroupVersionResource = { ...endpoint.gr, version: endpoint.gvk.version }
  if (subresource === '') return { resource, kind: endpoint.gvk }
  const found = subresourceOf(endpoint, subresource)
  if (found === undefined) return { resource, kind: { group: '', version: '', kind: '' } }
  return { resource, kind: found.type === 'object' ? endpoint.gvk : found.kind }
}
