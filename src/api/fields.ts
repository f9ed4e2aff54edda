/**
 * Field selectors.
 *
 * @see apimachinery/pkg/fields/selector.go
 * @module
 */
import { byteOrder } from './byte-order.ts'
import { badRequest } from './status.ts'

/** One condition on one field; fields that do not exist are somebody else's to refuse. */
export interface FieldRequirement {
  field: string
  operator: '=' | '!='
  value: string
}

export interface FieldSelector {
  /** All must hold. None selects everything. */
  requirements: readonly FieldRequirement[]
  /** `textOf` answers the text of a field of one object. */
  matches(textOf: (field: string) => string): boolean
}

/**
 * Parses a `fieldSelector` parameter: `a=b`, `a==b`, `a!=b` joined by commas; `\` escapes `\`, `,` and `=` in values.
 *
 * @throws StatusError 400
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = []
  for (const term of terms(text).sort(byteOrder)) {
    if (term === '') continue
    const found = /!=|==|=/.exec(term)
    if (found === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`)
    const value = unescapeValue(term.slice(found.index + found[0].length))
    const field = term.slice(0, found.index)
    // Nothing equal to nothing asks for nothing.
    if (field !== '' || value !== '') requirements.push({ field, operator: found[0] === '!=' ? '!=' : '=', value })
  }
  return {
    requirements,
    matches: (textOf) => requirements.every(({ field, operator, value }) => (textOf(field) === value) === (operator === '=')),
  }
}

/** The value that a selector asks of a field, when it asks for exactly one; undefined too when the selector cannot be read. */
export function requiredFieldValue(selector: string, field: string): string | undefined {
  let parsed: FieldSelector
  try {
    parsed = parseFieldSelector(selector)
  } catch {
    // Whoever serves the request refuses it with the reason.
    return undefined
  }
  return parsed.requirements.find((one) => one.field === field && one.operator === '=')?.value
}

/** The conditions, split at commas that no backslash precedes. */
function terms(text: string): string[] {
  if (text === '') return []
  const found: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      found.push(text.slice(start, at))
      start = at + 1
    }
  }
  found.push(text.slice(start))
  return found
}

function unescapeValue(text: string): string {
  if (!/[\\,=]/.test(text)) return text
  let value = ''
  const characters = [...text]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    if (character === '\\') {
      const escaped = characters[++at] ?? ''
      if (escaped !== '\\' && escaped !== ',' && escaped !== '=')
        throw badRequest(`invalid field selector: invalid escape sequence: \\${escaped}`)
      value += escaped
    } else if (character === ',' || character === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`)
    } else value += character
  }
  return value
}
