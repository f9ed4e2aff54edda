/**
 * What can be told of literals before anything is evaluated: moments, durations, patterns, texts to format, and lists and maps of one type.
 *
 * @see github.com/google/cel-go, cel/validator.go, ext/formatting.go
 * @module
 */
import { formatMistake } from './formatting.ts'
import { FUNCTIONS } from './functions.ts'
import { pattern } from './regex.ts'
import type { Call, Expr, Mistake } from './syntax.ts'
import { formatType, insideOptional, sameType, type Type } from './types.ts'
import { CelError } from './values.ts'

type TypeOf = (expr: Expr) => Type
/** Literals and calls, with the names of the calls around each. */
type Visited = readonly { readonly expr: Expr; readonly inside: readonly string[] }[]

export function literalMistakes(visited: Visited, typeOf: TypeOf): Mistake[] {
  return visited.flatMap(({ expr, inside }) => {
    if (expr.op === 'call') return callMistakes(expr, typeOf)
    return inside.includes('format') ? [] : mixedMistakes(expr, typeOf)
  })
}

/** What is calculated ahead: patterns, and conversions of literals. Answers what the first that fails says. */
export function instantiationProblem(visited: Visited): string | undefined {
  for (const { expr } of visited) {
    if (expr.op !== 'call') continue
    const problem = CONVERSIONS.has(expr.name)
      ? conversionProblem(expr)
      : PATTERN_FUNCTIONS.has(expr.name)
        ? givenPatternProblem(expr)
        : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}

const PATTERN_FUNCTIONS: ReadonlySet<string> = new Set(['matches', 'find', 'findAll'])
const CONVERSIONS: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'dyn', 'duration', 'int', 'string', 'timestamp', 'uint'])

function conversionProblem({ name, target, args }: Call): string | undefined {
  const [given] = args
  if (target !== undefined || given?.op !== 'literal' || args.length !== 1) return undefined
  return problemOf(() => FUNCTIONS.get(name)?.([given.value], () => undefined))
}

function givenPatternProblem({ target, args }: Call): string | undefined {
  const given = args[target === undefined ? 1 : 0]
  const text = given?.op === 'literal' ? given.value : undefined
  return typeof text === 'string' ? problemOf(() => pattern(text)) : undefined
}

/** What a CelError says. */
function problemOf(attempt: () => unknown): string | undefined {
  try {
    attempt()
    return undefined
  } catch (error) {
    if (error instanceof CelError) return error.message
    throw error
  }
}

function callMistakes(call: Call, typeOf: TypeOf): Mistake[] {
  const [first] = call.args
  if (call.name === 'format' && call.target !== undefined) return formatMistakes(call, typeOf)
  if (first?.op !== 'literal') return []
  if (call.name === 'duration' || call.name === 'timestamp') {
    const convert = FUNCTIONS.get(call.name)
    return problemOf(() => convert?.([first.value], () => undefined)) !== undefined
      ? [{ at: first.at, message: `invalid ${call.name} argument` }]
      : []
  }
  const text = first.value
  return call.name === 'matches' && typeof text === 'string' && problemOf(() => pattern(text)) !== undefined
    ? [{ at: first.at, message: 'invalid matches argument' }]
    : []
}

function formatMistakes({ target, at, args: [list] }: Call, typeOf: TypeOf): Mistake[] {
  if (target?.op !== 'literal' || typeof target.value !== 'string' || list?.op !== 'list') return []
  const mistake = formatMistake(
    target.value,
    list.items.map(({ value }) => value),
    typeOf,
  )
  return mistake === undefined ? [] : [{ at: mistake.at ?? at, message: mistake.message }]
}

/** A list of mixed types tells its first stranger, a map each. */
function mixedMistakes(expr: Expr, typeOf: TypeOf): Mistake[] {
  if (expr.op === 'list') {
    const types = expr.items.map(({ value, optional }) => held(typeOf(value), optional))
    const at = types.findIndex((type) => !sameType(types[0] as Type, type))
    const [wanted, found, item] = [types[0], types[at], expr.items[at]]
    return wanted === undefined || found === undefined || item === undefined ? [] : [mismatch(item.value, wanted, found)]
  }
  if (expr.op !== 'map') return []
  const types = expr.entries.map(({ key, value, optional }) => ({ key: typeOf(key), value: held(typeOf(value), optional) }))
  const [first] = types
  if (first === undefined) return []
  return expr.entries.flatMap((entry, i) => {
    const type = types[i] ?? first
    return [
      ...(sameType(first.key, type.key) ? [] : [mismatch(entry.key, first.key, type.key)]),
      ...(sameType(first.value, type.value) ? [] : [mismatch(entry.value, first.value, type.value)]),
    ]
  })
}

function held(type: Type, optional: boolean): Type {
  return optional ? (insideOptional(type) ?? type) : type
}

function mismatch({ at }: Expr, wanted: Type, found: Type): Mistake {
  return { at, message: `expected type '${formatType(wanted)}' but found '${formatType(found)}'` }
}
