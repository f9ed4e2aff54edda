/**
 * What can be asked of resources, in a form from which both versions of OpenAPI are written.
 *
 * @see apiserver/pkg/endpoints/installer.go, apiserver/pkg/endpoints/openapi/openapi.go
 * @module
 */
import { type GroupVersionKind, groupVersion } from '../object.ts'

/** What a document needs to know of a resource; a resource definition of the registry is one. */
export interface OpenAPIResource {
  group: string
  version: string
  resource: string
  kind: string
  namespaced: boolean
  verbs: readonly string[]
  schema: string
  strategy?: { returnsDeletedObject?: boolean }
  /** Only ever POSTed. */
  action?: { kind: GroupVersionKind; schema: string }
  subresources?: Readonly<Record<string, OpenAPISubresource>>
}

export interface OpenAPISubresource {
  type: 'object' | 'view' | 'action' | 'connect'
  verbs: readonly string[]
  kind?: GroupVersionKind
  schema?: string
}

export interface Parameter {
  name: string
  in: 'path' | 'query'
  type: 'string' | 'integer' | 'boolean'
}

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete'

export interface Operation {
  method: Method
  id: string
  tag: string
  /** `x-kubernetes-action`; absent for discovery. */
  action?: string
  kind?: GroupVersionKind
  parameters: readonly Parameter[]
  /** Schema name, and the media types when they are not the usual ones. */
  body?: { schema: string; required: boolean; types?: readonly string[] }
  /** Media types that v2 says are taken, where they are not those of the body; none is left out. */
  consumes?: readonly string[]
  /** Schema name of what is answered, `''` for plain text. */
  answers: Readonly<Record<number, string>>
  produces: readonly string[]
}

export interface PathItem {
  path: string
  operations: readonly Operation[]
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'
const OBJECT_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const STREAM_TYPES = [...OBJECT_TYPES, 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

const query = (name: string, type: Parameter['type'] = 'string'): Parameter => ({ name, in: 'query', type })
const NAME: Parameter = { name: 'name', in: 'path', type: 'string' }
const NAMESPACE: Parameter = { name: 'namespace', in: 'path', type: 'string' }
const PRETTY = query('pretty')
const WRITE = [query('dryRun'), query('fieldManager'), query('fieldValidation')]
const DELETE = [
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
]
const SELECT = [
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('shardSelector'),
  query('timeoutSeconds', 'integer'),
]
const LIST = [query('allowWatchBookmarks', 'boolean'), ...SELECT, query('watch', 'boolean')]

/** `rbac.authorization.k8s.io` as `rbacAuthorization`; core is `core`. */
function groupName(group: string): string {
  if (group === '') return 'core'
  return group
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map((label, index) => (index === 0 ? label : capital(label)))
    .join('')
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

/** Where the resources of a group version are: `/api/v1`, `/apis/apps/v1`. */
export function rootPath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`
}

/** The paths of one resource with its subresources. */
export function resourcePaths(resource: OpenAPIResource): PathItem[] {
  const { group, version, namespaced } = resource
  const root = rootPath(group, version)
  const kind: GroupVersionKind = resource.action?.kind ?? { group, version, kind: resource.kind }
  const namer = new Namer(group, version, resource.kind, namespaced)
  const scope = namespaced ? [NAMESPACE] : []
  const collection = namespaced ? `${root}/namespaces/{namespace}/${resource.resource}` : `${root}/${resource.resource}`
  const item = `${collection}/{name}`
  const can = (verb: string): boolean => resource.verbs.includes(verb)
  const paths: PathItem[] = []
  const add = (path: string, operations: (Operation | false)[]): void => {
    const there = operations.filter((operation) => operation !== false)
    if (there.length > 0) paths.push({ path, operations: there })
  }
  const list = (id: string, of: readonly Parameter[]): Operation =>
    namer.operation('get', 'list', id, kind, [...of, ...LIST], { 200: `${resource.schema}List` }, STREAM_TYPES)
  const watch = (id: string, of: readonly Parameter[]): Operation =>
    namer.operation(
      'get',
      id === namer.id('watch') ? 'watch' : 'watchlist',
      id,
      kind,
      [...of, ...LIST],
      { 200: `${META}WatchEvent` },
      STREAM_TYPES,
    )

  const bodySchema = resource.action?.schema ?? resource.schema
  add(collection, [
    can('list') && list(namer.id('list'), scope),
    (can('create') || resource.action !== undefined) && namer.create(namer.id('create'), kind, bodySchema, scope),
    can('deletecollection') && {
      ...namer.operation('delete', 'deletecollection', namer.id('delete', 'Collection'), kind, [...scope, ...DELETE, ...SELECT], {
        200: `${META}Status`,
      }),
      body: { schema: `${META}DeleteOptions`, required: false },
    },
  ])
  const gone = resource.strategy?.returnsDeletedObject === true ? resource.schema : `${META}Status`
  add(item, [
    can('get') && namer.operation('get', 'get', namer.id('read'), kind, [NAME, ...scope], { 200: resource.schema }),
    can('update') && namer.replace(namer.id('replace'), kind, resource.schema, [NAME, ...scope]),
    can('patch') && namer.patch(namer.id('patch'), kind, resource.schema, [NAME, ...scope]),
    can('delete') && {
      ...namer.operation('delete', 'delete', namer.id('delete'), kind, [NAME, ...scope, ...DELETE], { 200: gone, 202: gone }),
      body: { schema: `${META}DeleteOptions`, required: false },
    },
  ])
  for (const [name, subresource] of Object.entries(resource.subresources ?? {})) {
    add(`${item}/${name}`, subresourceOperations(namer, resource, name, subresource, kind, [NAME, ...scope]))
  }
  if (namespaced && can('list')) add(`${root}/${resource.resource}`, [list(namer.everywhere('list', ''), [])])
  if (can('watch')) {
    const watched = collection.replace(root, `${root}/watch`)
    if (namespaced) add(`${root}/watch/${resource.resource}`, [watch(namer.everywhere('watch', 'List'), [])])
    add(watched, [watch(`${namer.id('watch')}List`, scope)])
    add(`${watched}/{name}`, [watch(namer.id('watch'), [NAME, ...scope])])
  }
  return paths
}

function subresourceOperations(
  namer: Namer,
  resource: OpenAPIResource,
  name: string,
  subresource: OpenAPISubresource,
  parent: GroupVersionKind,
  scope: readonly Parameter[],
): (Operation | false)[] {
  const suffix = capital(name)
  const kind = subresource.kind ?? parent
  const schema = subresource.schema ?? resource.schema
  const can = (verb: string): boolean => subresource.verbs.includes(verb)
  if (subresource.type === 'connect') {
    const methods: [verb: string, method: Method][] = [
      ['create', 'post'],
      ['delete', 'delete'],
      ['get', 'get'],
      ['patch', 'patch'],
      ['update', 'put'],
    ]
    return methods.map(([verb, method]) => can(verb) && namer.connect(method, suffix, kind, scope))
  }
  return [
    can('get') && namer.operation('get', 'get', namer.id('read') + suffix, kind, scope, { 200: schema }),
    can('create') && namer.create(namer.id('create') + suffix, kind, schema, scope),
    can('update') && namer.replace(namer.id('replace') + suffix, kind, schema, scope),
    can('patch') && namer.patch(namer.id('patch') + suffix, kind, schema, scope),
  ]
}

/** Makes the operations of one kind. */
class Namer {
  readonly #prefix: string
  readonly #kind: string
  readonly #namespaced: boolean
  readonly #tag: string

  constructor(group: string, version: string, kind: string, namespaced: boolean) {
    this.#prefix = capital(groupName(group)) + capital(version)
    this.#kind = kind
    this.#namespaced = namespaced
    this.#tag = `${groupName(group)}_${version}`
  }

  /** `readAppsV1NamespacedDeployment`. */
  id(verb: string, what = ''): string {
    return `${verb}${this.#prefix}${what}${this.#namespaced ? 'Namespaced' : ''}${this.#kind}`
  }

  /** `listAppsV1DeploymentForAllNamespaces`. */
  everywhere(verb: string, what: string): string {
    return `${verb}${this.#prefix}${this.#kind}${what}ForAllNamespaces`
  }

  operation(
    method: Method,
    action: string,
    id: string,
    kind: GroupVersionKind,
    parameters: readonly Parameter[],
    answers: Readonly<Record<number, string>>,
    produces: readonly string[] = OBJECT_TYPES,
  ): Operation {
    return { method, action, id, tag: this.#tag, kind, parameters: [...parameters, PRETTY], answers, produces }
  }

  create(id: string, kind: GroupVersionKind, schema: string, scope: readonly Parameter[]): Operation {
    const operation = this.operation('post', 'post', id, kind, [...scope, ...WRITE], { 200: schema, 201: schema, 202: schema })
    return { ...operation, body: { schema, required: true } }
  }

  replace(id: string, kind: GroupVersionKind, schema: string, scope: readonly Parameter[]): Operation {
    const operation = this.operation('put', 'put', id, kind, [...scope, ...WRITE], { 200: schema, 201: schema })
    return { ...operation, body: { schema, required: true } }
  }

  patch(id: string, kind: GroupVersionKind, schema: string, scope: readonly Parameter[]): Operation {
    const operation = this.operation('patch', 'patch', id, kind, [...scope, ...WRITE, query('force', 'boolean')], {
      200: schema,
      201: schema,
    })
    return { ...operation, body: { schema: `${META}Patch`, required: true, types: PATCH_TYPES } }
  }

  connect(method: Method, suffix: string, kind: GroupVersionKind, scope: readonly Parameter[]): Operation {
    const id = `connect${this.#prefix}${capital(method)}${this.#namespaced ? 'Namespaced' : ''}${this.#kind}${suffix}`
    return { method, action: 'connect', id, tag: this.#tag, kind, parameters: scope, answers: { 200: '' }, produces: ['*/*'] }
  }
}

/** The discovery document of a group version. */
export function discoveryPath(group: string, version: string): PathItem {
  const id = `get${capital(groupName(group))}${capital(version)}APIResources`
  return plainGet(`${rootPath(group, version)}/`, id, `${groupName(group)}_${version}`, `${META}APIResourceList`)
}

/** The discovery document of a group. */
export function groupPath(group: string): PathItem {
  return plainGet(`/apis/${group}/`, `get${capital(groupName(group))}APIGroup`, groupName(group), `${META}APIGroup`)
}

/** Paths that belong to no group, by the document that they are in. */
export const ROOT_PATHS: Readonly<Record<string, PathItem>> = {
  api: plainGet('/api/', 'getCoreAPIVersions', 'core', `${META}APIVersions`),
  apis: plainGet('/apis/', 'getAPIVersions', 'apis', `${META}APIGroupList`),
  version: plainGet('/version/', 'getCodeVersion', 'version', 'io.k8s.apimachinery.pkg.version.Info', ['application/json']),
  '.well-known/openid-configuration': plainGet(
    '/.well-known/openid-configuration/',
    'getServiceAccountIssuerOpenIDConfiguration',
    'WellKnown',
    '',
    ['application/json'],
    [],
  ),
  'openid/v1/jwks': plainGet('/openid/v1/jwks/', 'getServiceAccountIssuerOpenIDKeyset', 'openid', '', ['application/jwk-set+json'], []),
}

function plainGet(
  path: string,
  id: string,
  tag: string,
  schema: string,
  produces: readonly string[] = OBJECT_TYPES,
  consumes = produces,
): PathItem {
  return { path, operations: [{ method: 'get', id, tag, parameters: [], answers: { 200: schema }, produces, consumes }] }
}

/** Parameters that all operations of a path have, sorted; the others stay with their operation. */
export function sharedParameters({ operations }: PathItem): { shared: Parameter[]; own: Map<Operation, Parameter[]> } {
  const byName = (a: Parameter, b: Parameter): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const everywhere = (parameter: Parameter): boolean =>
    operations.every((operation) => operation.parameters.some((one) => one.name === parameter.name))
  const shared = (operations[0]?.parameters ?? []).filter(everywhere).sort(byName)
  const own = new Map(
    operations.map((operation) => [operation, operation.parameters.filter((parameter) => !everywhere(parameter)).sort(byName)]),
  )
  return { shared, own }
}

/** The documents of OpenAPI v3 by their path in the index: `api/v1`, `apis/apps`, `apis/apps/v1`. */
export function documentsOf(resources: readonly OpenAPIResource[]): Map<string, { group: string; version: string; paths: PathItem[] }> {
  const documents = new Map<string, { group: string; version: string; paths: PathItem[] }>()
  for (const [name, path] of Object.entries(ROOT_PATHS)) documents.set(name, { group: '', version: '', paths: [path] })
  for (const resource of resources) {
    const { group, version } = resource
    if (group !== '' && !documents.has(`apis/${group}`))
      documents.set(`apis/${group}`, { group: '', version: '', paths: [groupPath(group)] })
    const name = group === '' ? `api/${version}` : `apis/${groupVersion(group, version)}`
    let document = documents.get(name)
    if (document === undefined) {
      document = { group, version, paths: [discoveryPath(group, version)] }
      documents.set(name, document)
    }
    document.paths.push(...resourcePaths(resource))
  }
  return documents
}
