import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ReviewServer, reviewServer } from '../client/testdata-reviews.ts'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'
import { metric, resultOf } from './testdata-access.ts'

const PODS = '/api/v1/namespaces/app/pods'

describe('S46: an account with rights by a RoleBinding', () => {
  async function answers(mode: 'AlwaysDeny' | 'RBAC'): Promise<[status: number, message: string]> {
    const it = await testServer((options) => ({ ...options, authorizationModes: [mode] }))
    try {
      // By AlwaysDeny controllers may do nothing either: there is no account that they made.
      await it.post('/api/v1/namespaces', { metadata: { name: 'app' } })
      await it.post('/api/v1/namespaces/app/serviceaccounts', { metadata: { name: 'viewer' } })
      await it.post('/apis/rbac.authorization.k8s.io/v1/namespaces/app/rolebindings', {
        metadata: { name: 'viewers' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'ServiceAccount', name: 'viewer', namespace: 'app' }],
      })
      const minted = await it.send('POST', '/api/v1/namespaces/app/serviceaccounts/viewer/token', { spec: {} })
      const { status, body } = await resultOf(it, PODS, { authorization: `Bearer ${minted['status'].token}` })
      return [status, (body as { message?: string }).message ?? '']
    } finally {
      await it.stop()
    }
  }

  test('may do nothing by --authorization-mode=AlwaysDeny', async () => {
    expect(await answers('AlwaysDeny')).toEqual([
      403,
      'pods is forbidden: User "system:serviceaccount:app:viewer" cannot list resource "pods" in API group "" in the namespace "app": Everything is forbidden.',
    ])
  })
  test('may do what it is bound to by --authorization-mode=RBAC', async () => {
    expect(await answers('RBAC')).toEqual([200, ''])
  })
})

test('S132: the server asks first whose token it is (401), and then what its account may do (403)', async () => {
  const it = await testServer()
  try {
    await it.makeNamespace('app')
    const minted = await it.send('POST', '/api/v1/namespaces/app/serviceaccounts/default/token', { spec: {} })
    const token: string = minted['status'].token
    const ask = async (credential: string) => (await resultOf(it, PODS, { authorization: `Bearer ${credential}` })).status
    const [header, payload, signature = ''] = token.split('.')
    const forged = [
      header,
      Buffer.from(
        Buffer.from(payload ?? '', 'base64url')
          .toString()
          .replace('app', 'kube-system'),
      ).toString('base64url'),
    ]
    expect(await ask('nonsense')).toBe(401)
    expect(await ask([...forged, signature].join('.'))).toBe(401)
    expect(await ask(token)).toBe(403)
    await it.post('/apis/rbac.authorization.k8s.io/v1/namespaces/app/rolebindings', {
      metadata: { name: 'viewers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'app' }],
    })
    expect(await ask(token)).toBe(200)
    await it.send('DELETE', '/api/v1/namespaces/app/serviceaccounts/default')
    expect(await ask(token)).toBe(401)
  } finally {
    await it.stop()
  }
})

describe('a server with an authorization webhook', () => {
  let judge: ReviewServer
  let it: TestServer

  beforeAll(async () => {
    judge = await reviewServer(() => ({}))
    it = await testServer((options) => ({
      ...options,
      authorizationModes: ['RBAC', 'Webhook'],
      authorizationWebhook: {
        timeoutMs: 300,
        authorizedMs: 60_000,
        unauthorizedMs: 60_000,
        version: 'v1beta1',
        failurePolicy: 'NoOpinion',
        kubeConfigFile: judge.kubeconfig,
        matchConditions: [],
      },
    }))
    await it.makeNamespace('app')
  })
  afterAll(async () => {
    await it.stop()
    await judge.close()
  })
  beforeEach(() => {
    judge.asked.length = 0
  })
  let users = 0
  /** Each test asks as somebody of whom nothing is remembered. */
  const asSomebody = (path = PODS) => it.as(`user-${users++}`, 'testers').request({ method: 'GET', path })

  test('asks it what RBAC leaves open, as the kubeconfig says', async () => {
    judge.answer(() => ({ allowed: true, reason: 'I know them' }))
    expect((await asSomebody(`${PODS}?fieldSelector=spec.nodeName=n1&labelSelector=a!=b,c`)).status).toBe(200)
    expect(judge.asked).toHaveLength(1)
    const [{ path, headers, review }] = judge.asked as [(typeof judge.asked)[0]]
    expect(path).toBe('/judge?timeout=300ms')
    expect(headers.authorization).toBe('Bearer for-the-judge')
    expect(review).toEqual({
      kind: 'SubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1beta1',
      metadata: {},
      spec: {
        resourceAttributes: {
          namespace: 'app',
          verb: 'list',
          version: 'v1',
          resource: 'pods',
          fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] },
          labelSelector: {
            requirements: [
              { key: 'a', operator: 'NotIn', values: ['b'] },
              { key: 'c', operator: 'Exists' },
            ],
          },
        },
        user: review.spec.user,
        group: ['testers', 'system:authenticated'],
      },
      status: { allowed: false },
    })
  })

  test('does not ask about what RBAC allows, nor about members of system:masters', async () => {
    expect((await it.admin.request({ method: 'GET', path: PODS })).status).toBe(200)
    expect((await asSomebody('/version')).status).toBe(200)
    expect(judge.asked).toHaveLength(0)
  })

  test('remembers answers', async () => {
    judge.answer(() => ({ allowed: true }))
    const user = it.as('remembered')
    for (let i = 0; i < 3; i++) expect((await user.request({ method: 'GET', path: PODS })).status).toBe(200)
    expect(judge.asked).toHaveLength(1)
  })

  test('does not remember what is asked at great length', async () => {
    judge.answer(() => ({ allowed: true }))
    const user = it.as('long')
    const path = `${PODS}/${'x'.repeat(10_000)}`
    for (let i = 0; i < 2; i++) await user.request({ method: 'GET', path })
    expect(judge.asked).toHaveLength(2)
  })

  test.each([
    ['nothing', { reason: 'no idea' }, 403, /in the namespace "app": no idea$/],
    ['no', { denied: true, reason: 'not them' }, 403, /in the namespace "app": not them$/],
    [
      'yes and no at once',
      { allowed: true, denied: true },
      500,
      /^Internal Server Error: "\/api\/v1\/namespaces\/app\/pods": webhook subject access review returned both allow and deny response\n$/,
    ],
    [
      'a yes that is a text',
      { allowed: 'true' },
      500,
      /: json: cannot unmarshal string into Go struct field SubjectAccessReviewStatus.status.allowed of type bool\n$/,
    ],
    ['a yes that is a number', { allowed: 1 }, 500, /cannot unmarshal/],
  ])('refuses where it says %s', async (_, status, code, text) => {
    judge.answer(() => status)
    const answer = await asSomebody()
    expect([answer.status, typeof answer.body === 'string' ? answer.body : answer.body.message]).toEqual([
      code,
      expect.stringMatching(text),
    ])
  })

  test.each<[string, (response: import('node:http').ServerResponse) => unknown, RegExp]>([
    [
      'hangs',
      () => {},
      /Post "https:.*\/judge\?timeout=300ms": context deadline exceeded \(Client.Timeout exceeded while awaiting headers\)\n$/,
    ],
    ['hangs up', (response) => response.destroy(), /: EOF\n$/],
    ['answers something else', (response) => response.end('hello'), /: couldn't get version\/kind; json parse error: /],
    ['answers with nothing', (response) => response.end(), /0-length response with status code: 200/],
    ['answers an endless text', (response) => response.end(Buffer.alloc(4_000_000, 32)), /the answer is longer than 3145728 bytes\n$/],
    ['answers 403', (response) => response.writeHead(403).end('go away'), /: go away\n$/],
    [
      'answers another kind',
      (response) => response.end('{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"allowed":true}}'),
      /: converting \(v1.TokenReview\) to \(v1beta1.SubjectAccessReview\): unknown conversion\n$/,
    ],
  ])('refuses where it %s, and says why', async (_, answer, text) => {
    judge.answer(() => (response) => void answer(response))
    const { status, body } = await asSomebody()
    expect([status, body]).toEqual([500, expect.stringMatching(text)])
  })

  test('takes an answer that does not say what it is', async () => {
    judge.answer(() => (response) => void response.end('{"status":{"allowed":true}}'))
    expect((await asSomebody()).status).toBe(200)
  })

  test('asks again where another try may help', async () => {
    let asked = 0
    judge.answer(() => (asked++ === 0 ? (response) => void response.writeHead(500).end('not yet') : { allowed: true }))
    expect((await asSomebody()).status).toBe(200)
    expect(asked).toBe(2)
  })

  test('answers reviews by it, with its reason', async () => {
    judge.answer(({ spec }) => (spec.user === 'jane' ? { allowed: true, reason: 'hello' } : { denied: true }))
    const review = (user: string) =>
      it.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', { spec: { user, resourceAttributes: { verb: 'get', resource: 'x' } } })
    expect((await review('jane'))['status']).toEqual({ allowed: true, reason: 'hello' })
    expect((await review('joe'))['status']).toEqual({ allowed: false, denied: true })
  })

  test('counts', async () => {
    expect(await metric(it, 'apiserver_authorization_decisions_total{type="Webhook",name="default",decision="allowed"}')).toBeGreaterThan(3)
    expect(await metric(it, 'apiserver_authorization_decisions_total{type="Webhook",name="default",decision="denied"}')).toBeGreaterThan(1)
    expect(await metric(it, 'apiserver_authorization_decisions_total{type="RBAC",name="rbac",decision="allowed"}')).toBeGreaterThan(0)
    expect(await metric(it, 'apiserver_authorization_webhook_evaluations_total{name="default",result="success"}')).toBeGreaterThan(5)
    expect(await metric(it, 'apiserver_authorization_webhook_evaluations_total{name="default",result="timeout"}')).toBe(1)
    expect(await metric(it, 'apiserver_authorization_webhook_evaluations_fail_open_total{name="default",result="error"}')).toBeGreaterThan(
      3,
    )
    expect(await metric(it, 'apiserver_authorization_webhook_duration_seconds_count{name="default",result="timeout"}')).toBe(1)
  })
})

describe('a server with an AuthorizationConfiguration', () => {
  let judge: ReviewServer
  let it: TestServer
  let folder: string
  let path: string
  const write = (text: string) => {
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
  }
  const configuration = (failurePolicy: string, conditions: readonly string[], more = '') => `
apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: RBAC
  name: rbac
- type: Webhook
  name: judge
  webhook:
    timeout: 2s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: ${failurePolicy}
    cacheAuthorizedRequests: false
    cacheUnauthorizedRequests: false
    connectionInfo:
      type: KubeConfigFile
      kubeConfigFile: ${judge.kubeconfig}
    matchConditions:
${conditions.map((expression) => `    - expression: ${JSON.stringify(expression)}`).join('\n')}
${more}`

  beforeAll(async () => {
    judge = await reviewServer(() => ({ allowed: true }))
    folder = mkdtempSync(join(tmpdir(), 'podpass-authorization-'))
    path = join(folder, 'authorization.yaml')
    write(configuration('Deny', ['has(request.resourceAttributes)', "request.groups.exists(g, g == 'testers')"]))
    it = await testServer((options) => ({ ...options, authorizationConfig: { path, read: () => readFileSync(path) } }))
    await it.makeNamespace('app')
  })
  afterAll(async () => {
    await it.stop()
    await judge.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const list = (...groups: string[]) => it.as('jane', ...groups).request({ method: 'GET', path: PODS })
  const reloads = (status: string) =>
    metric(it, new RegExp(`^apiserver_authorization_config_controller_automatic_reloads_total\\{status="${status}",`))

  test('asks the webhook where its conditions hold', async () => {
    expect((await list('testers')).status).toBe(200)
    expect(judge.asked.at(-1)?.review).toMatchObject({
      apiVersion: 'authorization.k8s.io/v1',
      spec: { groups: ['testers', 'system:authenticated'] },
    })
    const before = judge.asked.length
    expect((await list('others')).status).toBe(403)
    expect((await it.as('jane', 'testers').request({ method: 'GET', path: '/metrics' })).status).toBe(403)
    expect(judge.asked.length).toBe(before)
    expect(await metric(it, 'apiserver_authorization_match_condition_exclusions_total{type="Webhook",name="judge"}')).toBe(2)
    expect(await metric(it, 'apiserver_authorization_decisions_total{type="Webhook",name="judge",decision="allowed"}')).toBe(1)
  })

  test('takes another configuration when the file changes', async () => {
    write(configuration('Deny', ["request.user == 'joe'"]))
    await it.until('the new conditions count', async () => (await list('testers')).status === 403)
    expect(await reloads('success')).toBe(1)
    write(configuration('Deny', ["request.user == 'jane'"]))
    await it.until('the newest conditions count', async () => (await list('testers')).status === 200)
    expect(
      await metric(
        it,
        /^apiserver_authorization_config_controller_last_config_info\{apiserver_id_hash="sha256:[0-9a-f]{64}",hash="sha256:/,
      ),
    ).toBe(1)
    expect(
      await metric(it, /^apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds\{status="success",/),
    ).toBeGreaterThan(1e9)
  })

  test('keeps the last good one when the file cannot be used, and counts that', async () => {
    const broken = [
      'authorizers: [',
      configuration('Deny', ['request.nothing']),
      configuration('Deny', [], '- type: Node\n  name: node'),
      configuration('Deny', []).replace('type: RBAC', 'type: AlwaysAllow').replace('name: rbac', 'name: alwaysallow'),
    ]
    for (const text of broken) {
      const before = (await reloads('failure')) ?? 0
      write(text)
      await it.until('it is counted', async () => ((await reloads('failure')) ?? 0) > before)
      expect((await list('testers')).status).toBe(200)
    }
  })

  test.each(['Deny', 'NoOpinion'])('with the failure policy %s an expression that fails never allows', async (policy) => {
    const expression = "request.resourceAttributes.name.split('/')[3] == 'x'"
    write(configuration(policy, [expression]))
    const answer = await it.until('the condition fails', async () => {
      const { status, body } = await list('testers')
      return status === 500 ? (body as unknown as string) : undefined
    })
    expect(answer).toMatch(/cel evaluation error: expression '.*' resulted in error: /)
    expect(
      await metric(it, 'apiserver_authorization_match_condition_evaluation_errors_total{type="Webhook",name="judge"}'),
    ).toBeGreaterThan(0)
  })
})
