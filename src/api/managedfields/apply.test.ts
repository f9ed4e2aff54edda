import { describe, expect, test } from 'vitest'
import { normalize } from '../normalize.ts'
import type { KubeObject } from '../object.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { recordedExchanges } from '../patch/recorded-exchanges.ts'
import { builtinSchemas } from '../schemas.ts'
import { StatusError } from '../status.ts'
import { apply } from './apply.ts'
import { trackUpdate } from './track-update.ts'

/** Entries as recordings have them: by manager and operation, times told apart only by being there. */
function comparable(entries: any): any {
  if (!entries) return undefined
  const key = (entry: any): string => `${entry.manager} ${entry.operation}`
  return entries
    .map((entry: any) => ({ ...entry, time: entry.time === undefined ? undefined : '<time>' }))
    .toSorted((a: any, b: any) => (key(a) < key(b) ? -1 : 1))
}

describe('apply() and trackUpdate() give what kube-apiserver recorded', async () => {
  const schema = builtinSchemas.byKind('', 'v1', 'ConfigMap')!
  const common = { schema, schemas: builtinSchemas, subresource: '', apiVersion: 'v1', nowMs: 1e12 }
  const gvk = { group: '', version: 'v1', kind: 'ConfigMap' }
  let live: KubeObject | undefined
  for (const exchange of await recordedExchanges('apply')) {
    const { name, path, patchType, body, status, answer, method } = exchange
    if (!path.includes('/configmaps/shared') || method === 'GET') continue
    const query = new URL(path, 'http://x').searchParams
    const manager = query.get('fieldManager') ?? 'golden'
    const before = live
    const run = (): KubeObject => {
      if (patchType === 'apply') {
        const merged = apply({ ...common, live: before, config: body, gvk, manager, force: query.has('force') })
        return normalize(schema, merged).object
      }
      const after = normalize(
        schema,
        patchType === 'merge' ? applyMergePatch(before, body) : { ...body, metadata: { ...body.metadata, uid: 'u' } },
      ).object
      trackUpdate({ ...common, before, after, manager })
      return after
    }
    const dryRun = query.has('dryRun')
    test(name, () => {
      if (answer.kind === 'Status' && ['old resourceVersion', 'another uid'].includes(name)) return
      if (answer.kind === 'Status') {
        let refusal: unknown
        try {
          run()
        } catch (error) {
          refusal = error
        }
        expect(refusal).toBeInstanceOf(StatusError)
        const { message, reason, details, code } = (refusal as StatusError).status
        expect({ message, reason, details, code }).toEqual({
          message: answer.message,
          reason: answer.reason,
          details: answer.details,
          code: answer.code,
        })
        return
      }
      const object = run()
      expect(object['data']).toEqual(answer.data)
      expect(comparable(object.metadata?.managedFields)).toEqual(comparable(answer.metadata.managedFields))
    })
    if (status < 300 && !dryRun) live = { ...run(), metadata: { ...run().metadata, uid: 'u' } } as KubeObject
  }
})
