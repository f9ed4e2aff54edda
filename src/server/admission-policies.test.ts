import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isStatusError } from '../api/status.ts'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const API_VERSION = 'admissionregistration.k8s.io/v1'

/** What kube-apiserver 1.36.2 answered. */
function recorded<T>(name: string): T[] {
  return JSON.parse(readFileSync(new URL(`testdata/${name}.json`, import.meta.url), 'utf8')) as T[]
}

let world: TestServer
beforeAll(async () => {
  world = await testServer()
  await world.until('the default account', () => world.get('/api/v1/namespaces/default/serviceaccounts/default'))
  await world.post('/api/v1/namespaces/default/configmaps', configMap('par', { data: { k: 'fromparam' } }))
})
afterAll(() => world.stop())

async function answer(doing: Promise<any>): Promise<{ code: number; body: any }> {
  try {
    return { code: 201, body: await doing }
  } catch (error) {
    const status = isStatusError(error) ? error.status : (error as { status?: any }).status
    if (status === undefined) throw error
    return { code: status.code, body: status }
  }
}

function configMap(name: string, more: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more }
}

interface Policy {
  name: string
  spec: object
  binding?: object
}

async function withPolicies<T>(policies: readonly Policy[], doing: () => Promise<T>): Promise<T> {
  for (const { name, spec, binding = {} } of policies) {
    await world.post(`${REGISTRATION}/mutatingadmissionpolicies`, {
      kind: 'MutatingAdmissionPolicy',
      apiVersion: API_VERSION,
      metadata: { name },
      spec,
    })
    await world.post(`${REGISTRATION}/mutatingadmissionpolicybindings`, {
      kind: 'MutatingAdmissionPolicyBinding',
      apiVersion: API_VERSION,
      metadata: { name },
      spec: { policyName: name, ...binding },
    })
  }
  try {
    return await doing()
  } finally {
    for (const { name } of policies) {
      await world.send('DELETE', `${REGISTRATION}/mutatingadmissionpolicies/${name}`)
      await world.send('DELETE', `${REGISTRATION}/mutatingadmissionpolicybindings/${name}`)
    }
  }
}

describe('what is wrong with expressions is told when they are written', () => {
  test.each(recorded<{ path: string; object: any; code: number; answer?: object }>('checked-policies'))(
    '$object.kind %#',
    async ({ path, object, code, answer: expected }) => {
      const found = await answer(world.post(path, object))
      expect(found.code).toBe(code)
      if (expected !== undefined) expect(found.body).toEqual(expected)
    },
  )
})

describe('mutating policies do as recorded', () => {
  test.each(recorded<{ title: string; policies: Policy[]; path: string; object: any; code: number; answer: any }>('mutating-policies'))(
    '$title',
    async ({ policies, path, object, code, answer: expected }) => {
      const found = await withPolicies(policies, () => answer(world.post(path, object)))
      expect(found.code).toBe(code)
      if (code >= 400) expect(found.body).toEqual(expected)
      else {
        const { metadata, ...rest } = found.body
        const mine = { ...rest, labels: metadata?.labels, name: metadata?.name }
        const { metadata: theirs, mf: _, ...others } = expected
        expect(mine).toMatchObject(
          JSON.parse(JSON.stringify({ ...others, ...(theirs !== undefined && { name: theirs.name, labels: theirs.labels }) })),
        )
      }
      const name = found.body.metadata?.name
      if (code === 201 && name !== undefined && !path.includes('?')) await world.send('DELETE', `${path}/${name}`)
    },
  )

  const append = (letter: string) => ({
    patchType: 'ApplyConfiguration',
    applyConfiguration: { expression: `Object{data: {"o": object.data.o + "${letter}"}}` },
  })
  const appending = (name: string, letter: string, more: object = {}): Policy => ({
    name,
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] }],
      },
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      mutations: [append(letter)],
      ...more,
    },
  })

  test('in the order of their names', async () => {
    const made = await withPolicies([appending('order-b', '2'), appending('order-a', '1')], () =>
      world.post('/api/v1/namespaces/default/configmaps', configMap('ordered', { data: { o: '0' } })),
    )
    expect(made.data).toEqual({ o: '012' })
  })

  test('on an update, and not on a deletion', async () => {
    await withPolicies([appending('update', '1')], async () => {
      const made = await world.post('/api/v1/namespaces/default/configmaps', configMap('updated', { data: { o: '0' } }))
      const changed = await world.send('PUT', '/api/v1/namespaces/default/configmaps/updated', { ...made, data: { o: 'x' } })
      expect(changed.data).toEqual({ o: 'x1' })
      await world.send('DELETE', '/api/v1/namespaces/default/configmaps/updated')
    })
  })

  test('that fail to read an object do not stand in the way of repairing them', async () => {
    const broken = appending('broken', '1', {
      matchConstraints: {
        resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'].map(() => 'CREATE'), resources: ['*'] }],
      },
    })
    await withPolicies([broken], async () => {
      const refused = await answer(world.post('/api/v1/namespaces/default/configmaps', configMap('no', {})))
      expect(refused.code).toBe(403)
    })
    await world.post('/api/v1/namespaces/default/configmaps', configMap('yes', {}))
  })
})

describe('parameters are named only by those who may read them', () => {
  const RBAC = '/apis/rbac.authorization.k8s.io/v1'
  const user = `&{jane  [g1 system:authenticated] map[]}`
  const MATCH = { resourceRules: [{ apiGroups: [''], apiVersions: ['*'], operations: ['CREATE'], resources: ['pods'] }] }
  const policy = (name: string, paramKind: object) => ({
    kind: 'ValidatingAdmissionPolicy',
    apiVersion: API_VERSION,
    metadata: { name },
    spec: { paramKind, matchConstraints: MATCH, validations: [{ expression: 'true' }] },
  })
  const mutating = (name: string) => ({
    kind: 'MutatingAdmissionPolicy',
    apiVersion: API_VERSION,
    metadata: { name },
    spec: {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: MATCH,
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: '[JSONPatch{}]' } }],
    },
  })
  const binding = (kind: string, policyName: string, paramRef: object) => ({
    kind,
    apiVersion: API_VERSION,
    metadata: { name: 'b' },
    spec: {
      policyName,
      ...(kind.startsWith('Validating') && { validationActions: ['Deny'] }),
      paramRef: { ...paramRef, parameterNotFoundAction: 'Deny' },
    },
  })
  const asJane = (resource: string, body: object) =>
    answer(world.as('jane', 'g1').call({ method: 'POST', path: `${REGISTRATION}/${resource}?dryRun=All`, body: body as any }))

  beforeAll(async () => {
    await world.post(`${RBAC}/clusterroles`, {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'policies' },
      rules: [{ apiGroups: ['admissionregistration.k8s.io'], resources: ['*'], verbs: ['*'] }],
    })
    await world.post(`${RBAC}/clusterrolebindings`, {
      kind: 'ClusterRoleBinding',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'policies' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'policies' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
    })
    await world.post(`${REGISTRATION}/validatingadmissionpolicies`, policy('known', { apiVersion: 'v1', kind: 'ConfigMap' }))
    await world.post(`${REGISTRATION}/validatingadmissionpolicies`, policy('strange', { apiVersion: 'foo/v1', kind: 'Nope' }))
    await world.post(`${REGISTRATION}/mutatingadmissionpolicies`, mutating('known'))
  })

  const everything = `to determine minimum required permissions and user ${user} does not have "get" permission for all groups, versions and resources`
  test.each([
    [
      'validatingadmissionpolicies',
      policy('v', { apiVersion: 'v1', kind: 'ConfigMap' }),
      `spec.paramKind: Forbidden: user ${user} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)`,
    ],
    [
      'mutatingadmissionpolicies',
      mutating('v'),
      `spec.paramKind: Forbidden: user ${user} must have "get" permission on all objects of the referenced paramKind (kind=ConfigMap, apiVersion=v1)`,
    ],
    [
      'validatingadmissionpolicybindings',
      binding('ValidatingAdmissionPolicyBinding', 'known', { name: 'x', namespace: 'default' }),
      `spec.paramRef: Forbidden: user ${user} does not have "get" permission on the object referenced by paramRef`,
    ],
    [
      'validatingadmissionpolicybindings',
      binding('ValidatingAdmissionPolicyBinding', 'known', { selector: {} }),
      `spec.paramRef: Forbidden: user ${user} does not have "list" permission on the object referenced by paramRef`,
    ],
    [
      'validatingadmissionpolicybindings',
      binding('ValidatingAdmissionPolicyBinding', 'missing', { name: 'x' }),
      `spec.paramRef: Forbidden: unable to get policy missing ${everything}`,
    ],
    [
      'validatingadmissionpolicybindings',
      binding('ValidatingAdmissionPolicyBinding', 'strange', { name: 'x' }),
      `spec.paramRef: Forbidden: unable to resolve paramKind &{foo/v1 Nope} ${everything}`,
    ],
    [
      'mutatingadmissionpolicybindings',
      binding('MutatingAdmissionPolicyBinding', 'known', { name: 'x' }),
      `spec.paramRef: Forbidden: user get does not have "${user}" permission on the object referenced by paramRef`,
    ],
  ])('%s %#', async (resource, body, why) => {
    const { code, body: status } = await asJane(resource, body)
    expect([code, status.message.replace(/^\S+ "\w+" is invalid: /, '')]).toEqual([422, why])
  })

  test('and by those who may, without ado', async () => {
    const role = { kind: 'ClusterRoleBinding', apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'jane-views' } }
    await world.post(`${RBAC}/clusterrolebindings`, {
      ...role,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
    })
    expect((await asJane('validatingadmissionpolicies', policy('v', { apiVersion: 'v1', kind: 'ConfigMap' }))).code).toBe(201)
    expect((await asJane('mutatingadmissionpolicybindings', binding('MutatingAdmissionPolicyBinding', 'known', { name: 'x' }))).code).toBe(
      201,
    )
  })
})
