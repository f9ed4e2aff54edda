import { describe, expect, test } from 'vitest'
import { describeFlags, type Flags, formatDuration, parseDuration, parseFlags, UsageError } from './flags.ts'

const TABLE = {
  name: { type: 'string', short: 'n', help: 'A name.' },
  list: { type: 'strings', default: ['a'], help: 'Some.' },
  array: { type: 'stringArray', default: [], help: 'Some, with commas.' },
  'turn-on': { type: 'bool', default: false, help: 'A switch.' },
  count: { type: 'int', default: 3, help: 'A number.' },
  wait: { type: 'duration', default: 60, help: 'A time.' },
  map: { type: 'map', default: {}, help: 'Pairs.' },
} as const satisfies Flags

describe('parseFlags()', () => {
  const cases: [name: string, argv: string[], want: Record<string, unknown>][] = [
    ['gives defaults to what was not set', [], { list: ['a'], count: 3, 'turn-on': false, wait: 60 }],
    ['reads a value after = and after a space', ['--name=x', '--count', '7'], { name: 'x', count: 7 }],
    ['reads a one-letter name', ['-n', 'x'], { name: 'x' }],
    ['joins lists of several occurrences and drops the default', ['--list=b,c', '--list', 'd'], { list: ['b', 'c', 'd'] }],
    ['lets an empty list be said', ['--list='], { list: [] }],
    ['keeps commas in an array', ['--array=a,b', '--array=c'], { array: ['a,b', 'c'] }],
    ['turns a switch on by its name and off by =false', ['--turn-on'], { 'turn-on': true }],
    ['takes the last of several values', ['--turn-on', '--turn-on=false', '--count=1', '--count=2'], { 'turn-on': false, count: 2 }],
    ['reads _ in a name as -', ['--turn_on=T'], { 'turn-on': true }],
    ['reads a Go duration into seconds', ['--wait=1h2m3.5s'], { wait: 3723.5 }],
    ['joins maps', ['--map=a=1,b=2', '--map', 'c=x=y'], { map: { a: '1', b: '2', c: 'x=y' } }],
    ['takes a value that begins with a hyphen', ['--list', '-x'], { list: ['-x'] }],
  ]
  test.each(cases)('%s', (_, argv, want) => {
    expect(parseFlags(argv, TABLE).values).toMatchObject(want)
  })

  test('keeps words and what stands behind -- apart', () => {
    const parsed = parseFlags(['one', '--count=1', 'two', '--', '--count=x'], TABLE)
    expect(parsed.words).toEqual(['one', 'two'])
    expect(parsed.rest).toEqual(['--count=x'])
    expect([...parsed.given]).toEqual(['count'])
  })

  const refusals: [name: string, argv: string[], message: RegExp][] = [
    ['an unknown name, with the nearest one', ['--conut=1'], /^unknown flag --conut; did you mean --count\?$/],
    ['an unknown name that is near to none', ['--zzzzzzz'], /^unknown flag --zzzzzzz$/],
    ['a name that every object has', ['--constructor'], /^unknown flag --constructor$/],
    ['a missing value', ['--count'], /--count needs a value \(int\)/],
    ['a number with letters', ['--count=1x'], /--count=1x: a whole number/],
    ['a number that JavaScript would round', ['--count=9007199254740993'], /a whole number/],
    ['a switch that is neither', ['--turn-on=yes'], /true or false/],
    ['a duration without a unit', ['--wait=60'], /such as 30s/],
    ['a map without =', ['--map=a'], /key=value is needed, not a/],
  ]
  test.each(refusals)('refuses %s', (_, argv, message) => {
    expect(() => parseFlags(argv, TABLE)).toThrow(UsageError)
    expect(() => parseFlags(argv, TABLE)).toThrow(message)
  })
})

describe('durations', () => {
  const cases: [text: string, seconds: number][] = [
    ['0', 0],
    ['300ms', 0.3],
    ['5m0s', 300],
    ['1h0m0s', 3600],
    ['8760h0m0s', 31_536_000],
    ['-1s', -1],
  ]
  test.each(cases)('%s is read as %d seconds', (text, seconds) => expect(parseDuration(text)).toBeCloseTo(seconds))
  test.each(['', '1', '1x', 's', '1h-3m'])('"%s" is none', (text) => expect(parseDuration(text)).toBeUndefined())
  test.each(['1h0m0s', '5m0s', '2s', '500ms', '0s'])('%s is printed as it was read', (text) =>
    expect(formatDuration(parseDuration(text) as number)).toBe(text),
  )
})

test('describeFlags() says name, type, help and default', () => {
  expect(describeFlags({ wait: TABLE.wait, 'turn-on': TABLE['turn-on'] })).toBe(
    'Flags:\n      --wait duration\n          A time. (default 1m0s)\n      --turn-on\n          A switch.',
  )
})
