/**
 * Regular expressions in time linear to the text, as RE2 reads them.
 *
 * @module
 */
import { RE2JS } from 're2js'
import { CelError } from './values.ts'

/** Of a pattern, in UTF-16 units: what it compiles to grows with it. */
const MAX_PATTERN = 4096
const MAX_REMEMBERED = 256

const compiled = new Map<string, RE2JS>()

export function pattern(text: string): RE2JS {
  const known = compiled.get(text)
  if (known !== undefined) return known
  if (text.length > MAX_PATTERN) throw new CelError(`error parsing regexp: expression is longer than ${MAX_PATTERN} characters`)
  let made: RE2JS
  try {
    made = RE2JS.compile(text)
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error))
  }
  if (compiled.size >= MAX_REMEMBERED) {
    for (const oldest of compiled.keys()) {
      compiled.delete(oldest)
      break
    }
  }
  compiled.set(text, made)
  return made
}

export function matches(text: string, expression: string): boolean {
  return pattern(expression).matcher(text).find()
}

/** The first `limit` matches; all of them when it is negative. */
export function findAll(text: string, expression: string, limit: number): string[] {
  const matcher = pattern(expression).matcher(text)
  const found: string[] = []
  while ((limit < 0 || found.length < limit) && matcher.find()) found.push(matcher.group() ?? '')
  return found
}
