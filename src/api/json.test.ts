import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeJson } from './encode.ts'
import { byteOrder, countMembers, decodeText, JsonSyntaxError, membersOf, parseJson, parsePlain, parseTree, plainValue } from './json.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

describe('parseJson()', () => {
  test('agrees with JSON.parse on every document that has no duplicates', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(encodeJson(parseJson(bytes(text)).value)).toBe(encodeJson(JSON.parse(text)))
        expect(parseJson(bytes(text)).duplicates).toEqual([])
      }),
    )
  })

  test('gives the same value by the quick and by the exact way', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const plain = parsePlain(bytes(text))
        if (plain === undefined) return
        expect(plain.members).toBe(membersOf(plain.value))
        expect(JSON.stringify(plainValue(parseTree(text)))).toBe(JSON.stringify(plain.value))
      }),
    )
  })

  test('reports duplicate members by path, in the order of the document, and keeps the last', () => {
    const { value, duplicates } = parseJson(bytes('{"a":1,"b":[{"x":1,"x":2}],"a":{"y":1,"y":3}}'))
    expect(value).toEqual({ a: { y: 3 }, b: [{ x: 2 }] })
    expect(duplicates).toEqual(['b[0].x', 'a', 'a.y'])
  })

  test('keeps integers exact beyond what a number can hold', () => {
    expect(parseJson(bytes('[9007199254740993,-9223372036854775808,1.5,1e3,-0]')).value).toEqual([
      9007199254740993n,
      -9223372036854775808n,
      1.5,
      1000,
      0,
    ])
  })

  test('takes __proto__ for a member like any other', () => {
    for (const text of ['{"__proto__":{"admin":true}}', '{"__proto__":1,"__proto__":{"admin":true}}']) {
      const { value } = parseJson(bytes(text))
      expect(Object.keys(value)).toEqual(['__proto__'])
      expect(value.admin).toBeUndefined()
      expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
    }
  })

  test('replaces lone surrogates and bytes that are no UTF-8, one for one', () => {
    expect(parseJson(bytes('"\\ud800x"')).value).toBe('\ufffdx')
    expect(parseJson(Buffer.from([0x22, 0xe2, 0x82, 0x22])).value).toBe('\ufffd\ufffd')
    expect(decodeText(Buffer.from([0x61, 0xff, 0xc3, 0xa9]))).toBe('a\ufffdé')
  })

  test('stops at the bound of nesting', () => {
    const nested = (depth: number): Buffer => bytes('['.repeat(depth) + ']'.repeat(depth))
    expect(() => parseTree(decodeText(nested(10_000)))).not.toThrow()
    expect(() => parseTree(decodeText(nested(10_001)))).toThrow(new JsonSyntaxError("invalid character '[' exceeded max depth"))
    expect(() => parseJson(nested(1000))).not.toThrow()
    expect(() => parseJson(nested(1001))).toThrow(new JsonSyntaxError("invalid character '[' exceeded max depth"))
    expect(() => parseJson(bytes('{"a":'.repeat(200_000)))).toThrow(new JsonSyntaxError("invalid character '{' exceeded max depth"))
  })

  const wrong: [text: string, message: string][] = [
    ['', 'unexpected end of JSON input'],
    ['{"a":1,', 'unexpected end of JSON input'],
    ['"abc', 'unexpected end of JSON input'],
    ['nonsense', "invalid character 'o' in literal null (expecting 'u')"],
    ['tru ', "invalid character ' ' in literal true (expecting 'e')"],
    ['{"a":1}x', "invalid character 'x' after top-level value"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 /*', "invalid character '/' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['-x', "invalid character 'x' in numeric literal"],
    ['01', "invalid character '1' after top-level value"],
    ['1.', 'unexpected end of JSON input'],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
    ["'", "invalid character '\\'' looking for beginning of value"],
  ]
  for (const [text, message] of wrong)
    test(`says of ${JSON.stringify(text)} what Go says`, () => expect(() => parseJson(bytes(text))).toThrow(new JsonSyntaxError(message)))
})

test('countMembers() turns down what JSON.parse would change', () => {
  for (const text of ['1234567890123456', '1.0', '1e2', '1E2', '"\\ud800"']) expect(countMembers(bytes(text)), text).toBe(-1)
  expect(countMembers(bytes('{"a":true,"b:c":[{"d":false}],"e\\"":"{"}'))).toBe(4)
})

test('byteOrder() is the order of UTF-8 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const [x, y] = [a.toWellFormed(), b.toWellFormed()]
      expect(Math.sign(byteOrder(x, y))).toBe(Buffer.compare(Buffer.from(x), Buffer.from(y)))
    }),
  )
})
