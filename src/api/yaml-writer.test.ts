import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plainValue } from './json.ts'
import { parseYaml } from './yaml.ts'
import { naturalOrder, writeYaml } from './yaml-writer.ts'

/** Written by kube-apiserver 1.36.2. */
const texts: [name: string, text: string, written: string][] = [
  ['a word stands alone', 'word', 'a: word\n'],
  ['what would be read as something else is quoted', 'no', 'a: "no"\n'],
  ['an underscore between digits makes no text of a number', '.5_1', 'a: ".5_1"\n'],
  ['a merge sign is a text like any other', '<<', 'a: <<\n'],
  ['signs go in single quotes', "- 'x'", "a: '- ''x'''\n"],
  ['control characters go in double quotes', '\x07\t', 'a: "\\a\\t"\n'],
  ['lines stay lines', 'x\ny', 'a: |-\n  x\n  y\n'],
  ['lines that begin with a space say how far they are indented', ' x\n', 'a: |2\n   x\n'],
  ['empty lines at the end are kept', 'x\n\n', 'a: |+\n  x\n\n'],
  ['a mark of byte order escapes all', '\ufeffx y', 'a: "\\uFEFF\\x78\\x20\\x79"\n'],
  ['nothing is written of nothing but its quotes', '', 'a: ""\n'],
]

describe('writeYaml()', () => {
  test.each(texts)('%s', (_, text, written) => {
    expect(writeYaml({ a: text })).toBe(written)
  })

  test('folds a long text at the first space behind column 80, whatever its style', () => {
    const words = 'word '.repeat(30).trim()
    expect(writeYaml({ a: words }).split('\n')[0]).toHaveLength(82)
    const message = 'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "g-forbidden"'
    expect(writeYaml({ message })).toBe(
      'message: \'pods is forbidden: User "alice" cannot list resource "pods" in API group\n  "" in the namespace "g-forbidden"\'\n',
    )
    expect(writeYaml({ a: `\t${words}` })).toMatch(/^a: "\\t(?:word )+word\n {2}word/)
  })

  test('puts lists at the margin of their member, and maps and lists in lists behind the dash', () => {
    expect(writeYaml({ a: [{ b: 1, c: [] }, ['x', ['y']], {}], d: { e: null } })).toBe(
      'a:\n- b: 1\n  c: []\n- - x\n  - - "y"\n- {}\nd:\n  e: null\n',
    )
  })

  test('puts a key that is too long behind a question mark', () => {
    const key = 'k'.repeat(129)
    expect(writeYaml({ [key]: { a: 1 } })).toBe(`? ${key}\n: a: 1\n`)
  })

  test('writes integers beyond 2^53 in full', () => {
    expect(writeYaml({ a: 9223372036854775807n, b: 1e-7, c: 0.5 })).toBe('a: 9223372036854775807\nb: 1e-07\nc: 0.5\n')
  })

  test('is read back as what was written', () => {
    const text = fc.string({ unit: 'binary' }).map((one) => one.toWellFormed().replaceAll(/[\0\ud800-\udfff]/g, ''))
    const value = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('value')), tie('map')),
      map: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('value')),
    }))
    fc.assert(
      fc.property(value.map, (object) => {
        expect(plainValue(parseYaml(writeYaml(object)).tree)).toEqual({ ...(object as object) })
      }),
    )
  })
})

test('naturalOrder() counts digits as numbers and puts letters last', () => {
  expect(['a10', 'a9', 'aB', 'ab', 'a-', 'a', 'b'].sort(naturalOrder)).toEqual(['a', 'a-', 'a9', 'a10', 'aB', 'ab', 'b'])
})
