import { expect, test } from 'vitest'
import type { StructType } from '../schema.ts'
import { builtinSchemas } from '../schemas.ts'
import { typeMismatch } from './type-mismatch.ts'

const deployment = builtinSchemas.byKind('apps', 'v1', 'Deployment') as StructType

/** The texts of kube-apiserver 1.36.2 and its converter. */
const cases: [name: string, document: unknown, text: string | undefined][] = [
  ['accepts what fits', { spec: { replicas: 1, template: { spec: { containers: [{ name: 'a' }] } } } }, undefined],
  ['names the wanted kind of a scalar', { spec: { replicas: 'many' } }, 'unrecognized type: int32'],
  ['says what cannot be a struct', { spec: 'x' }, 'cannot restore struct from: string'],
  ['says what cannot be a list', { spec: { template: { spec: { containers: {} } } } }, 'cannot restore slice from map'],
  ['says what cannot be a map', { metadata: { labels: ['a'] } }, 'cannot restore map from slice'],
  ['does not make a text of an integer', { metadata: { labels: { a: 1 } } }, 'cannot convert int64 to string'],
  ['does not make a text of a flag', { metadata: { labels: { a: true } } }, 'unrecognized type: string'],
  ['does not cut a fraction off', { spec: { replicas: 1.5 } }, 'cannot convert float64 to int32'],
  ['leaves times to themselves', { metadata: { creationTimestamp: 'soon' } }, undefined],
]

test.each(cases)('typeMismatch() %s', (_, document, text) => {
  expect(typeMismatch(deployment, document, builtinSchemas)).toBe(text)
})
