import { expect, test } from 'vitest'
import { parseYaml, YamlError } from './yaml.ts'

/** As kube-apiserver 1.36.2 refuses them. */
const refused: [text: string, message: string][] = [
  ['a: b: c', 'mapping values are not allowed in this context'],
  ['a:\n  b: c: d', 'line 2: mapping values are not allowed in this context'],
  ['metadata:\n  name: x\n   labels: y', 'line 3: mapping values are not allowed in this context'],
  ['metadata:\n  name: x\n labels: y', 'line 2: did not find expected key'],
  ['a: "x" y', 'did not find expected key'],
  ['- a\nb: 1', "line 1: did not find expected '-' indicator"],
  ['a: 1\n- b', 'line 1: did not find expected key'],
  ['a: "x', 'found unexpected end of stream'],
  ['a: "b\n---\n"', 'line 2: found unexpected document indicator'],
  ['a: [1,2', "line 1: did not find expected ',' or ']'"],
  ['spec:\n  a: [\n  b: 1\n', "line 3: did not find expected ',' or ']'"],
  ['a:\n\t- b', 'line 2: found character that cannot start any token'],
  ['a:\n  b: 1\n\tc: 2', 'line 3: found a tab character that violates indentation'],
  ['a: |\n\t x', 'line 2: found a tab character where an indentation space is expected'],
  ['a: @x', 'found character that cannot start any token'],
  ['key: value\nword\n', "line 3: could not find expected ':'"],
  ['a: 1\nb', "line 3: could not find expected ':'"],
  ['a: "\\q"', 'found unknown escape character'],
  ['a: *x', "unknown anchor 'x' referenced"],
  ['a: -\n b', 'block sequence entries are not allowed in this context'],
  ['a: 1\x01', 'control characters are not allowed'],
]

test.each(refused)('parseYaml() refuses %j', (text, message) => {
  expect(() => parseYaml(text)).toThrow(new YamlError(`yaml: ${message}`))
})

test('parseYaml() reads the first document whatever comes behind it', () => {
  expect(parseYaml('# one\n---\na: b\n---\nc: [').tree).toEqual(parseYaml('a: b').tree)
})
