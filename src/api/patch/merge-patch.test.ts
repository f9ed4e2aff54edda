import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyJson, equalJson, isObject, own } from './json-value.ts'
import { applyMergePatch } from './merge-patch.ts'

/** The examples of RFC 7386, appendix A, of those where the patch is an object. */
const EXAMPLES: [document: unknown, patch: unknown, result: unknown][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

/** A patch that makes one object of the other; only for objects without nulls. */
function diff(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after
  const patch: [string, unknown][] = []
  for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) patch.push([key, null])
  for (const key of Object.keys(after)) if (!equalJson(own(before, key), after[key])) patch.push([key, diff(own(before, key), after[key])])
  return Object.fromEntries(patch)
}

const { withoutNulls } = fc.letrec((tie) => ({
  withoutNulls: fc.oneof({ maxDepth: 3 }, fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer()), tie('object')),
  object: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'a', 'b')), tie('withoutNulls'), { maxKeys: 5 }),
}))
const anyObject = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'toString'), withoutNulls)

describe('applyMergePatch()', () => {
  for (const [document, patch, result] of EXAMPLES) {
    test(`makes ${JSON.stringify(result)} of ${JSON.stringify(document)} and ${JSON.stringify(patch)}`, () => {
      const before = copyJson(document)
      expect(applyMergePatch(document, patch)).toEqual(result)
      expect(document).toEqual(before)
    })
  }

  test('applies the difference of two objects', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (before, after) => {
        expect(JSON.stringify(sorted(applyMergePatch(before, diff(before, after))))).toBe(JSON.stringify(sorted(after)))
      }),
    )
  })

  test('applied twice is applied once', () => {
    fc.assert(
      fc.property(anyObject, fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.jsonValue()), (document, patch) => {
        const once = applyMergePatch(document, patch)
        expect(equalJson(applyMergePatch(once, patch), once)).toBe(true)
      }),
    )
  })
})

function sorted(value: unknown): unknown {
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}
