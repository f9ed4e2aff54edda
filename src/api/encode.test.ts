import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { complete, encodeJson, encodeObject, encodePretty, encodeYaml } from './encode.ts'
import { plainValue } from './json.ts'
import { builtinSchemas } from './schemas.ts'
import { parseYaml } from './yaml.ts'

const text = (bytes: Buffer): string => bytes.toString()

describe('encodeObject()', () => {
  test('writes kind, apiVersion and metadata first', () => {
    expect(text(encodeObject({ spec: {}, metadata: { name: 'x' }, apiVersion: 'v1', kind: 'Pod' }))).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"x"},"spec":{}}',
    )
  })

  test('escapes what Go escapes and nothing else', () => {
    const escaped = '<a href="x">&\u2028\u2029</a>\u007f😀'
    expect(text(encodeObject({ data: escaped }))).toBe(
      '{"data":"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\\u003c/a\\u003e\u007f😀"}',
    )
  })

  test('writes integers beyond 2^53 exactly', () => {
    expect(text(encodeObject({ a: 9007199254740993n, b: [{ c: -(2n ** 63n), d: undefined }] }))).toBe(
      '{"a":9007199254740993,"b":[{"c":-9223372036854775808}]}',
    )
  })

  test('loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(encodeJson({ value }))).toEqual(JSON.parse(JSON.stringify({ value })))
      }),
    )
  })

  test('with a schema writes what Go always writes', () => {
    const role = builtinSchemas.byKind('rbac.authorization.k8s.io', 'v1', 'Role')!
    expect(text(encodeObject({ metadata: { name: 'r' } }, role))).toBe('{"metadata":{"name":"r"},"rules":null}')
    const deployment = builtinSchemas.byKind('apps', 'v1', 'Deployment')!
    expect(
      JSON.parse(text(encodeObject({ kind: 'Deployment', spec: { template: { spec: { containers: [{ image: 'i' }] } } } }, deployment))),
    ).toEqual({
      kind: 'Deployment',
      metadata: {},
      spec: { selector: null, template: { metadata: {}, spec: { containers: [{ name: '', image: 'i', resources: {} }] } }, strategy: {} },
      status: {},
    })
  })
})

test('complete() keeps members that the schema does not know', () => {
  const account = builtinSchemas.byKind('', 'v1', 'ServiceAccount')!
  expect(complete(account, { other: 1, metadata: {} })).toEqual({ metadata: {}, other: 1 })
})

test('encodePretty() indents by two blanks', () => {
  expect(text(encodePretty({ metadata: {}, kind: 'A', list: [], n: 2n, l: [1, { a: '<' }] }))).toBe(
    '{\n  "kind": "A",\n  "metadata": {},\n  "list": [],\n  "n": 2,\n  "l": [\n    1,\n    {\n      "a": "\\u003c"\n    }\n  ]\n}',
  )
})

describe('encodeYaml()', () => {
  test('sorts members and does not indent lists', () => {
    expect(text(encodeYaml({ kind: 'Pod', apiVersion: 'v1', spec: { b: [{ z: 1, a: [] }], a: {} } }))).toBe(
      'apiVersion: v1\nkind: Pod\nspec:\n  a: {}\n  b:\n  - a: []\n    z: 1\n',
    )
  })

  test('quotes texts that YAML 1.1 takes for something else', () => {
    const tricky = [
      'yes',
      'no',
      'on',
      'y',
      '1',
      '0x10',
      '1e3',
      'null',
      '~',
      '',
      'true',
      '2024-01-01',
      ' a',
      'a: b',
      '#x',
      '1_000',
      '- a',
      '.5',
      'NaN',
      '<<',
      '=',
    ]
    expect(plainValue(parseYaml(text(encodeYaml({ tricky }))).tree)).toEqual({ tricky })
  })

  test('chooses the quotes that Go chooses', () => {
    const object = {
      kind: 'x',
      a: '1',
      b: 'a: b',
      c: '2024-01-02T03:04:05Z',
      d: 'yes',
      e: '1:30',
      f: 'a\nb\n',
      g: '',
      h: 9007199254740993n,
      i: 1.5,
      '1': 'x',
    }
    expect(text(encodeYaml(object))).toBe(
      '"1": x\na: "1"\nb: \'a: b\'\nc: "2024-01-02T03:04:05Z"\nd: "yes"\ne: "1:30"\nf: |\n  a\n  b\ng: ""\nh: 9007199254740993\ni: 1.5\nkind: x\n',
    )
  })

  test('is read back as it was', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(fc.string({ minLength: 1 }), tie('node'), { maxKeys: 3 }),
      ),
    })).node
    fc.assert(
      fc.property(value, (node) => {
        const object = JSON.parse(JSON.stringify({ node }))
        expect(plainValue(parseYaml(text(encodeYaml(object))).tree)).toEqual(object)
      }),
    )
  })

  test('writes the keys of a map in order, whatever order they came in', () => {
    const schema = builtinSchemas.byKind('', 'v1', 'ConfigMap')
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { labels: { b: '1', a: '2' } }, data: { z: '', y: '' } }
    expect(encodeObject(object, schema).toString()).toBe(
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"labels":{"a":"2","b":"1"}},"data":{"y":"","z":""}}',
    )
  })
})
