/**
 * Go's `%q`: the form of every quoted text in error messages.
 *
 * @see strconv.Quote
 * @module
 */
/** What has a letter of its own after the backslash. */
export const LETTERS: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}
/** What needs no second look: printable ASCII without quote and backslash. */
const PLAIN = /^[ !#-[\]-~]*$/
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

export function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  let quoted = ''
  for (const character of text)
    quoted += LETTERS[character] ?? (PRINTABLE.test(character) ? character : escaped(character.codePointAt(0) as number))
  return `"${quoted}"`
}

/** Bytes that are no text print as bytes. */
function escaped(code: number): string {
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\U${code.toString(16).padStart(8, '0')}`
}
