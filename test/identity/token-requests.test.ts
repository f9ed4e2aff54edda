/**
 * Tokens by `kubectl create token`: for how long and for whom, under the settings of three servers.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Running, startServe } from '../podpass.ts'
import { type AccountServer, accountServer, claimsOf } from './account-server.ts'
import { type Kubectl, kubectlFor, pod, startWorld, type World } from './kubectl.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await world.kubectl('create', 'serviceaccount', 'build-robot')
})
afterAll(() => world?.stop())

const lifeOf = (token: string) => {
  const { iat, exp } = claimsOf(token)
  return exp - iat
}

describe('kubectl create token', () => {
  test('S29, S58: gives one JWT of an hour that authenticates as the account, and stores nothing but its note', async () => {
    const revision = async () => (await world.json('get', 'secrets')).items.length
    const before = await revision()
    const { out } = await world.kubectl('create', 'token', 'build-robot')
    expect(out).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
    expect(lifeOf(out.trim())).toBe(3600)
    expect(await revision()).toBe(before)
    const { username } = JSON.parse((await world.kubectlAs(out.trim(), 'auth', 'whoami', '-o', 'json')).out).status.userInfo
    expect(username).toBe('system:serviceaccount:default:build-robot')
    const [{ metadata }] = (await world.json('get', 'issuedtokens')).items
    expect(metadata.name).toBe(claimsOf(out.trim()).jti)
  })

  test('S30, S59: gives it for as long as was asked, and for no less than ten minutes', async () => {
    for (const [duration, seconds] of [
      ['24h', 86_400],
      ['2h', 7200],
      ['10m', 600],
    ] as const)
      expect(lifeOf((await world.kubectl('create', 'token', 'build-robot', `--duration=${duration}`)).out.trim())).toBe(seconds)
    const { code, err } = await world.kubectl('create', 'token', 'build-robot', '--duration=9m')
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('spec.expirationSeconds: Invalid value: 540: may not specify a duration less than'),
    ])
    const body = { spec: { expirationSeconds: 599 } }
    const path = '/api/v1/namespaces/default/serviceaccounts/build-robot/token'
    expect((await world.server.admin.request({ method: 'POST', path, body })).status).toBe(422)
  })

  test('S72: for another audience is of no use here, and vouched for there', async () => {
    const token = (await world.kubectl('create', 'token', 'build-robot', '--audience=vault', '--duration=2h')).out.trim()
    expect([claimsOf(token).aud, lifeOf(token)]).toEqual([['vault'], 7200])
    expect(await world.server.statusOf(token)).toBe(401)
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: ['vault', 'other'] } }
    const { status } = JSON.parse((await world.kubectlFed(review, 'create', '-f', '-', '-o', 'json')).out)
    expect(status).toMatchObject({ authenticated: true, audiences: ['vault'] })
  })
})

/** A token as the kubelet asks for it on behalf of the volume that admission has made. */
async function projectedToken({ json, apply }: Kubectl, { tokenOf }: AccountServer): Promise<string> {
  await apply(pod('projected'))
  const { metadata, spec } = await json('get', 'pod', 'projected')
  const { expirationSeconds } = spec.volumes[0].projected.sources[0].serviceAccountToken
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: 'projected', uid: metadata.uid }
  return tokenOf('default', 'default', { expirationSeconds, boundObjectRef })
}

describe('the token in a Pod', () => {
  test('S59, S73: has the claims of the official page, lives a year, and is warned of after an hour', async () => {
    const claims = claimsOf(await projectedToken(world, world.server))
    const { 'kubernetes.io': bound } = claims
    expect(Object.keys(claims)).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'kubernetes.io', 'nbf', 'sub'])
    expect(Object.keys(bound)).toEqual(['namespace', 'pod', 'serviceaccount', 'warnafter'])
    expect(claims.nbf).toBe(claims.iat)
    expect(claims.sub).toBe('system:serviceaccount:default:default')
    expect(claims.exp - claims.iat).toBe(31_536_000)
    expect(bound.warnafter - claims.iat).toBe(3607)
  })
})

describe('with a longest life of two hours, no extension, and names of its own', () => {
  let serve: Running
  let server: AccountServer
  let asked: Kubectl
  beforeAll(async () => {
    const flags = [
      '--service-account-issuer=https://a.example',
      '--api-audiences=b',
      '--service-account-max-token-expiration=2h',
      '--service-account-extend-token-expiration=false',
    ]
    serve = await startServe('embedded', flags, { without: ['service-account-issuer'] })
    server = accountServer(serve.file('admin.kubeconfig'))
    asked = kubectlFor(serve.file('admin.kubeconfig'))
    await server.createAccount('default', 'robot')
  })
  afterAll(async () => {
    server?.close()
    await serve?.stop()
  })

  test('S30, S59: more is shortened, and the answer says so', async () => {
    const { out, err } = await asked.kubectl('create', 'token', 'robot', '--duration=24h', '-o', 'json')
    expect(err).toBe('Warning: requested expiration of 86400 seconds shortened to 7200 seconds\n')
    const { spec, status } = JSON.parse(out)
    expect(spec.expirationSeconds).toBe(7200)
    expect(lifeOf(status.token)).toBe(7200)
    expect(Date.parse(status.expirationTimestamp) / 1000).toBeLessThanOrEqual(claimsOf(status.token).exp)
    expect(Date.parse(status.expirationTimestamp) / 1000).toBeGreaterThanOrEqual(claimsOf(status.token).exp - 1)
  })

  test('S73: the token in a Pod lives its hour, and nobody is warned', async () => {
    const token = await projectedToken(asked, server)
    expect(lifeOf(token)).toBe(3607)
    expect(claimsOf(token)['kubernetes.io'].warnafter).toBeUndefined()
  })

  test('S15: a token is by the one name for the other, and one for somebody else is refused with a reason for the operator', async () => {
    const token = await server.tokenOf('default', 'robot')
    expect(claimsOf(token)).toMatchObject({ iss: 'https://a.example', aud: ['b'] })
    expect(await server.statusOf(token)).toBe(200)
    expect(await server.answerTo(await server.tokenOf('default', 'robot', { audiences: ['https://a.example'] }))).toEqual({
      status: 401,
      body: expect.stringContaining('"message":"Unauthorized"'),
    })
    expect(serve.log()).toMatch(/token audiences .*https:\/\/a\.example.* is invalid for the target audiences/)
  })
})
