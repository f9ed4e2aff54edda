import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../object.ts'
import { builtinSchemas } from '../schemas.ts'
import { apply } from './apply.ts'
import { trackUpdate } from './track-update.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const schema = builtinSchemas.byKind('', 'v1', 'ConfigMap')!
const common = { schema, schemas: builtinSchemas, subresource: '', apiVersion: 'v1', nowMs: 0 }

function clientApplied(lastApplied: string, data: Record<string, string>): KubeObject {
  const after: KubeObject = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'c', annotations: { [LAST_APPLIED]: lastApplied } },
    data,
  }
  trackUpdate({ ...common, before: undefined, after, manager: 'kubectl-client-side-apply' })
  return { ...after, metadata: { ...after.metadata, uid: 'u' } }
}

const annotation = (data: object, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data, ...more })
const serverApply = (live: KubeObject, data: object, manager = 'kubectl'): KubeObject =>
  apply({
    ...common,
    live,
    config: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'c' }, data },
    gvk: { group: '', version: 'v1', kind: 'ConfigMap' },
    manager,
    force: false,
  })

describe('apply() by kubectl on an object that kubectl applied itself', () => {
  test('takes over what is as the annotation has it, and refreshes the annotation', () => {
    const taken = serverApply(clientApplied(annotation({ a: '1', b: '<' }), { a: '1', b: '<' }), { a: '2', b: '<' })
    expect(taken['data']).toEqual({ a: '2', b: '<' })
    expect(taken.metadata!.annotations![LAST_APPLIED]).toBe(
      '{"apiVersion":"v1","data":{"a":"2","b":"\\u003c"},"kind":"ConfigMap","metadata":{"name":"c"}}\n',
    )
  })

  const conflicting: [name: string, live: KubeObject, manager?: string][] = [
    ['another manager', clientApplied(annotation({ a: '1' }), { a: '1' }), 'other'],
    ['a field that somebody changed since', clientApplied(annotation({ a: '0' }), { a: '1' })],
    ['a field that the annotation does not have', clientApplied(annotation({}), { a: '1' })],
    ['an annotation of another version', clientApplied(annotation({ a: '1' }, { apiVersion: 'v2' }), { a: '1' })],
    ['an annotation that does not fit the type', clientApplied(annotation({ a: '1' }, { nothing: 1 }), { a: '1' })],
    ['an annotation that is no JSON', clientApplied('{', { a: '1' })],
  ]
  for (const [name, live, manager] of conflicting) {
    test(`conflicts for ${name}`, () =>
      expect(() => serverApply(live, { a: '2' }, manager)).toThrow('conflict with "kubectl-client-side-apply" using v1: .data.a'))
  }

  test('reports only the conflicts that the annotation does not explain', () => {
    const live = clientApplied(annotation({ a: '1' }), { a: '1', b: '1' })
    expect(() => serverApply(live, { a: '2', b: '2' })).toThrow(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.b',
    )
  })
})
