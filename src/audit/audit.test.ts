import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BatchBackend } from './batch.ts'
import { DEFAULT_POLICY } from './default-policy.ts'
import { type AuditEvent, legacyLine, sourceIPs, userAgentOf, withoutManagedFields } from './event.ts'
import { logBackend } from './log-backend.ts'
import { LogFile } from './log-file.ts'
import { type Audited, auditConfig, auditPolicy, type PolicyRule } from './policy.ts'
import { REMOVED, redactBody, withoutQueryTokens, withoutTokens } from './redact.ts'
import { truncatingBackend } from './truncate.ts'
import { webhookBackend } from './webhook-backend.ts'

const PODS: Audited = {
  user: { username: 'alice', groups: ['devs', 'system:authenticated'] },
  verb: 'get',
  isResource: true,
  apiGroup: '',
  resource: 'pods',
  subresource: '',
  namespace: 'shop',
  name: 'web',
  path: '/api/v1/namespaces/shop/pods/web',
}
const LOG: Audited = { ...PODS, subresource: 'log' }
const HEALTH: Audited = { ...PODS, isResource: false, resource: '', namespace: '', name: '', path: '/healthz/etcd' }
const NOBODY: Audited = { ...PODS, user: undefined }

describe('a rule', () => {
  const cases: [name: string, rule: Omit<PolicyRule, 'level'>, audited: Audited, matches: boolean][] = [
    ['about nothing matches everything', {}, HEALTH, true],
    ['about a user matches that user', { users: ['alice'] }, PODS, true],
    ['about a user does not match another', { users: ['bob'] }, PODS, false],
    ['about a user does not match nobody', { users: ['alice'] }, NOBODY, false],
    ['about a group matches a member', { userGroups: ['ops', 'devs'] }, PODS, true],
    ['about a group does not match nobody', { userGroups: ['devs'] }, NOBODY, false],
    ['about verbs matches one of them', { verbs: ['list', 'get'] }, PODS, true],
    ['about a resource does not match its subresource', { resources: [{ resources: ['pods'] }] }, LOG, false],
    ['about a subresource matches it', { resources: [{ resources: ['pods/log'] }] }, LOG, true],
    ['about all subresources matches one', { resources: [{ resources: ['pods/*'] }] }, LOG, true],
    ['about all subresources matches the resource itself', { resources: [{ resources: ['pods/*'] }] }, PODS, true],
    ['about a subresource of anything matches it', { resources: [{ resources: ['*/log'] }] }, LOG, true],
    ['about everything in a group matches subresources', { resources: [{ group: '' }] }, LOG, true],
    ['about any group matches', { resources: [{ group: '*', resources: ['*'] }] }, LOG, true],
    ['about another group does not match', { resources: [{ group: 'apps' }] }, PODS, false],
    ['about a name matches it', { resources: [{ resources: ['pods'], resourceNames: ['web'] }] }, PODS, true],
    ['about another name does not match', { resources: [{ resources: ['pods'], resourceNames: ['db'] }] }, PODS, false],
    ['about a namespace matches it', { namespaces: ['shop'] }, PODS, true],
    ['about a namespace does not match paths', { namespaces: [''] }, HEALTH, false],
    ['about paths matches what is under a star', { nonResourceURLs: ['/healthz*'] }, HEALTH, true],
    ['about paths does not match resources', { nonResourceURLs: ['*'] }, PODS, false],
  ]
  test.each(cases)('%s', (_, rule, audited, matches) => {
    const policy = { rules: [{ level: 'Metadata' as const, ...rule }] }
    expect(auditConfig(policy, audited).level).toBe(matches ? 'Metadata' : 'None')
  })
})

test('the first rule that matches decides, with the stages that it and the policy leave out', () => {
  const policy = auditPolicy({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    omitManagedFields: true,
    rules: [{ level: 'Request', verbs: ['get'], omitStages: ['Panic'], omitManagedFields: false }, { level: 'None' }],
  })
  expect(auditConfig(policy, PODS)).toEqual({
    level: 'Request',
    omitStages: new Set(['RequestReceived', 'Panic']),
    omitManagedFields: false,
  })
  expect(auditConfig(policy, { ...PODS, verb: 'list' })).toMatchObject({ level: 'None', omitManagedFields: true })
})

test.each([
  ['another kind', { apiVersion: 'audit.k8s.io/v1', kind: 'Event' }, 'unknown group version field audit.k8s.io/v1, Kind=Event in policy'],
  ['no rules', {}, 'loaded illegal policy with 0 rules'],
  ['no level', { rules: [{}] }, 'rules[0].level: Required value'],
  [
    'an unknown level',
    { rules: [{ level: 'All' }] },
    'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"',
  ],
  [
    'an unknown stage',
    { omitStages: ['Later'], rules: [{ level: 'None' }] },
    'omitStages[0]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
  ],
  [
    'names without resources',
    { rules: [{ level: 'None', resources: [{ resourceNames: ['a'] }] }] },
    'using resourceNames requires at least one resource',
  ],
  [
    'resources and paths',
    { rules: [{ level: 'None', namespaces: ['a'], nonResourceURLs: ['/a'] }] },
    'rules cannot apply to both regular resources and non-resource URLs',
  ],
  [
    'a star within a path',
    { rules: [{ level: 'None', nonResourceURLs: ['/a*b'] }] },
    "non-resource URL wildcards '*' must be the final character of the rule",
  ],
])('a policy with %s is refused', (_, policy, text) => {
  expect(() => auditPolicy({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', ...policy })).toThrow(text)
})

test('the policy that is there without one records tokens and changes of access, and nothing else', () => {
  const level = (change: Partial<Audited>) => auditConfig(auditPolicy(DEFAULT_POLICY), { ...PODS, ...change }).level
  expect(level({ verb: 'create', resource: 'serviceaccounts', subresource: 'token' })).toBe('Metadata')
  expect(level({ verb: 'patch', apiGroup: 'rbac.authorization.k8s.io', resource: 'rolebindings' })).toBe('RequestResponse')
  expect(level({ verb: 'get', apiGroup: 'rbac.authorization.k8s.io', resource: 'rolebindings' })).toBe('None')
  expect(level({})).toBe('None')
})

const EVENT: AuditEvent = {
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID: 'id',
  stage: 'ResponseComplete',
  requestURI: '/api/v1/namespaces/shop/pods',
  verb: 'list',
  user: { username: 'alice', groups: ['a', 'b'] },
  sourceIPs: ['192.0.2.1'],
  userAgent: 'kubectl',
  objectRef: { resource: 'pods', namespace: 'shop' },
  responseStatus: { metadata: {}, code: 200 },
  requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
  stageTimestamp: '2026-01-01T00:00:00.000000Z',
}

test('a legacy line holds its fields in their order', () => {
  expect(legacyLine(EVENT)).toBe(
    '2026-01-01T00:00:00.000000Z AUDIT: id="id" stage="ResponseComplete" ip="192.0.2.1" method="list" user="alice" groups="a","b" as="<self>" asgroups="<lookup>" user-agent="kubectl" namespace="shop" uri="/api/v1/namespaces/shop/pods" response="200"',
  )
})

test('sources are those who forwarded, then the peer unless it was the last', () => {
  expect(sourceIPs('192.0.2.1, nonsense, 2001:db8::1', '192.0.2.1', '::ffff:192.0.2.9')).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.9'])
  expect(sourceIPs('', '192.0.2.9', '192.0.2.9')).toEqual(['192.0.2.9'])
})

test('a long user agent is cut', () => {
  expect(userAgentOf('x'.repeat(1025))).toBe(`${'x'.repeat(1024)}...TRUNCATED`)
})

test('managed fields go from objects and lists', () => {
  expect(withoutManagedFields({ items: [{ metadata: { name: 'a', managedFields: [] } }] })).toEqual({
    items: [{ metadata: { name: 'a' } }],
  })
})

describe('tokens', () => {
  const JWT = `eyJhbGciOiJSUzI1NiJ9.${'a'.repeat(20)}.${'b'.repeat(20)}`

  test('go from any text, also in base64', () => {
    expect(withoutTokens(`{"a":"x ${JWT} y","b":"${Buffer.from(JWT).toString('base64')}"}`)).toBe(`{"a":"x ${REMOVED} y","b":"${REMOVED}"}`)
  })
  test('go from queries', () => {
    expect(withoutQueryTokens('/x?a=1&access_token=secret&b=2')).toBe(`/x?a=1&access_token=${REMOVED}&b=2`)
    expect(withoutQueryTokens('/x?access%5Ftoken=secret&ID_TOKEN=secret&token=')).toBe(
      `/x?access%5Ftoken=${REMOVED}&ID_TOKEN=${REMOVED}&token=`,
    )
    expect(withoutQueryTokens('/x?continue=a=b%zz&watch')).toBe('/x?continue=a=b%zz&watch')
  })
  test.each([
    ['a token request', 'serviceaccounts', 'token', { status: { token: 'opaque' } }],
    ['a token review', 'tokenreviews', '', { spec: { token: 'opaque' } }],
    ['a token request with a member too many', 'serviceaccounts', 'token', { Status: { Token: 'opaque' } }],
    ['a token review with a misspelt member', 'tokenreviews', '', { spec: { tokn: 'opaque' }, Spec: { Token: 'opaque' } }],
    ['a token review that is none', 'tokenreviews', '', { spec: 'opaque' }],
    ['a secret with a misspelt member', 'secrets', '', { stringdata: { password: 'opaque' } }],
    ['a secret that is none', 'secrets', '', { data: 'opaque', stringData: ['opaque'] }],
    ['a secret', 'secrets', '', { data: { token: 'opaque' }, stringData: { password: 'opaque' } }],
    [
      'what kubectl applied',
      'secrets',
      '',
      { metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'opaque' } } },
    ],
    ['a list of secrets', 'secrets', '', { items: [{ data: { token: 'opaque' } }] }],
    ['a JSON patch of a secret', 'secrets', '', [{ op: 'add', path: '/data/token', value: 'opaque' }]],
  ])('go from %s', (_, resource, subresource, body) => {
    expect(JSON.stringify(redactBody(resource, subresource, body))).not.toContain('opaque')
  })
})

test('what is no secret of a secret stays', () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, type: 'Opaque', immutable: true, data: null }
  expect(redactBody('secrets', '', { ...secret, data: { a: 'x' } })).toEqual({ ...secret, data: { a: REMOVED } })
  const status = { kind: 'Status', metadata: {}, status: 'Failure', message: 'm', reason: 'Invalid', details: { name: 'a' }, code: 422 }
  expect(redactBody('secrets', '', { ...status })).toEqual(status)
  expect(redactBody('tokenreviews', '', { ...status })).toEqual(status)
})

describe('batches', () => {
  const settings = { bufferSize: 3, maxBatchSize: 2, maxWaitMs: 100_000 }
  test('are sent when they are full, and what waits when it ends', async () => {
    const sent: number[] = []
    const backend = new BatchBackend('x', settings, async (events) => void sent.push(events.length), { failed: () => {} })
    expect([backend.write(EVENT), backend.write(EVENT), backend.write(EVENT)]).toEqual([true, true, true])
    await backend.close()
    expect(sent).toEqual([2, 1])
  })
  test('are dropped, and that is told, when the queue is full', async () => {
    const lost: [string, number][] = []
    let answer = () => {}
    const blocked = new Promise<void>((resolve) => {
      answer = resolve
    })
    const backend = new BatchBackend('x', settings, () => blocked, {
      failed: (name, error, events) => lost.push([`${name}: ${(error as Error).message}`, events]),
    })
    for (let n = 0; n < 6; n++) backend.write(EVENT)
    expect(lost).toEqual([['x: audit buffer queue blocked', 1]])
    answer()
    await backend.close()
  })
})

describe('the log file', () => {
  let folder = ''
  const path = () => join(folder, 'deep', 'audit.log')
  const settings = () => ({
    path: path(),
    maxAgeDays: 0,
    maxBackups: 2,
    maxSizeMegabytes: 1,
    compress: true,
    nowMs: () => nowMs++,
    problem: (error: unknown) => expect.unreachable(String(error)),
  })
  let nowMs = Date.parse('2026-01-02T03:04:05.678Z')
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podpass-audit-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is only for its owner, and holds a line for each event', async () => {
    const backend = logBackend(new LogFile(settings()), 'json', undefined, { failed: () => expect.unreachable() })
    expect(backend.write(EVENT)).toBe(true)
    await backend.close()
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toEqual(EVENT)
    expect(statSync(path()).mode & 0o777).toBe(0o600)
  })

  test('is put aside when it is full; old ones are packed, and the oldest go', async () => {
    const file = new LogFile(settings())
    const line = 'x'.repeat(600_000)
    for (let n = 0; n < 5; n++) file.write(`${n}${line}`)
    await file.close()
    const names = readdirSync(join(folder, 'deep')).sort()
    expect(names).toHaveLength(3)
    expect(names.at(-1)).toBe('audit.log')
    expect(names[0]).toMatch(/^audit-2026-01-02T03-04-05\.\d{3}\.log\.gz$/)
    expect(gunzipSync(readFileSync(join(folder, 'deep', names[0] as string))).toString()[0]).toBe('2')
  })
})

test('a webhook gets lists of events, and is asked again when it fails', async () => {
  const bodies: string[] = []
  const answers = [500, 200]
  const backend = webhookBackend(
    {
      post: async (body) => {
        bodies.push(body)
        return answers.shift() as number
      },
      initialBackoffMs: 0,
      batch: { bufferSize: 10, maxBatchSize: 1, maxWaitMs: 0 },
      random: () => 0,
    },
    { failed: () => expect.unreachable() },
  )
  backend.write(EVENT)
  await expect.poll(() => bodies.length).toBe(2)
  await backend.close()
  expect(JSON.parse(bodies[1] as string)).toMatchObject({
    kind: 'EventList',
    apiVersion: 'audit.k8s.io/v1',
    items: [{ auditID: 'id', stage: 'ResponseComplete' }],
  })
})

describe('truncation', () => {
  function truncated(event: AuditEvent, maxBytes: number): { kept: AuditEvent[]; lost: string[]; written: boolean } {
    const kept: AuditEvent[] = []
    const lost: string[] = []
    const inner = { name: 'log', write: (one: AuditEvent) => kept.push(one) > 0, close: async () => {} }
    const backend = truncatingBackend(inner, maxBytes, {
      failed: (name, error, events) => lost.push(`${name}: ${(error as Error).message} (${events})`),
    })
    return { written: backend.write(event), kept, lost }
  }
  const LARGE: AuditEvent = {
    ...EVENT,
    level: 'RequestResponse',
    requestObject: { data: 'é'.repeat(500) },
    responseObject: { data: 'x'.repeat(500) },
    annotations: { a: 'b' },
  }
  const bytes = Buffer.byteLength(JSON.stringify(LARGE)) + 1

  test('leaves an event alone that is as large as it may be', () => {
    expect(truncated(LARGE, bytes)).toEqual({ kept: [LARGE], lost: [], written: true })
  })
  test('takes the objects out of a larger one, and says so', () => {
    const { requestObject: _, responseObject: __, ...rest } = LARGE
    const small = { ...rest, annotations: { a: 'b', 'audit.k8s.io/truncated': 'true' } }
    expect(truncated(LARGE, bytes - 1)).toEqual({ kept: [small], lost: [], written: true })
  })
  test('loses one that is too large without them, and counts it', () => {
    const lost = ['truncate: event is too large even after truncating (1)']
    expect(truncated(LARGE, 100)).toEqual({ kept: [], lost, written: true })
    expect(truncated({ ...EVENT, level: 'Metadata' }, 100)).toEqual({ kept: [], lost, written: true })
  })
})
