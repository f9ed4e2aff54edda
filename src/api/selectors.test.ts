import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFieldSelector, requiredFieldValue } from './fields.ts'
import { formatSelector, parseLabelSelector, selectorFromLabels, selectorFromObject } from './labels.ts'
import { StatusError } from './status.ts'

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(StatusError)
    expect((error as StatusError).code).toBe(400)
    return (error as StatusError).message
  }
  return 'was accepted'
}

describe('parseLabelSelector()', () => {
  const labels = { a: 'b', n: '5', e: '' }
  const cases: [selector: string, matches: boolean][] = [
    ['', true],
    ['a=b', true],
    ['a==b', true],
    ['a = b', true],
    ['a=c', false],
    ['a!=b', false],
    ['a!=c', true],
    ['z!=c', true],
    ['a in (b,c)', true],
    ['a in (c)', false],
    ['a notin (b)', false],
    ['z notin (b)', true],
    ['z in (b)', false],
    ['a', true],
    ['z', false],
    ['!z', true],
    ['!a', false],
    ['n>4', true],
    ['n>5', false],
    ['n<6', true],
    ['a>1', false],
    ['z<1', false],
    ['e=', true],
    ['e', true],
    ['e in ()', true],
    ['a=b,n>4,!z', true],
    ['a=b,z', false],
    ['in in (in)', false],
    ['notin', false],
    ['constructor', false],
    ['!toString', true],
  ]
  for (const [selector, matches] of cases)
    test(`${selector || 'nothing'} ${matches ? 'matches' : 'does not match'}`, () =>
      expect(parseLabelSelector(selector).matches(labels)).toBe(matches))

  const wrong: [selector: string, message: string][] = [
    ['a in', "unable to parse requirement: found '' expected: '('"],
    ['a in (', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['a=b,', "found '', expected: identifier after ','"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['n>x', `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`],
  ]
  for (const [selector, message] of wrong)
    test(`refuses ${selector} as upstream does`, () => expect(refusal(() => parseLabelSelector(selector))).toBe(message))

  test('names keys and values that are none', () => {
    expect(refusal(() => parseLabelSelector('-a=b'))).toMatch(
      /^unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of/,
    )
    expect(refusal(() => parseLabelSelector('a=-b'))).toMatch(
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": a valid label must be/,
    )
  })

  test('fails only with a Status', () => {
    const piece = fc.constantFrom('a', 'in', 'notin', '(', ')', ',', '=', '==', '!=', '!', '<', '>', ' ', 'é', '\0')
    fc.assert(fc.property(fc.array(piece), (pieces) => void refusal(() => parseLabelSelector(pieces.join('')))))
  })

  test('is printed as it is written', () => {
    expect(formatSelector(parseLabelSelector('b in (z,y),a=1,!c,d,e notin (x),f!=g,h>1'))).toBe('a=1,b in (y,z),!c,d,e notin (x),f!=g,h>1')
  })
})

describe('selectorFromObject()', () => {
  test('of nothing selects nothing, of an empty selector everything', () => {
    expect(selectorFromObject(undefined).matches({})).toBe(false)
    expect(selectorFromObject({}).matches({ a: 'b' })).toBe(true)
  })

  test('joins labels and expressions', () => {
    const selector = selectorFromObject({
      matchLabels: { a: '1' },
      matchExpressions: [
        { key: 'b', operator: 'In', values: ['x'] },
        { key: 'c', operator: 'DoesNotExist' },
      ],
    })
    expect(selector.matches({ a: '1', b: 'x' })).toBe(true)
    expect(selector.matches({ a: '1', b: 'x', c: '' })).toBe(false)
    expect(formatSelector(selector)).toBe('a=1,b in (x),!c')
  })

  test('of an unknown operator selects nothing', () =>
    expect(selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'Maybe' }] }).matches({})).toBe(false))
})

test('selectorFromLabels() asks for every label', () => {
  expect(selectorFromLabels({ a: '1', b: '2' }).matches({ a: '1', b: '2', c: '3' })).toBe(true)
  expect(selectorFromLabels({ a: '1', b: '2' }).matches({ a: '1' })).toBe(false)
})

describe('parseFieldSelector()', () => {
  test('reads conditions and escapes', () => {
    expect(parseFieldSelector('metadata.name=a\\,b\\=c\\\\,status.phase!=Running,a==b').requirements).toEqual([
      { field: 'a', operator: '=', value: 'b' },
      { field: 'metadata.name', operator: '=', value: 'a,b=c\\' },
      { field: 'status.phase', operator: '!=', value: 'Running' },
    ])
  })

  const wrong: [selector: string, message: string][] = [
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b,c', "invalid selector: 'a=b,c'; can't understand 'c'"],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ]
  for (const [selector, message] of wrong)
    test(`refuses ${selector} as upstream does`, () => expect(refusal(() => parseFieldSelector(selector))).toBe(message))

  test('matches by what an object says of its fields', () => {
    const fields: Record<string, string> = { 'metadata.name': 'a' }
    const textOf = (field: string): string => fields[field] ?? ''
    expect(parseFieldSelector('metadata.name=a,spec.x=').matches(textOf)).toBe(true)
    expect(parseFieldSelector('metadata.name!=a').matches(textOf)).toBe(false)
    expect(parseFieldSelector('').matches(textOf)).toBe(true)
  })
})

test('requiredFieldValue() is the value that must be', () => {
  expect(requiredFieldValue('metadata.name=a,x=y', 'metadata.name')).toBe('a')
  expect(requiredFieldValue('metadata.name!=a', 'metadata.name')).toBeUndefined()
  expect(requiredFieldValue('nonsense', 'metadata.name')).toBeUndefined()
})
