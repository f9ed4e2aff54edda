/**
 * Secrets that ask for a token: filled soon, gone with their account, and nothing that another account of the name inherits.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimsOf } from './account-server.ts'
import { eventually, startWorld, tokenSecret, type World } from './kubectl.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const account = (name: string) => world.kubectl('create', 'serviceaccount', name)
const isGone = (secret: string) => eventually(async () => (await world.kubectl('get', 'secret', secret)).err.includes('(NotFound)'))
const tokenIn = (secret: string) =>
  eventually<string>(async () => {
    const { out } = await world.kubectl('get', 'secret', secret, '-o', 'jsonpath={.data.token}')
    return out !== '' && Buffer.from(out, 'base64').toString()
  })

describe('a Secret of the type for tokens', () => {
  test('S62, S63: gets a token, the CA and its namespace, and the uid of its account', async () => {
    await account('build-robot')
    await world.apply(tokenSecret('build-robot-secret', 'build-robot'))
    const token = await tokenIn('build-robot-secret')
    const { data, metadata } = await world.json('get', 'secret/build-robot-secret')
    expect(Object.keys(data)).toEqual(['ca.crt', 'namespace', 'token'])
    expect(Buffer.from(data.namespace, 'base64').toString()).toBe('default')
    expect(Buffer.from(data['ca.crt'], 'base64').toString()).toMatch(/^-----BEGIN CERTIFICATE-----\n/)
    const { uid } = (await world.json('get', 'serviceaccount', 'build-robot')).metadata
    expect(metadata.annotations).toMatchObject({
      'kubernetes.io/service-account.name': 'build-robot',
      'kubernetes.io/service-account.uid': uid,
    })
    expect((await world.kubectl('get', 'secret/build-robot-secret', '-o', 'yaml')).out).toContain(
      `\n    kubernetes.io/service-account.uid: ${uid}\n`,
    )
    expect(await world.server.statusOf(token)).toBe(200)
  })

  test('S63, S64: is described with sizes, and the token in clear', async () => {
    const { out } = await world.kubectl('describe', 'secrets/build-robot-secret')
    expect(out).toMatch(/^Name: +build-robot-secret\nNamespace: +default\nLabels: /)
    expect(out).toMatch(/\nAnnotations: +kubernetes\.io\/service-account\.name: build-robot\n/)
    expect(out).toContain('\n\nType:  kubernetes.io/service-account-token\n\nData\n====\n')
    // kubectl prints them in no order.
    for (const line of [/^ca\.crt: +\d+ bytes$/m, /^namespace: +7 bytes$/m, /^token: +eyJ\S+$/m]) expect(out).toMatch(line)
  })

  test('S66: holds a JWT without an end, which the server warns of nowhere', async () => {
    const token = await tokenIn('build-robot-secret')
    expect(claimsOf(token)).toMatchObject({ iss: 'kubernetes/serviceaccount', sub: 'system:serviceaccount:default:build-robot' })
    expect(claimsOf(token).exp).toBeUndefined()
    expect((await world.kubectlAs(token, 'get', '--raw', '/api')).err).toBe('')
  })

  test('S65, S133: goes with its account, and the token with it at once', async () => {
    const token = await tokenIn('build-robot-secret')
    await world.kubectl('delete', 'serviceaccount/build-robot')
    expect(await world.server.statusOf(token)).toBe(401)
    await isGone('build-robot-secret')
  })

  test('S65: is removed when it names no account that there is', async () => {
    await world.apply(tokenSecret('stray', 'nobody'))
    await isGone('stray')
  })

  test('S65: is nothing to another account of the name', async () => {
    await account('phoenix')
    await world.apply(tokenSecret('ashes', 'phoenix'))
    const token = await tokenIn('ashes')
    await world.kubectl('delete', 'serviceaccount/phoenix')
    await account('phoenix')
    expect(await world.server.statusOf(token)).toBe(401)
    await isGone('ashes')
    expect(await world.server.statusOf(token)).toBe(401)
  })
})
