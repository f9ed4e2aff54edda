import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../api/object.ts'
import { type TestServer, testServer } from '../../controllers/testdata/server.ts'
import { identityName } from './identity-lease.ts'
import { advertisedAddress } from './kubernetes-service.ts'
import created from './testdata/created.json' with { type: 'json' }

const ADDRESS = '192.0.2.2'
const FLOW = '/apis/flowcontrol.apiserver.k8s.io/v1'

/** What differs from one start to the next, or from one host to the next, is taken out. */
function comparable(object: KubeObject, port: number): KubeObject {
  const copy = structuredClone(object)
  const meta = copy.metadata as Record<string, any>
  for (const member of ['uid', 'resourceVersion', 'creationTimestamp']) delete meta[member]
  for (const entry of meta['managedFields'] ?? []) delete entry.time
  for (const condition of copy['status']?.conditions ?? []) delete condition.lastTransitionTime
  if (meta['name'] === identityName(hostname())) {
    meta['name'] = identityName('vm')
    meta['labels']['kubernetes.io/hostname'] = 'vm'
    copy['spec'].holderIdentity = '-'
    copy['spec'].renewTime = '-'
  }
  if (copy['data']?.['client-ca-file'] !== undefined) copy['data']['client-ca-file'] = '-'
  return JSON.parse(JSON.stringify(copy).replaceAll(String(port), '31443'))
}

describe('a fresh server', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await testServer((options) => ({
      ...options,
      advertiseAddress: ADDRESS,
      clientCA: options.tls.certificate,
      emulatedMinor: 36,
    }))
  })
  afterAll(() => server.stop())

  test.each(Object.entries(created as unknown as Record<string, KubeObject[]>))(
    'has in %s what a fresh kube-apiserver has',
    async (path, recorded) => {
      const { items } = (await server.get(path)) as { items: KubeObject[] }
      const { port } = server.server
      for (const wanted of recorded) {
        const found = items.find(
          ({ metadata }) =>
            metadata?.name === wanted.metadata?.name || (path.endsWith('/leases') && metadata?.name === identityName(hostname())),
        )
        expect(found, wanted.metadata?.name).toBeDefined()
        expect(comparable(found as KubeObject, port)).toEqual(wanted)
      }
    },
  )

  test('says on a flow schema of somebody else that its level is missing, and that it is there once it is', async () => {
    const condition = () =>
      server
        .get(`${FLOW}/flowschemas/mine`)
        .then((schema) => schema?.['status']?.conditions?.find((one: { type: string }) => one.type === 'Dangling'))
    await server.post(`${FLOW}/flowschemas`, {
      metadata: { name: 'mine' },
      spec: { priorityLevelConfiguration: { name: 'later' }, matchingPrecedence: 5000 },
    })
    const missing = await server.until('the condition', condition)
    expect(missing).toMatchObject({
      status: 'True',
      reason: 'NotFound',
      message: 'This FlowSchema references the PriorityLevelConfiguration object named "later" but there is no such object',
    })
    await server.post(`${FLOW}/prioritylevelconfigurations`, {
      metadata: { name: 'later' },
      spec: { type: 'Limited', limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } } },
    })
    await server.until('the level is found', async () => (await condition())?.reason === 'Found')
  })

  test('puts the trust of extension servers back when somebody deletes it', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication'
    const before = await server.get(path)
    await server.send('DELETE', path)
    await server.until('it is back', async () => {
      const after = await server.get(path)
      return after !== undefined && after.metadata?.uid !== before?.metadata?.uid
    })
  })
})

test('an identity is the hash that kube-apiserver makes of the host name', () => {
  expect(identityName('vm')).toBe('apiserver-wlv32tlttr4jl3gtroqexyxapa')
})

test.each([
  ['the address asked for', '192.0.2.9', '127.0.0.1', '192.0.2.9'],
  ['the address that is listened on', undefined, '192.0.2.8', '192.0.2.8'],
])('advertised is %s', (_, asked, bound, want) => {
  expect(advertisedAddress(asked, bound)).toBe(want)
})

test('a loopback or unspecified address is never advertised', () => {
  for (const bound of ['127.0.0.1', '0.0.0.0', '::1', '::']) expect(advertisedAddress(undefined, bound)).not.toBe(bound)
  for (const asked of ['127.0.0.1', '::1']) expect(advertisedAddress(asked, '192.0.2.8')).toBeUndefined()
})
