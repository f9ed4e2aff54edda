/**
 * What looks like a function and decides itself what of its arguments is evaluated, how often and with which names.
 *
 * @see github.com/google/cel-go, parser/macro.go, ext/comprehensions.go
 * @module
 */
import { requireOneType } from './lists.ts'
import { type Around, bind, hasMember, type Run, type Scope, type Step } from './scope.ts'
import type { Expr } from './syntax.ts'
import { adapt, CelError, compare, entryOf, isMap, mapKey, mapKeys, noOverload, Optional, typeName } from './values.ts'

type Compile = (expr: Expr, around: Around) => Step

export interface Macro {
  receiver: boolean
  arity: readonly number[]
  compile(receiver: Expr | undefined, args: readonly Expr[], around: Around, compile: Compile): Step
}

function nameOf(expr: Expr | undefined): string {
  if (expr?.op !== 'ident') throw new CelError('argument must be a simple name')
  return expr.name
}

/** What upstream calls its values. */
const GO_TYPES: Readonly<Record<string, string>> = {
  bool: 'types.Bool',
  bytes: 'types.Bytes',
  double: 'types.Double',
  int: 'types.Int',
  null_type: 'types.Null',
  string: 'types.String',
  uint: 'types.Uint',
  'google.protobuf.Duration': 'types.Duration',
  'google.protobuf.Timestamp': 'types.Timestamp',
}

/** `visit` answers false to stop. One name: keys of maps, elements of lists; two: keys or indexes first. */
function each(
  range: unknown,
  names: readonly string[],
  run: Run,
  scope: Scope | undefined,
  visit: (inner: Scope, first: unknown) => boolean,
): void {
  if (!Array.isArray(range) && !isMap(range))
    throw new CelError(`got '${GO_TYPES[typeName(range)] ?? typeName(range)}', expected iterable type`)
  const keys = Array.isArray(range) ? undefined : mapKeys(range)
  const length = keys?.length ?? (range as unknown[]).length
  for (let i = 0; i < length; i++) {
    run.spend(1)
    const first = keys === undefined ? (names.length === 1 ? adapt((range as unknown[])[i]) : BigInt(i)) : keys[i]
    let inner: Scope = { name: names[0] as string, value: first, outer: scope }
    if (names[1] !== undefined) {
      const second = keys === undefined ? adapt((range as unknown[])[i]) : entryOf(range as Map<unknown, unknown>, keys[i])
      inner = { name: names[1], value: second, outer: inner }
    }
    if (!visit(inner, first)) return
  }
}

interface Comprehension {
  over: Step
  names: string[]
  /** Of what follows the names. */
  steps: Step[]
}

function comprehension(
  receiver: Expr | undefined,
  args: readonly Expr[],
  variables: 1 | 2,
  around: Around,
  compile: Compile,
): Comprehension {
  if (receiver === undefined) throw new CelError('a comprehension needs a range')
  const names = args.slice(0, variables).map(nameOf)
  const inner = bind(around, ...names)
  return { over: compile(receiver, around), names, steps: args.slice(variables).map((arg) => compile(arg, inner)) }
}

function truth(step: Step, run: Run, scope: Scope): boolean {
  const value = step(run, scope)
  if (typeof value !== 'boolean') throw noOverload('predicate', value)
  return value
}

/** `all` and `exists`: one element decides; an error counts only when none does. */
function quantifier(decides: boolean): Macro {
  return {
    receiver: true,
    arity: [2, 3],
    compile(receiver, args, around, compile) {
      const { over, names, steps } = comprehension(receiver, args, args.length === 3 ? 2 : 1, around, compile)
      const predicate = steps[0] as Step
      return (run, scope) => {
        let result = !decides
        let problem: CelError | undefined
        each(over(run, scope), names, run, scope, (inner) => {
          try {
            if (truth(predicate, run, inner) !== decides) return true
            result = decides
            return false
          } catch (error) {
            if (!(error instanceof CelError) || error.fatal) throw error
            problem ??= error
            return true
          }
        })
        if (result === decides || problem === undefined) return result
        throw problem
      }
    },
  }
}

const existsOne: Macro = {
  receiver: true,
  arity: [2, 3],
  compile(receiver, args, around, compile) {
    const { over, names, steps } = comprehension(receiver, args, args.length === 3 ? 2 : 1, around, compile)
    return (run, scope) => {
      let count = 0
      each(over(run, scope), names, run, scope, (inner) => {
        if (truth(steps[0] as Step, run, inner)) count++
        return true
      })
      return count === 1
    }
  },
}

/** `map(x, t)`, `map(x, p, t)`, `filter(x, p)`, `transformList(k, v, [p,] t)`. */
function collect(variables: 1 | 2, arity: readonly number[], filters: (count: number) => boolean): Macro {
  return {
    receiver: true,
    arity,
    compile(receiver, args, around, compile) {
      const { over, names, steps } = comprehension(receiver, args, variables, around, compile)
      const filter = filters(steps.length) ? steps[0] : undefined
      const transform = filter !== undefined && steps.length === 1 ? undefined : steps.at(-1)
      return (run, scope) => {
        const out: unknown[] = []
        each(over(run, scope), names, run, scope, (inner, element) => {
          if (filter === undefined || truth(filter, run, inner)) out.push(transform === undefined ? element : transform(run, inner))
          return true
        })
        return out
      }
    },
  }
}

/** `transformMap(k, v, [p,] t)` and `transformMapEntry`: a map, to which each transformed element adds as `insert` says. */
function collectMap(insert: (out: Map<unknown, unknown>, key: unknown, made: unknown) => void): Macro {
  return {
    receiver: true,
    arity: [3, 4],
    compile(receiver, args, around, compile) {
      const { over, names, steps } = comprehension(receiver, args, 2, around, compile)
      const filter = steps.length === 2 ? steps[0] : undefined
      const transform = steps.at(-1) as Step
      return (run, scope) => {
        const out = new Map<unknown, unknown>()
        each(over(run, scope), names, run, scope, (inner, key) => {
          if (filter === undefined || truth(filter, run, inner)) insert(out, key, transform(run, inner))
          return true
        })
        return out
      }
    },
  }
}

function insertEntries(out: Map<unknown, unknown>, entries: unknown): void {
  if (!isMap(entries)) throw noOverload('transformMapEntry', entries)
  for (const key of mapKeys(entries)) {
    if (out.has(key)) throw new CelError(`insert failed: key ${String(key)} already exists`)
    out.set(key, entryOf(entries, key))
  }
}

/** `sortBy(x, key)`. */
const sortBy: Macro = {
  receiver: true,
  arity: [2],
  compile(receiver, args, around, compile) {
    const { over, names, steps } = comprehension(receiver, args, 1, around, compile)
    return (run, scope) => {
      const list = over(run, scope)
      if (!Array.isArray(list)) throw noOverload('sortBy', list)
      const keyed: { value: unknown; key: unknown }[] = []
      each(list, names, run, scope, (inner, value) => {
        keyed.push({ value, key: (steps[0] as Step)(run, inner) })
        return true
      })
      run.spend(keyed.length * Math.ceil(Math.log2(keyed.length + 1)))
      requireOneType(keyed.map(({ key }) => key))
      return keyed.sort((a, b) => compare(a.key, b.key, 'sort')).map(({ value }) => value)
    }
  },
}

const has: Macro = {
  receiver: false,
  arity: [1],
  compile(_, [arg], around, compile) {
    if (arg?.op !== 'select') throw new CelError('invalid argument to has() macro')
    const operand = compile(arg.operand, around)
    const name = arg.field
    return (run, scope) => {
      run.spend(1)
      const value = operand(run, scope)
      if (value instanceof Optional) return value.value !== undefined && hasMember(value.value, name)
      return hasMember(value, name)
    }
  },
}

/** `cel.bind(name, value, expression)`. */
const celBind: Macro = {
  receiver: false,
  arity: [3],
  compile(_, [name, value, body], around, compile) {
    const bound = nameOf(name)
    const init = compile(value as Expr, around)
    const result = compile(body as Expr, bind(around, bound))
    return (run, scope) => {
      run.spend(1)
      return result(run, { name: bound, value: init(run, scope), outer: scope })
    }
  },
}

/** `optMap` wraps what it makes, `optFlatMap` expects an optional. */
function optionalMap(wraps: boolean): Macro {
  return {
    receiver: true,
    arity: [2],
    compile(receiver, [name, body], around, compile) {
      const bound = nameOf(name)
      const operand = compile(receiver as Expr, around)
      const result = compile(body as Expr, bind(around, bound))
      return (run, scope) => {
        run.spend(1)
        const value = operand(run, scope)
        if (!(value instanceof Optional)) throw noOverload('hasValue', value)
        if (value.value === undefined) return value
        const made = result(run, { name: bound, value: value.value, outer: scope })
        if (wraps) return new Optional(made)
        if (!(made instanceof Optional)) throw noOverload('optFlatMap', made)
        return made
      }
    },
  }
}

/** By name; functions of a namespace by their whole name. */
export const MACROS: ReadonlyMap<string, Macro> = new Map([
  ['all', quantifier(false)],
  ['exists', quantifier(true)],
  ['exists_one', existsOne],
  ['existsOne', existsOne],
  ['map', collect(1, [2, 3], (count) => count === 2)],
  ['filter', collect(1, [2], () => true)],
  ['transformList', collect(2, [3, 4], (count) => count === 2)],
  ['transformMap', collectMap((out, key, made) => out.set(mapKey(key), made))],
  ['transformMapEntry', collectMap((out, _, made) => insertEntries(out, made))],
  ['sortBy', sortBy],
  ['has', has],
  ['cel.bind', celBind],
  ['optMap', optionalMap(true)],
  ['optFlatMap', optionalMap(false)],
])
