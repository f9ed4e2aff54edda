/**
 * Discovery: what is served, plain and aggregated.
 *
 * @see apiserver/pkg/endpoints/discovery, apiserver/pkg/endpoints/discovery/aggregated
 * @module
 */
import { createHash } from 'node:crypto'
import { groupVersion } from '../api/object.ts'
import type { Endpoint, Registry } from '../registry/endpoint.ts'
import type { ResourceDefinition, Subresource } from '../registry/resource.ts'

interface GroupEntry {
  name: string
  /** In order of preference. */
  versions: string[]
}

export interface AggregatedDocument {
  body: string
  etag: string
}

export class Discovery {
  readonly #registry: Registry
  readonly #made = new Map<string, unknown>()
  #generation = -1

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Groups in the order of their first definition; core (`''`) among them. */
  groups(): GroupEntry[] {
    return this.#once('groups', () => {
      const groups = new Map<string, GroupEntry>()
      for (const { gvk } of this.#registry.endpoints()) {
        const entry = groups.get(gvk.group) ?? { name: gvk.group, versions: [] }
        if (!entry.versions.includes(gvk.version)) entry.versions.push(gvk.version)
        groups.set(gvk.group, entry)
      }
      return [...groups.values()]
    })
  }

  apiVersions(serverAddress: string): object {
    const core = this.groups().find(({ name }) => name === '')
    return { kind: 'APIVersions', versions: core?.versions ?? [], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] }
  }

  groupList(): object {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.groups().flatMap((entry) => (entry.name === '' ? [] : [groupOf(entry)])) }
  }

  group(name: string): object | undefined {
    const entry = this.groups().find((one) => one.name === name)
    return entry === undefined || name === '' ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(entry) }
  }

  resourceList(group: string, version: string): object | undefined {
    const endpoints = this.#of(group, version)
    if (endpoints.length === 0) return undefined
    const resources = endpoints.flatMap(({ definition }) => [resourceEntry(definition), ...subresourceEntries(definition)])
    resources.sort((a, b) => (a.name < b.name ? -1 : 1))
    const head = group === '' ? { kind: 'APIResourceList' } : { kind: 'APIResourceList', apiVersion: 'v1' }
    return { ...head, groupVersion: groupVersion(group, version), resources }
  }

  /** `core` for `/api`, else the named groups. */
  aggregated(core: boolean): AggregatedDocument {
    return this.#once(`aggregated/${core}`, () => {
      const items = this.groups()
        .filter(({ name }) => (name === '') === core)
        .map(({ name, versions }) => ({
          metadata: name === '' ? {} : { name },
          versions: versions.map((version) => ({
            version,
            resources: this.#of(name, version).map(({ definition }) => aggregatedEntry(definition)),
            freshness: 'Current',
          })),
        }))
      const body = `${JSON.stringify({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items })}\n`
      return { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` }
    })
  }

  /** `/api`, `/api/v1`, `/apis`, … for the list of paths at `/`. */
  paths(): string[] {
    return this.groups().flatMap(({ name, versions }) =>
      name === ''
        ? ['/api', ...versions.map((version) => `/api/${version}`), '/apis', '/apis/']
        : [`/apis/${name}`, ...versions.map((version) => `/apis/${name}/${version}`)],
    )
  }

  #of(group: string, version: string): Endpoint[] {
    const endpoints = [...this.#registry.endpoints()].filter(({ gvk }) => gvk.group === group && gvk.version === version)
    return endpoints.sort((a, b) => (a.gr.resource < b.gr.resource ? -1 : 1))
  }

  #once<T>(key: string, make: () => T): T {
    if (this.#generation !== this.#registry.generation) {
      this.#made.clear()
      this.#generation = this.#registry.generation
    }
    if (!this.#made.has(key)) this.#made.set(key, make())
    return this.#made.get(key) as T
  }
}

function groupOf({ name, versions }: GroupEntry): object {
  const listed = versions.map((version) => ({ groupVersion: groupVersion(name, version), version }))
  return { name, versions: listed, preferredVersion: listed[0] }
}

function resourceEntry(definition: ResourceDefinition) {
  const { resource, singular, namespaced, kind, verbs, shortNames, categories } = definition
  return {
    name: resource,
    singularName: singular,
    namespaced,
    kind,
    verbs: definition.action === undefined ? verbs : ['create'],
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
    ...(definition.storage === undefined ? {} : { storageVersionHash: storageVersionHash(definition) }),
  }
}

function subresourceEntries(definition: ResourceDefinition) {
  return Object.entries(definition.subresources ?? {}).map(([name, subresource]) => {
    const kind = kindOf(definition, subresource)
    const foreign = kind.group !== definition.group || kind.version !== definition.version
    return {
      name: `${definition.resource}/${name}`,
      singularName: '',
      namespaced: definition.namespaced,
      ...(foreign ? { group: kind.group, version: kind.version } : {}),
      kind: kind.kind,
      verbs: [...subresource.verbs].sort(),
    }
  })
}

function kindOf(definition: ResourceDefinition, subresource: Subresource): { group: string; version: string; kind: string } {
  return subresource.type === 'object' ? definition : subresource.kind
}

/** @see apiserver/pkg/endpoints/discovery/storageversionhash.go */
export function storageVersionHash({ group, version, kind, storage }: ResourceDefinition): string {
  const stored = storage?.as ?? { group, version, kind }
  return createHash('sha256').update(`${stored.group}/${stored.version}/${stored.kind}`).digest().subarray(0, 8).toString('base64')
}

function aggregatedEntry(definition: ResourceDefinition): object {
  const { group, version, resource, singular, namespaced, kind, verbs, shortNames, categories } = definition
  const subresources = Object.entries(definition.subresources ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, subresource]) => ({
      subresource: name,
      responseKind: responseKind(kindOf(definition, subresource), definition),
      verbs: [...subresource.verbs].sort(),
    }))
  return {
    resource,
    responseKind: responseKind({ group, version, kind }, definition),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: definition.action === undefined ? verbs : ['create'],
    ...(shortNames === undefined ? {} : { shortNames }),
    ...(categories === undefined ? {} : { categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}

/** Empty group and version mean those of the list. */
function responseKind(kind: { group: string; version: string; kind: string }, of: { group: string; version: string }): object {
  const own = kind.group === of.group && kind.version === of.version
  return own ? { group: '', version: '', kind: kind.kind } : { group: kind.group, version: kind.version, kind: kind.kind }
}
