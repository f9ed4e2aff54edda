/**
 * Names and messages that others have chosen, fit for a terminal: nothing in them moves the cursor, begins a line or hides a part.
 *
 * @module
 */

/** Control characters, direction marks and line separators as `\uXXXX`. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => `\\u${(c.codePointAt(0) as number).toString(16).padStart(4, '0')}`)
}
