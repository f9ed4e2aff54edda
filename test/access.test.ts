/**
 * The commands about permissions against a running server, as a user has them.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpsClient } from '../src/client/https-client.ts'
import { loadClientConfig } from '../src/client/kubeconfig.ts'
import { systemClock } from '../src/clock.ts'
import { run } from './clients/run.ts'
import { COMMAND, type Running, startServe } from './podpass.ts'

let server: Running
let kubeconfig: string
let client: HttpsClient

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const podpass = (...args: string[]) => run(process.execPath, [COMMAND, ...args, '--kubeconfig', kubeconfig])
const bot = ['--as', 'system:serviceaccount:production:deploy-bot']

beforeAll(async () => {
  server = await startServe('embedded')
  kubeconfig = server.file('admin.kubeconfig')
  client = new HttpsClient(loadClientConfig({ env: {}, cwd: '/', path: kubeconfig }), { clock: systemClock, userAgent: 'test' })
  const make = (path: string, body: object) => client.call({ method: 'POST', path, body })
  for (const name of ['production', 'monitoring', 'target-ns', 'source-ns']) await make('/api/v1/namespaces', { metadata: { name } })
  await make('/api/v1/namespaces/production/serviceaccounts', { metadata: { name: 'deploy-bot' } })
  await make(`${RBAC}/namespaces/production/roles`, {
    metadata: { name: 'deployer' },
    rules: [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['create', 'update', 'get'] },
      { apiGroups: [''], resources: ['services'], verbs: ['create', 'update'] },
    ],
  })
  const bind = (name: string, roleRef: object, account: { name: string; namespace: string }) => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  })
  await make(
    `${RBAC}/namespaces/production/rolebindings`,
    bind('deploy', { kind: 'Role', name: 'deployer' }, { name: 'deploy-bot', namespace: 'production' }),
  )
  await make(
    `${RBAC}/namespaces/target-ns/rolebindings`,
    bind('cross', { kind: 'ClusterRole', name: 'view' }, { name: 'my-sa', namespace: 'source-ns' }),
  )
  await make(`${RBAC}/clusterroles`, {
    metadata: { name: 'cluster-monitor' },
    rules: [
      { apiGroups: [''], resources: ['nodes', 'persistentvolumes', 'namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: ['get', 'list'] },
    ],
  })
  await make(
    `${RBAC}/clusterrolebindings`,
    bind(
      'cluster-monitor-binding',
      { kind: 'ClusterRole', name: 'cluster-monitor' },
      { name: 'monitoring-agent', namespace: 'monitoring' },
    ),
  )
})
afterAll(async () => {
  client?.close()
  await server?.stop()
})

describe('podpass can-i on a server', () => {
  const agent = ['--as', 'system:serviceaccount:monitoring:monitoring-agent']
  const mySa = ['--as', 'system:serviceaccount:source-ns:my-sa']
  test.each<[string, string[], boolean]>([
    ['S17: create deployments in production', [...bot, 'create', 'deploy', '-n', 'production'], true],
    ['S17: update services in production', [...bot, 'update', 'svc', '-n', 'production'], true],
    ['S17: not in default', [...bot, 'create', 'deploy', '-n', 'default'], false],
    ['S28: not in kube-system', [...bot, 'list', 'pods', '-n', 'kube-system'], false],
    [
      'S17: the default account has no access',
      ['--as', 'system:serviceaccount:production:default', 'get', 'pods', '-n', 'production'],
      false,
    ],
    ['S40: list nodes', [...agent, 'list', 'nodes'], true],
    ['S40: not create them', [...agent, 'create', 'nodes'], false],
    ['S40: nodes of a group that is not served', [...agent, 'get', 'nodes.metrics.k8s.io'], true],
    ['S41: in the target namespace', [...mySa, 'get', 'pods', '-n', 'target-ns'], true],
    ['S41: not in its own', [...mySa, 'get', 'pods', '-n', 'source-ns'], false],
    ['ourselves', ['*', '*'], true],
  ])('%s', async (_, args, allowed) => {
    expect(await podpass('can-i', ...args)).toMatchObject({ code: allowed ? 0 : 1, out: allowed ? 'yes\n' : 'no\n' })
  })
})

describe('podpass why on a server', () => {
  test('names the chain, and the aggregated role as the controller filled it', async () => {
    const { code, out } = await podpass('why', ...bot, 'update', 'deployments', '-n', 'production')
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /RoleBinding production\/deploy +ServiceAccount production\/deploy-bot +Role production\/deployer +create,update,get deployments\.apps\n/,
      ),
    })
    const view = await podpass(
      'why',
      '--as',
      'system:serviceaccount:source-ns:my-sa',
      'get',
      'pods',
      '--subresource',
      'log',
      '-n',
      'target-ns',
      '-o',
      'json',
    )
    expect(JSON.parse(view.out)).toMatchObject({
      allowed: true,
      chains: [{ role: { name: 'view' }, aggregatedFrom: ['system:aggregate-to-view'] }],
      server: { allowed: true },
    })
  })

  test('what --fix prints is accepted by the server and allows what was asked, and no more', async () => {
    const asked = [...bot, 'get', 'secrets/registry', '-n', 'production']
    expect((await podpass('can-i', ...asked)).code).toBe(1)
    const { out } = await podpass('why', ...asked, '-o', 'json')
    for (const object of JSON.parse(out).suggestion.objects) {
      const path = `${RBAC}/namespaces/production/${object.kind.toLowerCase()}s`
      await client.call({ method: 'POST', path, body: object })
    }
    expect((await podpass('can-i', ...asked)).code).toBe(0)
    expect((await podpass('can-i', ...bot, 'get', 'secrets/other', '-n', 'production')).code).toBe(1)
    expect((await podpass('why', ...asked, '--fix')).out).toBe('')
  })

  test('says so where the server decides by more than RBAC', async () => {
    const { out } = await podpass('why', '--as', 'system:node:n1', '--as-group', 'system:nodes', 'get', 'nodes/n1')
    expect(out).toMatch(/^no: .*(.*\n)*\nThe server itself says yes/)
  })
})

describe('accessexplanations', () => {
  const explain = (spec: object) =>
    client.call<any>({ method: 'POST', path: '/apis/podpass.dev/v1/accessexplanations', body: { metadata: {}, spec } })
  const account = 'system:serviceaccount:production:deploy-bot'
  const resourceAttributes = { verb: 'update', group: 'apps', resource: 'deployments', namespace: 'production' }

  test('name every chain that grants', async () => {
    const { kind, status } = await explain({ user: account, resourceAttributes })
    expect(kind).toBe('AccessExplanation')
    expect(status).toMatchObject({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "deploy/production" of Role "deployer" to ServiceAccount "deploy-bot/production"',
      chains: [
        {
          binding: { kind: 'RoleBinding', namespace: 'production', name: 'deploy' },
          role: { kind: 'Role', namespace: 'production', name: 'deployer' },
          rule: { verbs: ['create', 'update', 'get'], apiGroups: ['apps'], resources: ['deployments'] },
        },
      ],
    })
  })

  test('of a no say what comes nearest and what would do, and follow the bindings as they change', async () => {
    const asked = { user: account, resourceAttributes: { ...resourceAttributes, verb: 'delete' } }
    const { status } = await explain(asked)
    expect(status.allowed).toBe(false)
    expect(status.nearMisses[0]).toMatchObject({ kind: 'rule', lacks: 'verb', binding: { name: 'deploy' } })
    const [role, binding] = status.suggestion.objects
    await client.call({ method: 'POST', path: `${RBAC}/namespaces/production/roles`, body: role })
    await client.call({ method: 'POST', path: `${RBAC}/namespaces/production/rolebindings`, body: binding })
    const { status: after } = await explain(asked)
    expect(after.chains).toMatchObject([{ binding: { name: binding.metadata.name } }])
    expect(after.nearMisses).toBeUndefined()
    await client.call({ method: 'DELETE', path: `${RBAC}/namespaces/production/rolebindings/${binding.metadata.name}` })
    expect((await explain(asked)).status.allowed).toBe(false)
  })

  test('are about the sender where no user is named, and need exactly one thing to ask', async () => {
    expect((await explain({ nonResourceAttributes: { verb: 'get', path: '/metrics' } })).status).toMatchObject({
      allowed: true,
      superuser: true,
    })
    await expect(explain({ user: account })).rejects.toMatchObject({ status: { code: 422, reason: 'Invalid' } })
  })
})

test('podpass who-can and rules read a server by pages', async () => {
  const { out } = await podpass('who-can', 'update', 'deployments', '-n', 'production', '-o', 'json')
  expect(JSON.parse(out).serviceAccounts).toContainEqual(expect.objectContaining({ namespace: 'production', name: 'deploy-bot' }))
  expect((await podpass('rules', ...bot)).out).toMatch(/\nproduction +services +create,update +RoleBinding production\/deploy\n/)
})

test('an identity that may not read RBAC still hears about itself, and why it hears no more', async () => {
  const { status } = await client.call<{ status: { token: string } }>({
    method: 'POST',
    path: '/api/v1/namespaces/production/serviceaccounts/deploy-bot/token',
    body: { spec: {} },
  })
  const path = join(server.folder, 'bot.kubeconfig')
  const cluster = { server: server.url, 'certificate-authority': server.file('ca.crt') }
  writeFileSync(
    path,
    JSON.stringify({
      'current-context': 'bot',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: status.token } }],
      contexts: [{ name: 'bot', context: { cluster: 'c', user: 'u', namespace: 'production' } }],
    }),
    { mode: 0o600 },
  )
  const asBot = (...args: string[]) => run(process.execPath, [COMMAND, ...args], { env: { KUBECONFIG: path } })
  expect(await asBot('can-i', 'create', 'deploy')).toMatchObject({ code: 0, out: 'yes\n' })
  expect(await asBot('can-i', 'delete', 'deploy')).toMatchObject({ code: 1, out: 'no\n' })
  expect(await asBot('why', 'create', 'deploy')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringMatching(
      /^podpass: .*(roles|bindings).* is forbidden: User "system:serviceaccount:production:deploy-bot" cannot list/,
    ),
  })
})

test('podpass token explain --online says whether a token is alive, and by what it died', async () => {
  const path = '/api/v1/namespaces/production/serviceaccounts'
  await client.call({ method: 'POST', path, body: { metadata: { name: 'short-lived' } } })
  const { status } = await client.call<{ status: { token: string } }>({
    method: 'POST',
    path: `${path}/short-lived/token`,
    body: { spec: {} },
  })
  const explain = () =>
    run(process.execPath, [COMMAND, 'token', 'explain', '--online', '--kubeconfig', kubeconfig], { stdin: status.token })
  const alive = await explain()
  expect(alive).toMatchObject({
    code: 0,
    out: expect.stringMatching(
      /Signature: good\.\nOnline: alive\. The server takes its bearer for system:serviceaccount:production:short-lived\.\n$/,
    ),
  })
  await client.call({ method: 'DELETE', path: `${path}/short-lived` })
  expect((await explain()).out).toMatch(/Signature: good\.\nOnline: dead\. The server says: .*not found.*\n$/)
})

describe('podpass trace', () => {
  const tokenFile = async (spec: object) => {
    const { status } = await client.call<{ status: { token: string } }>({
      method: 'POST',
      path: '/api/v1/namespaces/production/serviceaccounts/deploy-bot/token',
      body: { spec },
    })
    const path = join(server.folder, 'traced-token')
    writeFileSync(path, status.token, { mode: 0o600 })
    return { path, token: status.token }
  }
  const stepsOf = (out: string) => {
    const trace = JSON.parse(out)
    return {
      code: trace.code,
      steps: Object.fromEntries(trace.steps.map(({ step, outcome, detail }: any) => [step, `${outcome}: ${detail}`])),
      trace,
    }
  }

  test('S91: account, token, mount, presentation, signature and RBAC, with times', async () => {
    const pod = { metadata: { name: 'web-1' }, spec: { serviceAccountName: 'deploy-bot', containers: [{ name: 'c', image: 'i' }] } }
    const { metadata } = await client.call({ method: 'POST', path: '/api/v1/namespaces/production/pods', body: pod })
    const { path, token } = await tokenFile({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web-1', uid: metadata?.uid } })
    const { code, out } = await podpass(
      'trace',
      'GET',
      '/apis/apps/v1/namespaces/production/deployments/none',
      '--token-file',
      path,
      '-o',
      'json',
    )
    expect(code).toBe(0)
    const { steps, trace } = stepsOf(out)
    expect(trace).toMatchObject({ code: 404, user: { username: 'system:serviceaccount:production:deploy-bot' } })
    expect(trace.steps.map(({ step }: { step: string }) => step)).toEqual([
      'account',
      'token',
      'mount',
      'present',
      'authenticate',
      'impersonate',
      'fair limits',
      'authorize',
      'answer',
    ])
    expect(steps).toMatchObject({
      account: expect.stringMatching(/^there: ServiceAccount production\/deploy-bot, uid /),
      token: expect.stringMatching(/^issued: .* by https:\/\/kubernetes\.default\.svc for /),
      mount: 'there: in pod production/web-1',
      present: expect.stringMatching(/^bearer token: /),
      authenticate: expect.stringMatching(/^accepted: system:serviceaccount:production:deploy-bot, in system:serviceaccounts, /),
      'fair limits': 'seated: by flow schema service-accounts, priority level workload-low',
      authorize: 'allowed: RBAC: allowed by RoleBinding "deploy/production" of Role "deployer" to ServiceAccount "deploy-bot/production"',
    })
    for (const { atMs, tookMs } of trace.steps.slice(4)) expect(tookMs >= 0 && atMs >= 0).toBe(true)
    for (const part of token.split('.')) expect(out).not.toContain(part)

    await client.call({ method: 'DELETE', path: '/api/v1/namespaces/production/pods/web-1?gracePeriodSeconds=0' })
    const after = stepsOf((await podpass('trace', 'GET', '/api/v1/pods', '--token-file', path, '-o', 'json')).out)
    expect(after).toMatchObject({
      code: 401,
      steps: { mount: 'gone: in pod production/web-1', authenticate: expect.stringMatching(/^refused: .*/) },
    })
    expect(after.steps).not.toHaveProperty('authorize')
  })

  test('shows a write on its way through admission into the store, and not there in a dry run', async () => {
    const body = join(server.folder, 'traced.yaml')
    writeFileSync(body, 'metadata: {name: traced}\ndata: {a: b}\n')
    const post = ['trace', 'POST', '/api/v1/namespaces/default/configmaps', '-f', body]
    expect((await podpass(...post, '--dry-run')).out).toMatch(/: HTTP 201 after .*\n(.*\n)*admission, validating(.*\n)*answer/)
    const { out } = await podpass(...post)
    expect(out).toMatch(/\nstore +\S+ +\S+ +durable +create \/registry\/configmaps\/default\/traced at revision \d+\n/)
    expect((await podpass(...post)).out).toMatch(/: HTTP 409 after .*\nconfigmaps "traced" already exists\n/)
  })

  test('shows a refusal of somebody else, and where a watch begins', async () => {
    expect((await podpass('trace', 'GET', '/api/v1/nodes', '--as', 'jane')).out).toMatch(
      /HTTP 403(.*\n)*impersonate .* done +acts as jane.*\n(.*\n)*authorize .* denied /,
    )
    expect((await podpass('trace', 'GET', '/api/v1/pods?watch=true')).out).toMatch(/: HTTP 200 after /)
  })

  test('is for system:masters only, and in no list of paths', async () => {
    await client.call({
      method: 'POST',
      path: `${RBAC}/clusterrolebindings`,
      body: {
        metadata: { name: 'nearly-master' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'nearly' }],
      },
    })
    const nearly = new HttpsClient(
      { ...loadClientConfig({ env: {}, cwd: '/', path: kubeconfig }), impersonate: { username: 'nearly', groups: [], extra: {} } },
      { clock: systemClock, userAgent: 'test' },
    )
    const body = { method: 'GET', path: '/version' }
    expect(await nearly.request({ method: 'POST', path: '/debug/podpass/trace', body })).toMatchObject({ status: 403 })
    nearly.close()
    expect((await client.call<{ paths: string[] }>({ method: 'GET', path: '/' })).paths).not.toContain('/debug/podpass/trace')
  })

  test.each<[string, unknown]>([
    ['no object', 5],
    ['another method', { method: 'CONNECT', path: '/' }],
    ['no path', { method: 'GET', path: 'x' }],
    ['a path with a line break', { method: 'GET', path: '/x\r\ny' }],
    ['itself', { method: 'POST', path: '/debug/podpass/trace', body: {} }],
  ])('refuses %s', async (_, body) => {
    expect(await client.request({ method: 'POST', path: '/debug/podpass/trace', body })).toMatchObject({ status: 400 })
  })
})
