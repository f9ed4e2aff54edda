/**
 * How long a request may take: `--request-timeout`, or less where its `?timeout=` says so.
 *
 * @see apiserver/pkg/endpoints/filters/request_deadline.go, apiserver/pkg/server/filters/timeout.go
 * @module
 */
import { goDurationMs } from '../api/goduration.ts'
import { failure, timeout } from '../api/status.ts'

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
