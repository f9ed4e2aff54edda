import { describe, expect, test } from 'vitest'
import { builtinSchemas } from '../schemas.ts'
import { buildOpenAPI, groupVersionDocument, v3Index } from './build.ts'
import type { OpenAPIResource } from './operations.ts'

const info = { title: 'Kubernetes', version: 'v1.36.2' }
const all = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']
const resources: OpenAPIResource[] = [
  {
    group: '',
    version: 'v1',
    resource: 'serviceaccounts',
    kind: 'ServiceAccount',
    namespaced: true,
    verbs: all,
    schema: 'io.k8s.api.core.v1.ServiceAccount',
    strategy: { returnsDeletedObject: true },
    subresources: {
      token: {
        type: 'action',
        verbs: ['create'],
        kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
        schema: 'io.k8s.api.authentication.v1.TokenRequest',
      },
    },
  },
  {
    group: 'apps',
    version: 'v1',
    resource: 'deployments',
    kind: 'Deployment',
    namespaced: true,
    verbs: all,
    schema: 'io.k8s.api.apps.v1.Deployment',
    subresources: {
      status: { type: 'object', verbs: ['get', 'patch', 'update'] },
      scale: {
        type: 'view',
        verbs: ['get', 'patch', 'update'],
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        schema: 'io.k8s.api.autoscaling.v1.Scale',
      },
    },
  },
  {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    resource: 'clusterroles',
    kind: 'ClusterRole',
    namespaced: false,
    verbs: all,
    schema: 'io.k8s.api.rbac.v1.ClusterRole',
  },
  {
    group: 'authentication.k8s.io',
    version: 'v1',
    resource: 'tokenreviews',
    kind: 'TokenReview',
    namespaced: false,
    verbs: [],
    schema: 'io.k8s.api.authentication.v1.TokenReview',
    action: {
      kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview' },
      schema: 'io.k8s.api.authentication.v1.TokenReview',
    },
  },
]
const built = buildOpenAPI(resources, info)
const v2 = JSON.parse(built.v2.json.toString())
const document = (name: string): any => JSON.parse(built.v3.get(name)!.json.toString())

/** All `$ref`s in a document. */
function references(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found
  for (const [name, member] of Object.entries(value)) {
    if (name === '$ref') found.add(member as string)
    else references(member, found)
  }
  return found
}

function at(root: any, pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce((value, step) => value?.[step], root)
}

describe('OpenAPI v3', () => {
  test('has a document per group version, and one per group', () => {
    expect([...built.v3.keys()].sort()).toEqual([
      '.well-known/openid-configuration',
      'api',
      'api/v1',
      'apis',
      'apis/apps',
      'apis/apps/v1',
      'apis/authentication.k8s.io',
      'apis/authentication.k8s.io/v1',
      'apis/rbac.authorization.k8s.io',
      'apis/rbac.authorization.k8s.io/v1',
      'openid/v1/jwks',
      'version',
    ])
  })

  test('refers to nothing that it does not hold', () => {
    for (const name of built.v3.keys()) {
      const whole = document(name)
      for (const reference of references(whole)) expect(at(whole, reference), `${name} ${reference}`).toBeDefined()
    }
  })

  test('lists the values that a field, or an item of a list, may have', () => {
    const { schemas } = document('apis/apps/v1').components
    expect(schemas['io.k8s.api.core.v1.Container'].properties.imagePullPolicy).toEqual({
      type: 'string',
      enum: ['Always', 'IfNotPresent', 'Never'],
    })
    expect(schemas['io.k8s.api.core.v1.PersistentVolumeClaimSpec'].properties.accessModes.items.enum).toContain('ReadWriteOnce')
  })

  test('lets kubectl find out that fields are validated', () => {
    const { patch } = document('apis/apps/v1').paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', kind: 'Deployment', version: 'v1' })
    expect(patch.parameters.map((parameter: { name: string }) => parameter.name)).toContain('fieldValidation')
    expect(Object.keys(patch.requestBody.content)).toContain('application/strategic-merge-patch+json')
    expect(patch.operationId).toBe('patchAppsV1NamespacedDeployment')
  })

  test('names operations as generated clients call them', () => {
    const ids = (name: string): string[] =>
      Object.values<any>(document(name).paths).flatMap((path) =>
        Object.values<any>(path).flatMap((operation) => operation.operationId ?? []),
      )
    expect(ids('api/v1')).toEqual(
      expect.arrayContaining([
        'getCoreV1APIResources',
        'listCoreV1NamespacedServiceAccount',
        'listCoreV1ServiceAccountForAllNamespaces',
        'deleteCoreV1CollectionNamespacedServiceAccount',
        'createCoreV1NamespacedServiceAccountToken',
        'watchCoreV1NamespacedServiceAccountList',
        'watchCoreV1ServiceAccountListForAllNamespaces',
      ]),
    )
    expect(ids('apis/rbac.authorization.k8s.io/v1')).toContain('readRbacAuthorizationV1ClusterRole')
    expect(ids('apis/authentication.k8s.io/v1')).toEqual(['getAuthenticationV1APIResources', 'createAuthenticationV1TokenReview'])
    expect(new Set(ids('apis/apps/v1')).size).toBe(ids('apis/apps/v1').length)
  })

  test('describes types with what kubectl needs to merge and explain', () => {
    const { schemas } = document('apis/apps/v1').components
    expect(schemas['io.k8s.api.core.v1.Container'].properties.ports).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.ContainerPort' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'containerPort',
    })
    expect(schemas['io.k8s.api.apps.v1.Deployment']['x-kubernetes-group-version-kind']).toEqual([
      { group: 'apps', kind: 'Deployment', version: 'v1' },
    ])
    expect(schemas['io.k8s.api.apps.v1.DeploymentSpec'].required).toEqual(['selector', 'template'])
    expect(schemas['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toEqual({
      format: 'int-or-string',
      oneOf: [{ type: 'integer' }, { type: 'string' }],
    })
    expect(schemas['io.k8s.api.apps.v1.Deployment'].properties.spec).toEqual({
      allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' }],
      default: {},
    })
  })

  test('is indexed by hash', () => {
    const { hash } = built.v3.get('api/v1')!
    expect(hash).toMatch(/^[0-9A-F]{128}$/)
    expect(JSON.parse(v3Index(built.v3).toString()).paths['api/v1']).toEqual({ serverRelativeURL: `/openapi/v3/api/v1?hash=${hash}` })
  })

  test('answers a deleted object where the server does', () => {
    const { delete: remove } = document('api/v1').paths['/api/v1/namespaces/{namespace}/serviceaccounts/{name}']
    expect(remove.responses['200'].content['application/json'].schema.$ref).toBe('#/components/schemas/io.k8s.api.core.v1.ServiceAccount')
  })
})

describe('OpenAPI v2', () => {
  test('refers to nothing that it does not hold', () => {
    for (const reference of references(v2)) expect(at(v2, reference), reference).toBeDefined()
  })

  test('keeps the parameters that kubectl looks for with their operation', () => {
    const { patch } = v2.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']
    expect(patch.parameters).toContainEqual({ uniqueItems: true, type: 'string', name: 'fieldValidation', in: 'query' })
    expect(v2.swagger).toBe('2.0')
  })
})

test('groupVersionDocument() describes resources that come later', () => {
  const later = groupVersionDocument(resources.slice(1, 2), info, builtinSchemas)
  expect(later.hash).toBe(built.v3.get('apis/apps/v1')!.hash)
})

describe('gnostic protobuf', () => {
  /** Fields of a message: number and bytes, length-delimited ones only. */
  function fields(bytes: Buffer): [number: number, content: Buffer][] {
    const found: [number, Buffer][] = []
    let position = 0
    const varint = (): number => {
      let value = 0
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[position++]!
        value += (byte & 127) * scale
        if (byte < 128) return value
      }
    }
    while (position < bytes.length) {
      const tag = varint()
      expect(tag & 7).toBe(2)
      const length = varint()
      found.push([tag >> 3, bytes.subarray(position, position + length)])
      position += length
    }
    return found
  }
  const field = (bytes: Buffer, number: number): Buffer => fields(bytes).find(([one]) => one === number)![1]

  test('of v2 holds its version, every path and every definition', () => {
    const bytes = built.v2.protobuf
    expect(field(bytes, 1).toString()).toBe('2.0')
    expect(fields(field(bytes, 8)).map(([, path]) => field(path, 1).toString())).toEqual(Object.keys(v2.paths))
    expect(fields(field(bytes, 9)).map(([, schema]) => field(schema, 1).toString())).toEqual(Object.keys(v2.definitions))
  })

  test('of v3 holds its version, every path and every schema', () => {
    const bytes = built.v3.get('apis/apps/v1')!.protobuf
    const whole = document('apis/apps/v1')
    expect(field(bytes, 1).toString()).toBe('3.0.0')
    expect(fields(field(bytes, 4)).map(([, path]) => field(path, 1).toString())).toEqual(Object.keys(whole.paths))
    expect(fields(field(field(bytes, 5), 1)).map(([, schema]) => field(schema, 1).toString())).toEqual(
      Object.keys(whole.components.schemas),
    )
  })
})
