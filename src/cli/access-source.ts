/**
 * Where the commands about permissions read RBAC from: a server by kubeconfig, or files.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AccessModel, type AccessQuestion } from '../analysis/access-model.ts'
import { opened, PolicyError, policyFrom } from '../analysis/policy.ts'
import { namesFromDefinitions, namesFromDiscovery, type ResourceName, ResourceNames } from '../analysis/resource-names.ts'
import { plainValue } from '../api/json.ts'
import type { KubeObject } from '../api/object.ts'
import { isStatusError } from '../api/status.ts'
import { parseYamlDocuments } from '../api/yaml.ts'
import type { HttpsClient } from '../client/https-client.ts'
import type { RbacUser } from '../rbac/index.ts'
import type { Terminal } from './command.ts'
import { connect, KUBECONFIG_FLAGS, type KubeconfigValues, reporting } from './connection.ts'
import { UsageError } from './flags.ts'

export const SOURCE_FLAGS = {
  ...KUBECONFIG_FLAGS,
  from: {
    type: 'stringArray',
    value: 'file or folder, repeatable',
    default: [] as readonly string[],
    help: 'Read YAML and JSON files instead of a server. Folders are read with all that is in them.',
  },
  'default-policy': {
    type: 'bool',
    default: true,
    help: "With --from: Kubernetes' own roles and bindings (view, edit, cluster-admin, system:…) are there too, as in every cluster.",
  },
} as const

export interface SourceValues extends KubeconfigValues {
  from: readonly string[]
  'default-policy': boolean
}

export interface AccessSource {
  /** Reads RBAC, once. */
  model(): Promise<AccessModel>
  names(): Promise<ResourceNames>
  /** Of those who name none. */
  namespace: string
  /** Who the kubeconfig makes us. @throws UsageError where there is no server to ask. */
  self(): Promise<RbacUser>
  /** The server's own word; undefined where there is none, or it may not be asked. `user` undefined: ourselves. */
  review(user: RbacUser | undefined, question: AccessQuestion): Promise<{ allowed: boolean; reason: string } | undefined>
  close(): void
}

/** Answers the exit code; what goes wrong on the way is reported as one. */
export function withSource(
  values: SourceValues,
  namespace: string | undefined,
  terminal: Terminal,
  ask: (source: AccessSource) => Promise<number>,
): Promise<number> {
  return reporting(terminal, async () => {
    const source = openSource(values, namespace, terminal)
    try {
      return await ask(source)
    } finally {
      source.close()
    }
  })
}

function openSource(values: SourceValues, namespace: string | undefined, terminal: Terminal): AccessSource {
  if (values.from.length > 0) {
    if (values.kubeconfig !== undefined || values.context !== undefined)
      throw new UsageError('--from reads files: --kubeconfig and --context have no meaning')
    return fileSource(values, namespace ?? 'default', terminal)
  }
  const { client, config } = connect(values, terminal)
  return serverSource(client, namespace ?? config.namespace)
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const PAGE = 1000

function serverSource(client: HttpsClient, namespace: string): AccessSource {
  let model: Promise<AccessModel> | undefined
  let names: Promise<ResourceNames> | undefined
  return {
    namespace,
    model: () => (model ??= readServer(client)),
    names: () => (names ??= discover(client)),
    async self() {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
      const review = await client.call({ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', body })
      const { username = '', groups = [] } = review['status']?.userInfo ?? {}
      return { username, groups }
    },
    review: (user, question) => askServer(client, user, question),
    close: () => client.close(),
  }
}

async function readServer(client: HttpsClient): Promise<AccessModel> {
  const resources = ['clusterroles', 'roles', 'clusterrolebindings', 'rolebindings']
  const lists = await Promise.all(resources.map((resource) => listAll(client, `${RBAC}/${resource}`))).catch((error: unknown) => {
    if (!isStatusError(error, 'Forbidden')) throw error
    throw new PolicyError(
      `${error.message}\nThis is answered from all roles and bindings: whoever asks has to be allowed to list ${resources.join(', ')}.`,
    )
  })
  return AccessModel.of(policyFrom(lists.flat(), { namespace: 'default', aggregate: false }))
}

async function listAll(client: HttpsClient, path: string): Promise<KubeObject[]> {
  const lists: KubeObject[] = []
  let next = ''
  for (;;) {
    try {
      const list = await client.call<KubeObject & { metadata?: { continue?: string } }>({
        method: 'GET',
        path: `${path}?limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`,
      })
      lists.push(list)
      next = list.metadata?.continue ?? ''
      if (next === '') return lists
    } catch (error) {
      // The list was too long to be read at one moment: from the start again, without pages.
      if (next === '' || !isStatusError(error, 'Expired')) throw error
      return [await client.call({ method: 'GET', path })]
    }
  }
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

async function discover(client: HttpsClient): Promise<ResourceNames> {
  const documents = await Promise.all(
    ['/api', '/apis'].map((path) => client.request({ method: 'GET', path, accept: `${AGGREGATED},application/json` })),
  )
  const isAggregated = documents.every(({ status, body }) => status === 200 && body?.kind === 'APIGroupDiscoveryList')
  // Servers before 1.27, and those that keep their discovery to themselves.
  return new ResourceNames(isAggregated ? namesFromDiscovery(documents.map(({ body }) => body)) : await builtInNames())
}

async function askServer(client: HttpsClient, user: RbacUser | undefined, question: AccessQuestion): ReturnType<AccessSource['review']> {
  const { verb, isResource, apiGroup, resource, subresource, name, path, namespace } = question
  const attributes = isResource
    ? { resourceAttributes: { verb, group: apiGroup, resource, subresource, name, namespace } }
    : { nonResourceAttributes: { verb, path } }
  const [kind, who] =
    user === undefined ? ['SelfSubjectAccessReview', {}] : ['SubjectAccessReview', { user: user.username, groups: user.groups }]
  const { status, body } = await client.request({
    method: 'POST',
    path: `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`,
    body: { apiVersion: 'authorization.k8s.io/v1', kind, spec: { ...who, ...attributes } },
  })
  if (status >= 400) return undefined
  const { allowed = false, reason = '', evaluationError = '' } = body?.status ?? {}
  return { allowed, reason: [reason, evaluationError].filter((text) => text !== '').join('; ') }
}

function fileSource({ from, 'default-policy': defaultPolicy }: SourceValues, namespace: string, terminal: Terminal): AccessSource {
  const files = new Map<KubeObject, string>()
  for (const path of from)
    for (const file of filesIn(resolve(terminal.cwd, path))) for (const object of opened(readFile(file))) files.set(object, file)
  const objects = [...files.keys()]
  return {
    namespace,
    async model() {
      const { bootstrapObjects } = await import('../rbac/bootstrap.ts')
      const all = [...(defaultPolicy ? bootstrapObjects() : []), ...objects]
      return AccessModel.of(policyFrom(all, { namespace, aggregate: true, origin: (object) => files.get(object) }))
    },
    names: async () => new ResourceNames([...(await builtInNames()), ...namesFromDefinitions(objects)]),
    self: () => Promise.reject(new UsageError('--as is needed: files do not say who you are')),
    review: async () => undefined,
    close: () => {},
  }
}

/** The file, or the files of a folder; not what else may lie there, a pipe that nobody writes to say. */
function filesIn(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ya?ml|json)$/.test(name) && !/(^|[/\\])(\.|node_modules[/\\])/.test(name))
      .sort()
      .map((name) => join(path, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? true)
  } catch (error) {
    throw new UsageError(`--from=${path}: ${(error as Error).message}`)
  }
}

/** Every object in a file. One that cannot be read would make the answers wrong: it is refused. */
function readFile(file: string): KubeObject[] {
  try {
    // JSON is YAML.
    const documents = parseYamlDocuments(readFileSync(file, 'utf8')).map((tree) => plainValue(tree))
    return documents.filter((one): one is KubeObject => one !== null && typeof one === 'object' && !Array.isArray(one))
  } catch (error) {
    throw new PolicyError(`${file}: ${(error as Error).message}`)
  }
}

/** Kinds that only a running server can make, and that are only ever created. */
const REVIEWS: readonly ResourceName[] = ['tokenreviews', 'selfsubjectreviews'].map((resource) => ({
  group: 'authentication.k8s.io',
  resource,
  singular: resource.slice(0, -1),
  shortNames: [],
  namespaced: false,
  subresources: [],
}))

async function builtInNames(): Promise<ResourceName[]> {
  // Heavy, and only needed without a server that says what it has.
  const [{ definitions }, { authorizationDefinitions }] = await Promise.all([
    import('../registry/definitions.ts'),
    import('../registry/authorization/definitions.ts'),
  ])
  const names = [...definitions, ...authorizationDefinitions].map(
    ({ group, resource, singular, shortNames = [], namespaced, subresources = {} }): ResourceName => ({
      group,
      resource,
      singular,
      shortNames,
      namespaced,
      subresources: Object.keys(subresources),
    }),
  )
  return [...names, ...REVIEWS]
}
