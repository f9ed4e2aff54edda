import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Asked, patchOf, type TestWebhook, testWebhook } from '../admission/testdata-webhook.ts'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'

const REGISTRATION = '/apis/admissionregistration.k8s.io/v1'
const PODS = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }
const CONFIGMAPS = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources: ['configmaps'] }

let world: TestServer
const webhooks: TestWebhook[] = []
const configurations: string[] = []

beforeAll(async () => {
  world = await testServer()
  await world.makeNamespace('app')
})
afterAll(() => world.stop())
afterEach(async () => {
  for (const path of configurations.splice(0)) await world.send('DELETE', path)
  for (const webhook of webhooks.splice(0)) await webhook.close()
})

async function serve(answer: (request: any, asked: Asked) => Answer, names?: readonly string[]): Promise<TestWebhook> {
  const webhook = await testWebhook(answer, names)
  webhooks.push(webhook)
  return webhook
}

async function register(kind: 'Validating' | 'Mutating', webhook: TestWebhook, settings: Record<string, unknown> = {}): Promise<void> {
  const resource = `${kind.toLowerCase()}webhookconfigurations`
  const name = `test-${configurations.length}`
  await world.post(`${REGISTRATION}/${resource}`, {
    kind: `${kind}WebhookConfiguration`,
    apiVersion: 'admissionregistration.k8s.io/v1',
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        timeoutSeconds: 1,
        rules: [CONFIGMAPS],
        ...settings,
      },
    ],
  })
  configurations.push(`${REGISTRATION}/${resource}/${name}`)
}

let count = 0
function configMap(metadata: object = {}): Promise<any> {
  return world.post('/api/v1/namespaces/app/configmaps', {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: `map-${count++}`, ...metadata },
    data: { a: '1' },
  })
}

function pod(name: string, spec: object = {}): Promise<any> {
  return world.post('/api/v1/namespaces/app/pods', {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  })
}

function failing(doing: Promise<unknown>): Promise<any> {
  return doing.then(
    () => {
      throw new Error('it was allowed')
    },
    (error) => error.status,
  )
}

describe('a validating webhook', () => {
  test('S139, S135: refuses pods that run as the account `default`, and lets others pass', async () => {
    const webhook = await serve(({ object }) =>
      object.spec.serviceAccountName === 'default'
        ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'name an account of your own' } }
        : { allowed: true },
    )
    await register('Validating', webhook, { rules: [PODS] })
    await world.post('/api/v1/namespaces/app/serviceaccounts', { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'builder' } })
    await world.until('the default account', () => world.get('/api/v1/namespaces/app/serviceaccounts/default'))

    expect(await failing(pod('lazy'))).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'admission webhook "test-0.example.com" denied the request: name an account of your own',
      reason: 'Forbidden',
      code: 403,
    })
    expect(await world.get('/api/v1/namespaces/app/pods/lazy')).toBeUndefined()
    expect((await pod('careful', { serviceAccountName: 'builder' })).spec.serviceAccountName).toBe('builder')
    expect(webhook.asked[0]).toMatchObject({
      path: '/admit?timeout=1s',
      review: {
        kind: 'AdmissionReview',
        apiVersion: 'admission.k8s.io/v1',
        request: {
          kind: { group: '', version: 'v1', kind: 'Pod' },
          resource: { group: '', version: 'v1', resource: 'pods' },
          requestKind: { group: '', version: 'v1', kind: 'Pod' },
          name: 'lazy',
          namespace: 'app',
          operation: 'CREATE',
          userInfo: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
          object: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'lazy', namespace: 'app' } },
          oldObject: null,
          dryRun: false,
          options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
        },
      },
    })
  })

  test('is shown old and new object, and nothing but the old one on deletion', async () => {
    const webhook = await serve(() => ({ allowed: true }))
    await register('Validating', webhook)
    const made = await configMap()
    await world.send('PUT', `/api/v1/namespaces/app/configmaps/${made.metadata.name}`, { ...made, data: { a: '2' } })
    await world.send('DELETE', `/api/v1/namespaces/app/configmaps/${made.metadata.name}`)
    const shown = webhook.asked.map(({ review: { request } }) => [
      request.operation,
      request.oldObject?.data.a,
      request.object?.data.a,
      request.options.kind,
    ])
    expect(shown).toEqual([
      ['CREATE', undefined, '1', 'CreateOptions'],
      ['UPDATE', '1', '2', 'UpdateOptions'],
      ['DELETE', '2', undefined, 'DeleteOptions'],
    ])
  })

  test('is found through its Service and the endpoints behind it', async () => {
    const webhook = await serve(() => ({ allowed: false }), ['hook.app.svc'])
    const service = {
      kind: 'Service',
      apiVersion: 'v1',
      metadata: { name: 'hook' },
      spec: { ports: [{ name: 'https', port: 443, targetPort: 8443 }] },
    }
    await register('Validating', webhook, {
      clientConfig: { service: { namespace: 'app', name: 'hook', path: '/here' }, caBundle: webhook.caBundle },
    })
    expect((await failing(configMap())).message).toBe(
      'Internal error occurred: failed calling webhook "test-0.example.com": failed to call webhook: Post "https://hook.app.svc:443/here?timeout=1s": service "hook" not found',
    )
    await world.post('/api/v1/namespaces/app/services', service)
    expect((await failing(configMap())).message).toMatch(/: no endpoints available for service "hook"$/)
    const subsets = [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port: webhook.port }] }]
    await world.post('/apis/discovery.k8s.io/v1/namespaces/app/endpointslices', {
      kind: 'EndpointSlice',
      apiVersion: 'discovery.k8s.io/v1',
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: subsets[0]!.addresses.map(() => ({ addresses: ['10.1.2.3'], conditions: { ready: false } })),
      ports: [{ name: 'https', port: webhook.port }],
    })
    expect((await failing(configMap())).message).toMatch(/: no endpoints available for service "hook"$/)
  })

  test('is not asked about what its rules and selectors leave out', async () => {
    const webhook = await serve(() => ({ allowed: true }))
    await register('Validating', webhook, {
      objectSelector: { matchLabels: { check: 'yes' } },
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'app' } },
    })
    await configMap()
    await configMap({ labels: { check: 'yes' } })
    await world.post('/api/v1/namespaces/default/configmaps', {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'elsewhere', labels: { check: 'yes' } },
    })
    expect(webhook.asked.map(({ review }) => review.request.object.metadata.labels)).toEqual([{ check: 'yes' }])
  })

  test('sees objects in the version of its rules when it asks for equivalent ones', async () => {
    const webhook = await serve(() => ({ allowed: false }))
    await register('Validating', webhook, {
      rules: [{ apiGroups: ['autoscaling'], apiVersions: ['v1'], operations: ['*'], resources: ['*'] }],
    })
    const scaler = {
      kind: 'HorizontalPodAutoscaler',
      apiVersion: 'autoscaling/v2',
      metadata: { name: 'scaler' },
      spec: {
        maxReplicas: 2,
        scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 7 } } }],
      },
    }
    expect((await failing(world.post('/apis/autoscaling/v2/namespaces/app/horizontalpodautoscalers', scaler))).message).toBe(
      'admission webhook "test-0.example.com" denied the request without explanation',
    )
    expect(webhook.asked[0]!.review.request).toMatchObject({
      kind: { version: 'v1' },
      resource: { group: 'autoscaling', version: 'v1', resource: 'horizontalpodautoscalers' },
      requestKind: { version: 'v2' },
      requestResource: { version: 'v2' },
      object: { apiVersion: 'autoscaling/v1', spec: { targetCPUUtilizationPercentage: 7 } },
    })
  })

  test('never stands in the way of its own removal', async () => {
    const webhook = await serve(() => ({ allowed: false }))
    await register('Validating', webhook, { rules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }] })
    await failing(configMap())
    await world.send('DELETE', configurations.splice(0)[0] as string)
    await configMap()
  })
})

describe('a mutating webhook', () => {
  test('changes the object before it is validated and stored', async () => {
    const webhook = await serve(() => ({
      allowed: true,
      ...patchOf({ op: 'add', path: '/data/b', value: '2' }, { op: 'add', path: '/metadata/labels', value: { seen: 'yes' } }),
    }))
    await register('Mutating', webhook)
    const made = await configMap()
    expect(made).toMatchObject({ metadata: { labels: { seen: 'yes' } }, data: { a: '1', b: '2' } })
    const updated = await world.send(
      'PATCH',
      `/api/v1/namespaces/app/configmaps/${made.metadata.name}`,
      { data: { b: null } },
      'application/merge-patch+json',
    )
    expect(updated.data).toEqual({ a: '1', b: '2' })
  })

  test('is shown the options of the update that a patch turns out to be', async () => {
    const made = await configMap()
    const webhook = await serve(() => ({ allowed: true }))
    await register('Mutating', webhook)
    const path = `/api/v1/namespaces/app/configmaps/${made.metadata.name}?fieldManager=me`
    await world.send('PATCH', path, { data: { b: '2' } }, 'application/merge-patch+json')
    expect(webhook.asked[0]!.review.request.options).toEqual({ kind: 'UpdateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' })
  })

  test('adds to lists of a pod', async () => {
    const webhook = await serve(() => ({
      allowed: true,
      ...patchOf({ op: 'add', path: '/spec/tolerations/-', value: { operator: 'Exists' } }),
    }))
    await register('Mutating', webhook, { rules: [PODS] })
    expect((await pod('tolerant')).spec.tolerations).toContainEqual({ operator: 'Exists' })
  })

  test('cannot store what is invalid', async () => {
    const webhook = await serve(() => ({ allowed: true, ...patchOf({ op: 'add', path: '/data/bad key', value: 'x' }) }))
    await register('Mutating', webhook)
    expect(await failing(configMap())).toMatchObject({ code: 422, reason: 'Invalid' })
  })

  test('is asked about a dry run only when it says that it does nothing else', async () => {
    const webhook = await serve(() => ({ allowed: true }))
    await register('Mutating', webhook)
    const dry = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'dry' } }
    await world.post('/api/v1/namespaces/app/configmaps?dryRun=All', dry)
    expect(webhook.asked[0]!.review.request).toMatchObject({ dryRun: true, options: { dryRun: ['All'] } })
  })
})

describe('a validating admission policy', () => {
  test('refuses pods that run as the account `default` where it is bound, with parameters from the API', async () => {
    const constraints = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }] }
    await world.post(`${REGISTRATION}/validatingadmissionpolicies`, {
      kind: 'ValidatingAdmissionPolicy',
      apiVersion: 'admissionregistration.k8s.io/v1',
      metadata: { name: 'own-account' },
      spec: {
        paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
        matchConstraints: constraints,
        validations: [
          {
            expression: '!(object.spec.serviceAccountName in params.data)',
            messageExpression: "'not ' + object.spec.serviceAccountName",
            reason: 'Forbidden',
          },
        ],
      },
    })
    configurations.push(`${REGISTRATION}/validatingadmissionpolicies/own-account`)
    await world.post('/api/v1/namespaces/app/configmaps', {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'refused' },
      data: { default: '' },
    })
    await world.post(`${REGISTRATION}/validatingadmissionpolicybindings`, {
      kind: 'ValidatingAdmissionPolicyBinding',
      apiVersion: 'admissionregistration.k8s.io/v1',
      metadata: { name: 'everywhere' },
      spec: {
        policyName: 'own-account',
        validationActions: ['Deny'],
        paramRef: { name: 'refused', namespace: 'app', parameterNotFoundAction: 'Deny' },
      },
    })
    configurations.push(`${REGISTRATION}/validatingadmissionpolicybindings/everywhere`)
    expect(await failing(pod('idle'))).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message: `pods "idle" is forbidden: ValidatingAdmissionPolicy 'own-account' with binding 'everywhere' denied request: not default`,
    })
    expect((await pod('busy', { serviceAccountName: 'builder' })).metadata.name).toBe('busy')
  })
})
