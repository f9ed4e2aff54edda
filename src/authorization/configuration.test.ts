import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { authorizationConfiguration } from './configuration.ts'

let folder: string
let kubeConfigFile: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podpass-authorizers-'))
  kubeConfigFile = join(folder, 'kubeconfig')
  writeFileSync(kubeConfigFile, '')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const read = (version: string, ...authorizers: object[]) =>
  authorizationConfiguration(
    Buffer.from(JSON.stringify({ apiVersion: `apiserver.config.k8s.io/${version}`, kind: 'AuthorizationConfiguration', authorizers })),
    () => undefined,
  )
const webhook = (change: object = {}) => ({
  type: 'Webhook',
  name: 'judge',
  webhook: {
    timeout: '1500ms',
    subjectAccessReviewVersion: 'v1beta1',
    failurePolicy: 'NoOpinion',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile },
    ...change,
  },
})

test.each(['v1', 'v1beta1', 'v1alpha1'])('%s is read', (version) => {
  expect(read(version, { type: 'Node', name: 'node' }, webhook(), { type: 'RBAC', name: 'rbac' })).toEqual([
    { type: 'Node', name: 'node' },
    {
      type: 'Webhook',
      name: 'judge',
      webhook: {
        timeoutMs: 1500,
        authorizedMs: 300_000,
        unauthorizedMs: 30_000,
        version: 'v1beta1',
        failurePolicy: 'NoOpinion',
        kubeConfigFile,
        matchConditions: [],
      },
    },
    { type: 'RBAC', name: 'rbac' },
  ])
})

test('answers are remembered as it says', () => {
  const of = (change: object) => {
    const [one] = read('v1', webhook(change))
    return one?.type === 'Webhook' ? [one.webhook.authorizedMs, one.webhook.unauthorizedMs] : []
  }
  expect(of({ authorizedTTL: '1m', unauthorizedTTL: '2s' })).toEqual([60_000, 2000])
  expect(of({ cacheAuthorizedRequests: false, unauthorizedTTL: '2s' })).toEqual([0, 2000])
  expect(of({ cacheUnauthorizedRequests: false })).toEqual([300_000, 0])
})

test('several webhooks may be there, and one in the cluster', () => {
  const inCluster = { ...webhook({ connectionInfo: { type: 'InClusterConfig' } }), name: 'other' }
  expect(read('v1', webhook(), inCluster)).toMatchObject([{ name: 'judge' }, { name: 'other', webhook: { kubeConfigFile: undefined } }])
})
