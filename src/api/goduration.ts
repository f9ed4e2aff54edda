/**
 * Durations as Go reads and writes them: `1h30m`, `2.5s`, `300ms`.
 *
 * @see time/format.go, ParseDuration; time/time.go, Duration.String
 * @module
 */
import { quote } from './quote.ts'

/** The second µ is the Greek letter. */
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** Milliseconds, or what is wrong. @see time, ParseDuration */
export function goDurationMs(text: string): number | string {
  const [sign] = /^[+-]?/.exec(text) as RegExpExecArray
  const unsigned = text.slice(sign.length)
  if (unsigned === '0') return 0
  const invalid = `time: invalid duration ${quote(text)}`
  if (unsigned === '') return invalid
  let total = 0
  for (let at = 0; at < unsigned.length; ) {
    const [all, amount, unit] = /^(\d+\.?\d*|\.\d+)?([^.\d]*)/.exec(unsigned.slice(at)) as unknown as [string, string?, string?]
    if (amount === undefined) return invalid
    if (unit === '') return `time: missing unit in duration ${quote(text)}`
    const unitMs = UNIT_MS.get(unit as string)
    if (unitMs === undefined) return `time: unknown unit ${quote(unit as string)} in duration ${quote(text)}`
    total += Number(amount) * unitMs
    at += all.length
  }
  return sign === '-' ? -total : total
}

/** `1m30s`, `500ms`, `0s`; down to a microsecond. */
export function goDurationText(ms: number): string {
  if (ms < 0) return `-${goDurationText(-ms)}`
  if (ms === 0) return '0s'
  if (ms < 1) return `${ms * 1000}µs`
  if (ms < 1000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = (ms % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
