/**
 * Random bodies, paths, queries and headers against a running server: each is answered in Kubernetes' form, nothing breaks, nothing is lost.
 *
 * @module
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Running, startServe } from '../podpass.ts'
import { type Answer, adminOf, residentMiB, sender } from './request.ts'

const MAX_RESIDENT_MIB = 400

const NAMESPACED = '/api/v1/namespaces/default'
const collections = fc.constantFrom(
  `${NAMESPACED}/configmaps`,
  `${NAMESPACED}/secrets`,
  `${NAMESPACED}/serviceaccounts`,
  `${NAMESPACED}/pods`,
  `${NAMESPACED}/services`,
  '/api/v1/namespaces',
  '/api/v1/nodes',
  '/apis/apps/v1/namespaces/default/deployments',
  '/apis/batch/v1/namespaces/default/jobs',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
  '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  '/apis/authentication.k8s.io/v1/tokenreviews',
)
const kinds: Readonly<Record<string, [apiVersion: string, kind: string, rest: object]>> = {
  configmaps: ['v1', 'ConfigMap', { data: { a: '1' } }],
  secrets: ['v1', 'Secret', { data: { a: 'AA==' } }],
  serviceaccounts: ['v1', 'ServiceAccount', {}],
  pods: ['v1', 'Pod', { spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'A', value: '1' }] }] } }],
  services: ['v1', 'Service', { spec: { ports: [{ port: 80, protocol: 'TCP' }], selector: { a: 'b' } } }],
  namespaces: ['v1', 'Namespace', {}],
  nodes: ['v1', 'Node', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }],
  deployments: [
    'apps/v1',
    'Deployment',
    {
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    },
  ],
  jobs: ['batch/v1', 'Job', { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } }],
  clusterroles: ['rbac.authorization.k8s.io/v1', 'ClusterRole', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }],
  rolebindings: [
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
      subjects: [{ kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' }],
    },
  ],
  subjectaccessreviews: [
    'authorization.k8s.io/v1',
    'SubjectAccessReview',
    { spec: { user: 'u', resourceAttributes: { verb: 'get', resource: 'pods' } } },
  ],
  tokenreviews: ['authentication.k8s.io/v1', 'TokenReview', { spec: { token: 'x' } }],
}

/** Values that a field does not expect. */
const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    0,
    -1,
    1.5,
    2 ** 53,
    1e308,
    [],
    {},
    [[]],
    '\0',
    '__proto__',
    'a/b',
    '..',
    '*',
    'é',
    '\ud800',
    'x'.repeat(300),
  ),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.jsonValue({ maxDepth: 3 }),
)
const keys = fc.oneof(
  fc.constantFrom(
    'metadata',
    'spec',
    'name',
    'labels',
    'annotations',
    'ownerReferences',
    'finalizers',
    'uid',
    'resourceVersion',
    'generateName',
    'managedFields',
    '__proto__',
    'constructor',
    'containers',
    'status',
    '$patch',
    'f:a',
  ),
  fc.string({ maxLength: 12 }),
)

/** A right object, bent in up to four places. */
function bent(collection: string): fc.Arbitrary<string> {
  const [apiVersion, kind, rest] = kinds[collection.split('/').at(-1) as string] as [string, string, object]
  return fc
    .tuple(
      fc.string({ maxLength: 20 }),
      fc.array(fc.record({ where: fc.array(fc.nat(7), { maxLength: 5 }), key: keys, value: strange }), { maxLength: 4 }),
    )
    .map(([name, bends]) => {
      const object: Record<string, unknown> = structuredClone({ apiVersion, kind, metadata: { name }, ...rest })
      for (const { where, key, value } of bends) {
        let at: Record<string, unknown> = object
        for (const step of where) {
          const inner = Object.values(at).filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null)
          if (inner.length > 0) at = inner[step % inner.length] as Record<string, unknown>
        }
        // Not an assignment: that would take `__proto__` for something else.
        // A copy: two bends may bring the same value, and one of them into itself.
        Object.defineProperty(at, key, { value: structuredClone(value), enumerable: true, configurable: true, writable: true })
      }
      return JSON.stringify(object)
    })
}

const cutAnywhere = (text: fc.Arbitrary<string>) => fc.tuple(text, fc.nat(400)).map(([whole, at]) => whole.slice(0, at))
const bodies = (collection: string): fc.Arbitrary<string | Uint8Array | undefined> =>
  fc.oneof(
    { weight: 6, arbitrary: bent(collection) },
    { weight: 1, arbitrary: cutAnywhere(bent(collection)) },
    { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.from('k8s\0'), bytes])) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
const types = fc.constantFrom(
  'application/json',
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
  'text/plain',
  '',
)
const accepts = fc.constantFrom(
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  '*/*',
  'image/png',
  '',
)
const queries = fc.array(
  fc.tuple(
    fc.constantFrom(
      'limit',
      'continue',
      'labelSelector',
      'fieldSelector',
      'resourceVersion',
      'resourceVersionMatch',
      'dryRun',
      'fieldManager',
      'fieldValidation',
      'force',
      'pretty',
      'timeoutSeconds',
      'propagationPolicy',
      'gracePeriodSeconds',
      'orphanDependents',
    ),
    fc.oneof(
      fc.constantFrom(
        '0',
        '1',
        '-1',
        'All',
        'Strict',
        'true',
        'Exact',
        'NotOlderThan',
        'Orphan',
        'metadata.name=a',
        'a in (b,c)',
        '!a',
        'a=b',
      ),
      fc.string({ maxLength: 20 }),
    ),
  ),
  { maxLength: 4 },
)
const names = fc.oneof(
  fc.constant(''),
  fc.constantFrom('/a', '/default', '/kube-root-ca.crt', '/a/status', '/a/nope', '/default/token', '/a%00b', '/a%2Fb', '/..', '/%C0%AF'),
  fc.string({ maxLength: 12 }).map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
)
const headers = fc.dictionary(
  fc.constantFrom(
    'x-a',
    'impersonate-user',
    'impersonate-group',
    'user-agent',
    'if-none-match',
    'range',
    'cookie',
    'accept-encoding',
    'x-remote-user',
    'traceparent',
  ),
  fc.string({ unit: fc.constantFrom(...'abcXYZ019:;,=/*-_ "'), maxLength: 30 }).map((text) => text.trim()),
  { maxKeys: 3 },
)

const requests = collections.chain((collection) =>
  fc.record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'),
    collection: fc.constant(collection),
    name: names,
    query: queries,
    body: bodies(collection),
    type: types,
    accept: accepts,
    headers,
  }),
)

/** What kube-apiserver, too, calls an error of its own; it does likewise with strategic patches that it cannot make sense of. */
const INTERNAL_ERRORS =
  /resourceVersion should not be set on objects to be created|resourceVersion: Invalid value|failed to (convert new|create typed patch) object/

/** What any answer of a Kubernetes API server is like; 504 is the answer to a version that does not exist yet. */
function expectKubernetesForm(answer: Answer, method: string, type: string): void {
  if (method === 'HEAD') return
  if (answer.status >= 500 && answer.status !== 504) {
    expect(answer.status, answer.body).toBe(500)
    if (type !== 'application/strategic-merge-patch+json') expect(answer.body).toMatch(INTERNAL_ERRORS)
  }
  if (!answer.type.startsWith('application/json')) return
  const parsed = JSON.parse(answer.body) as { kind?: string; code?: number; status?: unknown }
  if (answer.status >= 400) expect(parsed).toMatchObject({ kind: 'Status', status: 'Failure', code: answer.status })
}

/** Declares the test; without a `seed` every run asks other questions, and a failure names its own. */
export function fuzzRequests({ runs, seed }: { runs: number; seed?: number }): void {
  let server: Running
  let client: ReturnType<typeof sender>
  let pid: number
  beforeAll(async () => {
    server = await startServe('embedded')
    client = sender(server, adminOf(server))
    pid = server.pid
  })
  afterAll(async () => {
    client.close()
    await server.stop()
  })

  test(
    "every answer has Kubernetes' form, the server stays up, and what was stored is still there",
    async () => {
      const canary = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'canary', finalizers: ['example.com/kept'] },
        data: { still: 'here' },
      }
      const made = await client.send(
        'POST',
        '/api/v1/namespaces/kube-public/configmaps',
        { 'content-type': 'application/json' },
        JSON.stringify(canary),
      )
      expect(made?.status).toBe(201)
      await fc.assert(
        fc.asyncProperty(requests, async ({ method, collection, name, query, body, type, accept, headers: more }) => {
          const parameters = new URLSearchParams(query.map(([key, value]) => [key, value.toWellFormed()] as [string, string])).toString()
          const path = `${collection}${name}${parameters === '' ? '' : `?${parameters}`}`
          const sent: Record<string, string> = { ...more, accept }
          if (type !== '') sent['content-type'] = type
          const answer = await client.send(method, path, sent, method === 'GET' || method === 'HEAD' ? undefined : body)
          expect(answer, `${method} ${path}: no answer`).toBeDefined()
          expectKubernetesForm(answer as Answer, method, type)
        }),
        { numRuns: runs, endOnFailure: true, ...(seed === undefined ? {} : { seed }) },
      )
      expect(server.pid).toBe(pid)
      // As admin: the roles that let everybody ask may have been deleted.
      expect(await client.send('GET', '/readyz', {})).toMatchObject({ status: 200, body: 'ok' })
      const kept = await client.send('GET', '/api/v1/namespaces/kube-public/configmaps/canary', {})
      expect(JSON.parse((kept as Answer).body)).toMatchObject({ data: { still: 'here' } })
      expect(residentMiB(pid)).toBeLessThan(MAX_RESIDENT_MIB)
    },
    180_000 + runs * 20,
  )
}
