/**
 * What admission makes of a Pod: its account, and the volume with a token that ends.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pod, startWorld, type World } from './kubectl.ts'

const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world?.stop())

const specOf = async (name: string) => (await world.json('get', 'pod', name)).spec

describe('a Pod', () => {
  test('S45: of which nobody said more has the account default', async () => {
    await world.apply(pod('plain'))
    expect((await world.kubectl('get', 'pods/plain', '-o', 'yaml')).out).toMatch(
      /^ {2}serviceAccount: default\n {2}serviceAccountName: default$/m,
    )
  })

  test('S142: has a projected token that ends, the CA and its namespace, for reading only', async () => {
    const { containers, volumes } = await specOf('plain')
    const [{ name }] = volumes
    expect(name).toMatch(/^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    expect(containers[0].volumeMounts).toEqual([{ mountPath: MOUNT, name, readOnly: true }])
    expect(volumes).toEqual([
      {
        name,
        projected: {
          defaultMode: 420,
          sources: [
            { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
            { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
            { downwardAPI: { items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }] } },
          ],
        },
      },
    ])
  })

  test('S47, S48, S49: wins over its account on whether it has one, in all nine cases', async () => {
    const automounted: Record<string, boolean> = {}
    for (const account of [undefined, true, false]) {
      const name = `automount-${account}`
      await world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name }, automountServiceAccountToken: account })
      for (const own of [undefined, true, false]) {
        await world.apply(pod(`${name}-${own}`, { serviceAccountName: name, automountServiceAccountToken: own }))
        automounted[`${account} ${own}`] = (await specOf(`${name}-${own}`)).volumes !== undefined
      }
    }
    expect(automounted).toEqual({
      'undefined undefined': true,
      'undefined true': true,
      'undefined false': false,
      'true undefined': true,
      'true true': true,
      'true false': false,
      'false undefined': false,
      'false true': true,
      'false false': false,
    })
  })

  test('S72: chooses audience and life of a token in a volume of its own, beside the one that it cannot choose', async () => {
    const vault = (expirationSeconds: number) => ({
      containers: [{ name: 'nginx', image: 'nginx', volumeMounts: [{ mountPath: '/var/run/secrets/tokens', name: 'vault-token' }] }],
      volumes: [
        {
          name: 'vault-token',
          projected: { sources: [{ serviceAccountToken: { path: 'vault-token', expirationSeconds, audience: 'vault' } }] },
        },
      ],
    })
    await world.apply(pod('nginx', vault(7200)))
    const { volumes, containers } = await specOf('nginx')
    const sources = volumes.map(({ projected }: { projected: { sources: unknown[] } }) => projected.sources[0])
    expect(sources).toEqual([
      { serviceAccountToken: { audience: 'vault', expirationSeconds: 7200, path: 'vault-token' } },
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    ])
    expect(containers[0].volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual(['/var/run/secrets/tokens', MOUNT])
    const { err } = await world.apply(pod('hasty', vault(599)))
    expect(err).toContain('serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes')
  })

  test('S55: keeps its account for life', async () => {
    await world.kubectl('create', 'serviceaccount', 'other')
    const { code, err } = await world.kubectl('patch', 'pod', 'plain', '-p', '{"spec": {"serviceAccountName": "other"}}')
    expect([code, err]).toEqual([1, expect.stringContaining('spec: Forbidden: pod updates may not change fields other than')])
  })

  test('S56: never has an account that is not there', async () => {
    const { code, err } = await world.apply(pod('lost', { serviceAccountName: 'nope' }))
    expect(code).toBe(1)
    expect(err).toContain('pods "lost" is forbidden: error looking up service account default/nope: serviceaccount "nope" not found')
  })
})
