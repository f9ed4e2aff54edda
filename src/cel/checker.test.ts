import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkExpression } from './checker.ts'
import { admissionEnvironment } from './environments.ts'
import { BOOL, listOf, NULL, STRING, struct, type Type, typeText } from './types.ts'

/** What kube-apiserver's own compiler says of these, in an environment for admission. */
interface Recorded {
  expression: string
  params?: boolean
  patches?: boolean
  result?: string
  problem?: string
  type?: string
}

const RECORDED = JSON.parse(readFileSync(new URL('testdata/checked.json', import.meta.url), 'utf8')) as Recorded[]
const RESULTS: Readonly<Record<string, readonly Type[]>> = {
  bool: [BOOL],
  string: [STRING],
  audit: [STRING, NULL],
  Object: [struct('Object')],
  JSONPatch: [listOf(struct('JSONPatch'))],
}

describe('what upstream says of an expression', () => {
  test.each(RECORDED)('$expression', ({ expression, params = false, patches = false, result, problem, type }) => {
    const checked = checkExpression(expression, admissionEnvironment({ params, authorizer: true, patches }), RESULTS[result ?? ''])
    expect('problem' in checked ? checked.problem : typeText(checked.type)).toBe(problem ?? type)
  })
})

describe('variables', () => {
  const environment = admissionEnvironment({ params: false, authorizer: true, variables: new Map([['names', listOf(STRING)]]) })

  test('have the types of their expressions', () => {
    expect(checkExpression('variables.names.all(n, n.startsWith("a"))', environment, [BOOL])).toEqual({ type: BOOL })
    expect(checkExpression('variables.names[0] + 1', environment)).toEqual({
      problem:
        "compilation failed: ERROR: <input>:1:20: found no matching overload for '_+_' applied to '(string, int)'\n" +
        ' | variables.names[0] + 1\n | ...................^',
    })
  })

  test('that are not declared are fields that do not exist', () => {
    expect(checkExpression('variables.other', environment)).toEqual({
      problem: "compilation failed: ERROR: <input>:1:10: undefined field 'other'\n | variables.other\n | .........^",
    })
  })
})

describe('hostile expressions', () => {
  const environment = admissionEnvironment({ params: false, authorizer: true })
  const problem = (expression: string) => {
    const checked = checkExpression(expression, environment)
    return 'problem' in checked ? checked.problem : undefined
  }

  test.each([
    ['brackets', `${'('.repeat(5000)}1${')'.repeat(5000)}`],
    ['lists', `${'['.repeat(5000)}${']'.repeat(5000)}`],
    ['members', `object${'.a'.repeat(5000)}`],
    ['sums', `1${'+1'.repeat(5000)}`],
    ['conditions', `${'true ? 1 : '.repeat(5000)}1`],
    ['loops', `${'[1].map(x, '.repeat(5000)}1${')'.repeat(5000)}`],
    ['optionals', `${'optional.of(1)'}${'.optMap(x, x)'.repeat(5000)}`],
  ])('%s within each other are refused before they are checked', (_, expression) => {
    expect(problem(expression)).toBe('compilation failed: ERROR: <input>:-1:0: expression recursion limit exceeded: 250')
  })

  test('long ones are refused unread', () => {
    expect(problem(`"${'é'.repeat(100_000)}"`)).toBe(
      'compilation failed: ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100002, limit 100000',
    )
  })

  test('more than a hundred mistakes are counted', () => {
    const text = problem(`[${Array.from({ length: 150 }, (_, i) => `x${i}`).join(', ')}]`) ?? ''
    expect(text.match(/ERROR/g)).toHaveLength(100)
    expect(text.endsWith('\n50 more errors were truncated')).toBe(true)
  })

  test('macros that use what they are called on twice do not double the work', () => {
    expect(problem(`optional.of(1)${'.optMap(x, x)'.repeat(200)}`)).toBe(undefined)
    expect(problem(`optional.of(y)${'.optMap(x, x)'.repeat(200)}`)).toContain("undeclared reference to 'y'")
  })

  test('types that double are refused', () => {
    expect(problem(`[1]${'.map(a, {a: a})'.repeat(60)}`)).toBe(
      'compilation failed: ERROR: <input>:-1:0: a type is made of more than 1000 parts',
    )
  })

  test('many unknown types take no longer than many known ones', () => {
    expect(problem(`[${Array.from({ length: 30_000 }, () => '[]').join(',')}]`)).toBe(undefined)
  })

  test('names of prototypes are no names', () => {
    expect(problem('constructor')).toContain("undeclared reference to 'constructor'")
    expect(problem('request.constructor')).toContain("undefined field 'constructor'")
    expect(problem('constructor{}')).toContain("undeclared reference to 'constructor'")
    expect(problem('object.toString()')).toContain("undeclared reference to 'toString'")
  })
})
