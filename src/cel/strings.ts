/**
 * Functions on texts: the language's own, the strings extension, and Kubernetes' regular expressions. Positions count characters.
 *
 * @see github.com/google/cel-go, ext/strings.go; apiserver/pkg/cel/library/regex.go
 * @module
 */
import { LETTERS } from '../api/quote.ts'
import { PER_CHARACTER, PER_PATTERN_CHARACTER } from './budget.ts'
import { type Calls, typed } from './call.ts'
import { findAll, matches } from './regex.ts'
import {
  CelError,
  CelType,
  Double,
  Duration,
  durationText,
  entryOf,
  isMap,
  mapKeys,
  noOverload,
  Timestamp,
  timestampText,
  Uint,
} from './values.ts'

/** Of a text that an expression makes. */
const MAX_MADE = 1_048_576

function spendText(spend: (cost: number) => void, ...texts: string[]): void {
  let length = 0
  for (const text of texts) length += text.length
  spend(length * PER_CHARACTER)
}

function position(at: bigint, text: readonly string[]): number {
  if (at < 0n || at > BigInt(text.length)) throw new CelError(`index out of range: ${at}`)
  return Number(at)
}

function find(text: string, part: string, from: bigint | undefined, last: boolean): bigint {
  const characters = [...text]
  const wanted = [...part]
  const start = from === undefined ? (last ? characters.length : 0) : position(from, characters)
  if (wanted.length === 0) return BigInt(start)
  const before = (at: number) => BigInt([...text.slice(0, at)].length)
  const unit = characters.slice(0, start).join('').length
  const found = last ? text.lastIndexOf(part, unit) : text.indexOf(part, unit)
  return found === -1 ? -1n : before(found)
}

function replace(text: string, from: string, to: string, limit: bigint, spend: (cost: number) => void): string {
  const parts = text.split(from)
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

/** `%s`, `%d`, `%f`, `%e`, `%b`, `%o`, `%x`, `%X`, `%%`. */
function format(text: string, args: readonly unknown[], spend: (cost: number) => void): string {
  let next = 0
  const out = text.replace(/%(?:\.(\d{1,3}))?([a-zA-Z%])/g, (_, precision: string | undefined, verb: string) => {
    if (verb === '%') return '%'
    if (next >= args.length) throw new CelError(`index ${next} out of range`)
    const made = clause(verb, precision === undefined ? 6 : Number(precision), args[next++], spend)
    spend(made.length * PER_CHARACTER)
    return made
  })
  if (out.length > MAX_MADE) throw new CelError('the text is too long')
  return out
}

function clause(verb: string, precision: number, value: unknown, spend: (cost: number) => void): string {
  const number = typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined
  const wrong = () => new CelError(`error during formatting: %${verb} does not take this type`)
  switch (verb) {
    case 's':
      return shown(value, spend)
    case 'd':
      if (value instanceof Double && !Number.isFinite(value.value)) return notFinite(value.value)
      if (number === undefined) throw wrong()
      return String(number)
    case 'f':
    case 'e': {
      const real = value instanceof Double ? value.value : number === undefined ? undefined : Number(number)
      if (real === undefined) throw wrong()
      if (!Number.isFinite(real)) return notFinite(real)
      const digits = Math.min(precision, 100)
      return verb === 'f' ? fixed(real, digits) : real.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2')
    }
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0'
      if (number === undefined) throw wrong()
      return number.toString(2)
    case 'o':
      if (number === undefined) throw wrong()
      return number.toString(8)
    case 'x':
    case 'X': {
      const hex =
        number?.toString(16) ??
        (typeof value === 'string'
          ? Buffer.from(value).toString('hex')
          : value instanceof Uint8Array
            ? Buffer.from(value).toString('hex')
            : undefined)
      if (hex === undefined) throw wrong()
      return verb === 'X' ? hex.toUpperCase() : hex
    }
    default:
      throw new CelError(`unrecognized formatting clause "${verb}"`)
  }
}

/** What is exactly between two goes to the even one, as in Go. */
function fixed(value: number, digits: number): string {
  const exact = Math.abs(value) < 1e21 && digits < 50 ? value.toFixed(100) : ''
  const kept = exact.length - 100 + digits
  if (!/^50*$/.test(exact.slice(kept))) return value.toFixed(digits)
  const cut = exact.slice(0, digits === 0 ? kept - 1 : kept)
  const last = cut.at(-1) ?? '0'
  return Number(last) % 2 === 0 ? cut : value.toFixed(digits)
}

function notFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

function shown(value: unknown, spend: (cost: number) => void): string {
  spend(1)
  if (typeof value === 'string') return value
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (value instanceof Uint || value instanceof Double) return String(value.value)
  if (value instanceof CelType) return value.name
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  if (value instanceof Duration) return durationText(value)
  if (value instanceof Timestamp) return timestampText(value)
  if (Array.isArray(value)) return `[${value.map((one) => shown(one, spend)).join(', ')}]`
  if (isMap(value))
    return `{${mapKeys(value)
      .map((key) => `${shown(key, spend)}: ${shown(entryOf(value, key), spend)}`)
      .sort()
      .join(', ')}}`
  throw noOverload('format', value)
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
  typed('reverse', ['string'], ([text], spend) => {
    spendText(spend, text as string)
    return [...(text as string)].reverse().join('')
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
    return format(text as string, args as unknown[], spend)
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
