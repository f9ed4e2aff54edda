/**
 * YAML as the API server writes it: block style, members in natural order, lists at the margin of their member, texts folded behind column
 * 80, and each text in the plainest style that reads back as the same text.
 *
 * @see sigs.k8s.io/yaml, go.yaml.in/yaml/v2 emitterc.go, encode.go, sorter.go
 * @module
 */
import { isAmbiguous } from './yaml.ts'

const INDENT = 2
/** A space behind this column becomes a line break. */
const WIDTH = 80
/** Longer keys are written behind a question mark. */
const MAX_SIMPLE_KEY_BYTES = 128

export function writeYaml(value: unknown): string {
  const writer = new Writer()
  writer.node(value, -1, 'root')
  return writer.text()
}

type Style = 'plain' | 'single' | 'double' | 'literal'
type Place = 'root' | 'item' | 'value'

class Writer {
  #out = ''
  #column = 0
  /** Only white space, dashes and question marks stand in this line so far. */
  #atStart = true

  text(): string {
    return this.#out.endsWith('\n') ? this.#out : `${this.#out}\n`
  }

  /** `margin`: the indent of what the value is in. */
  node(value: unknown, margin: number, place: Place): void {
    if (Array.isArray(value)) this.#list(value, margin, place)
    else if (typeof value === 'object' && value !== null) this.#map(value as Record<string, unknown>, margin)
    else if (typeof value === 'string') this.#scalar(value, styleOf(value), margin)
    else this.#word(scalarText(value))
  }

  #list(items: readonly unknown[], margin: number, place: Place): void {
    if (items.length === 0) this.#word('[]')
    const inner = margin < 0 ? 0 : place === 'value' && !this.#atStart ? margin : margin + INDENT
    for (const item of items) {
      this.#line(inner)
      this.#mark('-')
      this.node(item === undefined ? null : item, inner, 'item')
    }
  }

  #map(object: Record<string, unknown>, margin: number): void {
    const keys = Object.keys(object).filter((key) => object[key] !== undefined)
    if (keys.length === 0) this.#word('{}')
    const inner = margin < 0 ? 0 : margin + INDENT
    for (const key of keys.sort(naturalOrder)) {
      this.#line(inner)
      if (MULTILINE.test(key) || Buffer.byteLength(key) > MAX_SIMPLE_KEY_BYTES) {
        this.#mark('?')
        this.#scalar(key, styleOf(key), inner)
        this.#line(inner)
        this.#mark(':')
      } else {
        this.#scalar(key, styleOf(key), inner, false)
        this.#put(':')
      }
      this.node(object[key], inner, 'value')
    }
  }

  /** To the beginning of a line's text at `indent`, unless that is where we are. */
  #line(indent: number): void {
    if (!this.#atStart || this.#column > indent) {
      this.#out += '\n'
      this.#column = 0
    }
    if (this.#column < indent) {
      this.#out += ' '.repeat(indent - this.#column)
      this.#column = indent
    }
    this.#atStart = true
  }

  #put(text: string): void {
    this.#out += text
    this.#column += text.length
    this.#atStart = false
  }

  /** A dash, question mark or colon behind which a block may begin in the same line. */
  #mark(sign: string): void {
    this.#space()
    this.#out += sign
    this.#column++
  }

  #space(): void {
    if (this.#column === 0 || this.#out.endsWith(' ')) return
    this.#out += ' '
    this.#column++
  }

  #word(text: string): void {
    this.#space()
    this.#put(text)
  }

  #scalar(text: string, style: Style, margin: number, mayFold = true): void {
    const indent = margin < 0 ? INDENT : margin + INDENT
    this.#space()
    switch (style) {
      case 'plain':
        this.#folded(text, indent, mayFold)
        break
      case 'single':
        this.#put("'")
        this.#singleQuoted(text, indent, mayFold)
        this.#put("'")
        break
      case 'double':
        this.#put('"')
        this.#doubleQuoted(text, indent, mayFold)
        this.#put('"')
        break
      case 'literal':
        this.#literal(text, indent)
    }
  }

  /** Text of one line, its lonely spaces behind the width as line breaks. */
  #folded(text: string, indent: number, mayFold: boolean, inner = false): void {
    if (!mayFold || this.#column + text.length <= WIDTH) {
      this.#out += text
      this.#column += [...text].length
      this.#atStart = false
      return
    }
    const characters = [...text]
    for (let i = 0; i < characters.length; i++) {
      const c = characters[i] as string
      const breaks =
        c === ' ' &&
        this.#column > WIDTH &&
        characters[i - 1] !== ' ' &&
        characters[i + 1] !== ' ' &&
        (!inner || (i > 0 && i < characters.length - 1))
      if (breaks) this.#line(indent)
      else this.#put1(c)
    }
  }

  #put1(character: string): void {
    this.#out += character
    this.#column++
    this.#atStart = false
  }

  #singleQuoted(text: string, indent: number, mayFold: boolean): void {
    const [first = '', ...others] = text.replaceAll("'", "''").split(BEHIND_BREAKS)
    this.#folded(first, indent, mayFold, true)
    for (const line of others) {
      // The separator has ended the line.
      this.#out += ' '.repeat(indent)
      this.#column = indent
      this.#folded(line, indent, mayFold, true)
    }
  }

  #doubleQuoted(text: string, indent: number, mayFold: boolean): void {
    const characters = [...text]
    // Upstream looks for the mark at the beginning of the text, whichever character it is at.
    const marked = text.startsWith('\ufeff')
    let spaces = false
    for (let i = 0; i < characters.length; i++) {
      const c = characters[i] as string
      if (c !== ' ' || marked) {
        const written = marked || needsEscape(c) ? escaped(c) : c
        this.#out += written
        this.#column += written === c ? 1 : written.length
        this.#atStart = false
        spaces = false
        continue
      }
      if (mayFold && !spaces && this.#column > WIDTH && i > 0 && i < characters.length - 1) {
        this.#line(indent)
        if (characters[i + 1] === ' ') this.#put1('\\')
      } else this.#put1(c)
      spaces = true
    }
  }

  #literal(text: string, indent: number): void {
    const [, before = '', last = ''] = /(.?)(.)$/su.exec(text) ?? []
    this.#put('|')
    if (BREAK_OR_SPACE.test(text)) this.#put(String(INDENT))
    if (!MULTILINE.test(last)) this.#put('-')
    else if (before === '' || MULTILINE.test(before)) this.#put('+')
    this.#out += '\n'
    for (const [run] of text.matchAll(/[\n\u2028\u2029]+|[^\n\u2028\u2029]+/g))
      this.#out += MULTILINE.test(run) ? run : ' '.repeat(indent) + run
    this.#atStart = MULTILINE.test(last)
    this.#column = this.#atStart ? 0 : WIDTH
  }
}

/** Printable in the sense of YAML: line feeds, but neither tabs nor other control characters, nor anything beyond the basic plane. */
const PRINTABLE = /^[\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/

function needsEscape(character: string): boolean {
  return character === '"' || character === '\\' || isBreak(character) || !PRINTABLE.test(character)
}

/** What YAML 1.1 takes for the end of a line. */
function isBreak(character: string): boolean {
  return character === '\n' || character === '\r' || character === '\x85' || character === '\u2028' || character === '\u2029'
}

const LETTERS: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\xa0': '\\_',
  '\u2028': '\\L',
  '\u2029': '\\P',
}

function escaped(character: string): string {
  const letter = LETTERS[character]
  if (letter !== undefined) return letter
  const code = character.codePointAt(0) as number
  const hex = code.toString(16).toUpperCase()
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

/** The style of a value, or of a key that stands behind a question mark. */
function styleOf(text: string): Style {
  const { block, plain, single } = possible(text)
  if (text.includes('\n')) return block ? 'literal' : 'double'
  if (isAmbiguous(text)) return 'double'
  return plain ? 'plain' : single ? 'single' : 'double'
}

/** Where a line begins behind separators that a text may hold as they are. */
const BEHIND_BREAKS = /(?<=[\u2028\u2029])(?![\u2028\u2029])/

const BREAK_OR_SPACE = /^[ \n\u2028\u2029]/
const MULTILINE = /[\n\r\x85\u2028\u2029]/

/** The styles in which a text of these characters can stand. */
function possible(text: string): { plain: boolean; single: boolean; block: boolean } {
  if (text === '') return { plain: true, single: true, block: false }
  const special = !PRINTABLE.test(text)
  const spaceBeforeBreak = / [\n\r\x85\u2028\u2029]/.test(text)
  const spaceBehindBreak = /[\n\r\x85\u2028\u2029] /.test(text)
  const trailingSpace = text.endsWith(' ')
  const edges = text.startsWith(' ') || trailingSpace || /^[\n\r\x85\u2028\u2029]|[\n\r\x85\u2028\u2029]$/.test(text)
  const unsafe = special || spaceBeforeBreak
  return {
    plain: !unsafe && !edges && !MULTILINE.test(text) && !INDICATORS.test(text),
    single: !unsafe && !spaceBehindBreak,
    block: !unsafe && !trailingSpace,
  }
}

/** What would begin something else than a text: signs at its start, a colon before a space, a number sign behind one. */
const INDICATORS = /^(?:---|\.\.\.|[#,[\]{}&*!|>'"%@`]|[?:-](?:[ \t\n\r\x85\u2028\u2029]|$))|:(?:[ \t]|$)|[ \t]#/

function scalarText(value: unknown): string {
  if (typeof value !== 'number') return String(value)
  if (Number.isSafeInteger(value)) return String(value)
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1])
  // Go's shortest form has an exponent below 1e-4 and from 1e21 up.
  if (exponent >= -4 && exponent < 21) return String(value)
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
}

const LETTER = /^\p{L}$/u
const DIGIT = /^\p{Nd}$/u

/** Order of keys: digits that follow each other count as one number, letters come last. */
export function naturalOrder(a: string, b: string): number {
  if (a === b) return 0
  const left = [...a]
  const right = [...b]
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const l = left[i] as string
    const r = right[i] as string
    if (l === r) continue
    const lIsLetter = LETTER.test(l)
    const rIsLetter = LETTER.test(r)
    if (lIsLetter && rIsLetter) return codeOf(l) - codeOf(r)
    if (lIsLetter || rIsLetter) return rIsLetter ? -1 : 1
    const started = (l === '0' || r === '0') && numberBegan(left, i)
    const [lNumber, lEnd] = numberAt(left, i, started)
    const [rNumber, rEnd] = numberAt(right, i, started)
    if (lNumber !== rNumber) return lNumber < rNumber ? -1 : 1
    if (lEnd !== rEnd) return lEnd - rEnd
    return codeOf(l) - codeOf(r)
  }
  return left.length - right.length
}

/** Whether the digits before `at` hold more than zeros. */
function numberBegan(characters: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0 && DIGIT.test(characters[i] as string); i--) if (characters[i] !== '0') return true
  return false
}

function numberAt(characters: readonly string[], at: number, started: boolean): [value: bigint, end: number] {
  let value = started ? 1n : 0n
  let end = at
  for (; end < characters.length && DIGIT.test(characters[end] as string); end++)
    value = BigInt.asIntN(64, value * 10n + BigInt(codeOf(characters[end] as string) - 0x30))
  return [value, end]
}

function codeOf(character: string): number {
  return character.codePointAt(0) as number
}
