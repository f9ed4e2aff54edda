import { describe, expect, test } from 'vitest'
import { semanticEqual } from './semantic-equal.ts'

const cases: [string, unknown, unknown, boolean][] = [
  ['members in another order', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ['an empty list and none', { a: [] }, {}, true],
  ['an empty map and none', {}, { a: {} }, true],
  ['an empty text and none', { a: '' }, {}, true],
  ['objects without a prototype', Object.assign(Object.create(null), { a: 'x' }), { a: 'x' }, true],
  ['lists in another order', [1, 2], [2, 1], false],
  ['a list and an object', [], { a: 1 }, false],
  ['a key that objects inherit', { constructor: 'x' }, {}, false],
  ['a member more', { a: 1 }, { a: 1, b: 1 }, false],
  ['texts and numbers', '1', 1, false],
]

describe('semanticEqual()', () => {
  for (const [name, a, b, want] of cases) {
    test(`${want ? 'takes' : 'does not take'} ${name} for the same`, () => {
      expect([semanticEqual(a, b), semanticEqual(b, a)]).toEqual([want, want])
    })
  }
})
