/**
 * From words to a tree. What is wrong is told in the words of upstream's parser, as far as its first word goes.
 *
 * @see github.com/google/cel-go, parser/gen/CEL.g4, parser/parser.go
 * @module
 */
import { macroMistake } from './expand.ts'
import { literalOf, ownName } from './literals.ts'
import { type Call, displayMistakes, type Expr, type MapLiteral, type Message, type Mistake } from './syntax.ts'
import { escaped, TOKENS, type Token, type TokenType, tokensOf } from './tokens.ts'
import { CelError } from './values.ts'

/** @see github.com/google/cel-go, parser/options.go */
const MAX_CODE_POINTS = 100_000
const MAX_DEPTH = 250

const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else false for function if import in let loop package namespace null return true var void while'.split(' '),
)

const RELATIONS: ReadonlySet<TokenType> = new Set(['==', '!=', 'in', '<', '<=', '>=', '>'])

/** How tightly operators bind. */
const TIGHTNESS: ReadonlyMap<TokenType, number> = new Map([
  ['||', 0],
  ['&&', 1],
  ...[...RELATIONS].map((type): [TokenType, number] => [type, 2]),
  ['+', 3],
  ['-', 3],
  ['*', 4],
  ['/', 4],
  ['%', 4],
])
const LITERALS: ReadonlySet<TokenType> = new Set(['true', 'false', 'null', 'NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES'])
/** What an expression can begin with. */
const FIRST: ReadonlySet<TokenType> = new Set(['[', '{', '(', '.', '-', '!', ...LITERALS, 'IDENTIFIER'])
/** What can stand behind an operand whatever is around it. */
const OPERATORS: readonly TokenType[] = [...RELATIONS, '&&', '||', '-', '+', '*', '/', '%', '?']

/** The rest of a rule is passed over; what is wrong is already told. */
class Lost extends Error {}
class TooDeep extends Error {}

const NOTHING: Expr = { op: 'literal', at: 0, value: null }

/** Throws a CelError that shows every mistake in its place. */
export function parseExpression(source: string): Expr {
  const { expr, mistakes } = parse(source)
  if (expr === undefined || mistakes.length > 0) throw new CelError(displayMistakes(source, mistakes))
  return expr
}

/** The tree, and what is wrong with it; the tree is missing when reading had to stop. */
export function parse(source: string): { expr: Expr | undefined; mistakes: readonly Mistake[] } {
  const points = source.length <= MAX_CODE_POINTS ? source.length : [...source].length
  if (points > MAX_CODE_POINTS) {
    const message = `expression code point size exceeds limit: size: ${points}, limit ${MAX_CODE_POINTS}`
    return { expr: undefined, mistakes: [{ at: undefined, message }] }
  }
  const { tokens, mistakes } = tokensOf(source)
  return new Parser(source, tokens, mistakes).parse()
}

class Parser {
  readonly #source: string
  readonly #tokens: readonly Token[]
  readonly #mistakes: Mistake[]
  #at = 0
  #depth = 0
  /** What closes or continues each bracket around here. */
  readonly #around: (readonly TokenType[])[] = [['EOF']]
  /** Something is wrong, and nothing was right since: what follows from it is not told. */
  #lost = false

  constructor(source: string, tokens: readonly Token[], mistakes: Mistake[]) {
    this.#source = source
    this.#tokens = tokens
    this.#mistakes = mistakes
  }

  parse(): { expr: Expr | undefined; mistakes: readonly Mistake[] } {
    let expr: Expr | undefined
    try {
      expr = this.#expression()
      this.#rule(NOTHING, () => {
        this.#match('EOF')
        return NOTHING
      })
    } catch (error) {
      // Much of what is nested needs more of the stack than is left.
      if (!(error instanceof TooDeep || error instanceof RangeError)) throw error
      this.#mistakes.push({ at: undefined, message: `expression recursion limit exceeded: ${MAX_DEPTH}` })
      expr = undefined
    }
    return { expr, mistakes: this.#mistakes }
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token // the end is never passed
  }

  get #type(): TokenType {
    return this.#token.type
  }

  #peek(ahead: number): TokenType {
    return this.#tokens[this.#at + ahead]?.type ?? 'EOF'
  }

  #take(): Token {
    const token = this.#token
    if (token.type !== 'EOF') this.#at++
    this.#lost = false
    return token
  }

  #takeIf(type: TokenType): Token | undefined {
    return this.#type === type ? this.#take() : undefined
  }

  #syntaxError(token: Token, message: string): void {
    if (!this.#lost) this.#mistakes.push({ at: token.at, message: `Syntax error: ${message}` })
    this.#lost = true
  }

  /** @param from what was being read, and where that could not go on */
  #notViable(from: Token, at: Token): void {
    const text = this.#source.slice(from.at, at.type === 'EOF' ? from.at + from.text.length : at.at + at.text.length)
    this.#syntaxError(at, `no viable alternative at input '${escaped(text)}'`)
  }

  /** Where a rule cannot go on, words are passed over until one that somebody around waits for. */
  #rule<T>(instead: T, read: () => T, more: readonly TokenType[] = []): T {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Lost)) throw error
      const awaited = new Set([...OPERATORS, ...this.#around.flat(), ...more])
      while (this.#type !== 'EOF' && !awaited.has(this.#type)) this.#at++
      return instead
    }
  }

  #within<T>(closing: readonly TokenType[], read: () => T): T {
    this.#around.push(closing)
    try {
      return read()
    } finally {
      this.#around.pop()
    }
  }

  /** One word too many is passed over; else the rule ends. */
  #unexpected(expected: readonly TokenType[], goesOn: (next: TokenType) => boolean): void {
    const token = this.#token
    const extraneous = token.type !== 'EOF' && goesOn(this.#peek(1))
    this.#syntaxError(token, `${extraneous ? 'extraneous' : 'mismatched'} input '${escaped(token.text)}' expecting ${named(expected)}`)
    if (!extraneous) throw new Lost()
    this.#take()
  }

  /** @param follow what comes behind it: then it may be missing */
  #match(type: TokenType, follow: readonly TokenType[] = []): Token {
    const token = this.#token
    if (token.type === type) return this.#take()
    if (this.#peek(1) !== type && follow.includes(token.type)) {
      this.#syntaxError(token, `missing ${named([type])} at '${escaped(token.text)}'`)
      return { type, text: type, at: token.at }
    }
    this.#unexpected([type], (next) => next === type)
    return this.#take()
  }

  /** Behind an operand. */
  get #after(): readonly TokenType[] {
    return [...OPERATORS, '.', '[', ...(this.#around.at(-1) ?? [])]
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new TooDeep()
    const made = read()
    this.#depth--
    return made
  }

  #nest(): void {
    if (++this.#depth > MAX_DEPTH) throw new TooDeep()
  }

  #expression(): Expr {
    return this.#deeper(() => {
      const condition = this.#operators(0)
      return this.#rule(condition, () => {
        const operator = this.#takeIf('?')
        if (operator === undefined) return condition
        const yes = this.#within([':'], () => this.#operators(0))
        this.#match(':', [...FIRST])
        return call('_?_:_', operator, condition, yes, this.#expression())
      })
    })
  }

  /** Operators that bind at least so tightly. Those of one kind nest to the left; of logic they are balanced. */
  #operators(tightness: number): Expr {
    const before = this.#depth
    let left = this.#unary()
    for (;;) {
      const { type } = this.#token
      const own = TIGHTNESS.get(type)
      if (own === undefined || own < tightness) break
      if (type === '||' || type === '&&') left = this.#logical(type, left, own + 1)
      else {
        this.#nest()
        const operator = this.#take()
        left = call(type === 'in' ? '@in' : `_${type}_`, operator, left, this.#operators(own + 1))
      }
    }
    this.#depth = before
    return left
  }

  #logical(type: '&&' | '||', first: Expr, tightness: number): Expr {
    const terms = [first]
    const operators: Token[] = []
    for (let operator = this.#takeIf(type); operator !== undefined; operator = this.#takeIf(type)) {
      operators.push(operator)
      terms.push(this.#operators(tightness))
    }
    return balanced(`_${type}_`, terms, operators, 0, operators.length - 1)
  }

  #unary(): Expr {
    return this.#rule(NOTHING, () => {
      if (!FIRST.has(this.#type)) this.#unexpected([...FIRST], (next) => FIRST.has(next))
      const sign = this.#type
      if (sign !== '!' && (sign !== '-' || this.#isNegativeNumber())) return this.#member()
      const first = this.#token
      let count = 0
      while (this.#type === sign) {
        this.#take()
        count++
      }
      this.#operandOf(sign)
      const operand = this.#member()
      return count % 2 === 0 ? operand : call(sign === '!' ? '!_' : '-_', first, operand)
    })
  }

  /** Behind a sign something has to come. */
  #operandOf(sign: '!' | '-'): void {
    if (FIRST.has(this.#type)) return
    const wanted = named([...FIRST])
    if (sign === '!') this.#syntaxError(this.#token, `extraneous input '${escaped(this.#token.text)}' expecting ${wanted}`)
    else {
      this.#notViable(this.#tokens[this.#at - 1] as Token, this.#token) // the sign is just taken
      this.#lost = false
      this.#unexpected([...FIRST], (next) => FIRST.has(next))
      return
    }
    throw new Lost()
  }

  #isNegativeNumber(): boolean {
    return this.#peek(1) === 'NUM_INT' || this.#peek(1) === 'NUM_FLOAT'
  }

  #member(): Expr {
    const before = this.#depth
    let expr = this.#primary()
    this.#rule(undefined, () => {
      for (; this.#type === '.' || this.#type === '['; this.#nest()) expr = this.#type === '.' ? this.#selection(expr) : this.#index(expr)
    })
    this.#depth = before
    return expr
  }

  #selection(operand: Expr): Expr {
    this.#checkFieldName()
    const dot = this.#take()
    if (this.#type === 'IDENTIFIER' && this.#peek(1) === '(') {
      const name = this.#take().text
      const open = this.#take()
      return this.#macro({ op: 'call', at: open.at, name, target: operand, args: this.#arguments() })
    }
    const optional = this.#takeIf('?') !== undefined
    if (optional) this.#optionalFieldName()
    const { at } = this.#token
    const field = this.#type === 'ESC_IDENTIFIER' ? this.#quotedName() : this.#take().text
    if (!optional) return { op: 'select', at: dot.at, operand, field, test: false }
    return { op: 'call', at: dot.at, name: '_?._', target: undefined, args: [operand, { op: 'literal', at, value: field }] }
  }

  /** Looks past the dot before it is taken. */
  #checkFieldName(): void {
    const type = this.#peek(1)
    if (type === 'IDENTIFIER' || type === 'ESC_IDENTIFIER' || type === '?') return
    const token = this.#tokens[this.#at + 1] as Token // at most the end
    if (type === 'true' || type === 'false' || type === 'null') {
      this.#syntaxError(token, `mismatched input '${token.text}' expecting IDENTIFIER`)
    } else this.#notViable(this.#token, token)
    throw new Lost()
  }

  /** Without a name there is a second mistake, of the tree. */
  #optionalFieldName(): void {
    if (this.#type === 'IDENTIFIER' || this.#type === 'ESC_IDENTIFIER') return
    const { at } = this.#token
    try {
      this.#unexpected(['IDENTIFIER', 'ESC_IDENTIFIER'], (next) => next === 'IDENTIFIER' || next === 'ESC_IDENTIFIER')
    } catch (error) {
      this.#mistakes.push({ at, message: 'unsupported ident kind' })
      throw error
    }
  }

  /** Kubernetes does not take them. */
  #quotedName(): string {
    const token = this.#take()
    this.#mistakes.push({ at: token.at, message: "unsupported syntax: '`'" })
    return ownName(token.text)
  }

  #index(operand: Expr): Expr {
    const open = this.#take()
    const optional = this.#takeIf('?') !== undefined
    if (!optional && !FIRST.has(this.#type)) this.#unexpected([...FIRST, '?'], (next) => FIRST.has(next) || next === '?')
    const key = this.#within([']'], () => this.#expression())
    this.#match(']', this.#after)
    return call(optional ? '_[?_]' : '_[_]', open, operand, key)
  }

  #arguments(): Expr[] {
    const args: Expr[] = []
    const more = () => this.#type !== ')'
    if (more() && !FIRST.has(this.#type)) this.#unexpected([...FIRST, ')'], (next) => FIRST.has(next) || next === ')')
    if (more()) {
      this.#within([')', ','], () => {
        do args.push(this.#expression())
        while (this.#takeIf(',') !== undefined)
      })
    }
    this.#match(')', this.#after)
    return args
  }

  #primary(): Expr {
    return this.#rule(NOTHING, () => {
      if (!FIRST.has(this.#type) || this.#type === '!') {
        const input = this.#token.text
        this.#syntaxError(this.#token, `no viable alternative at input '${escaped(input)}'`)
        throw new Lost()
      }
      switch (this.#type) {
        case '(': {
          this.#take()
          const expr = this.#within([')'], () => this.#expression())
          this.#match(')', this.#after)
          return expr
        }
        case '[':
          return this.#list(this.#take())
        case '{':
          return this.#map(this.#take())
        case '.':
        case 'IDENTIFIER':
          return this.#named()
        default:
          return this.#literal()
      }
    }, ['.', '['])
  }

  #literal(): Expr {
    const sign = this.#takeIf('-')
    const token = this.#take()
    const at = (sign ?? token).at
    try {
      return { op: 'literal', at, value: literalOf(token, sign !== undefined) }
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      this.#mistakes.push({ at, message: error.message })
      return NOTHING
    }
  }

  /** A variable, a function, or a message. */
  #named(): Expr {
    const dot = this.#type === '.' ? this.#token : undefined
    if (dot !== undefined && this.#peek(1) !== 'IDENTIFIER') {
      const token = this.#tokens[this.#at + 1] as Token // at most the end
      this.#notViable(dot, token)
      throw new Lost()
    }
    if (dot !== undefined) this.#take()
    const leading = dot === undefined ? '' : '.'
    let ahead = 1
    while (this.#peek(ahead) === '.' && this.#peek(ahead + 1) === 'IDENTIFIER') ahead += 2
    if (this.#peek(ahead) === '{') {
      let name = leading
      for (; ahead > 0; ahead--) name += this.#take().text
      return this.#message(name, this.#take())
    }
    const token = this.#take()
    const name = leading + token.text
    if (RESERVED.has(token.text)) this.#mistakes.push({ at: (dot ?? token).at, message: `reserved identifier: ${token.text}` })
    const open = this.#takeIf('(')
    if (open === undefined) return { op: 'ident', at: token.at, name }
    return this.#macro({ op: 'call', at: open.at, name, target: undefined, args: this.#arguments() })
  }

  #macro(made: Call): Call {
    const mistake = macroMistake(made)
    if (mistake !== undefined) this.#mistakes.push(mistake)
    return made
  }

  #list(open: Token): Expr {
    const items: { value: Expr; optional: boolean }[] = []
    this.#inside(']', [...FIRST, '?'], () => {
      const optional = this.#takeIf('?') !== undefined
      items.push({ value: this.#expression(), optional })
    })
    return { op: 'list', at: open.at, items }
  }

  #map(open: Token): Expr {
    const entries: MapLiteral['entries'][number][] = []
    this.#inside('}', [...FIRST, '?'], () => {
      const optional = this.#takeIf('?') !== undefined
      const key = this.#within([':'], () => this.#expression())
      const colon = this.#match(':', [...FIRST])
      entries.push({ at: colon.at, key, value: this.#expression(), optional })
    })
    return { op: 'map', at: open.at, entries }
  }

  #message(name: string, open: Token): Expr {
    const fields: Message['fields'][number][] = []
    this.#inside('}', ['?', 'IDENTIFIER', 'ESC_IDENTIFIER'], () => {
      const optional = this.#takeIf('?') !== undefined
      const quoted = this.#type === 'ESC_IDENTIFIER'
      if (!quoted && this.#type !== 'IDENTIFIER') this.#unexpected(['IDENTIFIER', 'ESC_IDENTIFIER'], (next) => next === 'IDENTIFIER')
      const field = quoted ? this.#quotedName() : this.#take().text
      const colon = this.#match(':', [...FIRST])
      fields.push({ at: colon.at, name: field, value: this.#expression(), optional })
    })
    return { op: 'message', at: open.at, name, fields }
  }

  /** Things with commas between them, and perhaps one behind them. */
  #inside(close: ']' | '}', first: readonly TokenType[], read: () => void): void {
    const begins = new Set<TokenType>(first)
    if (!begins.has(this.#type) && this.#type !== close && this.#type !== ',')
      this.#unexpected([...first, close, ','], (next) => begins.has(next) || next === close || next === ',')
    this.#within([close, ','], () =>
      this.#rule(undefined, () => {
        if (!begins.has(this.#type)) return
        read()
        while (this.#type === ',' && begins.has(this.#peek(1))) {
          this.#take()
          read()
        }
      }),
    )
    if (this.#type !== ',' && this.#type !== close) this.#unexpected([close, ','], (next) => next === close || next === ',')
    this.#takeIf(',')
    this.#match(close, this.#after)
  }
}

function call(name: string, operator: Token, ...args: Expr[]): Expr {
  return { op: 'call', at: operator.at, name, target: undefined, args }
}

/** As upstream builds it: deep trees are slow. */
function balanced(name: string, terms: readonly Expr[], operators: readonly Token[], low: number, high: number): Expr {
  if (low > high) return terms[low] as Expr // one more term than operators
  const middle = Math.floor((low + high + 1) / 2)
  const left = balanced(name, terms, operators, low, middle - 1)
  const right = balanced(name, terms, operators, middle + 1, high)
  return call(name, operators[middle] as Token, left, right)
}

function named(types: readonly TokenType[]): string {
  const wanted = new Set(types)
  const texts = (['EOF', ...TOKENS] as const)
    .filter((type) => wanted.has(type))
    .map((type) => (type === 'EOF' ? '<EOF>' : /^[A-Z]/.test(type) ? type : `'${type}'`))
  return texts.length === 1 ? (texts[0] as string) : `{${texts.join(', ')}}`
}
