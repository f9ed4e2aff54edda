/**
 * What people call resources: `deploy`, `deployment`, `deployments.apps`, as kubectl understands them.
 *
 * @see apimachinery/pkg/api/meta/restmapper.go, apimachinery/pkg/runtime/schema/group_version.go, ParseResourceArg
 * @module
 */
import type { KubeObject } from '../api/object.ts'

export interface ResourceName {
  group: string
  resource: string
  singular: string
  shortNames: readonly string[]
  namespaced: boolean
  /** Without the parent: `log`, `scale`. */
  subresources: readonly string[]
}

export class ResourceNames {
  readonly #all: readonly ResourceName[]

  /** In order of preference: an ambiguous name means the first. */
  constructor(all: readonly ResourceName[]) {
    this.#all = all
  }

  /** Undefined where nothing is called so. */
  find(word: string): ResourceName | undefined {
    const [name = '', ...rest] = word.toLowerCase().split('.')
    const group = rest.join('.')
    if (group === '') return this.#called(name, () => true)
    const withoutVersion = /^v\d+((alpha|beta)\d+)?$/.test(rest[0] ?? '') ? rest.slice(1).join('.') : undefined
    return this.#called(name, (one) => one.group === group) ?? this.#called(name, (one) => one.group === withoutVersion)
  }

  #called(name: string, isMeant: (one: ResourceName) => boolean): ResourceName | undefined {
    const meant = this.#all.filter(isMeant)
    return (
      meant.find(({ resource }) => resource === name) ??
      meant.find(({ singular }) => singular === name) ??
      meant.find(({ shortNames }) => shortNames.includes(name))
    )
  }
}

/** From the answers to `/api` and `/apis` in the aggregated form. @see KEP-3352 */
export function namesFromDiscovery(documents: readonly { items?: readonly any[] }[]): ResourceName[] {
  return documents.flatMap(({ items = [] }) =>
    items.flatMap((group) => {
      const found = new Map<string, ResourceName>()
      for (const version of group.versions ?? [])
        for (const entry of version.resources ?? [])
          if (!found.has(entry.resource))
            found.set(entry.resource, {
              group: group.metadata?.name ?? '',
              resource: entry.resource,
              singular: entry.singularResource ?? '',
              shortNames: entry.shortNames ?? [],
              namespaced: entry.scope === 'Namespaced',
              subresources: (entry.subresources ?? []).map(({ subresource }: { subresource: string }) => subresource),
            })
      return [...found.values()]
    }),
  )
}

/** What CustomResourceDefinitions among the objects bring along. */
export function namesFromDefinitions(objects: Iterable<KubeObject>): ResourceName[] {
  const found: ResourceName[] = []
  for (const { kind, apiVersion, spec } of objects as Iterable<any>) {
    if (kind !== 'CustomResourceDefinition' || !String(apiVersion).startsWith('apiextensions.k8s.io/')) continue
    const { plural, singular, shortNames } = spec?.names ?? {}
    if (typeof spec?.group !== 'string' || typeof plural !== 'string') continue
    found.push({
      group: spec.group,
      resource: plural,
      singular: typeof singular === 'string' ? singular : String(spec.names.kind ?? '').toLowerCase(),
      shortNames: Array.isArray(shortNames) ? shortNames.map(String) : [],
      namespaced: spec.scope === 'Namespaced',
      subresources: ['status', 'scale'],
    })
  }
  return found
}
