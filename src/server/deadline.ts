/**
 * How long a request may take: `--request-timeout`, or less where its `?timeout=` says so.
 *
 * @see apiserver/pkg/endpoints/filters/request_deadline.go, apiserver/pkg/server/filters/timeout.go
 * @module
 */
import { failure, quote, timeout } from '../api/status.ts'

/** Of a request that changes something, beside the deadline of all. @see apiserver/pkg/endpoints/handlers/rest.go, requestTimeoutUpperBound */
export const WRITE_TIMEOUT_MS = 34_000

/** What upstream answers then: its filter knows neither the client's encoding nor the kind of a Status. */
export function deadlineBody(): string {
  const { status, message, reason, code } = timeout('request did not complete within the allotted timeout').status
  return `${JSON.stringify({ metadata: {}, status, message, reason, details: {}, code })}\n`
}

/** What is left of `longestMs` where the client asks for less. Throws the 400 of a duration that is none. */
export function requestTimeoutMs(query: URLSearchParams, longestMs: number): number {
  const text = query.size === 0 ? null : query.get('timeout')
  if (text === null || text === '') return longestMs
  const asked = goDurationMs(text)
  if (typeof asked === 'string') throw failure(400, 'BadRequest', `invalid timeout specified in the request URL - ${asked}`)
  return asked > 0 && asked < longestMs ? asked : longestMs
}

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
