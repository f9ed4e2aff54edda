/**
 * Tokens that are bound to a Pod, a Secret or a Node, as the guides have it: what is in them, and what they die with.
 *
 * The clock is turned by hand, so that a minute of grace is over when the test says so.
 */
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimsOf } from './account-server.ts'
import { pod, startWorld, type World } from './kubectl.ts'

const ISSUER = 'https://kubernetes.default.svc'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const TOKENS = '/api/v1/namespaces/default/serviceaccounts/my-sa/token'

let world: World
beforeAll(async () => {
  world = await startWorld('--clock=virtual')
  await world.kubectl('create', 'serviceaccount', 'my-sa')
  for (const name of ['node-001', 'node-002']) await world.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name } })
  await world.apply(pod('test-pod', { serviceAccountName: 'my-sa', nodeName: 'node-001' }))
})
afterAll(() => world?.stop())

const createToken = (...args: string[]) => world.kubectl('create', 'token', 'my-sa', ...args)
const boundTo = (kind: string, name: string) => ['--bound-object-kind', kind, '--bound-object-name', name]
const tokenFor = async (kind: string, name: string) => (await createToken(...boundTo(kind, name))).out.trim()
const uidOf = async (kind: string, name: string): Promise<string> => (await world.json('get', kind, name)).metadata.uid
const request = (body: object) => world.server.admin.request({ method: 'POST', path: TOKENS, body })
/** As `kubectl create -o yaml -f tokenreview.yaml` asks for it; JSON is YAML. */
const review = async (token: string, spec: object = {}) => {
  const manifest = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, ...spec } }
  return JSON.parse((await world.kubectlFed(manifest, 'create', '-o', 'json', '-f', '-')).out)
}
const now = async () => Date.parse((await world.podpass('clock')).out.trim())

describe('a token bound to a Pod', () => {
  test('S4, S75: names the live Pod and its node, for the issuer alone, with a jti of its own', async () => {
    const { aud, jti, 'kubernetes.io': bound } = claimsOf(await tokenFor('Pod', 'test-pod'))
    expect(aud).toEqual([ISSUER])
    expect(jti).toMatch(UUID)
    expect(bound).toEqual({
      namespace: 'default',
      node: { name: 'node-001', uid: await uidOf('node', 'node-001') },
      pod: { name: 'test-pod', uid: await uidOf('pod', 'test-pod') },
      serviceaccount: { name: 'my-sa', uid: await uidOf('serviceaccount', 'my-sa') },
    })
  })

  test('S4: names no node while the Pod has none', async () => {
    await world.apply(pod('homeless', { serviceAccountName: 'my-sa' }))
    expect(claimsOf(await tokenFor('Pod', 'homeless'))['kubernetes.io'].node).toBeUndefined()
  })

  test('S5: is refused for a Pod of another account, and for none', async () => {
    await world.apply(pod('of-default'))
    const text = 'cannot bind token for serviceaccount "my-sa" to pod running with different serviceaccount name.'
    expect(await createToken(...boundTo('Pod', 'of-default'))).toMatchObject({ code: 1, err: `error: failed to create token: ${text}\n` })
    const boundObjectRef = (name: string) => ({ spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name } } })
    expect((await request(boundObjectRef('of-default'))).body).toMatchObject({ code: 400, reason: 'BadRequest', message: text })
    expect((await request(boundObjectRef('nowhere'))).body).toMatchObject({ code: 404, message: 'pods "nowhere" not found' })
  })

  test('S10: is said to be bound to the Pod, with the node for information', async () => {
    const token = await tokenFor('Pod', 'test-pod')
    const { out } = await world.podpass('token', 'explain', token)
    expect(out).toMatch(/pod +bound to the pod: test-pod, uid /)
    expect(out).toMatch(/node +where the pod runs; only for information: node-001, uid /)
    expect(out).not.toContain(token.split('.')[2])
  })

  test('S12, S14: dies with the Pod, for good, and not for those who only look at its signature', async () => {
    await world.apply(pod('mortal', { serviceAccountName: 'my-sa' }))
    const token = await tokenFor('Pod', 'mortal')
    expect((await review(token)).status.authenticated).toBe(true)
    await world.kubectl('delete', 'pod', 'mortal')
    const { authenticated, error } = (await review(token)).status
    expect(authenticated).toBeUndefined()
    expect(error).toContain('service account token has been invalidated')
    const keys = createLocalJWKSet(JSON.parse((await world.kubectl('get', '--raw', '/openid/v1/jwks')).out))
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: ISSUER, currentDate: new Date(await now()) })
    expect(payload.sub).toBe('system:serviceaccount:default:my-sa')
    await world.apply(pod('mortal', { serviceAccountName: 'my-sa' }))
    expect((await review(token)).status.authenticated).toBeUndefined()
  })

  test('S13: works for a minute after the Pod was to go, where something holds it', async () => {
    await world.apply(pod('held', { serviceAccountName: 'my-sa' }, { finalizers: ['example.com/hold'] }))
    const token = await tokenFor('Pod', 'held')
    await world.kubectl('delete', 'pod', 'held', '--wait=false')
    const { deletionTimestamp } = (await world.json('get', 'pod', 'held')).metadata
    // The clock is shown in whole seconds: it may be most of one ahead.
    const turnTo = async (ms: number) => world.podpass('clock', 'advance', `${ms - (await now())}ms`)
    await turnTo(Date.parse(deletionTimestamp) + 59_000)
    expect(await world.server.statusOf(token)).toBe(200)
    await turnTo(Date.parse(deletionTimestamp) + 62_000)
    expect(await world.server.statusOf(token)).toBe(401)
    expect((await review(token)).status.authenticated).toBeUndefined()
  })

  test('S130: is another one each time, for each Pod', async () => {
    await world.apply(pod('twin', { serviceAccountName: 'my-sa' }))
    const tokens = [await tokenFor('Pod', 'test-pod'), await tokenFor('Pod', 'test-pod'), await tokenFor('Pod', 'twin')]
    expect(new Set(tokens.map((token) => claimsOf(token).jti)).size).toBe(3)
  })
})

describe('a token bound to something else', () => {
  test('S6: may be bound to a Secret, and to nothing but the three', async () => {
    await world.kubectl('create', 'secret', 'generic', 'anchor')
    const token = await tokenFor('Secret', 'anchor')
    expect(claimsOf(token)['kubernetes.io'].secret).toEqual({ name: 'anchor', uid: await uidOf('secret', 'anchor') })
    const { body } = await request({ spec: { boundObjectRef: { kind: 'ConfigMap', apiVersion: 'v1', name: 'kube-root-ca.crt' } } })
    expect(body).toMatchObject({ code: 400, message: 'cannot bind token to object of type /v1, Kind=ConfigMap' })
    expect(await world.server.statusOf(token)).toBe(200)
    await world.kubectl('delete', 'secret', 'anchor')
    expect(await world.server.statusOf(token)).toBe(401)
  })

  test('S7: kubectl refuses the command that lacks a space, and sends nothing', async () => {
    const issued = async () => (await world.json('get', 'issuedtokens')).items.length
    const before = await issued()
    const { code, err } = await createToken('--bound-object-kind=Pod--bound-object-name=test-pod')
    expect([code, err]).toEqual([1, 'error: supported --bound-object-kind values are Node, Pod, Secret\n'])
    expect(await issued()).toBe(before)
  })

  test('S6, S60, S61: a Node needs its own uid, with and without the old variable, and takes its tokens with it', async () => {
    const uid = await uidOf('node', 'node-002')
    const { err } = await createToken(...boundTo('Node', 'node-002'), '--bound-object-uid', '123-456')
    expect(err).toContain('the UID in the bound object reference (123-456) does not match the UID in record')
    const tokens: string[] = []
    for (const variables of [{}, { KUBECTL_NODE_BOUND_TOKENS: 'true' }]) {
      const { out } = await world.kubectlWith(
        variables,
        'create',
        'token',
        'my-sa',
        ...boundTo('Node', 'node-002'),
        '--bound-object-uid',
        uid,
      )
      tokens.push(out.trim())
    }
    for (const token of tokens) {
      expect(claimsOf(token)['kubernetes.io'].node).toEqual({ name: 'node-002', uid })
      expect(await world.server.statusOf(token)).toBe(200)
    }
    await world.kubectl('delete', 'node', 'node-002')
    for (const token of tokens) expect(await world.server.statusOf(token)).toBe(401)
  })
})

describe('TokenReview', () => {
  test('S8: says who a token is, down to its Pod and node', async () => {
    const token = await tokenFor('Pod', 'test-pod')
    const { spec, status } = await review(token)
    expect(spec.token).toBe(token)
    expect(status).toEqual({
      authenticated: true,
      audiences: [ISSUER],
      user: {
        username: 'system:serviceaccount:default:my-sa',
        uid: await uidOf('serviceaccount', 'my-sa'),
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${claimsOf(token).jti}`],
          'authentication.kubernetes.io/node-name': ['node-001'],
          'authentication.kubernetes.io/node-uid': [await uidOf('node', 'node-001')],
          'authentication.kubernetes.io/pod-name': ['test-pod'],
          'authentication.kubernetes.io/pod-uid': [await uidOf('pod', 'test-pod')],
        },
      },
    })
  })

  test('S8: is refused as YAML without spaces after colons, and taken with them', async () => {
    const token = await tokenFor('Pod', 'test-pod')
    const manifest = (separator: string) =>
      ['apiVersion:authentication.k8s.io/v1', 'kind:TokenReview', `spec:\n  token:${token}`].join('\n').replaceAll(/:(?=[aTe])/g, separator)
    const { err } = await world.kubectlFed(manifest(':'), 'create', '-o', 'yaml', '-f', '-')
    expect(err).toContain('mapping values are not allowed in this context')
    const { out } = await world.kubectlFed(manifest(': '), 'create', '-o', 'yaml', '-f', '-')
    expect(out).toContain('\nstatus:\n  audiences:\n  - https://kubernetes.default.svc\n  authenticated: true\n')
  })

  test('S9: is stored nowhere', async () => {
    const { err } = await world.kubectl('get', 'tokenreviews')
    expect(err).toContain('Error from server (MethodNotAllowed): the server does not allow this method on the requested resource')
    const revision = async () => (await world.json('get', 'configmaps')).metadata.resourceVersion
    const before = await revision()
    await review(await tokenFor('Pod', 'test-pod'))
    expect(await revision()).toBe(before)
  })

  test('S11: goes on believing a token whose Pod is there and whose node is not, unless told to look', async () => {
    const strict = await startWorld('--strict-node-claim')
    try {
      await strict.kubectl('create', 'serviceaccount', 'my-sa')
      const outlived: boolean[] = []
      for (const { kubectl, apply, server } of [world, strict]) {
        await apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-003' } })
        await apply(pod('placed', { serviceAccountName: 'my-sa', nodeName: 'node-003' }))
        const token = (await kubectl('create', 'token', 'my-sa', ...boundTo('Pod', 'placed'))).out.trim()
        expect(await server.statusOf(token)).toBe(200)
        await kubectl('delete', 'node', 'node-003')
        outlived.push((await server.statusOf(token)) === 200)
      }
      expect(outlived).toEqual([true, false])
    } finally {
      await strict.stop()
    }
  })
})
