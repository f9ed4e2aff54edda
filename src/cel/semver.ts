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

const SHAPE =
  /^(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

/** `normalize`: a leading `v`, missing parts and leading zeros are forgiven. */
function parse(text: string, normalize: boolean): Semver | undefined {
  if (text.length > 512) return undefined
  const found = SHAPE.exec(normalize ? normalized(text) : text)
  if (found === null) return undefined
  const pre = found[4]?.split('.') ?? []
  if (pre.some((one) => /^0\d+$/.test(one))) return undefined
  return new Semver(
    found.slice(1, 4).map((one) => BigInt(one)),
    pre,
  )
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
  parsing('isSemver', ['string', 'bool?'], ([text, normalize = false]) => parse(text as string, normalize as boolean) !== undefined),
  parsing('semver', ['string', 'bool?'], ([text, normalize = false]) => {
    const made = parse(text as string, normalize as boolean)
    if (made === undefined) throw new CelError('semver parse error')
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
