/**
 * From text to words.
 *
 * @see github.com/google/cel-go, parser/gen/CEL.g4
 * @module
 */
import type { Mistake } from './syntax.ts'

/** In the order in which a message lists what would have been right. */
export const TOKENS = [
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>=',
  '>',
  '&&',
  '||',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '.',
  ',',
  '-',
  '!',
  '?',
  ':',
  '+',
  '*',
  '/',
  '%',
  'true',
  'false',
  'null',
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
  'ESC_IDENTIFIER',
] as const

export type TokenType = (typeof TOKENS)[number] | 'EOF'

export interface Token {
  readonly type: TokenType
  readonly text: string
  readonly at: number
}

const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\x60]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`
const BLANK = /(?:[\t \r\n\f]|\/\/[^\n]*)+/y
const NUMBER = /(?:(0x[0-9a-fA-F]+[uU]|\d+[uU])|(\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(0x[0-9a-fA-F]+|\d+))/y
const RAW_STRING = /[bB]?[rR](?:""".*?"""|'''.*?'''|"[^"\n\r]*"|'[^'\n\r]*')/sy
const STRING = new RegExp(
  String.raw`[bB]?(?:"""(?:${ESCAPE}|[^\\])*?"""|'''(?:${ESCAPE}|[^\\])*?'''|"(?:${ESCAPE}|[^\\"\n\r])*"|'(?:${ESCAPE}|[^\\'\n\r])*')`,
  'y',
)
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const QUOTED_NAME = /`[A-Za-z0-9_./ -]+`/y
const SYMBOL = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y
/** As much of something as can be read before it goes wrong. */
const UNFINISHED = new RegExp(
  String.raw`"(?:${ESCAPE}|[^\\"\n\r])*(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?` +
    String.raw`|'(?:${ESCAPE}|[^\\'\n\r])*(?:\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?)?` +
    '|`[A-Za-z0-9_./ -]*|[=&|]?',
  'y',
)

const WORDS: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])

/** The words, the end last, and what is no word. */
export function tokensOf(source: string): { tokens: Token[]; mistakes: Mistake[] } {
  const tokens: Token[] = []
  const mistakes: Mistake[] = []
  let at = 0
  const read = (shape: RegExp): string | undefined => {
    shape.lastIndex = at
    return shape.exec(source)?.[0]
  }
  while (at < source.length) {
    const blank = read(BLANK)
    if (blank !== undefined) {
      at += blank.length
      continue
    }
    const token = tokenAt(read, at)
    if (token !== undefined) {
      tokens.push(token)
      at += token.text.length
      continue
    }
    const bad = String.fromCodePoint(source.codePointAt(at + (read(UNFINISHED) ?? '').length) ?? 0)
    const end = Math.min(source.length, at + (read(UNFINISHED) ?? '').length + bad.length)
    mistakes.push({ at, message: `Syntax error: token recognition error at: '${source.slice(at, end)}'` })
    at = end
  }
  tokens.push({ type: 'EOF', text: '<EOF>', at: source.length })
  return { tokens, mistakes }
}

function tokenAt(read: (shape: RegExp) => string | undefined, at: number): Token | undefined {
  const string = read(RAW_STRING) ?? read(STRING)
  if (string !== undefined) return { type: /^[bB]/.test(string) ? 'BYTES' : 'STRING', text: string, at }
  const number = read(NUMBER)
  if (number !== undefined) return { type: numberType(number), text: number, at }
  const name = read(NAME)
  if (name !== undefined) return { type: WORDS.has(name) ? (name as TokenType) : 'IDENTIFIER', text: name, at }
  const quoted = read(QUOTED_NAME)
  if (quoted !== undefined) return { type: 'ESC_IDENTIFIER', text: quoted, at }
  const symbol = read(SYMBOL)
  return symbol === undefined ? undefined : { type: symbol as TokenType, text: symbol, at }
}

function numberType(text: string): TokenType {
  if (/[uU]$/.test(text)) return 'NUM_UINT'
  return /^0x/.test(text) || /^\d+$/.test(text) ? 'NUM_INT' : 'NUM_FLOAT'
}

/** White space in messages. */
export function escaped(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\t', '\\t').replaceAll('\r', '\\r')
}
