import { describe, expect, test } from 'vitest'
import { canonicalElement, compareElements, elementText, pathTexts, scalarText } from './path-element.ts'

describe('scalarText()', () => {
  const cases: [value: unknown, text: string][] = [
    ['a<b>&', '"a\\u003cb\\u003e\\u0026"'],
    ['\b\f\\b', '"\\u0008\\u000c\\\\b"'],
    ['\u2028', '"\\u2028"'],
    [12345678901234567890n, '12345678901234567890'],
    [true, 'true'],
  ]
  for (const [value, text] of cases) test(`writes ${String(value)} as Go does`, () => expect(scalarText(value)).toBe(text))
})

describe('canonicalElement()', () => {
  test('orders keys and drops blanks', () => {
    expect(canonicalElement('k:{"protocol": "TCP", "containerPort": 80}')).toBe('k:{"containerPort":80,"protocol":"TCP"}')
    expect(canonicalElement('v: "x"')).toBe('v:"x"')
    expect(canonicalElement('i:007')).toBe('i:7')
    expect(canonicalElement('x:new')).toBeUndefined()
  })
  for (const element of ['f', 'fx', 'k:[]', 'k:{', 'v:', 'i:x'])
    test(`refuses ${element}`, () => expect(() => canonicalElement(element)).toThrow(SyntaxError))
})

describe('compareElements()', () => {
  test('puts fields before keys before values before indexes, and numbers by size', () => {
    const elements = [
      'i:10',
      'i:9',
      'v:"a"',
      'v:10',
      'v:9',
      'v:true',
      'k:{"port":9}',
      'k:{"port":10}',
      'k:{"name":"z"}',
      'f:b',
      'f:a',
      'f:\ud83d\ude00',
      'f:\uffff',
    ]
    expect(elements.toSorted(compareElements)).toEqual([
      'f:a',
      'f:b',
      'f:\uffff',
      'f:\ud83d\ude00',
      'k:{"name":"z"}',
      'k:{"port":9}',
      'k:{"port":10}',
      'v:9',
      'v:10',
      'v:"a"',
      'v:true',
      'i:9',
      'i:10',
    ])
  })
})

describe('pathTexts()', () => {
  test('prints members of a level before what lies below', () => {
    const set = { 'f:spec': { 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:name': {} } }, 'f:z': {} }, 'f:a': {} }
    const port = '.spec.ports[containerPort=80,protocol="TCP"]'
    expect(pathTexts(set)).toEqual(['.a', '.spec.z', port, `${port}.name`])
    expect(elementText('v:"x"')).toBe('[="x"]')
    expect(elementText('i:0')).toBe('[0]')
  })
})
