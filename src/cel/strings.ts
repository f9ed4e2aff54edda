/**
 * Functions on texts: the language's own, the strings extension, and Kubernetes' regular expressions. Positions count characters.
 *
 * @see github.com/google/cel-go, ext/strings.go; apiserver/pkg/cel/library/regex.go
 * @module
 */
import { LETTERS } from '../api/quote.ts'
import { PER_CHARACTER, PER_PATTERN_CHARACTER } from './budget.ts'
import { type Calls, typed } from './call.ts'
import { formatted, MAX_MADE } from './format-text.ts'
import { findAll, matches } from './regex.ts'
import { CelError, noOverload } from './values.ts'

function spendText(spend: (cost: number) => void, ...texts: string[]): void {
  let length = 0
  for (const text of texts) length += text.length
  spend(length * PER_CHARACTER)
}

function position(at: bigint, text: readonly string[]): number {
  if (at < 0n || at > BigInt(text.length)) throw new CelError(`index out of range: ${at}`)
  return Number(at)
}

/** A place beyond the end finds nothing. */
function find(text: string, part: string, from: bigint | undefined, last: boolean): bigint {
  const characters = [...text]
  if (part === '') return from ?? BigInt(last ? characters.length : 0)
  if (from !== undefined && from < 0n) throw new CelError(`index out of range: ${from}`)
  if (from !== undefined && from >= BigInt(characters.length)) return -1n
  const start = from === undefined ? (last ? characters.length : 0) : Number(from)
  const unit = characters.slice(0, start).join('').length
  const found = last ? text.lastIndexOf(part, unit) : text.indexOf(part, unit)
  return found === -1 ? -1n : BigInt([...text.slice(0, found)].length)
}

function replace(text: string, from: string, to: string, limit: bigint, spend: (cost: number) => void): string {
  // Nothing is found before each character and behind the last.
  const parts = from === '' ? ['', ...text, ''] : text.split(from)
  const times = limit < 0n ? parts.length - 1 : Math.min(Number(limit), parts.length - 1)
  if (text.length + times * to.length > MAX_MADE) throw new CelError('the text is too long')
  spend((text.length + times * to.length) * PER_CHARACTER)
  let out = parts[0] ?? ''
  for (let i = 1; i < parts.length; i++) out += (i <= times ? to : from) + parts[i]
  return out
}

function split(text: string, by: string, limit: bigint): string[] {
  if (limit === 0n) return []
  const parts = by === '' ? [...text] : text.split(by)
  if (limit < 0n || BigInt(parts.length) <= limit) return parts
  const kept = parts.slice(0, Number(limit) - 1)
  return [...kept, parts.slice(Number(limit) - 1).join(by)]
}

function matchCost(text: string, expression: string): number {
  return text.length * (1 + expression.length * 2 * PER_PATTERN_CHARACTER)
}

function ascii(text: string, change: (letter: string) => string, letters: RegExp): string {
  return text.replace(letters, change)
}

/** Go's unicode.IsSpace. */
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const LEADING = new RegExp(`^${SPACE}+`)

function trim(text: string): string {
  const start = text.replace(LEADING, '')
  let end = start.length
  while (end > 0 && LEADING.test(start[end - 1] as string)) end--
  return start.slice(0, end)
}

export const STRING_FUNCTIONS: Calls = [
  typed('matches', ['string', 'string'], ([text, expression], spend) => {
    spend(matchCost(text as string, expression as string))
    return matches(text as string, expression as string)
  }),
  typed('strings.quote', ['string'], ([text], spend) => {
    spendText(spend, text as string)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is quoted
    return `"${(text as string).replace(/[\u0007\b\f\n\r\t\v\\"]/g, (c) => LETTERS[c] as string)}"`
  }),
]

export const STRING_METHODS: Calls = [
  ...STRING_FUNCTIONS.slice(0, 1),
  typed('contains', ['string', 'string'], ([text, part], spend) => {
    spendText(spend, text as string, part as string)
    return (text as string).includes(part as string)
  }),
  typed('startsWith', ['string', 'string'], ([text, part], spend) => {
    spendText(spend, part as string)
    return (text as string).startsWith(part as string)
  }),
  typed('endsWith', ['string', 'string'], ([text, part], spend) => {
    spendText(spend, part as string)
    return (text as string).endsWith(part as string)
  }),
  typed('charAt', ['string', 'int'], ([text, at], spend) => {
    spendText(spend, text as string)
    const characters = [...(text as string)]
    return characters[position(at as bigint, characters)] ?? ''
  }),
  typed('indexOf', ['string', 'string', 'int?'], ([text, part, from], spend) => {
    spendText(spend, text as string, part as string)
    return find(text as string, part as string, from as bigint | undefined, false)
  }),
  typed('lastIndexOf', ['string', 'string', 'int?'], ([text, part, from], spend) => {
    spendText(spend, text as string, part as string)
    return find(text as string, part as string, from as bigint | undefined, true)
  }),
  typed('lowerAscii', ['string'], ([text], spend) => {
    spendText(spend, text as string)
    return ascii(text as string, (letter) => letter.toLowerCase(), /[A-Z]/g)
  }),
  typed('upperAscii', ['string'], ([text], spend) => {
    spendText(spend, text as string)
    return ascii(text as string, (letter) => letter.toUpperCase(), /[a-z]/g)
  }),
  typed('replace', ['string', 'string', 'string', 'int?'], ([text, from, to, limit = -1n], spend) => {
    spendText(spend, text as string)
    return replace(text as string, from as string, to as string, limit as bigint, spend)
  }),
  typed('split', ['string', 'string', 'int?'], ([text, by, limit = -1n], spend) => {
    spendText(spend, text as string)
    return split(text as string, by as string, limit as bigint)
  }),
  typed('substring', ['string', 'int', 'int?'], ([text, from, to], spend) => {
    spendText(spend, text as string)
    const characters = [...(text as string)]
    const end = to === undefined ? characters.length : position(to as bigint, characters)
    const start = position(from as bigint, characters)
    if (start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`)
    return characters.slice(start, end).join('')
  }),
  typed('trim', ['string'], ([text], spend) => {
    spendText(spend, text as string)
    return trim(text as string)
  }),
  typed('join', ['list', 'string?'], ([list, by = ''], spend) => {
    const parts = list as unknown[]
    if (parts.some((one) => typeof one !== 'string')) throw noOverload('join', list, by)
    spendText(spend, ...(parts as string[]))
    spend(parts.length * (1 + (by as string).length * PER_CHARACTER))
    const out = parts.join(by as string)
    if (out.length > MAX_MADE) throw new CelError('the text is too long')
    return out
  }),
  typed('format', ['string', 'list'], ([text, args], spend) => {
    spendText(spend, text as string)
    return formatted(text as string, args as unknown[], spend)
  }),
  typed('find', ['string', 'string'], ([text, expression], spend) => {
    spend(matchCost(text as string, expression as string))
    return findAll(text as string, expression as string, 1)[0] ?? ''
  }),
  typed('findAll', ['string', 'string', 'int?'], ([text, expression, limit = -1n], spend) => {
    spend(matchCost(text as string, expression as string))
    return findAll(text as string, expression as string, Number(limit))
  }),
]
