import { describe, expect, test } from 'vitest'
import { decodePath, parseQuery, requestTarget } from './url.ts'

describe('requestTarget()', () => {
  const cases: [name: string, raw: string, want: string | undefined][] = [
    ['leaves a path as it is', '/api/v1?a=b', '/api/v1?a=b'],
    ['takes the scheme and host off a whole URL', 'https://elsewhere/version?a=b', '/version?a=b'],
    ['gives a whole URL without a path the root', 'https://elsewhere', '/'],
    ['refuses a broken escape in the path', '/api/%zz', undefined],
    ['leaves a broken escape in the query to the query', '/api?a=%zz', '/api?a=%zz'],
    ['refuses what is neither', 'version', undefined],
  ]
  test.each(cases)('%s', (_, raw, want) => {
    expect(requestTarget(raw)).toBe(want)
  })
})

describe('parseQuery()', () => {
  const cases: [name: string, raw: string, want: [string, string][]][] = [
    [
      'reads escapes and pluses',
      'a=b%20c&d=e+f',
      [
        ['a', 'b c'],
        ['d', 'e f'],
      ],
    ],
    ['drops members with a broken escape', 'a=%zz&b=c', [['b', 'c']]],
    ['drops members with a semicolon', 'a=1;b=2&c=3', [['c', '3']]],
    ['keeps a second question mark', '?a=b', [['?a', 'b']]],
  ]
  test.each(cases)('%s', (_, raw, want) => {
    expect([...parseQuery(raw)]).toEqual(want)
  })
})

test('decodePath() reads an escaped slash as a slash, and a byte that is no text as one character', () => {
  expect(decodePath('/a%2Fb')).toBe('/a/b')
  expect(decodePath('/%ff')).toHaveLength(2)
})
