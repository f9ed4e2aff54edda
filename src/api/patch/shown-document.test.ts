import { expect, test } from 'vitest'
import type { StructType } from '../schema.ts'
import { builtinSchemas } from '../schemas.ts'
import { applyMergePatch } from './merge-patch.ts'
import { shownDocument } from './shown-document.ts'

const configMap = builtinSchemas.byKind('', 'v1', 'ConfigMap') as StructType

test('shownDocument() sorts what the patch touched and leaves the rest in the order of its type', () => {
  const before = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { resourceVersion: '1', name: 'a', ownerReferences: [{ uid: 'u', name: 'o', kind: 'Pod', apiVersion: 'v1' }] },
    data: { z: '1' },
  }
  const show = (patch: object): string => shownDocument(applyMergePatch(before, patch), before, configMap, builtinSchemas)
  expect(show({ unknown: { y: 1, x: '<' }, data: { b: '2' } })).toBe(
    '{"apiVersion":"v1","data":{"b":"2","z":"1"},"kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"1",' +
      '"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"o","uid":"u"}]},"unknown":{"x":"\\u003c","y":1}}',
  )
  expect(show({ metadata: { labels: {} } })).toContain('"metadata":{"labels":{},"name":"a","ownerReferences":[{"apiVersion"')
})
