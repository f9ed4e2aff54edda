import { describe, expect, test } from 'vitest'
import { plainValue } from './json.ts'
import { parseYaml, parseYamlDocuments, YamlError } from './yaml.ts'

const value = (text: string): unknown => plainValue(parseYaml(text).tree)

describe('parseYaml()', () => {
  test('reads scalars as YAML 1.1 does', () => {
    expect(
      value(
        '[yes, No, on, Off, y, true, ~, null, 0x10, 010, 0o17, 0b11, 1_000, 1.50, .5, -2, 1e3, 2024-01-02, 0.1.2, "yes", \'5\', !!str 5]',
      ),
    ).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      null,
      null,
      16,
      8,
      15,
      3,
      1000,
      1.5,
      0.5,
      -2,
      1000,
      '2024-01-02',
      '0.1.2',
      'yes',
      '5',
      '5',
    ])
  })

  test('turns keys into texts', () => expect(value('{1: a, true: b, c: d}')).toEqual({ '1': 'a', true: 'b', c: 'd' }))

  test('reports duplicate keys by line and keeps the last', () => {
    const { tree, duplicates } = parseYaml('a: 1\nb:\n  c: 1\n  c: 2\na: 3\n')
    expect(duplicates).toEqual(['line 4: key "c" already set in map', 'line 5: key "a" already set in map'])
    expect(plainValue(tree)).toEqual({ a: 3, b: { c: 2 } })
  })

  test('follows aliases and merges', () => {
    expect(value('a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3\n')).toEqual({ a: { p: 1, q: 2 }, b: { p: 1, q: 2 }, c: { q: 3, p: 1 } })
  })

  test('reads the first document, and nothing as null', () => {
    expect(value('a: 1\n---\nb: 2\n')).toEqual({ a: 1 })
    expect(value('')).toBeNull()
  })

  test('reads every document of a file, with anchors of its own', () => {
    const all = (text: string) => parseYamlDocuments(text).map((tree) => plainValue(tree))
    expect(all('# nothing\n')).toEqual([])
    expect(all('---\na: &x 1\n---\n---\nb: [2]\n...\n')).toEqual([{ a: 1 }, null, { b: [2] }])
    expect(() => parseYamlDocuments('a: &x 1\n---\nb: *x\n')).toThrow(YamlError)
  })

  test('keeps large integers exact', () => expect(value('a: 9007199254740993')).toEqual({ a: 9007199254740993n }))

  test('refuses documents that grow without bound', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]']
    for (let i = 1; i < 9; i++) bomb.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(',')}]`)
    expect(() => parseYaml(bomb.join('\n'))).toThrow(new YamlError('yaml: document contains excessive aliasing'))
    expect(() => parseYaml('a: &a [*a]')).toThrow(YamlError)
    expect(() => parseYaml('['.repeat(100_000))).toThrow(YamlError)
  })

  test('reads a long document in time that grows with its length only', () => {
    const text = `labels:\n${Array.from({ length: 50_000 }, (_, i) => `  k${i}: v`).join('\n')}\n  k1: w\n`
    const { tree, duplicates } = parseYaml(text)
    expect(Object.keys((plainValue(tree) as { labels: object }).labels)).toHaveLength(50_000)
    expect(duplicates).toEqual(['line 50002: key "k1" already set in map'])
  })

  test('says where it stopped', () => expect(() => parseYaml('a: 1\nb: [\n')).toThrow(/^yaml: line \d+: /))
})
