/**
 * What a literal means.
 *
 * @see github.com/google/cel-go, parser/unescape.go
 * @module
 */
import type { Token } from './tokens.ts'
import { CelError, Double, MAX_INT, MAX_UINT, MIN_INT, Uint } from './values.ts'

/** Throws a CelError when it has no value. */
export function literalOf({ type, text }: Token, negative: boolean): unknown {
  switch (type) {
    case 'true':
      return true
    case 'false':
      return false
    case 'null':
      return null
    case 'NUM_INT': {
      const value = negative ? -BigInt(text) : BigInt(text)
      if (value < MIN_INT || value > MAX_INT) throw new CelError('invalid int literal')
      return value
    }
    case 'NUM_UINT': {
      const value = BigInt(text.slice(0, -1))
      if (value > MAX_UINT) throw new CelError('invalid uint literal')
      return new Uint(value)
    }
    case 'NUM_FLOAT': {
      const value = Number(text)
      if (!Number.isFinite(value)) throw new CelError('invalid double literal')
      return new Double(negative ? -value : value)
    }
    case 'BYTES':
      return bytesOf(text.slice(1))
    default:
      return textOf(text)
  }
}

/** Without its backticks. */
export function ownName(text: string): string {
  return text.slice(1, -1)
}

/** What is between the quotation marks, and whether backslashes stay. */
function unquoted(text: string): { inner: string; raw: boolean } {
  const normal = text.replace(/\r\n?/g, '\n')
  const raw = normal[0] === 'r' || normal[0] === 'R'
  const quoted = raw ? normal.slice(1) : normal
  const marks = quoted.length >= 6 && (quoted.startsWith('"""') || quoted.startsWith("'''")) ? 3 : 1
  return { inner: quoted.slice(marks, -marks), raw }
}

const ESCAPE = /\\(?:([xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))/gsu
const SHORT: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function textOf(text: string): string {
  const { inner, raw } = unquoted(text)
  if (raw) return inner
  return inner.replace(ESCAPE, (_, hex: string | undefined, octal: string | undefined, character: string | undefined) => {
    if (character !== undefined) return SHORT[character] ?? character
    const code = hex !== undefined ? Number.parseInt(hex.slice(1), 16) : Number.parseInt(octal ?? '', 8)
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw new CelError('invalid unicode code point')
    return String.fromCodePoint(code)
  })
}

function bytesOf(text: string): Uint8Array {
  const { inner, raw } = unquoted(text)
  if (raw) return new Uint8Array(Buffer.from(inner))
  const parts: Buffer[] = []
  let last = 0
  for (const found of inner.matchAll(ESCAPE)) {
    const [whole, hex, octal, character] = found
    if (hex !== undefined && /^[uU]/.test(hex)) throw new CelError('unable to unescape string')
    parts.push(Buffer.from(inner.slice(last, found.index)))
    if (character !== undefined) parts.push(Buffer.from(SHORT[character] ?? character))
    else parts.push(Buffer.from([hex !== undefined ? Number.parseInt(hex.slice(1), 16) : Number.parseInt(octal ?? '', 8)]))
    last = found.index + whole.length
  }
  return new Uint8Array(Buffer.concat([...parts, Buffer.from(inner.slice(last))]))
}
