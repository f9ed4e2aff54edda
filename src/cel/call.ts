/**
 * What a library of functions is, and how its functions look at their arguments.
 *
 * @module
 */
import { PER_CHARACTER, PER_PARSED } from './budget.ts'
import { noOverload } from './values.ts'

/** Of a method, the first argument is what it is called on. */
export type Call = (args: readonly unknown[], spend: (cost: number) => void) => unknown

export type Calls = readonly (readonly [name: string, call: Call])[]

/** A call whose arguments have these types; other arguments are no overload of it. `?` may be missing. */
export function typed(name: string, types: readonly string[], call: Call): readonly [string, Call] {
  const required = types.filter((type) => !type.endsWith('?')).length
  const checks = types.map((type) => CHECKS[type.replace('?', '')] ?? (() => true))
  return [
    name,
    (args, spend) => {
      if (args.length < required || args.length > types.length || !args.every((arg, i) => checks[i]?.(arg) === true))
        throw noOverload(name, ...args)
      return call(args, spend)
    },
  ]
}

/** The same for a call that reads a text, at the cost of reading it. */
export function parsing(name: string, types: readonly string[], call: Call): readonly [string, Call] {
  return typed(name, types, (args, spend) => {
    const [text] = args
    spend(PER_PARSED + (typeof text === 'string' ? text.length * PER_CHARACTER : 0))
    return call(args, spend)
  })
}

const CHECKS: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  int: (value) => typeof value === 'bigint',
  bool: (value) => typeof value === 'boolean',
  list: Array.isArray,
}
