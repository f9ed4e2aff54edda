import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TestIssuers, testIssuers } from '../authentication/testdata-issuer.ts'
import { type ReviewServer, reviewServer } from '../client/testdata-reviews.ts'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'
import type { ConfigurationFile } from './followed-file.ts'
import { metric, resultOf } from './testdata-access.ts'

const WHOAMI = '/apis/authentication.k8s.io/v1/selfsubjectreviews'

interface Who {
  status: number
  user?: { username: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> }
}

/** Whom the server takes the sender of a token for. */
async function whoami(it: TestServer, token: string): Promise<Who> {
  const { status, body } = await resultOf(
    it,
    WHOAMI,
    { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    { body: '{}' },
  )
  return { status, user: (body as { status?: { userInfo?: Who['user'] } }).status?.userInfo } as Who
}

/** A file, and a way to replace it at once. */
function configurationFile(): { file: ConfigurationFile; write(text: string): void; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'podpass-authentication-'))
  const path = join(folder, 'authentication.yaml')
  return {
    file: { path, read: () => readFileSync(path) },
    write(text) {
      writeFileSync(`${path}.new`, text)
      renameSync(`${path}.new`, path)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const configuration = (jwt: readonly object[], more: object = {}) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt, ...more })

describe('S126: tokens of other platforms log in through structured authentication', () => {
  let issuers: TestIssuers
  let it: TestServer
  const configured = configurationFile()

  beforeAll(async () => {
    issuers = await testIssuers()
    const issuer = (name: string, ...audiences: string[]) => ({
      url: issuers.url(name),
      certificateAuthority: issuers.ca,
      audiences,
      ...(audiences.length > 1 && { audienceMatchPolicy: 'MatchAny' }),
    })
    const ofCluster = (prefix: string) => ({
      username: {
        expression: `'${prefix}:' + claims.kubernetes__dot__io.namespace + ':' + claims.kubernetes__dot__io.serviceaccount.name`,
      },
      groups: { expression: `['${prefix}', '${prefix}:' + claims.kubernetes__dot__io.namespace]` },
      uid: { expression: 'claims.kubernetes__dot__io.serviceaccount.uid' },
    })
    configured.write(
      configuration([
        {
          issuer: issuer('github-actions', 'podpass'),
          claimValidationRules: [
            { claim: 'repository_owner', requiredValue: 'octo-org' },
            { expression: "claims.ref.startsWith('refs/heads/')", message: 'only branches may deploy' },
          ],
          claimMappings: {
            username: { expression: "'github:' + claims.repository + ':' + claims.job_workflow_ref" },
            groups: { expression: "['github:' + claims.repository_owner, 'github:env:' + claims.?environment.orValue('none')]" },
            extra: [
              { key: 'github.example/run', valueExpression: 'claims.run_id' },
              { key: 'github.example/actor', valueExpression: '[claims.actor, claims.triggering_actor]' },
            ],
          },
        },
        {
          issuer: issuer('gitlab', 'podpass', 'https://gitlab.example'),
          claimValidationRules: [{ expression: "claims.ref_protected == 'true'", message: 'the branch is not protected' }],
          claimMappings: {
            username: { claim: 'project_path', prefix: 'gitlab:' },
            groups: { claim: 'groups_direct', prefix: 'gitlab:' },
            uid: { claim: 'jti' },
          },
          userValidationRules: [
            { expression: "!user.groups.exists(g, g.startsWith('system:'))", message: 'groups of the system are reserved' },
          ],
        },
        { issuer: issuer('eks', 'sts.amazonaws.com'), claimMappings: ofCluster('eks') },
        { issuer: issuer('gke', 'project.svc.id.goog'), claimMappings: ofCluster('gke') },
      ]),
    )
    it = await testServer((options) => ({ ...options, authenticationConfig: configured.file }))
    await it.until('the issuers are found', async () => issuers.asked.filter((path) => path.endsWith('configuration')).length === 4)
  })
  afterAll(async () => {
    await it.stop()
    await issuers.close()
    configured.remove()
  })

  const github = {
    jti: 'run-1',
    sub: 'repo:octo-org/octo-repo:environment:prod',
    aud: 'podpass',
    ref: 'refs/heads/main',
    repository: 'octo-org/octo-repo',
    repository_owner: 'octo-org',
    repository_id: '74',
    actor: 'octocat',
    triggering_actor: 'hubot',
    workflow: 'deploy',
    event_name: 'push',
    environment: 'prod',
    run_id: '1234',
    job_workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  }
  const gitlab = {
    jti: 'c82eeb0c-5c6f-4a33-abf5-4c474b92b558',
    aud: 'https://gitlab.example',
    sub: 'project_path:mygroup/my-project:ref_type:branch:ref:main',
    project_path: 'mygroup/my-project',
    project_id: '20',
    namespace_path: 'mygroup',
    user_login: 'sample-user',
    ref: 'main',
    ref_type: 'branch',
    ref_protected: 'true',
    pipeline_id: '648',
    groups_direct: ['mygroup/devs', 'other/ops'],
  }
  const ofCluster = (aud: string) => ({
    aud: [aud],
    sub: 'system:serviceaccount:shop:payments',
    'kubernetes.io': {
      namespace: 'shop',
      pod: { name: 'payments-1', uid: 'p-uid' },
      serviceaccount: { name: 'payments', uid: 'sa-uid' },
      warnafter: 1_700_000_000,
    },
  })

  test('GitHub Actions', async () => {
    expect(await whoami(it, await issuers.token('github-actions', github))).toEqual({
      status: 201,
      user: {
        username: 'github:octo-org/octo-repo:octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
        groups: ['github:octo-org', 'github:env:prod', 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': ['JTI=run-1'],
          'github.example/run': ['1234'],
          'github.example/actor': ['octocat', 'hubot'],
        },
      },
    })
  })
  test('GitLab CI', async () => {
    expect(await whoami(it, await issuers.token('gitlab', gitlab))).toEqual({
      status: 201,
      user: {
        username: 'gitlab:mygroup/my-project',
        uid: gitlab.jti,
        groups: ['gitlab:mygroup/devs', 'gitlab:other/ops', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [`JTI=${gitlab.jti}`] },
      },
    })
  })
  test.each([
    ['EKS', 'eks', 'sts.amazonaws.com'],
    ['GKE', 'gke', 'project.svc.id.goog'],
  ])('%s', async (_, name, audience) => {
    expect((await whoami(it, await issuers.token(name, ofCluster(audience)))).user).toEqual({
      username: `${name}:shop:payments`,
      uid: 'sa-uid',
      groups: [name, `${name}:shop`, 'system:authenticated'],
    })
  })

  test.each<[string, string, object, object]>([
    ['of another owner', 'github-actions', github, { repository_owner: 'evil-org' }],
    ['of a pull request', 'github-actions', github, { ref: 'refs/pull/1/merge' }],
    ['without a claim that is asked for', 'github-actions', github, { actor: undefined }],
    ['for somebody else', 'github-actions', github, { aud: 'vault' }],
    ['of an unprotected branch', 'gitlab', gitlab, { ref_protected: 'false' }],
    ['whose groups are no texts', 'gitlab', gitlab, { groups_direct: [1] }],
    ['of another issuer of the same server', 'gitlab', github, {}],
    ['that has expired', 'github-actions', github, { exp: 1_700_000_000 }],
    ['without an account', 'eks', ofCluster('sts.amazonaws.com'), { 'kubernetes.io': { namespace: 'shop' } }],
  ])('one %s does not', async (_, name, claims, change) => {
    expect(await whoami(it, await issuers.token(name, claims as Record<string, unknown>, change as Record<string, unknown>))).toEqual({
      status: 401,
    })
  })

  test('one that is signed by another issuer does not', async () => {
    const stolen = await issuers.token('gke', { ...github, iss: issuers.url('github-actions') })
    expect((await whoami(it, stolen)).status).toBe(401)
  })

  test('its rights come from RBAC, by its mapped groups', async () => {
    await it.makeNamespace('shop')
    await it.post('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings', {
      metadata: { name: 'prod' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'github:env:prod' }],
    })
    const list = async (environment: string) =>
      (
        await resultOf(it, '/api/v1/namespaces/shop/pods', {
          authorization: `Bearer ${await issuers.token('github-actions', { ...github, environment })}`,
        })
      ).status
    expect([await list('prod'), await list('test')]).toEqual([200, 403])
  })

  test('is counted by the hash of its issuer', async () => {
    const of = (name: string) =>
      new RegExp(`^apiserver_authentication_jwt_authenticator_${name}\\{result="success",jwt_issuer_hash="sha256:[0-9a-f]{64}"`)
    expect(await metric(it, of('latency_seconds_count'))).toBeGreaterThan(0)
    expect(await metric(it, of('jwks_fetch_last_timestamp_seconds'))).toBeGreaterThan(1e9)
    expect(await metric(it, /^apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info\{/)).toBe(1)
  })
})

describe('a server whose AuthenticationConfiguration changes', () => {
  let issuers: TestIssuers
  let it: TestServer
  const configured = configurationFile()
  const entry = (name: string, prefix: string) => ({
    issuer: { url: issuers.url(name), certificateAuthority: issuers.ca, audiences: ['podpass'] },
    claimMappings: { username: { claim: 'sub', prefix } },
  })
  const anonymous = { enabled: true, conditions: [{ path: '/livez' }, { path: '/version' }] }
  const name = async (issuer: string) => (await whoami(it, await issuers.token(issuer, { sub: 'jane', aud: 'podpass' }))).user?.username
  const reloads = (status: string) =>
    metric(it, new RegExp(`^apiserver_authentication_config_controller_automatic_reloads_total\\{status="${status}",`))

  beforeAll(async () => {
    issuers = await testIssuers()
    configured.write(configuration([entry('one', 'a:')], { anonymous }))
    it = await testServer((options) => ({ ...options, authenticationConfig: configured.file }))
  })
  afterAll(async () => {
    await it.stop()
    await issuers.close()
    configured.remove()
  })

  test('lets anonymous requests in where the file says so', async () => {
    for (const [path, status] of [
      ['/livez', 200],
      ['/version', 200],
      ['/livez/ping', 401],
      ['/healthz', 401],
      ['/api', 401],
    ] as const)
      expect([path, (await resultOf(it, path)).status]).toEqual([path, status])
  })

  test('takes the new issuers once they are found', async () => {
    await it.until('the first issuer is found', async () => (await name('one')) === 'a:jane')
    configured.write(configuration([entry('one', 'b:'), entry('two', 'c:')], { anonymous }))
    await it.until('the new mapping counts', async () => (await name('one')) === 'b:jane')
    expect(await name('two')).toBe('c:jane')
    expect(await reloads('success')).toBe(1)
    expect(
      await metric(it, /^apiserver_authentication_config_controller_last_config_info\{apiserver_id_hash="sha256:.*",hash="sha256:/),
    ).toBe(1)
  })

  test('follows an issuer that rotates its keys', async () => {
    expect(await name('two')).toBe('c:jane')
    await issuers.rotate('two')
    await it.until('the new key is known', async () => (await name('two')) === 'c:jane')
  })

  test('keeps the last good one when the file cannot be used, and counts that', async () => {
    for (const text of [
      '',
      'jwt: [',
      configuration([entry('one', 'x:'), entry('one', 'y:')], { anonymous }),
      configuration([{ ...entry('one', 'x:'), issuer: { ...entry('one', '').issuer, url: 'https://kubernetes.default.svc' } }], {
        anonymous,
      }),
      configuration([entry('one', 'x:')], { anonymous: { enabled: false } }),
      configuration([entry('one', 'x:')]),
    ]) {
      const before = (await reloads('failure')) ?? 0
      configured.write(text)
      await it.until('it is counted', async () => ((await reloads('failure')) ?? 0) > before)
      expect(await name('one')).toBe('b:jane')
    }
  })

  test('waits for an issuer that is not there yet, with the old ones', async () => {
    issuers.fail('three', true)
    configured.write(configuration([entry('three', 'd:')], { anonymous }))
    await it.until('it is asked for', async () => issuers.asked.some((path) => path.startsWith('/three/')))
    expect(await name('one')).toBe('b:jane')
    expect(await name('three')).toBeUndefined()
  })
})

describe('a server with --oidc-* flags', () => {
  let issuers: TestIssuers
  let it: TestServer
  beforeAll(async () => {
    issuers = await testIssuers()
    it = await testServer((options) => ({
      ...options,
      oidc: {
        issuerUrl: issuers.url('sso'),
        clientId: 'podpass',
        ca: issuers.ca,
        usernameClaim: 'email',
        usernamePrefix: '',
        groupsClaim: 'roles',
        groupsPrefix: 'sso:',
        signingAlgorithms: ['ES256'],
        requiredClaims: { tenant: 'a' },
      },
    }))
    await it.until('the issuer is found', async () => (await whoami(it, await issuers.token('sso', claims))).status === 201)
  })
  afterAll(async () => {
    await it.stop()
    await issuers.close()
  })
  const claims = { sub: '1', aud: 'podpass', email: 'jane@example.com', email_verified: true, roles: 'devs', tenant: 'a' }

  test('knows users by a claim, and groups by another', async () => {
    expect((await whoami(it, await issuers.token('sso', claims))).user).toEqual({
      username: 'jane@example.com',
      groups: ['sso:devs', 'system:authenticated'],
    })
  })
  test.each([
    { email_verified: false },
    { email_verified: 'true' },
    { tenant: 'b' },
    { tenant: undefined },
    { email: undefined },
    { roles: 7 },
  ])('refuses a token with %j', async (change) => {
    expect((await whoami(it, await issuers.token('sso', claims, change))).status).toBe(401)
  })
})

describe('groups that are kept elsewhere', () => {
  let issuers: TestIssuers
  let it: TestServer
  const configured = configurationFile()
  beforeAll(async () => {
    issuers = await testIssuers()
    const issuer = { url: issuers.url('sso'), certificateAuthority: issuers.ca, audiences: ['podpass'] }
    configured.write(
      configuration([{ issuer, claimMappings: { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: 'sso:' } } }]),
    )
    it = await testServer((options) => ({ ...options, authenticationConfig: configured.file }))
    await it.until(
      'the issuer is found',
      async () => (await whoami(it, await issuers.token('sso', { sub: 'joe', aud: 'podpass' }))).status === 201,
    )
  })
  afterAll(async () => {
    await it.stop()
    await issuers.close()
    configured.remove()
  })
  const elsewhere = (accessToken = 'let me in') => ({
    sub: 'jane',
    aud: 'podpass',
    _claim_names: { groups: 'directory' },
    _claim_sources: { directory: { endpoint: `${issuers.url('directory')}/claims`, access_token: accessToken } },
  })
  const asked = async (claims: Record<string, unknown>) => whoami(it, await issuers.token('sso', claims))

  test('are fetched, and believed when their issuer signed them', async () => {
    issuers.claims('directory', await issuers.token('directory', { aud: 'podpass', groups: ['devs', 'ops'] }), 'let me in')
    expect((await asked(elsewhere())).user?.groups).toEqual(['sso:devs', 'sso:ops', 'system:authenticated'])
  })
  test('are not asked for when the token has groups', async () => {
    const before = issuers.asked.length
    expect((await asked({ ...elsewhere(), groups: 'own' })).user?.groups).toEqual(['sso:own', 'system:authenticated'])
    expect(issuers.asked.length).toBe(before)
  })
  test.each<[string, () => Promise<string>, object]>([
    ['are for somebody else', () => issuers.token('directory', { aud: 'vault', groups: ['devs'] }), {}],
    ['are signed by another', () => issuers.token('other', { aud: 'podpass', groups: ['devs'], iss: issuers.url('directory') }), {}],
    ['have expired', () => issuers.token('directory', { aud: 'podpass', groups: ['devs'], exp: 1_700_000_000 }), {}],
    ['are missing', () => issuers.token('directory', { aud: 'podpass' }), {}],
    ['are no token', async () => 'groups: devs', {}],
    ['have no source', () => issuers.token('directory', { aud: 'podpass', groups: ['devs'] }), { _claim_sources: {} }],
    ['have no sources', () => issuers.token('directory', { aud: 'podpass', groups: ['devs'] }), { _claim_sources: undefined }],
    [
      'are not given out',
      () => issuers.token('directory', { aud: 'podpass', groups: ['devs'] }),
      { _claim_sources: { directory: { endpoint: 'https://127.0.0.1:1/claims' } } },
    ],
    [
      'are not encrypted on their way',
      () => issuers.token('directory', { aud: 'podpass', groups: ['devs'] }),
      { _claim_sources: { directory: { endpoint: 'http://127.0.0.1:1/claims' } } },
    ],
  ])('that %s let nobody in', async (_, make, change) => {
    issuers.claims('directory', await make(), 'let me in')
    expect((await asked({ ...elsewhere(), ...change })).status).toBe(401)
  })
  test('are not given to who shows another access token', async () => {
    issuers.claims('directory', await issuers.token('directory', { aud: 'podpass', groups: ['devs'] }), 'let me in')
    expect((await asked(elsewhere('guess'))).status).toBe(401)
  })
})

describe('a server with a token webhook', () => {
  let judge: ReviewServer
  let it: TestServer
  let tokens = 0
  beforeAll(async () => {
    judge = await reviewServer(() => ({}))
    it = await testServer((options) => ({
      ...options,
      tokenWebhook: { kubeConfigFile: judge.kubeconfig, version: 'v1', cacheSeconds: 60, timeoutMs: 300 },
    }))
  })
  afterAll(async () => {
    await it.stop()
    await judge.close()
  })
  beforeEach(() => {
    judge.asked.length = 0
  })
  const somebody = () => whoami(it, `token-${tokens++}`)

  test('takes its word for who somebody is, and remembers it', async () => {
    judge.answer(() => ({
      authenticated: true,
      user: { username: 'jane', uid: 'u', groups: ['devs'], extra: { 'example.org/a': ['b'] } },
    }))
    const token = `token-${tokens++}`
    for (let i = 0; i < 2; i++)
      expect(await whoami(it, token)).toEqual({
        status: 201,
        user: { username: 'jane', uid: 'u', groups: ['devs', 'system:authenticated'], extra: { 'example.org/a': ['b'] } },
      })
    expect(judge.asked).toHaveLength(1)
    expect(judge.asked[0]?.review).toEqual({
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      spec: { token, audiences: ['https://kubernetes.default.svc'] },
      status: { user: {} },
    })
  })

  test('does not ask it about service account tokens', async () => {
    await it.makeNamespace('app')
    const minted = await it.send('POST', '/api/v1/namespaces/app/serviceaccounts/default/token', { spec: {} })
    expect((await whoami(it, minted['status'].token)).user?.username).toBe('system:serviceaccount:app:default')
    expect(judge.asked).toHaveLength(0)
  })

  test.each<[string, Record<string, unknown>]>([
    ['no', {}],
    ['no, and why', { error: 'it is stolen' }],
    ['yes, for others', { authenticated: true, audiences: ['vault'], user: { username: 'jane' } }],
    ['yes, and nobody', { authenticated: true }],
    ['a yes that is a text', { authenticated: 'true', user: { username: 'jane' } }],
    ['groups that are none', { authenticated: true, user: { username: 'jane', groups: 'system:masters' } }],
  ])('refuses where it says %s', async (_, status) => {
    judge.answer(() => status)
    expect(await somebody()).toEqual({ status: 401 })
  })

  test.each<[string, (response: import('node:http').ServerResponse) => unknown]>([
    ['hangs', () => {}],
    ['hangs up', (response) => response.destroy()],
    ['answers no JSON', (response) => response.end('yes')],
    ['answers an endless text', (response) => response.end(Buffer.alloc(4_000_000, 32))],
    ['answers 401', (response) => response.writeHead(401).end()],
  ])('refuses where it %s', async (_, answer) => {
    judge.answer(() => (response) => void answer(response))
    expect(await somebody()).toEqual({ status: 401 })
  })

  test('answers token reviews by it, for the audiences that it confirms', async () => {
    judge.answer(({ spec }) => ({ authenticated: true, audiences: ['vault'], user: { username: `of ${spec.audiences.join()}` } }))
    const review = await it.post('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token: 'elsewhere', audiences: ['vault', 'db'] },
    })
    expect(review['status']).toEqual({
      authenticated: true,
      audiences: ['vault'],
      user: { username: 'of vault,db', groups: ['system:authenticated'] },
    })
  })
})
