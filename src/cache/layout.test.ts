import { describe, expect, test } from 'vitest'
import { canonicalBytes, canonicalFromStored, itemBytes, layoutCodec, metadataOffset, PROTOBUF_MAGIC, storedBytes } from './layout.ts'

const stored = (text: string) => Buffer.from(text)
const canonical = (text: string, revision = 42) => String(layoutCodec().canonical(stored(text), revision))

describe('layout', () => {
  test.each([
    ['{"name":"a"}', '{"name":"a","resourceVersion":"42"}'],
    ['{"name":"a","namespace":"b","uid":"c"}', '{"name":"a","namespace":"b","uid":"c","resourceVersion":"42"}'],
    [
      '{"name":"a","generateName":"a-","uid":"c","generation":1,"ownerReferences":[{"uid":"d"}]}',
      '{"name":"a","generateName":"a-","uid":"c","resourceVersion":"42","generation":1,"ownerReferences":[{"uid":"d"}]}',
    ],
    ['{"labels":{"uid":"x"}}', '{"resourceVersion":"42","labels":{"uid":"x"}}'],
    ['{"name":"a\\"b","uid":"c"}', '{"resourceVersion":"42","name":"a\\"b","uid":"c"}'],
  ])('the resourceVersion stands in the metadata where Go writes it: %s', (metadata, want) => {
    const object = (text: string) => `{"kind":"Pod","apiVersion":"v1","metadata":${text},"spec":{}}`
    expect(canonical(object(metadata))).toBe(object(want))
  })

  test('empty metadata gets no comma', () => {
    expect(canonical('{"kind":"Pod","apiVersion":"v1","metadata":{}}')).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"42"}}',
    )
  })

  test('the newline that kube-apiserver writes is dropped', () => {
    expect(canonical('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}\n')).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"42"}}',
    )
  })

  test.each([
    ['another order', '{"metadata":{"name":"a"},"apiVersion":"v1","kind":"Pod"}'],
    ['blanks', '{ "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"} }'],
  ])('a value in another layout is written anew: %s', (_, text) => {
    expect(canonical(text)).toBe('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"42"}}')
  })

  test('protobuf is read by whoever can', () => {
    const value = Buffer.concat([PROTOBUF_MAGIC, Buffer.from('whatever')])
    const decodeForeign = () => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', resourceVersion: '' } })
    expect(String(layoutCodec({ decodeForeign }).canonical(value, 7))).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"7"}}',
    )
    expect(() => layoutCodec().canonical(value, 7)).toThrow(TypeError)
  })

  test('what is stored has no resourceVersion, and comes back with the new one', () => {
    const object = { apiVersion: 'v1', kind: 'Pod', spec: { x: 1 }, metadata: { name: 'ü', resourceVersion: '3' } }
    const bytes = storedBytes(object)
    expect(String(bytes)).toBe('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ü"},"spec":{"x":1}}')
    expect(String(canonicalFromStored(bytes, 9))).toBe(String(canonicalBytes(object, 9)))
    expect(object.metadata.resourceVersion).toBe('3')
  })

  test('a list item is the tail of the same bytes', () => {
    const bytes = Buffer.from(canonical('{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{}}'))
    expect(`{${itemBytes({ bytes, metadataAt: metadataOffset(bytes) })}`).toBe('{"metadata":{"name":"a","resourceVersion":"42"},"spec":{}}')
    expect(String(itemBytes({ bytes }))).toBe(String(itemBytes({ bytes, metadataAt: metadataOffset(bytes) })))
  })

  test('values of all sizes keep their bytes', () => {
    const codec = layoutCodec()
    const made = Array.from({ length: 200 }, (_, n) =>
      codec.canonical(storedBytes({ kind: 'K', apiVersion: 'v1', metadata: { name: 'n'.repeat(n * 40) } }), n),
    )
    for (const [n, bytes] of made.entries())
      expect(JSON.parse(Buffer.from(bytes).toString()).metadata).toEqual({ resourceVersion: String(n), name: 'n'.repeat(n * 40) })
  })
})
