/**
 * What Go's encoding/json says about a text that is no JSON object, for fields that must hold one.
 *
 * @see encoding/json scanner.go, decode.go
 * @module
 */

/** Undefined when `text` is a JSON object or null, which is what unmarshalling into a map takes. */
export function jsonObjectError(text: string): string | undefined {
  const scanner = new Scanner(text)
  const error = scanner.document()
  if (error !== undefined) return error
  const kind = text[scanner.start]
  if (kind === '{' || kind === 'n') return undefined
  const type = kind === '[' ? 'array' : kind === '"' ? 'string' : kind === 't' || kind === 'f' ? 'bool' : 'number'
  return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`
}

class Scanner {
  start = 0
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): string | undefined {
    this.#space()
    this.start = this.#at
    const error = this.#value()
    if (error !== undefined) return error
    this.#space()
    return this.#at < this.#text.length ? this.#invalid('after top-level value') : undefined
  }

  #value(): string | undefined {
    this.#space()
    const next = this.#text[this.#at]
    switch (next) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      case 't':
        return this.#literal('true')
      case 'f':
        return this.#literal('false')
      case 'n':
        return this.#literal('null')
      default:
        if (next === '-' || (next !== undefined && next >= '0' && next <= '9')) return this.#number()
        return this.#invalid('looking for beginning of value')
    }
  }

  #object(): string | undefined {
    this.#at++
    this.#space()
    if (this.#take('}')) return undefined
    for (;;) {
      this.#space()
      if (this.#text[this.#at] !== '"') return this.#invalid('looking for beginning of object key string')
      const error = this.#string()
      if (error !== undefined) return error
      this.#space()
      if (!this.#take(':')) return this.#invalid('after object key')
      const inner = this.#value()
      if (inner !== undefined) return inner
      this.#space()
      if (this.#take('}')) return undefined
      if (!this.#take(',')) return this.#invalid('after object key:value pair')
    }
  }

  #array(): string | undefined {
    this.#at++
    this.#space()
    if (this.#take(']')) return undefined
    for (;;) {
      const error = this.#value()
      if (error !== undefined) return error
      this.#space()
      if (this.#take(']')) return undefined
      if (!this.#take(',')) return this.#invalid('after array element')
    }
  }

  #string(): string | undefined {
    for (this.#at++; ; this.#at++) {
      const next = this.#text[this.#at]
      if (next === '"') {
        this.#at++
        return undefined
      }
      if (next === undefined || next < ' ') return this.#invalid('in string literal')
      if (next !== '\\') continue
      this.#at++
      const escaped = this.#text[this.#at]
      if (escaped === undefined || !'"\\/bfnrtu'.includes(escaped)) return this.#invalid('in string escape code')
      if (escaped !== 'u') continue
      for (let digit = 0; digit < 4; digit++) {
        this.#at++
        if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) return this.#invalid('in \\u hexadecimal character escape')
      }
    }
  }

  #number(): string | undefined {
    if (this.#take('-') && !this.#digit()) return this.#invalid('in numeric literal')
    if (!this.#take('0')) while (this.#digit()) this.#at++
    if (this.#take('.')) {
      if (!this.#digit()) return this.#invalid('after decimal point in numeric literal')
      while (this.#digit()) this.#at++
    }
    if (this.#take('e') || this.#take('E')) {
      if (!this.#take('+')) this.#take('-')
      if (!this.#digit()) return this.#invalid('in exponent of numeric literal')
      while (this.#digit()) this.#at++
    }
    return undefined
  }

  #literal(word: string): string | undefined {
    for (let index = 1; index < word.length; index++) {
      this.#at++
      if (this.#text[this.#at] !== word[index]) return this.#invalid(`in literal ${word} (expecting '${word[index]}')`)
    }
    this.#at++
    return undefined
  }

  #digit(): boolean {
    const next = this.#text[this.#at]
    return next !== undefined && next >= '0' && next <= '9'
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #invalid(where: string): string {
    const next = this.#text[this.#at]
    if (next === undefined) return 'unexpected end of JSON input'
    return `invalid character ${quoteChar(next)} ${where}`
  }
}

function quoteChar(char: string): string {
  if (char === "'") return `'\\''`
  if (char === '"') return `'"'`
  return `'${JSON.stringify(char).slice(1, -1)}'`
}
