/**
 * Kubernetes' library of semantic versions.
 *
 * @see apiserver/pkg/cel/library/semverlib.go; https://semver.org
 * @module
 */
import { type Call, type Calls, parsing } from './call.ts'
import { CelError, noOverload, type Opaque } from './values.ts'

class Semver implements Opaque {
  readonly celType = 'kubernetes.Semver'
  readonly numbers: readonly bigint[]
  readonly pre: readonly string[]
  constructor(numbers: readonly bigint[], pre: readonly string[]) {
    this.numbers = numbers
    this.pre = pre
  }
  equals(other: unknown): boolean {
    return other instanceof Semver && order(this, other) === 0
  }
}

const MAX_LENGTH = 512
/** Of a number: what does not fit 64 bits is none. */
const MAX_NUMBER = 2n ** 64n - 1n

/** A version, or why the text is none. `normalize`: a leading `v`, missing parts and leading zeros are forgiven. */
function parse(text: string, normalize: boolean): Semver | string {
  if (text.length > MAX_LENGTH) return 'Version string too long'
  if (text === '') return 'Version string empty'
  const [major, minor, ...rest] = (normalize ? normalized(text) : text).split('.')
  if (major === undefined || minor === undefined || rest.length === 0) return 'No Major.Minor.Patch elements found'
  const [, patch = '', pre, build] = /^([^-+]*)(?:-([^+]*))?(?:\+(.*))?$/s.exec(rest.join('.')) ?? []
  const numbers = { Major: major, Minor: minor, Patch: patch }
  for (const [name, number] of Object.entries(numbers)) {
    const problem = numberProblem(name, number)
    if (problem !== undefined) return problem
  }
  const identifiers = pre?.split('.') ?? []
  const problem = identifiers.map(prereleaseProblem).find((one) => one !== undefined) ?? buildProblem(build)
  return problem ?? new Semver([BigInt(major), BigInt(minor), BigInt(patch)], identifiers)
}

function numberProblem(name: string, text: string): string | undefined {
  if (!/^\d*$/.test(text)) return `Invalid character(s) found in ${name.toLowerCase()} number ${JSON.stringify(text)}`
  if (/^0\d/.test(text)) return `${name} number must not contain leading zeroes ${JSON.stringify(text)}`
  const parsing = `strconv.ParseUint: parsing ${JSON.stringify(text)}`
  if (text === '') return `${parsing}: invalid syntax`
  return BigInt(text) > MAX_NUMBER ? `${parsing}: value out of range` : undefined
}

function prereleaseProblem(text: string): string | undefined {
  if (text === '') return 'Prerelease is empty'
  if (/^0\d+$/.test(text)) return `Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(text)}`
  return /^[0-9A-Za-z-]+$/.test(text) ? undefined : `Invalid character(s) found in prerelease ${JSON.stringify(text)}`
}

function buildProblem(build: string | undefined): string | undefined {
  for (const text of build?.split('.') ?? []) {
    if (text === '') return 'Build meta data is empty'
    if (!/^[0-9A-Za-z-]+$/.test(text)) return `Invalid character(s) found in build meta data ${JSON.stringify(text)}`
  }
  return undefined
}

function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?([^-+]*)(.*)$/s.exec(text) ?? []
  const parts = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''))
  while (parts.length < 3) parts.push('0')
  return parts.join('.') + rest
}

function order(a: Semver, b: Semver): number {
  for (let i = 0; i < 3; i++) {
    const [left, right] = [a.numbers[i] as bigint, b.numbers[i] as bigint]
    if (left !== right) return left < right ? -1 : 1
  }
  if (a.pre.length === 0 || b.pre.length === 0) return Math.sign(b.pre.length - a.pre.length)
  for (let i = 0; i < Math.min(a.pre.length, b.pre.length); i++) {
    const difference = orderIdentifiers(a.pre[i] as string, b.pre[i] as string)
    if (difference !== 0) return difference
  }
  return Math.sign(a.pre.length - b.pre.length)
}

function orderIdentifiers(a: string, b: string): number {
  const [left, right] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (left && right) return BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0
  if (left !== right) return left ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

function part(name: string, at: number): readonly [string, Call] {
  return [
    name,
    ([value]) => {
      if (!(value instanceof Semver)) throw noOverload(name, value)
      return value.numbers[at]
    },
  ]
}

function comparison(name: string, answer: (order: number) => unknown): readonly [string, Call] {
  return [
    name,
    ([a, b]) => {
      if (!(a instanceof Semver) || !(b instanceof Semver)) throw noOverload(name, a, b)
      return answer(order(a, b))
    },
  ]
}

export const SEMVER_FUNCTIONS: Calls = [
  parsing('isSemver', ['string', 'bool?'], ([text, normalize = false]) => typeof parse(text as string, normalize as boolean) !== 'string'),
  parsing('semver', ['string', 'bool?'], ([text, normalize = false]) => {
    const made = parse(text as string, normalize as boolean)
    if (typeof made === 'string') throw new CelError(made)
    return made
  }),
]

export const SEMVER_METHODS: Calls = [
  part('major', 0),
  part('minor', 1),
  part('patch', 2),
  comparison('isLessThan', (found) => found < 0),
  comparison('isGreaterThan', (found) => found > 0),
  comparison('compareTo', (found) => BigInt(found)),
]
