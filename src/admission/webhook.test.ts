import { createServer as createPlainServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { builtinSchemas } from '../api/schemas.ts'
import { isStatusError, type Status } from '../api/status.ts'
import { layoutCodec } from '../cache/layout.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { admissionChain } from './chain.ts'
import { authorizerThat, openWorld, type TestWorld } from './testdata.ts'
import { type Answer, type Asked, patchOf, type TestWebhook, testWebhook } from './testdata-webhook.ts'
import type { WebhookDeps } from './webhook.ts'
import { webhookClient } from './webhook-client.ts'
import { mutatingAdmissionWebhook } from './webhook-mutating.ts'
import type { ObjectInterfaces } from './webhook-objects.ts'
import { resolveService } from './webhook-service.ts'
import { validatingAdmissionWebhook } from './webhook-validating.ts'

const EXTRA = [
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  'v1/services',
  'v1/endpoints',
]
const EVERYTHING = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }]
const AUTHORITY_UNKNOWN =
  /^Internal error occurred: failed calling webhook "hook\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/admit\?timeout=1s": tls: failed to verify certificate: x509: certificate signed by unknown authority$/

const objects: ObjectInterfaces = {
  equivalents: () => [],
  convert: (object) => object,
  schema: ({ group, version, kind }) => builtinSchemas.byKind(group, version, kind),
  setDefaults: () => {},
  parameters: () => undefined,
}

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step()
})

interface Setting {
  world: TestWorld
  deps: WebhookDeps
  failedOpen: string[]
}

async function setting(): Promise<Setting> {
  const world = await openWorld()
  for (const id of EXTRA) await world.cache.register(id, `/${id}/`, layoutCodec())
  const client = webhookClient((service) => resolveService(world.cache, service, () => 0))
  const failedOpen: string[] = []
  let uids = 0
  cleanUp.push(async () => {
    client.close()
    await world.cache.close()
  })
  return {
    world,
    failedOpen,
    deps: {
      authorizer: authorizerThat((verb, _, __, username) => verb === 'get' && username === 'jane'),
      cache: world.cache,
      objects,
      client,
      newUid: () => `uid-${uids++}`,
      failedOpen: (webhook) => failedOpen.push(webhook),
    },
  }
}

async function served(answer: (request: any, asked: Asked) => Answer, names?: readonly string[]): Promise<TestWebhook> {
  const webhook = await testWebhook(answer, names)
  cleanUp.push(() => webhook.close())
  return webhook
}

async function register(
  { world }: Setting,
  kind: 'mutating' | 'validating',
  name: string,
  webhooks: Record<string, unknown>[],
): Promise<void> {
  await world.put(`admissionregistration.k8s.io/v1/${kind}webhookconfigurations`, {
    kind: 'Configuration',
    metadata: { name },
    webhooks: webhooks.map((webhook) => ({
      name: 'hook.example.com',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      timeoutSeconds: 1,
      rules: EVERYTHING,
      ...webhook,
    })),
  })
}

function clientConfig({ url, caBundle }: TestWebhook): Record<string, unknown> {
  return { clientConfig: { url, caBundle } }
}

interface Outcome {
  object: KubeObject | undefined
  status: Status | undefined
  warnings: string[]
  annotations: Record<string, string>
}

async function run(plugins: AdmissionPlugin[], change: Partial<AdmissionRequest> = {}): Promise<Outcome> {
  const warnings: string[] = []
  const annotations: Record<string, string> = {}
  const request: AdmissionRequest = {
    operation: 'CREATE',
    group: '',
    version: 'v1',
    resource: 'configmaps',
    subresource: '',
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    namespace: 'app',
    name: 'map',
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'map', namespace: 'app' }, data: { a: '1' } },
    oldObject: undefined,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    user: { username: 'jane', groups: ['g'], extra: { key: ['v'] } },
    dryRun: false,
    warn: (text) => warnings.push(text),
    annotate: (key, value) => {
      annotations[key] = value
    },
    ...change,
  }
  const chain = admissionChain(plugins)
  let status: Status | undefined
  try {
    await chain.admit(request)
    await chain.validate(request)
  } catch (error) {
    if (!isStatusError(error)) throw error
    status = error.status
  }
  return { object: request.object, status, warnings, annotations }
}

async function validatedBy(
  answer: (request: any, asked: Asked) => Answer,
  settings: Record<string, unknown> = {},
  change: Partial<AdmissionRequest> = {},
): Promise<Outcome & { webhook: TestWebhook }> {
  const made = await setting()
  const webhook = await served(answer)
  await register(made, 'validating', 'one', [{ ...clientConfig(webhook), ...settings }])
  return { ...(await run([validatingAdmissionWebhook(made.deps)], change)), webhook }
}

describe('answers of a webhook', () => {
  test('are passed on as warnings and audit annotations', async () => {
    const { status, warnings, annotations } = await validatedBy(() => ({
      allowed: true,
      warnings: ['careful'],
      auditAnnotations: { who: 'me' },
    }))
    expect([status, warnings, annotations]).toEqual([undefined, ['careful'], { 'hook.example.com/who': 'me' }])
  })

  test.each([
    [{}, 400, undefined, 'admission webhook "hook.example.com" denied the request without explanation'],
    [{ status: { reason: 'Nope' } }, 400, 'Nope', 'admission webhook "hook.example.com" denied the request: Nope'],
    [
      { status: { code: 200, status: 'Success', message: 'fine' } },
      400,
      undefined,
      'admission webhook "hook.example.com" denied the request: fine',
    ],
    [{ status: { code: 100_000, message: 'far' } }, 500, undefined, 'admission webhook "hook.example.com" denied the request: far'],
  ])('%j without `allowed` are a refusal with code %i', async (response, code, reason, message) => {
    const { status } = await validatedBy(() => response)
    expect([status?.status, status?.code, status?.reason, status?.message]).toEqual(['Failure', code, reason, message])
  })

  test('of the version v1beta1 are read with less care', async () => {
    const made = await setting()
    const webhook = await served(() => ({
      allowed: true,
      uid: 'another',
      patch: patchOf({ op: 'add', path: '/data/b', value: '2' }).patch,
    }))
    await register(made, 'mutating', 'one', [{ ...clientConfig(webhook), admissionReviewVersions: ['v7', 'v1beta1', 'v1'] }])
    expect((await run([mutatingAdmissionWebhook(made.deps)])).object?.['data']).toEqual({ a: '1', b: '2' })
  })

  const nested = `${'['.repeat(2000)}${']'.repeat(2000)}`
  test.each<[string, (request: any) => Answer, RegExp]>([
    ['hang', () => () => {}, /failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/admit\?timeout=1s": context deadline exceeded$/],
    ['break off', () => (response) => response.destroy(), /: EOF$/],
    [
      'break off in the middle',
      () => (response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('{')
        setImmediate(() => response.destroy())
      },
      /(EOF|aborted|connection reset by peer|closed)/,
    ],
    [
      'are an error',
      () => (response) => response.writeHead(500, { 'content-type': 'text/plain' }).end('oh no'),
      /an error on the server \("oh no"\) has prevented the request from succeeding$/,
    ],
    ['are not found', () => (response) => response.writeHead(404).end('gone'), /the server could not find the requested resource$/],
    [
      'lead elsewhere',
      () => (response) => response.writeHead(307, { location: 'https://169.254.169.254/' }).end(),
      /the server responded with the status code 307 but did not return more information$/,
    ],
    [
      'are empty',
      () => (response) => response.writeHead(200, { 'content-type': 'application/json' }).end(),
      /0-length response with status code: 200 and content type: application\/json$/,
    ],
    [
      'are no JSON',
      () => (response) => response.end('<html>'),
      /failed to call webhook: couldn't get version\/kind; json parse error: invalid character '<' looking for beginning of value$/,
    ],
    [
      'are another kind',
      () => (response) => response.end('{"kind":"Pod","apiVersion":"v1","response":{}}'),
      /failed to call webhook: no kind "Pod" is registered for version "v1" in scheme "k8s\.io\/apiserver\/pkg\/util\/webhook\/client\.go:71"$/,
    ],
    [
      'have no response',
      () => (response) => response.end('{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'),
      /received invalid webhook response: webhook response was absent$/,
    ],
    [
      'are for another request',
      () => ({ uid: 'other', allowed: true }),
      /received invalid webhook response: expected response\.uid="uid-0", got "other"$/,
    ],
    [
      'are of no kind',
      (request) => (response) => response.end(JSON.stringify({ response: { uid: request.uid, allowed: true } })),
      /received invalid webhook response: expected webhook response of admission\.k8s\.io\/v1, Kind=AdmissionReview, got \/, Kind=$/,
    ],
    [
      'allow with a text',
      () => ({ allowed: 'true' }),
      /failed to call webhook: json: cannot unmarshal string into Go struct field AdmissionResponse\.response\.allowed of type bool$/,
    ],
    [
      'patch what they should only look at',
      () => ({ allowed: true, ...patchOf({ op: 'remove', path: '/data' }) }),
      /received invalid webhook response: validating webhook may not return response\.patch$/,
    ],
    ['are nested deeply', () => (response) => response.end(`{"response":${nested}}`), /failed to call webhook: /],
    ['are huge', () => (response) => response.end(Buffer.alloc(4 * 1024 * 1024, 'x')), /the answer is longer than 3145728 bytes$/],
    ['never end', () => (response) => void setInterval(() => response.write('x'.repeat(1024)), 10).unref(), /context deadline exceeded$/],
  ])('that %s are a failure', async (_, answer, text) => {
    const closed = await validatedBy(answer)
    expect(closed.status).toMatchObject({
      code: 500,
      reason: 'InternalError',
      message: expect.stringMatching(/^Internal error occurred: failed calling webhook "hook\.example\.com": /),
    })
    expect(closed.status?.message).toMatch(text)
  })

  test('that are a failure do not count when the policy says so', async () => {
    const { status, annotations } = await validatedBy(() => (response) => response.writeHead(500).end(), { failurePolicy: 'Ignore' })
    expect([status, annotations]).toEqual([
      undefined,
      { 'failed-open.validating.webhook.admission.k8s.io/round_0_index_0': 'hook.example.com' },
    ])
  })

  test('that refuse count whatever the failure policy', async () => {
    expect((await validatedBy(() => ({ allowed: false }), { failurePolicy: 'Ignore' })).status?.code).toBe(400)
  })

  test('are not waited for when the caller has gone', async () => {
    const gone = new AbortController()
    const { status } = await validatedBy(
      () => {
        gone.abort()
        return () => {}
      },
      { timeoutSeconds: 30, failurePolicy: 'Ignore' },
      { signal: () => gone.signal },
    )
    expect(status).toMatchObject({ code: 504, message: 'Timeout: request did not complete within requested timeout' })
  })

  test('are not asked for on a dry run that would have effects', async () => {
    const { status, webhook } = await validatedBy(
      () => ({ allowed: true }),
      { sideEffects: 'Some', failurePolicy: 'Ignore' },
      { dryRun: true },
    )
    expect([status?.code, status?.message, webhook.asked]).toEqual([
      400,
      'admission webhook "hook.example.com" does not support dry run',
      [],
    ])
  })
})

describe('match conditions', () => {
  const conditions = (...expressions: string[]) => ({
    matchConditions: expressions.map((expression, i) => ({ name: `c${i}`, expression })),
  })
  const refusing = () => ({ allowed: false })

  test.each([
    ["object.data.a == '1'", 400],
    ["object.data.a == '2'", undefined],
    [
      "request.operation == 'CREATE' && request.userInfo.username == 'jane' && 'g' in request.userInfo.groups && request.userInfo.extra['key'] == ['v']",
      400,
    ],
    ["request.resource.resource != 'configmaps'", undefined],
    ['oldObject == null && !request.dryRun', 400],
    ["authorizer.group('').resource('configmaps').namespace('app').check('get').allowed()", 400],
    ["authorizer.requestResource.check('delete').allowed()", undefined],
    ["authorizer.serviceAccount('app', 'x').requestResource.check('get').allowed()", undefined],
  ])('%s: %s', async (expression, code) => {
    expect((await validatedBy(refusing, conditions(expression))).status?.code).toBe(code)
  })

  test('that fail refuse the request, or leave the webhook out when failures are ignored', async () => {
    const failing = conditions('object.nothing == 1', 'true')
    const { status, webhook } = await validatedBy(refusing, failing)
    expect([status?.code, status?.message]).toEqual([
      403,
      `configmaps "map" is forbidden: expression 'object.nothing == 1' resulted in error: no such key: nothing`,
    ])
    expect(webhook.asked).toEqual([])
    expect((await validatedBy(refusing, { ...failing, failurePolicy: 'Ignore' })).status).toBeUndefined()
  })

  test('that fail do not matter when another does not hold', async () => {
    expect((await validatedBy(refusing, conditions('object.nothing == 1', 'false'))).status).toBeUndefined()
  })

  test('that cost too much refuse the request', async () => {
    const list = `[${Array.from({ length: 300 }, (_, i) => i).join(', ')}]`
    const { status } = await validatedBy(refusing, conditions(`${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c >= 0)))`))
    expect(status?.message).toMatch(/resulted in error: operation cancelled: actual cost limit exceeded$/)
  })

  test('hold for a mutating webhook too', async () => {
    const made = await setting()
    const webhook = await served(refusing)
    await register(made, 'mutating', 'one', [{ ...clientConfig(webhook), ...conditions("object.data.a == '2'") }])
    expect((await run([mutatingAdmissionWebhook(made.deps)])).status).toBeUndefined()
  })
})

describe('connections', () => {
  test('are used again', async () => {
    const made = await setting()
    const webhook = await served(() => ({ allowed: true }))
    await register(made, 'validating', 'one', [clientConfig(webhook)])
    const plugin = validatingAdmissionWebhook(made.deps)
    for (let i = 0; i < 5; i++) expect((await run([plugin])).status).toBeUndefined()
    expect(webhook.asked.at(-1)?.connections).toBe(1)
  })

  test('need a certificate from the bundle', async () => {
    const made = await setting()
    const webhook = await served(() => ({ allowed: true }))
    const other = await served(() => ({ allowed: true }))
    await register(made, 'validating', 'one', [{ clientConfig: { url: webhook.url, caBundle: other.caBundle } }])
    expect((await run([validatingAdmissionWebhook(made.deps)])).status?.message).toMatch(AUTHORITY_UNKNOWN)
    expect(webhook.asked).toEqual([])
  })

  test('need a certificate for the name', async () => {
    const made = await setting()
    const webhook = await served(() => ({ allowed: true }), ['other.example.com'])
    await register(made, 'validating', 'one', [clientConfig(webhook)])
    expect((await run([validatingAdmissionWebhook(made.deps)])).status?.message).toMatch(
      /x509: cannot validate certificate for 127\.0\.0\.1 because it doesn't contain any IP SANs$/,
    )
  })

  test('need TLS', async () => {
    const made = await setting()
    const plain = createPlainServer((_, response) => response.end())
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
    cleanUp.push(() => void plain.close())
    const { port } = plain.address() as AddressInfo // it listens on TCP
    await register(made, 'validating', 'one', [{ clientConfig: { url: `https://127.0.0.1:${port}` } }])
    expect((await run([validatingAdmissionWebhook(made.deps)])).status?.message).toMatch(
      /: http: server gave HTTP response to HTTPS client$/,
    )
  })

  test('go to an endpoint of a Service under the name of the Service', async () => {
    const made = await setting()
    const webhook = await served(() => ({ allowed: true }), ['hook.infra.svc'])
    await register(made, 'validating', 'one', [
      { clientConfig: { service: { namespace: 'infra', name: 'hook', port: 443, path: '/x' }, caBundle: webhook.caBundle } },
    ])
    const plugin = validatingAdmissionWebhook(made.deps)
    expect((await run([plugin])).status?.message).toMatch(/Post "https:\/\/hook\.infra\.svc:443\/x\?timeout=1s": service "hook" not found$/)
    await made.world.put('v1/services', {
      kind: 'Service',
      metadata: { name: 'hook', namespace: 'infra' },
      spec: { ports: [{ name: 'https', port: 443 }] },
    })
    expect((await run([plugin])).status?.message).toMatch(/: no endpoints available for service "hook"$/)
    await made.world.put('v1/endpoints', {
      kind: 'Endpoints',
      metadata: { name: 'hook', namespace: 'infra' },
      subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port: webhook.port }] }],
    })
    expect((await run([plugin])).status).toBeUndefined()
    expect(webhook.asked[0]?.path).toBe('/x?timeout=1s')
  })
})

describe('several webhooks', () => {
  const appending =
    (letter: string) =>
    ({ object }: any): Answer => ({ allowed: true, ...patchOf({ op: 'add', path: '/data/a', value: `${object.data.a}${letter}` }) })

  test('that mutate are given no more time than the caller has left', async () => {
    const made = await setting()
    const webhook = await served(appending('b'))
    await register(made, 'mutating', 'slow', [{ ...clientConfig(webhook), timeoutSeconds: 30 }])
    await run([mutatingAdmissionWebhook(made.deps)], { remainingMs: () => 7200 })
    expect(webhook.asked[0]?.path).toContain('?timeout=8s')
  })

  test('that mutate are asked in the order of their configurations, each seeing what was made before', async () => {
    const made = await setting()
    const [b, c, d] = [await served(appending('b')), await served(appending('c')), await served(appending('d'))]
    await register(made, 'mutating', 'second', [clientConfig(d)])
    await register(made, 'mutating', 'first', [clientConfig(b), clientConfig(c)])
    const { object, annotations } = await run([mutatingAdmissionWebhook(made.deps)])
    expect(object?.['data']).toEqual({ a: '1bcd' })
    expect(annotations['mutation.webhook.admission.k8s.io/round_0_index_2']).toBe(
      '{"configuration":"second","webhook":"hook.example.com","mutated":true}',
    )
    expect(annotations['patch.webhook.admission.k8s.io/round_0_index_2']).toBe(
      '{"configuration":"second","webhook":"hook.example.com","patch":[{"op":"add","path":"/data/a","value":"1bcd"}],"patchType":"JSONPatch"}',
    )
  })

  test('that never agree are asked twice and no more', async () => {
    const made = await setting()
    const [b, c, d] = [await served(appending('b')), await served(appending('c')), await served(appending('d'))]
    await register(made, 'mutating', 'all', [
      { ...clientConfig(b), reinvocationPolicy: 'IfNeeded' },
      { ...clientConfig(c), reinvocationPolicy: 'IfNeeded' },
      { ...clientConfig(d), reinvocationPolicy: 'Never' },
    ])
    expect((await run([mutatingAdmissionWebhook(made.deps)])).object?.['data']).toEqual({ a: '1bcdbc' })
    expect([b, c, d].map(({ asked }) => asked.length)).toEqual([2, 2, 1])
  })

  test('are asked again when another plugin changed the object after them', async () => {
    const made = await setting()
    const [first, second] = [await served(() => ({ allowed: true })), await served(appending('x'))]
    await register(made, 'mutating', 'all', [{ ...clientConfig(first), reinvocationPolicy: 'IfNeeded' }, clientConfig(second)])
    let rounds = 0
    const plugin: AdmissionPlugin = { name: 'Counting', handles: () => true, admit: () => void rounds++ }
    await run([plugin, mutatingAdmissionWebhook(made.deps)])
    expect([rounds, first.asked.length, second.asked.length]).toEqual([2, 2, 1])
  })

  test('that only look are asked at once', async () => {
    const made = await setting()
    let waiting: (() => void)[] = []
    const together: Answer = (response, review) => {
      waiting.push(() => response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, allowed: true } })))
      if (waiting.length < 3) return
      for (const go of waiting) go()
      waiting = []
    }
    const webhook = await served(() => together)
    await register(made, 'validating', 'all', [clientConfig(webhook), clientConfig(webhook), clientConfig(webhook)])
    expect((await run([validatingAdmissionWebhook(made.deps)])).status).toBeUndefined()
  })
})

describe('a patch', () => {
  async function patchedBy(
    response: Record<string, unknown>,
    settings: Record<string, unknown> = {},
    change: Partial<AdmissionRequest> = {},
  ): Promise<Outcome> {
    const made = await setting()
    const webhook = await served(() => ({ allowed: true, ...response }))
    await register(made, 'mutating', 'one', [{ ...clientConfig(webhook), ...settings }])
    return run([mutatingAdmissionWebhook(made.deps)], change)
  }
  const encoded = (text: string) => ({ patch: Buffer.from(text).toString('base64'), patchType: 'JSONPatch' })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['is no list', encoded('{}'), /received undecodable patch in webhook response/],
    ['is no JSON', encoded('['), /received undecodable patch in webhook response/],
    [
      'has no type',
      { patch: patchOf().patch },
      /received invalid webhook response: webhook returned response\.patch but not response\.patchType$/,
    ],
    ['is only a type', { patchType: 'JSONPatch' }, /webhook returned response\.patchType but not response\.patch$/],
    ['is of another type', { ...patchOf({}), patchType: 'Merge' }, /unsupported patch type "Merge"$/],
    ['is no base64', { patch: '%%%%', patchType: 'JSONPatch' }, /illegal base64 data in response\.patch$/],
  ])('that %s is a failure of the webhook, which the policy may ignore', async (_, response, text) => {
    expect((await patchedBy(response)).status?.message).toMatch(text)
    const open = await patchedBy(response, { failurePolicy: 'Ignore' })
    expect(open.status).toBeUndefined()
    expect(open.object?.['data']).toEqual({ a: '1' })
    expect(open.annotations['failed-open.mutation.webhook.admission.k8s.io/round_0_index_0']).toBe('hook.example.com')
  })

  const deep = Array.from({ length: 1200 }, (_, i) => ({ op: 'add', path: `/data${'/x'.repeat(i)}`, value: {} }))
  test.each<[string, Record<string, unknown>, Partial<AdmissionRequest>]>([
    ['does not apply', patchOf({ op: 'remove', path: '/data/none' }), {}],
    ['makes no object', patchOf({ op: 'replace', path: '', value: [] }), {}],
    ['makes another kind', patchOf({ op: 'replace', path: '/kind', value: 'Secret' }), {}],
    ['breaks the schema', patchOf({ op: 'replace', path: '/data', value: 'text' }), {}],
    ['makes something deep', patchOf(...deep), {}],
    ['makes something of a deletion', patchOf({ op: 'remove', path: '/data' }), { operation: 'DELETE', object: undefined }],
  ])('that %s ends the request whatever the policy', async (_, response, change) => {
    const { status } = await patchedBy(response, { failurePolicy: 'Ignore' }, change)
    expect(status).toMatchObject({ code: 500, reason: 'InternalError' })
  })

  test.each<[string, object[], string]>([
    [
      'does not apply',
      [{ op: 'add', path: '/none/x', value: '1' }],
      'add operation does not apply: doc is missing path: "/none/x": missing value',
    ],
    [
      'grows by copying',
      [
        { op: 'add', path: '/data', value: { a: 'x'.repeat(1000) } },
        ...Array.from({ length: 30 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/z${i}` })),
      ],
      'Unable to complete the copy, the accumulated size increase of copy is 4152259, exceeding the limit 3145728',
    ],
  ])('that %s says why', async (_, operations, why) => {
    expect((await patchedBy(patchOf(...operations))).status?.message).toBe(`Internal error occurred: ${why}`)
  })

  test('may have more operations than one of a client', async () => {
    const many = Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/data/b', value: '2' }))
    expect((await patchedBy(patchOf(...many))).object?.['data']).toEqual({ a: '1', b: '2' })
  })

  test('that names `__proto__` is a member like any other, and unknown members are dropped', async () => {
    const { object, status } = await patchedBy(
      patchOf({ op: 'add', path: '/data/__proto__', value: 'p' }, { op: 'add', path: '/nothing', value: 1 }),
    )
    expect(status).toBeUndefined()
    expect(Object.keys(object?.['data'])).toEqual(['a', '__proto__'])
    expect(object).not.toHaveProperty('nothing')
  })

  test('that changes nothing asks nobody again', async () => {
    const { annotations } = await patchedBy(patchOf({ op: 'replace', path: '/data/a', value: '1' }), { reinvocationPolicy: 'IfNeeded' })
    expect(Object.keys(annotations).sort()).toEqual(['mutation', 'patch'].map((what) => `${what}.webhook.admission.k8s.io/round_0_index_0`))
    expect(annotations['mutation.webhook.admission.k8s.io/round_0_index_0']).toContain('"mutated":false')
  })
})
