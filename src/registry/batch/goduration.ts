/**
 * What Go says about a text that is no duration.
 *
 * @see time/format.go, ParseDuration
 * @module
 */
import { quote } from '../../api/status.ts'

const UNITS = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h'])

/** Undefined when `text` is a duration such as `1h30m`. */
export function goDurationError(text: string): string | undefined {
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return undefined
  const invalid = `time: invalid duration ${quote(text)}`
  if (rest === '') return invalid
  while (rest !== '') {
    const number = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest)
    const [matched = '', whole = '', fraction = ''] = number ?? []
    if (whole === '' && fraction === '') return invalid
    rest = rest.slice(matched.length)
    const unit = /^[^0-9.]*/.exec(rest)?.[0] ?? ''
    if (unit === '') return `time: missing unit in duration ${quote(text)}`
    if (!UNITS.has(unit)) return `time: unknown unit ${quote(unit)} in duration ${quote(text)}`
    rest = rest.slice(unit.length)
  }
  return undefined
}
