import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as jose from 'jose'
import { type Configuration, Provider } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { type TestServer, testServer } from '../src/controllers/testdata/server.ts'
import { createAuthority, issueServer } from '../src/pki/ensure.ts'
import { resultOf } from '../src/server/testdata-access.ts'
import { find } from './machine.ts'

const CLIENT = 'kubectl'
const REDIRECT = 'https://127.0.0.1:1/callback'
const VERIFIER = 'a-verifier-that-is-long-enough-for-the-specification-of-pkce'

const ACCOUNTS: Record<string, Record<string, unknown>> = {
  jane: { email: 'jane@example.com', email_verified: true, groups: ['devs', 'ops'], tenant: 'acme' },
  mary: { email: 'mary@example.com', email_verified: true, groups: ['devs'], tenant: 'acme' },
  joe: { email: 'joe@example.com', email_verified: false, groups: [], tenant: 'acme' },
  mallory: { email: 'admin', email_verified: true, groups: ['system:masters'], tenant: 'acme' },
}

/** `oidc-provider` over HTTPS: people log in with a name, and get an ID token by the authorization code flow. */
async function openProvider() {
  const authority = createAuthority('sso', systemClock.nowMs())
  const { certificate, key } = issueServer(authority, ['127.0.0.1'], systemClock.nowMs())
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {}
  const server = https.createServer({ cert: certificate, key }, (request, response) => handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function use(kid: string): Promise<void> {
    const { privateKey } = await jose.generateKeyPair('RS256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' }
    const settings: Configuration = {
      jwks: { keys: [jwk as never] },
      clients: [{ client_id: CLIENT, token_endpoint_auth_method: 'none', redirect_uris: [REDIRECT], response_types: ['code'] }],
      claims: { openid: ['sub', ...Object.keys(ACCOUNTS['jane'] as object)] },
      conformIdTokenClaims: false,
      cookies: { keys: ['for tests'] },
      ttl: { Interaction: 60, Grant: 60, Session: 60, AccessToken: 60, IdToken: 3600 },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_, { uid }) => `/login/${uid}` },
      findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...ACCOUNTS[accountId] }) }),
      async loadExistingGrant({ oidc }) {
        const grant = new oidc.provider.Grant({ clientId: oidc.client?.clientId ?? '', accountId: oidc.session?.accountId ?? '' })
        grant.addOIDCScope('openid')
        await grant.save()
        return grant
      },
    }
    const provider = new Provider(issuer, settings)
    const callback = provider.callback()
    handle = (request, response) => {
      if (!request.url?.startsWith('/login/')) return void callback(request, response)
      const name = new URL(request.url, issuer).searchParams.get('as') ?? ''
      void provider.interactionFinished(request, response, { login: { accountId: name } }, { mergeWithLastSubmission: false })
    }
  }

  /** One request with the cookies of one browser. */
  async function visit(cookies: Map<string, string>, url: string, body?: string): Promise<{ location: string; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      }
      const sent = https.request(
        url,
        { ca: authority.certificate, agent: false, method: body === undefined ? 'GET' : 'POST', headers },
        (response) => {
          for (const cookie of response.headers['set-cookie'] ?? []) {
            const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
            cookies.set(name, value)
          }
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          const { location = '' } = response.headers
          response.on('end', () => resolve({ location: location && new URL(location, url).href, text: Buffer.concat(chunks).toString() }))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }

  async function login(name: string): Promise<string> {
    const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(VERIFIER))).toString('base64url')
    const cookies = new Map<string, string>()
    const asked = new URLSearchParams({
      client_id: CLIENT,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: REDIRECT,
      code_challenge: challenge,
      code_challenge_method: 'S256',
    })
    let { location } = await visit(cookies, `${issuer}/auth?${asked}`)
    for (let steps = 0; steps < 5 && !location.startsWith(REDIRECT); steps++) {
      const next = location.includes('/login/') ? `${location}?as=${name}` : location
      location = (await visit(cookies, next)).location
    }
    const exchanged = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: CLIENT,
      code: new URL(location).searchParams.get('code') ?? '',
      redirect_uri: REDIRECT,
      code_verifier: VERIFIER,
    })
    return JSON.parse((await visit(cookies, `${issuer}/token`, exchanged.toString())).text).id_token
  }

  await use('first')
  return {
    issuer,
    ca: authority.certificate,
    login,
    /** New keys, and no word of the old ones. */
    rotate: () => use('second'),
    close() {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

describe('an OpenID provider', () => {
  let provider: Awaited<ReturnType<typeof openProvider>>
  let it: TestServer
  let folder: string
  const kubectl = find('kubectl')

  beforeAll(async () => {
    provider = await openProvider()
    folder = mkdtempSync(join(tmpdir(), 'podpass-sso-'))
    const path = join(folder, 'authentication.json')
    writeFileSync(
      path,
      JSON.stringify({
        apiVersion: 'apiserver.config.k8s.io/v1',
        kind: 'AuthenticationConfiguration',
        jwt: [
          {
            issuer: { url: provider.issuer, certificateAuthority: provider.ca, audiences: [CLIENT] },
            claimValidationRules: [
              { expression: 'claims.email_verified == true', message: 'the address has to be verified' },
              { expression: 'claims.exp - claims.iat <= 86400', message: 'a day is long enough' },
            ],
            claimMappings: {
              username: { expression: "claims.email.contains('@') ? 'sso:' + claims.email : claims.email" },
              groups: { expression: 'claims.groups' },
              uid: { claim: 'sub' },
              extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }],
            },
            userValidationRules: [
              {
                expression: "user.groups.all(group, !group.startsWith('system:'))",
                message: 'groups of the system are not given from outside',
              },
            ],
          },
        ],
      }),
    )
    it = await testServer((options) => ({ ...options, authenticationConfig: { path, read: () => readFileSync(path) } }))
    await it.until('the provider is found', async () => (await list('jane')).status === 403)
    await it.makeNamespace('dev')
    await it.post('/apis/rbac.authorization.k8s.io/v1/namespaces/dev/rolebindings', {
      metadata: { name: 'devs' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'devs' }],
    })
  })
  afterAll(async () => {
    await it?.stop()
    await provider.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const list = async (name: string) =>
    resultOf(it, '/api/v1/namespaces/dev/pods', { authorization: `Bearer ${await provider.login(name)}` })

  test('S132: who logs in there is known first (401), and then may what RBAC allows (403)', async () => {
    expect((await list('jane')).status).toBe(200)
    expect((await list('joe')).status).toBe(401)
    expect((await list('mallory')).status).toBe(401)
    const elsewhere = await resultOf(it, '/api/v1/namespaces/kube-system/pods', { authorization: `Bearer ${await provider.login('jane')}` })
    expect(elsewhere).toMatchObject({
      status: 403,
      body: {
        message:
          'pods is forbidden: User "sso:jane@example.com" cannot list resource "pods" in API group "" in the namespace "kube-system"',
      },
    })
  })

  async function asKubectl(name: string): Promise<unknown> {
    const authority = join(folder, 'ca.crt')
    writeFileSync(authority, it.authority.certificate)
    const { stdout } = await promisify(execFile)(
      kubectl as string,
      [
        '--kubeconfig=/dev/null',
        `--server=${it.server.url}`,
        `--certificate-authority=${authority}`,
        `--token=${await provider.login(name)}`,
        'auth',
        'whoami',
        '-o',
        'json',
      ],
      // It keeps a cache at home.
      { env: { HOME: folder } },
    )
    return JSON.parse(stdout).status.userInfo
  }
  const jane = {
    username: 'sso:jane@example.com',
    uid: 'jane',
    groups: ['devs', 'ops', 'system:authenticated'],
    extra: { 'example.com/tenant': ['acme'] },
  }

  test.skipIf(kubectl === undefined)('whom it names is whom kubectl sees', async () => {
    expect(await asKubectl('jane')).toEqual(jane)
  })

  test('that changes its keys is followed: new tokens count', async () => {
    // Hers alone: a token that was seen in the last seconds counts for as long again, and two of one second may be the same.
    const old = await provider.login('mary')
    await provider.rotate()
    await it.until('the new key is known', async () => (await list('jane')).status === 200)
    if (kubectl !== undefined) expect(await asKubectl('jane')).toEqual(jane)
    // Its key was fetched once and is published no more.
    expect((await resultOf(it, '/api/v1/namespaces/dev/pods', { authorization: `Bearer ${old}` })).status).toBe(401)
  })
})
