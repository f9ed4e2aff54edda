import { describe, expect, test } from 'vitest'
import { recordedExchanges } from '../patch/recorded-exchanges.ts'
import { builtinSchemas } from '../schemas.ts'
import { trackUpdate } from './track-update.ts'

describe('trackUpdate() gives what kube-apiserver recorded on create', async () => {
  for (const scenario of [
    'sa-crud',
    'sa-patch',
    'core-objects',
    'secrets',
    'workloads',
    'rbac-objects',
    'pods',
    'strategic-merge',
    'sa-write-options',
    'admission-pods',
    'csr',
    'node',
    'namespaces',
  ]) {
    for (const exchange of await recordedExchanges(scenario)) {
      const { answer, method, status, path } = exchange
      const entries = answer?.metadata?.managedFields
      if (method !== 'POST' || status !== 201 || !entries || !exchange.body?.kind) continue
      test(`${scenario}: ${exchange.name}`, () => {
        const [group, version] = answer.apiVersion.includes('/') ? answer.apiVersion.split('/') : ['', answer.apiVersion]
        const after = structuredClone(answer)
        const own = entries.filter((e: any) => e.operation === 'Update' && !e.subresource && e.manager === 'golden')
        expect(own.length).toBe(1)
        delete after.metadata.managedFields
        const resetPaths = after.status === undefined ? [] : ['status']
        trackUpdate({
          before: undefined,
          after,
          schema: builtinSchemas.byKind(group, version, answer.kind)!,
          schemas: builtinSchemas,
          manager: 'golden',
          subresource: '',
          apiVersion: answer.apiVersion,
          nowMs: 0,
          resetPaths,
        })
        expect(after.metadata.managedFields[0].fieldsV1, path).toEqual(own[0].fieldsV1)
      })
    }
  }
})
