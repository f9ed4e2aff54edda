/**
 * The tree of an expression, and how its mistakes are shown.
 *
 * @see github.com/google/cel-go, common/ast/expr.go, common/error.go
 * @module
 */

/** Where a node counts as being: of a call its parenthesis, of an operator the operator. In UTF-16 units from the start. */
interface Placed {
  readonly at: number
}

export interface Literal extends Placed {
  readonly op: 'literal'
  /** Null, a boolean, bigint, string, Uint, Double or Uint8Array. */
  readonly value: unknown
}

export interface Ident extends Placed {
  readonly op: 'ident'
  readonly name: string
}

export interface Select extends Placed {
  readonly op: 'select'
  readonly operand: Expr
  readonly field: string
  /** Only whether it is there: what `has()` becomes. */
  readonly test: boolean
}

/** Of a function, a method, an operator (`_+_`) or a macro that is not expanded. */
export interface Call extends Placed {
  readonly op: 'call'
  readonly name: string
  readonly target: Expr | undefined
  readonly args: readonly Expr[]
}

export interface ListLiteral extends Placed {
  readonly op: 'list'
  readonly items: readonly { readonly value: Expr; readonly optional: boolean }[]
}

export interface MapLiteral extends Placed {
  readonly op: 'map'
  readonly entries: readonly (Placed & { readonly key: Expr; readonly value: Expr; readonly optional: boolean })[]
}

export interface Message extends Placed {
  readonly op: 'message'
  readonly name: string
  readonly fields: readonly (Placed & { readonly name: string; readonly value: Expr; readonly optional: boolean })[]
}

/** What macros that loop become. Only the type checker sees them. */
export interface Fold extends Placed {
  readonly op: 'fold'
  readonly range: Expr
  readonly names: readonly string[]
  readonly accumulator: string
  readonly init: Expr
  readonly condition: Expr
  readonly step: Expr
  readonly result: Expr
}

export type Expr = Literal | Ident | Select | Call | ListLiteral | MapLiteral | Message | Fold

export interface Mistake {
  /** Undefined: nowhere in particular. */
  readonly at: number | undefined
  readonly message: string
}

/** Of more, only the count is told. */
const MAX_MISTAKES = 100
/** Of a line that is shown, in bytes. */
const MAX_SNIPPET = 16_384

/** Every mistake with its line and a mark below it. */
export function displayMistakes(source: string, mistakes: readonly Mistake[]): string {
  const shown = mistakes.slice(0, MAX_MISTAKES).map((mistake) => ({ ...mistake, ...placeOf(source, mistake.at) }))
  shown.sort((a, b) => a.line - b.line || a.column - b.column)
  const texts = shown.map(
    ({ line, column, message, snippet }) => `ERROR: <input>:${line}:${column + 1}: ${message}${marked(snippet, column)}`,
  )
  if (mistakes.length > MAX_MISTAKES) texts.push(`${mistakes.length - MAX_MISTAKES} more errors were truncated`)
  return texts.join('\n')
}

/** Lines count from one, columns from zero, in characters. */
function placeOf(source: string, at: number | undefined): { line: number; column: number; snippet: string } {
  if (at === undefined) return { line: -1, column: -1, snippet: '' }
  const start = source.lastIndexOf('\n', at - 1) + 1
  const from = at === 0 ? 0 : start
  const end = source.indexOf('\n', from)
  let line = 1
  for (let i = source.indexOf('\n'); i !== -1 && i < at; i = source.indexOf('\n', i + 1)) line++
  return { line, column: [...source.slice(from, at)].length, snippet: source.slice(from, end === -1 ? undefined : end) }
}

function marked(snippet: string, column: number): string {
  if (column < 0 || Buffer.byteLength(snippet) > MAX_SNIPPET) return ''
  const characters = [...snippet.replaceAll('\t', ' ')]
  const dots = characters.slice(0, column).map((one) => (wide(one) ? '\uff0e' : '.'))
  const mark = wide(characters[column] ?? '') ? '\uff3e' : '^'
  return `\n | ${characters.join('')}\n | ${dots.join('')}${mark}`
}

function wide(character: string): boolean {
  return (character.codePointAt(0) ?? 0) > 0x7f
}
