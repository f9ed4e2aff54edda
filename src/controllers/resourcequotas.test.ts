import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.ts'
import { type TestServer, testServer } from './testdata/server.ts'

let world: TestServer
beforeAll(async () => {
  world = await testServer()
  await world.makeNamespace('g-quota')
})
afterAll(() => world.stop())

const base = '/api/v1/namespaces/g-quota'
const quota = (name: string, spec: object) =>
  world.post(`${base}/resourcequotas`, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name }, spec })
const status = (name: string, test: (status: KubeObject) => boolean) =>
  world.until(`the count of ${name}`, async () => {
    const found = await world.get(`${base}/resourcequotas/${name}`)
    return found?.['status'].used !== undefined && test(found['status']) && found['status']
  })
const pod = (name: string, cpu: string, more: object = {}) =>
  world.post(`${base}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...more },
  })

describe('the resource quota controller', () => {
  test('counts what is there when a quota is made', async () => {
    await world.post(`${base}/configmaps`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' } })
    await pod('before', '100m')
    await world.until('the CA', () => world.get(`${base}/configmaps/kube-root-ca.crt`))
    await quota('counts', { hard: { 'count/configmaps': '10', secrets: '5', pods: '4', 'requests.cpu': '1', 'count/x.example.com': '3' } })
    expect(await status('counts', () => true)).toEqual({
      hard: { 'count/configmaps': '10', secrets: '5', pods: '4', 'requests.cpu': '1', 'count/x.example.com': '3' },
      used: { 'count/configmaps': '2', secrets: '0', pods: '1', 'requests.cpu': '100m' },
    })
  })

  test('gives room back when objects go, and when pods end', async () => {
    await pod('goes', '200m')
    await pod('ends', '300m')
    await status('counts', ({ used }) => used['requests.cpu'] === '600m')
    await world.send('DELETE', `${base}/pods/goes`)
    await status('counts', ({ used }) => used['requests.cpu'] === '400m' && used['pods'] === '2')
    await world.send('PATCH', `${base}/pods/ends/status`, { status: { phase: 'Succeeded' } }, 'application/merge-patch+json')
    await status('counts', ({ used }) => used['requests.cpu'] === '100m' && used['pods'] === '1')
  })

  test('counts in the scopes of a quota only', async () => {
    await pod('best', '100m', { activeDeadlineSeconds: 100 })
    await quota('terminating', { hard: { pods: '5' }, scopes: ['Terminating'] })
    await status('terminating', ({ used }) => used['pods'] === '1')
  })

  test('follows a new limit', async () => {
    await world.send('PATCH', `${base}/resourcequotas/counts`, { spec: { hard: { services: '2' } } }, 'application/merge-patch+json')
    await status('counts', ({ hard, used }) => hard['services'] === '2' && used['services'] === '0')
  })
})
