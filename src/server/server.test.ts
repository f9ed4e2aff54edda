import https from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestServer, testServer } from '../controllers/testdata/server.ts'

describe('a server', () => {
  let it: TestServer
  beforeAll(async () => {
    it = await testServer()
    await it.makeNamespace('a')
  })
  afterAll(() => it.stop())

  /** A watch over TLS, as a client outside has it. */
  function watch(token: string, path: string): Promise<{ status: number; ended: Promise<void> }> {
    return new Promise((resolve, reject) => {
      const request = https.get(
        `${it.server.url}${path}`,
        { ca: it.authority.certificate, agent: false, headers: { authorization: `Bearer ${token}` } },
        (response) => {
          response.resume()
          resolve({ status: response.statusCode ?? 0, ended: new Promise((ended) => response.on('close', ended)) })
        },
      )
      request.on('error', reject)
    })
  }
  const tokenOf = async (namespace: string, name: string) =>
    (await it.send('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, { spec: {} }))['status'].token as string
  const bindToView = (namespace: string, name: string) =>
    it.send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name: `${namespace}-${name}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', namespace, name }],
    })

  test('loses none of many patches of one object', async () => {
    const path = '/api/v1/namespaces/a/configmaps/shared'
    await it.send('POST', '/api/v1/namespaces/a/configmaps', { metadata: { name: 'shared' } })
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`)
    await Promise.all(keys.map((key) => it.send('PATCH', path, { data: { [key]: 'set' } }, 'application/merge-patch+json')))
    expect(Object.keys((await it.get(path))?.['data']).sort()).toEqual([...keys].sort())
  })

  test('makes another name when a generated one is taken', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () => it.send('POST', '/api/v1/namespaces/a/configmaps', { metadata: { generateName: 'many-' } })),
    )
    expect(new Set(made.map(({ metadata }) => metadata?.name)).size).toBe(20)
  })

  test('says that a continue token is none before it says what else is wrong', async () => {
    const list = (query: string) => it.send('GET', `/api/v1/namespaces/a/configmaps?${query}`)
    for (const more of ['', '&resourceVersion=5', '&resourceVersion=none'])
      await expect(list(`continue=none${more}`)).rejects.toThrow('invalid continue token: continue key is not valid')
  })

  test('says who is not behind a service', async () => {
    const proxy = (name: string) => it.send('GET', `/api/v1/namespaces/a/services/${name}/proxy/`)
    await it.send('POST', '/api/v1/namespaces/a/endpoints', {
      metadata: { name: 'elsewhere' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
    })
    await expect(proxy('nowhere')).rejects.toThrow('endpoints "nowhere" not found')
    await expect(proxy('https:elsewhere:web')).rejects.toThrow('no endpoints available for service "elsewhere"')
  })

  test('ends the watch of an account that is deleted, and of nobody else', async () => {
    await it.send('POST', '/api/v1/namespaces/a/serviceaccounts', { metadata: { name: 'goes' } })
    await it.send('POST', '/api/v1/namespaces/a/serviceaccounts', { metadata: { name: 'stays' } })
    await Promise.all([bindToView('a', 'goes'), bindToView('a', 'stays')])
    const path = '/api/v1/namespaces/a/configmaps?watch=true'
    const [going, staying] = await Promise.all([watch(await tokenOf('a', 'goes'), path), watch(await tokenOf('a', 'stays'), path)])
    expect([going.status, staying.status]).toEqual([200, 200])
    await it.send('DELETE', '/api/v1/namespaces/a/serviceaccounts/goes')
    await going.ended
    let ended = false
    void staying.ended.then(() => (ended = true))
    await it.send('POST', '/api/v1/namespaces/a/configmaps', { metadata: { name: 'later' } })
    expect(ended).toBe(false)
  })

  test('says which parts of the control plane are well', async () => {
    const { items } = (await it.get('/api/v1/componentstatuses')) as { items?: { metadata: { name: string }; conditions: object[] }[] }
    const healthy = { type: 'Healthy', status: 'True', message: 'ok' }
    expect(items?.slice(0, 2)).toEqual([
      { metadata: { name: 'controller-manager' }, conditions: [healthy] },
      { metadata: { name: 'etcd-0' }, conditions: [healthy] },
    ])
    expect(items?.[2]?.metadata.name).toBe('scheduler')
  })

  test('refuses the token of a deleted account on the very next request', async () => {
    await it.send('POST', '/api/v1/namespaces/a/serviceaccounts', { metadata: { name: 'brief' } })
    await bindToView('a', 'brief')
    const token = await tokenOf('a', 'brief')
    expect((await watch(token, '/api/v1/namespaces/a/pods')).status).toBe(200)
    await it.send('DELETE', '/api/v1/namespaces/a/serviceaccounts/brief')
    expect((await watch(token, '/api/v1/namespaces/a/pods')).status).toBe(401)
  })
})

test('a server that stops ends its watches as if their time were up', async () => {
  const it = await testServer((options) => ({ ...options, authorizationModes: ['AlwaysAllow'] }))
  // In an object: a promise that is resolved with a promise waits for it.
  const { ended } = await new Promise<{ ended: Promise<string> }>((resolve, reject) => {
    const request = https.get(
      `${it.server.url}/api/v1/namespaces?watch=true`,
      { ca: it.authority.certificate, agent: false },
      (response) => {
        response.resume()
        const ended = new Promise<string>((how) => {
          response.on('end', () => how('ended'))
          response.on('aborted', () => how('cut off'))
        })
        resolve({ ended })
      },
    )
    request.on('error', reject)
  })
  await it.server.close(10_000)
  expect(await ended).toBe('ended')
})
