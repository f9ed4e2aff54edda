/**
 * Whether what is given to `format` fits the text, as far as types tell.
 *
 * @see github.com/google/cel-go, ext/formatting.go
 * @module
 */
import type { Expr } from './syntax.ts'
import type { Kind, Type } from './types.ts'

export interface FormatMistake {
  message: string
  /** Undefined: the text itself is wrong. */
  at: number | undefined
}

interface Clause {
  takes: ReadonlySet<Kind>
  wrong: string
}

const clause = (wrong: string, ...takes: Kind[]): Clause => ({ takes: new Set([...takes, 'dyn']), wrong })

const HEX = clause('only integers, byte buffers, and strings can be formatted as hex', 'int', 'uint', 'string', 'bytes')
const TEXT = clause(
  'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  ...(['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'] as const),
)
const CLAUSES: ReadonlyMap<string, Clause> = new Map([
  ['s', TEXT],
  ['d', clause('decimal clause can only be used on integers', 'int', 'uint')],
  ['f', clause('fixed-point clause can only be used on doubles', 'double', 'string')],
  ['e', clause('scientific clause can only be used on doubles', 'double', 'string')],
  ['b', clause('only integers and bools can be formatted as binary', 'int', 'uint', 'bool')],
  ['x', HEX],
  ['X', HEX],
  ['o', clause('octal clause can only be used on integers', 'int', 'uint')],
])

/** What is said of a value that a verb does not take. */
export const WRONG_TYPES: ReadonlyMap<string, string> = new Map([...CLAUSES].map(([verb, { wrong }]) => [verb, wrong]))

/** The first thing that is wrong with a text and the list literal given to it. */
export function formatMistake(text: string, args: readonly Expr[], typeOf: (expr: Expr) => Type): FormatMistake | undefined {
  let next = 0
  for (const [whole, precision, verb] of text.matchAll(/%(?:%|(\.\d*)?(.?))/gsu)) {
    if (whole === '%%') continue
    if (whole === '%') return { message: 'unexpected end of string', at: undefined }
    const arg = args[next]
    if (arg === undefined) return { message: `index ${next} out of range`, at: undefined }
    next++
    const found = CLAUSES.get(verb ?? '')
    const unreadable = unreadableClause(precision, verb ?? '', found)
    if (unreadable !== undefined) return { message: `could not parse formatting clause: ${unreadable}`, at: undefined }
    const stranger = found === undefined ? undefined : strangerIn(arg, found, typeOf)
    if (stranger !== undefined && found !== undefined)
      return { message: `error during formatting: ${found.wrong}, was given ${typeOf(stranger).name}`, at: stranger.at }
  }
  if (args.length <= next) return undefined
  return { message: `too many arguments supplied to string.format (expected ${next}, got ${args.length})`, at: undefined }
}

function unreadableClause(precision: string | undefined, verb: string, found: Clause | undefined): string | undefined {
  if (precision !== undefined && verb === '') return 'error while parsing precision: could not find end of precision specifier'
  if (precision === '.')
    return 'error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
  return found === undefined ? `unrecognized formatting clause "${verb}"` : undefined
}

/** The expression itself, or one in the literal that it is. */
function strangerIn(expr: Expr, { takes, wrong }: Clause, typeOf: (expr: Expr) => Type): Expr | undefined {
  if (!takes.has(typeOf(expr).kind)) return expr
  if (!takes.has('list')) return undefined
  const inner =
    expr.op === 'list'
      ? expr.items.map(({ value }) => value)
      : expr.op === 'map'
        ? expr.entries.flatMap(({ key, value }) => [key, value])
        : []
  for (const one of inner) {
    const found = strangerIn(one, { takes, wrong }, typeOf)
    if (found !== undefined) return found
  }
  return undefined
}
