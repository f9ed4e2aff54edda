import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { StatusError } from '../status.ts'
import { applyJsonPatch } from './json-patch.ts'
import { copyJson } from './json-value.ts'
import { recordedExchanges } from './recorded-exchanges.ts'

const REJECTED = 'the server rejected our request due to an error in our request'

function refusal(run: () => unknown): { code: number; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message }
    throw error
  }
  return { code: 200, message: '' }
}

describe('applyJsonPatch() answers as recorded', async () => {
  let live: any
  for (const { name, patchType, body, status, answer } of await recordedExchanges('sa-patch')) {
    const was = live
    if (status < 300 && answer?.kind === 'ServiceAccount') live = answer
    if (patchType !== 'json' || !Array.isArray(body)) continue
    test(name, () => {
      if (status === 422) expect(refusal(() => applyJsonPatch(was, body))).toEqual({ code: 422, message: answer.message })
      if (status !== 200) return
      const { metadata, ...rest }: any = applyJsonPatch(was, body)
      expect(rest).toEqual({ ...answer, metadata: undefined })
      expect(metadata.annotations).toEqual(answer.metadata.annotations)
    })
  }
})

describe('applyJsonPatch()', () => {
  const document = { a: { b: [1, 2, 3], 'x/y~z': 1 }, n: null }
  const done: [name: string, operations: any[], result: unknown][] = [
    ['counts negative indexes from the end', [{ op: 'remove', path: '/a/b/-1' }], { ...document, a: { ...document.a, b: [1, 2] } }],
    ['creates a member by replace', [{ op: 'replace', path: '/new', value: 1 }], { ...document, new: 1 }],
    ['finds escaped names', [{ op: 'remove', path: '/a/x~1y~0z' }], { ...document, a: { b: [1, 2, 3] } }],
    ['takes an absent member for null in a test', [{ op: 'test', path: '/nothing', value: null }], document],
    ['replaces the whole document', [{ op: 'replace', path: '', value: { c: 1 } }], { c: 1 }],
    ['adds null without a value', [{ op: 'add', path: '/c' }], { ...document, c: null }],
    ['inserts before an index', [{ op: 'add', path: '/a/b/0', value: 0 }], { ...document, a: { ...document.a, b: [0, 1, 2, 3] } }],
    ['tests the whole document', [{ op: 'test', path: '', value: document }], document],
  ]
  for (const [name, operations, result] of done) test(name, () => expect(applyJsonPatch(document, operations)).toEqual(result))

  const refused: [name: string, operation: any][] = [
    ['removing what is not there', { op: 'remove', path: '/nothing' }],
    ['an index beyond the end', { op: 'add', path: '/a/b/4', value: 1 }],
    ['an index that is no number', { op: 'add', path: '/a/b/x', value: 1 }],
    ['a way through a scalar', { op: 'add', path: '/a/b/0/c', value: 1 }],
    ['a way through null', { op: 'add', path: '/n/c', value: 1 }],
    ['adding the document itself', { op: 'add', path: '', value: {} }],
    ['replacing the document by a scalar', { op: 'replace', path: '', value: 1 }],
    ['a failing test', { op: 'test', path: '/a/b/0', value: '1' }],
    ['an operation without a path', { op: 'add', value: 1 }],
    ['moving into itself', { op: 'move', from: '/a', path: '/a/b/c' }],
    ['a member that every object inherits', { op: 'test', path: '/constructor/name', value: 'Object' }],
  ]
  for (const [name, operation] of refused) {
    test(`refuses ${name}`, () => expect(refusal(() => applyJsonPatch(document, [operation]))).toEqual({ code: 422, message: REJECTED }))
  }

  test('refuses more than 10000 operations', () => {
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: {} }))
    const message = 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001'
    expect(refusal(() => applyJsonPatch(document, operations))).toEqual({ code: 413, message })
  })

  test('refuses copies of more than 3 MiB together', () => {
    const copies = Array.from({ length: 4 }, (_, i) => ({ op: 'copy', from: '/big', path: `/copy${i}` }))
    const big = { big: 'x'.repeat(1024 * 1024) }
    expect(refusal(() => applyJsonPatch(big, copies.slice(0, 2))).code).toBe(200)
    expect(refusal(() => applyJsonPatch(big, copies)).code).toBe(422)
  })

  test('never changes the document or the operations, and a copy is independent of its origin', () => {
    const operations = [
      { op: 'add', path: '/v', value: { list: [] } },
      { op: 'add', path: '/v/list/-', value: 1 },
      { op: 'copy', from: '/v', path: '/w' },
      { op: 'add', path: '/v/list/-', value: 2 },
      { op: 'replace', path: '/a/b/0', value: 9 },
    ]
    const asSent = copyJson(operations)
    const before = copyJson(document)
    expect(applyJsonPatch(document, operations)).toMatchObject({ v: { list: [1, 2] }, w: { list: [1] }, a: { b: [9, 2, 3] } })
    expect(operations).toEqual(asSent)
    expect(document).toEqual(before)
  })

  test('add then remove leaves any document as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), (object, key, value) => {
        fc.pre(!Object.hasOwn(object, key))
        const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
        const operations = [
          { op: 'add', path, value },
          { op: 'test', path, value },
          { op: 'remove', path },
        ]
        expect(applyJsonPatch(object, operations)).toEqual(object)
      }),
    )
  })
})
