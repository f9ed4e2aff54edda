import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditEvent } from '../audit/event.ts'
import { auditPolicy } from '../audit/policy.ts'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'
import { lossLog } from './audit.ts'

const TOKEN = 'opaque-token-of-the-administrator'
let server: TestServer
let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-audit-'))
  const policy = auditPolicy({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitManagedFields: true,
    rules: [
      { level: 'None', nonResourceURLs: ['/healthz'] },
      { level: 'RequestResponse', resources: [{ resources: ['configmaps', 'secrets', 'serviceaccounts/token'] }] },
      { level: 'Metadata' },
    ],
  })
  server = await testServer((options) => ({
    ...options,
    staticTokens: [{ token: TOKEN, username: 'admin', uid: '1', groups: ['system:masters'] }],
    audit: {
      policy,
      log: {
        path: join(folder, 'audit.log'),
        maxAgeDays: 0,
        maxBackups: 0,
        maxSizeMegabytes: 0,
        compress: false,
        format: 'json',
        mode: 'blocking',
        batch: { bufferSize: 1, maxBatchSize: 1, maxWaitMs: 0 },
      },
    },
  }))
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** The status, and the events of this request. */
function ask(
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; events: AuditEvent[]; text: string }> {
  return new Promise((resolve, reject) => {
    const auth = 'authorization' in headers ? {} : { authorization: `Bearer ${TOKEN}` }
    const sending = request(new URL(path, server.server.url), {
      method,
      ca: server.authority.certificate,
      headers: { 'content-type': 'application/json', ...auth, ...headers },
    })
    sending.on('error', reject)
    sending.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, events: eventsOf(String(response.headers['audit-id'])), text }))
    })
    sending.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function eventsOf(id: string): AuditEvent[] {
  return readFileSync(join(folder, 'audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ auditID }) => auditID === id)
}

const MAPS = '/api/v1/namespaces/default/configmaps'

test('a create is recorded when it is received and when it is answered, with both bodies', async () => {
  const { events } = await ask(
    'POST',
    MAPS,
    { metadata: { name: 'a' }, data: { x: '1' } },
    { 'x-forwarded-for': '192.0.2.7', 'user-agent': 'test' },
  )
  expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseComplete'])
  const [received, complete] = events
  expect(received).not.toHaveProperty('responseStatus')
  expect(received?.objectRef).toEqual({ resource: 'configmaps', namespace: 'default', apiVersion: 'v1' })
  expect(complete).toMatchObject({
    level: 'RequestResponse',
    requestURI: MAPS,
    verb: 'create',
    user: { username: 'admin', uid: '1' },
    sourceIPs: ['192.0.2.7', '127.0.0.1'],
    userAgent: 'test',
    objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestObject: { data: { x: '1' } },
    responseObject: { kind: 'ConfigMap', data: { x: '1' } },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  })
  expect(JSON.stringify(complete)).not.toContain('managedFields')
})

test('a refusal is recorded with its Status', async () => {
  const { events } = await ask('GET', `${MAPS}/absent`)
  expect(events.at(-1)?.responseStatus).toMatchObject({ metadata: {}, status: 'Failure', reason: 'NotFound', code: 404 })
})

test('who is not known makes one event that names nobody', async () => {
  const { status, events } = await ask('GET', '/api/v1/pods', undefined, { authorization: 'Bearer wrong' })
  expect(status).toBe(401)
  expect(events).toMatchObject([{ stage: 'ResponseStarted', user: {}, responseStatus: { code: 401, reason: 'Unauthorized' } }])
})

test('an impersonated user stands beside the one who asked', async () => {
  const { events } = await ask('GET', '/api/v1/pods', undefined, { 'impersonate-user': 'bob' })
  expect(events[0]).not.toHaveProperty('impersonatedUser')
  expect(events[1]).toMatchObject({
    user: { username: 'admin' },
    impersonatedUser: { username: 'bob' },
    authenticationMetadata: { impersonationConstraint: 'impersonate:user-info' },
    responseStatus: { code: 403 },
    annotations: { 'authorization.k8s.io/decision': 'forbid' },
  })
})

test('a watch is recorded when it begins and when it ends', async () => {
  const { events } = await ask('GET', '/api/v1/pods?watch=1&timeoutSeconds=1')
  expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseStarted', 'ResponseComplete'])
})

test('what the policy leaves out is not recorded', async () => {
  expect((await ask('GET', '/healthz')).events).toEqual([])
})

test('no token is ever in the log', async () => {
  const { text, events } = await ask('POST', '/api/v1/namespaces/default/serviceaccounts/default/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['x'] },
  })
  const { token } = JSON.parse(text).status
  expect(events.at(-1)?.responseObject).toMatchObject({ status: { token: '<removed>' } })
  await ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token },
  })
  await ask('POST', '/api/v1/namespaces/default/secrets', { metadata: { name: 's' }, stringData: { token } })
  await ask('GET', `/api/v1/pods?access_token=${token}`)
  await ask('GET', '/api/v1/pods', undefined, { authorization: `Bearer ${token}`, 'user-agent': `agent ${token}` })
  const log = readFileSync(join(folder, 'audit.log'), 'utf8')
  for (const secret of [token, Buffer.from(token).toString('base64'), TOKEN]) expect(log.includes(secret)).toBe(false)
})

test('what controllers do is recorded as done by their accounts', async () => {
  await server.makeNamespace('made')
  const events = readFileSync(join(folder, 'audit.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditEvent)
  const made = events.find(
    ({ verb, stage, objectRef }) =>
      verb === 'create' && stage === 'ResponseComplete' && objectRef?.resource === 'serviceaccounts' && objectRef.namespace === 'made',
  )
  expect(made).toMatchObject({
    user: {
      username: 'system:serviceaccount:kube-system:service-account-controller',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    },
    userAgent: 'kube-controller-manager',
    sourceIPs: ['127.0.0.1'],
    objectRef: { resource: 'serviceaccounts', namespace: 'made', name: 'default', apiVersion: 'v1' },
    responseStatus: { code: 201 },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  })
})

test('a backend that loses events tells so once a second', () => {
  let nowMs = 0
  const lines: unknown[] = []
  const lost = lossLog({ error: ((fields: object) => lines.push(fields)) as never }, () => nowMs)
  for (const backend of ['webhook', 'webhook', 'log', 'webhook']) lost(backend, 'full', 2)
  nowMs = 1000
  lost('webhook', 'full', 1)
  expect(lines).toEqual([
    { backend: 'webhook', lost: 2, err: 'full' },
    { backend: 'log', lost: 2, err: 'full' },
    { backend: 'webhook', lost: 5, err: 'full' },
  ])
})
