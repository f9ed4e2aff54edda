/**
 * What macros become, for the type checker: loops, conditions and calls. The evaluator runs macros as they are.
 *
 * @see github.com/google/cel-go, parser/macro.go, ext/{comprehensions,lists}.go, cel/library.go
 * @module
 */
import type { Call, Expr, Fold, Mistake } from './syntax.ts'

const ACCUMULATOR = '@result'
const OVERWRITES = 'iteration variable overwrites accumulator variable'
const SIMPLE_NAME = 'argument must be a simple name'

interface Macro {
  receiver: boolean
  arity: readonly number[]
  /** What is wrong with the arguments. */
  mistake(args: readonly Expr[], target: Expr | undefined): Mistake | undefined
  expand(call: Call): Expr
}

/** Undefined: the call is no macro. */
function macroOf({ name, target, args }: Call): Macro | undefined {
  const macro = Object.hasOwn(MACROS, name) ? MACROS[name] : undefined
  return macro !== undefined && macro.receiver === (target !== undefined) && macro.arity.includes(args.length) ? macro : undefined
}

/** What is wrong with a call of a macro. */
export function macroMistake(call: Call): Mistake | undefined {
  return macroOf(call)?.mistake(call.args, call.target)
}

/** The call itself unless it is a macro; its arguments are not expanded. */
export function expandMacro(call: Call): Expr {
  return macroOf(call)?.expand(call) ?? call
}

function simpleName(message: string): (args: readonly Expr[]) => Mistake | undefined {
  return ([name]) => {
    if (name?.op !== 'ident') return { at: name?.at, message }
    return overwrites(name)
  }
}

function overwrites(name: Expr | undefined): Mistake | undefined {
  return name?.op === 'ident' && name.name === '__result__' ? { at: name.at, message: OVERWRITES } : undefined
}

function twoNames([first, second]: readonly Expr[]): Mistake | undefined {
  for (const name of [first, second]) if (name?.op !== 'ident') return { at: name?.at, message: SIMPLE_NAME }
  const [a, b] = [nameOf(first), nameOf(second)]
  if (a === b) return { at: second?.at, message: `duplicate variable name: ${a}` }
  return overwrites(first) ?? overwrites(second)
}

function nameOf(expr: Expr | undefined): string {
  return expr?.op === 'ident' ? expr.name : ''
}

/** Makes nodes that count as being where the macro is called. */
function maker(at: number) {
  const call = (name: string, ...args: Expr[]): Call => ({ op: 'call', at, name, target: undefined, args })
  const accumulated: Expr = { op: 'ident', at, name: ACCUMULATOR }
  return {
    call,
    accumulated,
    method: (name: string, target: Expr): Call => ({ op: 'call', at, name, target, args: [] }),
    literal: (value: unknown): Expr => ({ op: 'literal', at, value }),
    list: (...items: Expr[]): Expr => ({ op: 'list', at, items: items.map((value) => ({ value, optional: false })) }),
    emptyMap: (): Expr => ({ op: 'map', at, entries: [] }),
    fold: (parts: Omit<Fold, 'op' | 'at' | 'accumulator'> & { accumulator?: string }): Expr => ({
      op: 'fold',
      at,
      accumulator: ACCUMULATOR,
      ...parts,
    }),
    ident: (name: string): Expr => ({ op: 'ident', at, name }),
  }
}

/** Names come first; the rest is what the loop does. */
function parts({ target, args, at }: Call, names: 1 | 2) {
  return {
    make: maker(at),
    range: target as Expr, // only of receiver macros
    names: args.slice(0, names).map(nameOf),
    rest: args.slice(names) as [Expr, Expr],
  }
}

function quantifier(kind: 'all' | 'exists' | 'one', names: 1 | 2): (call: Call) => Expr {
  return (call) => {
    const { make, range, names: bound, rest } = parts(call, names)
    const [predicate] = rest
    const common = { range, names: bound }
    if (kind === 'one') {
      const more = make.call('_+_', make.accumulated, make.literal(1n))
      return make.fold({
        ...common,
        init: make.literal(0n),
        condition: make.literal(true),
        step: make.call('_?_:_', predicate, more, make.accumulated),
        result: make.call('_==_', make.accumulated, make.literal(1n)),
      })
    }
    const all = kind === 'all'
    return make.fold({
      ...common,
      init: make.literal(all),
      condition: make.call('@not_strictly_false', all ? make.accumulated : make.call('!_', make.accumulated)),
      step: make.call(all ? '_&&_' : '_||_', make.accumulated, predicate),
      result: make.accumulated,
    })
  }
}

/** `collects` makes of the accumulator the next one. */
function collector(
  names: 1 | 2,
  init: (make: ReturnType<typeof maker>) => Expr,
  collects: (make: ReturnType<typeof maker>, transform: Expr, first: string) => Expr,
): (call: Call) => Expr {
  return (call) => {
    const { make, range, names: bound, rest } = parts(call, names)
    const filter = rest.length === 2 ? rest[0] : undefined
    const step = collects(make, rest.at(-1) as Expr, bound[0] ?? '')
    return make.fold({
      range,
      names: bound,
      init: init(make),
      condition: make.literal(true),
      step: filter === undefined ? step : make.call('_?_:_', filter, step, make.accumulated),
      result: make.accumulated,
    })
  }
}

const intoList = (names: 1 | 2) =>
  collector(
    names,
    (make) => make.list(),
    (make, transform) => make.call('_+_', make.accumulated, make.list(transform)),
  )

function filter(call: Call): Expr {
  const { make, range, names, rest } = parts(call, 1)
  const step = make.call('_+_', make.accumulated, make.list(call.args[0] as Expr))
  return make.fold({
    range,
    names,
    init: make.list(),
    condition: make.literal(true),
    step: make.call('_?_:_', rest[0], step, make.accumulated),
    result: make.accumulated,
  })
}

/** A name for one value, as a loop that never runs. */
function binding(make: ReturnType<typeof maker>, name: string, value: Expr, result: Expr): Expr {
  return make.fold({
    range: make.list(),
    names: ['#unused'],
    accumulator: name,
    init: value,
    condition: make.literal(false),
    step: make.ident(name),
    result,
  })
}

function optionalMap(wraps: boolean): (call: Call) => Expr {
  return (call) => {
    const { make, range, names, rest } = parts(call, 1)
    // Upstream copies what the macro is called on: what is wrong with it is told twice.
    const inner = binding(make, names[0] ?? '', make.method('value', range), rest[0])
    return make.call('_?_:_', make.method('hasValue', range), wraps ? make.call('optional.of', inner) : inner, make.call('optional.none'))
  }
}

/** Only what could be a list. */
function sortByMistake(args: readonly Expr[], target: Expr | undefined): Mistake | undefined {
  if (target?.op === 'literal' || target?.op === 'map' || target?.op === 'message') {
    return { at: target.at, message: 'sortBy can only be applied to a list, identifier, comprehension, call or select expression' }
  }
  return simpleName('argument is not an identifier')(args)
}

function sortBy(call: Call): Expr {
  const make = maker(call.at)
  const input = make.ident('@__sortBy_input__')
  const keys = intoList(1)({ ...call, target: make.ident('@__sortBy_input__') })
  const sorted: Call = { op: 'call', at: call.at, name: '@sortByAssociatedKeys', target: { ...input }, args: [keys] }
  return binding(make, '@__sortBy_input__', call.target as Expr, sorted) // it has a receiver
}

const MACROS: Readonly<Record<string, Macro>> = {
  has: {
    receiver: false,
    arity: [1],
    mistake: ([arg]) => (arg?.op === 'select' ? undefined : { at: arg?.at, message: 'invalid argument to has() macro' }),
    expand: ({ at, args }) => {
      const [arg] = args
      return arg?.op === 'select' ? { ...arg, at, test: true } : (arg as Expr)
    },
  },
  all: byArity({ 2: quantifier('all', 1), 3: quantifier('all', 2) }),
  exists: byArity({ 2: quantifier('exists', 1), 3: quantifier('exists', 2) }),
  exists_one: byArity({ 2: quantifier('one', 1), 3: quantifier('one', 2) }),
  existsOne: byArity({ 3: quantifier('one', 2) }),
  map: { receiver: true, arity: [2, 3], mistake: simpleName('argument is not an identifier'), expand: intoList(1) },
  filter: { receiver: true, arity: [2], mistake: simpleName('argument is not an identifier'), expand: filter },
  transformList: { receiver: true, arity: [3, 4], mistake: twoNames, expand: intoList(2) },
  transformMap: {
    receiver: true,
    arity: [3, 4],
    mistake: twoNames,
    expand: collector(
      2,
      (make) => make.emptyMap(),
      (make, transform, first) => make.call('cel.@mapInsert', make.accumulated, make.ident(first), transform),
    ),
  },
  transformMapEntry: {
    receiver: true,
    arity: [3, 4],
    mistake: twoNames,
    expand: collector(
      2,
      (make) => make.emptyMap(),
      (make, transform) => make.call('cel.@mapInsert', make.accumulated, transform),
    ),
  },
  optMap: {
    receiver: true,
    arity: [2],
    mistake: ([name]) =>
      name?.op === 'ident' ? undefined : { at: name?.at, message: 'optMap() variable name must be a simple identifier' },
    expand: optionalMap(true),
  },
  optFlatMap: {
    receiver: true,
    arity: [2],
    mistake: ([name]) =>
      name?.op === 'ident' ? undefined : { at: name?.at, message: 'optFlatMap() variable name must be a simple identifier' },
    expand: optionalMap(false),
  },
  sortBy: { receiver: true, arity: [2], mistake: sortByMistake, expand: sortBy },
}

function byArity(expansions: Readonly<Record<number, (call: Call) => Expr>>): Macro {
  return {
    receiver: true,
    arity: Object.keys(expansions).map(Number),
    mistake: (args) => (args.length === 3 ? twoNames(args) : simpleName(SIMPLE_NAME)(args)),
    expand: (call) => expansions[call.args.length]?.(call) ?? call,
  }
}
