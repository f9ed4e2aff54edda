/**
 * Functions on lists: Kubernetes' own, sets, and the lists extension.
 *
 * @see apiserver/pkg/cel/library/lists.go; github.com/google/cel-go, ext/{lists,sets}.go
 * @module
 */
import { type Calls, typed } from './call.ts'
import {
  adapt,
  CelError,
  checkedDuration,
  checkedInt,
  checkedUint,
  compare,
  Double,
  Duration,
  equal,
  noOverload,
  Optional,
  typeName,
  Uint,
} from './values.ts'

type Spend = (cost: number) => void

function includes(list: readonly unknown[], value: unknown, spend: Spend): boolean {
  return list.some((one) => {
    spend(1)
    return equal(one, value, spend)
  })
}

function sum(list: readonly unknown[], spend: Spend): unknown {
  spend(list.length)
  const items = list.map(adapt)
  const [first] = items
  if (first === undefined) return 0n
  if (items.every((one) => typeof one === 'bigint')) return items.reduce<bigint>((all, one) => checkedInt(all + (one as bigint)), 0n)
  if (items.every((one) => one instanceof Uint))
    return items.reduce<Uint>((all, one) => checkedUint(all.value + (one as Uint).value), new Uint(0n))
  if (items.every((one) => one instanceof Double)) return new Double(items.reduce<number>((all, one) => all + (one as Double).value, 0))
  if (items.every((one) => one instanceof Duration))
    return items.reduce<Duration>((all, one) => checkedDuration(all.nanos + (one as Duration).nanos), new Duration(0n))
  throw noOverload('sum', list)
}

function extreme(name: string, sign: number): readonly [string, (args: readonly unknown[], spend: Spend) => unknown] {
  return typed(name, ['list'], ([list], spend) => {
    const items = (list as unknown[]).map(adapt)
    spend(items.length)
    if (items.length === 0) throw new CelError(`${name} called on empty list`)
    return items.reduce((best, one) => (sign * compare(one, best, name) > 0 ? one : best))
  })
}

function sorted(list: readonly unknown[], spend: Spend): unknown[] {
  const items = list.map(adapt)
  spend(items.length * Math.ceil(Math.log2(items.length + 1)))
  requireOneType(items)
  return items.sort((a, b) => compare(a, b, 'sort'))
}

/** What is sorted is all of one type. */
export function requireOneType(items: readonly unknown[]): void {
  const [first] = items
  if (items.some((one) => typeName(one) !== typeName(first))) throw new CelError('list elements must have the same type')
}

function flatten(list: readonly unknown[], depth: number, spend: Spend): unknown[] {
  const out: unknown[] = []
  for (const one of list) {
    spend(1)
    if (Array.isArray(one) && depth > 0) for (const inner of flatten(one, depth - 1, spend)) out.push(inner)
    else out.push(one)
  }
  return out
}

function place(list: readonly unknown[], value: unknown, last: boolean, spend: Spend): bigint {
  for (let i = 0; i < list.length; i++) {
    spend(1)
    const at = last ? list.length - 1 - i : i
    if (equal(list[at], value, spend)) return BigInt(at)
  }
  return -1n
}

function elementAt(list: readonly unknown[], at: number): Optional {
  return list.length === 0 ? Optional.NONE : new Optional(adapt(list[at]))
}

const lists = ([a, b]: readonly unknown[]) => [a, b] as [unknown[], unknown[]]

export const LIST_FUNCTIONS: Calls = [
  typed('sets.contains', ['list', 'list'], (args, spend) => {
    const [list, sub] = lists(args)
    return sub.every((one) => includes(list, one, spend))
  }),
  typed('sets.equivalent', ['list', 'list'], (args, spend) => {
    const [a, b] = lists(args)
    return a.every((one) => includes(b, one, spend)) && b.every((one) => includes(a, one, spend))
  }),
  typed('sets.intersects', ['list', 'list'], (args, spend) => {
    const [a, b] = lists(args)
    return a.some((one) => includes(b, one, spend))
  }),
  typed('lists.range', ['int'], ([count], spend) => {
    spend(Number(count))
    return Array.from({ length: Math.max(0, Number(count)) }, (_, i) => BigInt(i))
  }),
]

export const LIST_METHODS: Calls = [
  typed('isSorted', ['list'], ([list], spend) => {
    const items = (list as unknown[]).map(adapt)
    spend(items.length)
    return items.every((one, i) => i === 0 || compare(items[i - 1], one, 'isSorted') <= 0)
  }),
  typed('sum', ['list'], ([list], spend) => sum(list as unknown[], spend)),
  extreme('min', -1),
  extreme('max', 1),
  typed('indexOf', ['list', 'dyn'], ([list, value], spend) => place(list as unknown[], value, false, spend)),
  typed('lastIndexOf', ['list', 'dyn'], ([list, value], spend) => place(list as unknown[], value, true, spend)),
  typed('slice', ['list', 'int', 'int'], ([list, from, to], spend) => {
    const items = list as unknown[]
    const [start, end] = [Number(from), Number(to)]
    if (start < 0 || end < 0) throw new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`)
    if (start > end) throw new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`)
    if (end > items.length) throw new CelError(`cannot slice(${start}, ${end}), list is length ${items.length}`)
    spend(end - start)
    return items.slice(start, end)
  }),
  typed('flatten', ['list', 'int?'], ([list, depth = 1n], spend) => flatten(list as unknown[], Number(depth), spend)),
  typed('first', ['list'], ([list]) => elementAt(list as unknown[], 0)),
  typed('last', ['list'], ([list]) => elementAt(list as unknown[], (list as unknown[]).length - 1)),
  typed('distinct', ['list'], ([list], spend) => {
    const out: unknown[] = []
    for (const one of list as unknown[]) if (!includes(out, one, spend)) out.push(one)
    return out
  }),
  typed('reverse', ['list'], ([list], spend) => {
    spend((list as unknown[]).length)
    return [...(list as unknown[])].reverse()
  }),
  typed('sort', ['list'], ([list], spend) => sorted(list as unknown[], spend)),
]
