/**
 * `metav1.Time` and `metav1.MicroTime` as texts: read like Go's `time.Parse`, written in UTC.
 *
 * @see apimachinery/pkg/apis/meta/v1/{time,micro_time}.go
 * @module
 */

const RFC3339 = '2006-01-02T15:04:05Z07:00'
const RFC3339_MICRO = '2006-01-02T15:04:05.000000Z07:00'

/** The text is no time; the message is Go's. */
export class TimeError extends Error {
  override name = 'TimeError'
}

const CANONICAL = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/
const CANONICAL_MICRO = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/
/** Go's zero time: unset. */
const ZERO_SECONDS = -62_135_596_800

/** A time as seconds since 1970 and nanoseconds. */
export interface Instant {
  seconds: number
  nanos: number
}

/**
 * The form in which the server writes a `Time`: whole seconds, UTC. `undefined` is the zero time, which is not written.
 *
 * @throws TimeError
 */
export function canonicalTime(text: string): string | undefined {
  if (CANONICAL.test(text) && !text.startsWith('0001-01-01T00:00:00')) return text
  const { seconds } = parseTime(text)
  return seconds === ZERO_SECONDS ? undefined : formatTime(seconds)
}

/**
 * The form in which the server writes a `MicroTime`: six digits of fraction, UTC.
 *
 * @throws TimeError
 */
export function canonicalMicroTime(text: string): string | undefined {
  if (CANONICAL_MICRO.test(text) && !text.startsWith('0001-01-01T00:00:00')) return text
  const { seconds, nanos } = parse(text, RFC3339_MICRO)
  return seconds === ZERO_SECONDS && nanos === 0 ? undefined : formatMicroTime({ seconds, nanos })
}

/** @throws TimeError */
export function parseTime(text: string): Instant {
  return parse(text, RFC3339)
}

/** @throws TimeError */
export function parseMicroTime(text: string): Instant {
  return parse(text, RFC3339_MICRO)
}

/** `2006-01-02T15:04:05Z` of seconds since 1970. */
export function formatTime(seconds: number): string {
  const iso = new Date(seconds * 1000).toISOString()
  return `${iso.slice(0, iso.length - 5)}Z`
}

/** `2006-01-02T15:04:05.000000Z`. */
export function formatMicroTime({ seconds, nanos }: Instant): string {
  const iso = new Date(seconds * 1000).toISOString()
  return `${iso.slice(0, iso.length - 5)}.${String(Math.trunc(nanos / 1000)).padStart(6, '0')}Z`
}

const STEPS: readonly [layout: string, digits: number, separator: string][] = [
  ['2006', 4, '-'],
  ['01', 2, '-'],
  ['02', 2, 'T'],
  ['15', 2, ':'],
  ['04', 2, ':'],
  ['05', 2, ''],
]

/** `time.Parse` for the two layouts, element by element, so that errors name the element at which it stopped. */
function parse(text: string, layout: string): Instant {
  const numbers: number[] = []
  let rest = text
  const cannot = (element: string): TimeError =>
    new TimeError(`parsing time ${quoteTime(text)} as ${quoteTime(layout)}: cannot parse ${quoteTime(rest)} as ${quoteTime(element)}`)
  const outOfRange = (what: string): TimeError => new TimeError(`parsing time ${quoteTime(text)}: ${what} out of range`)
  for (const [element, digits, separator] of STEPS) {
    // Go reads an hour of one digit too.
    const shape = element === '15' ? /^\d\d?/ : new RegExp(`^\\d{${digits}}`)
    const found = shape.exec(rest)?.[0]
    if (found === undefined) throw cannot(element)
    const number = Number(found)
    if (element === '01' && (number < 1 || number > 12)) throw outOfRange('month')
    if (element === '15' && number > 23) throw outOfRange('hour')
    if (element === '04' && number > 59) throw outOfRange('minute')
    if (element === '05' && number > 59) throw outOfRange('second')
    numbers.push(number)
    rest = rest.slice(found.length)
    if (separator !== '') {
      if (!rest.startsWith(separator)) throw cannot(separator)
      rest = rest.slice(1)
    }
  }
  let nanos = 0
  if (layout === RFC3339_MICRO) {
    const fraction = /^[.,](\d{6})/.exec(rest)
    if (fraction === null) throw cannot('.000000')
    nanos = Number(fraction[1]) * 1000
    rest = rest.slice(7)
  } else {
    const fraction = /^[.,](\d+)/.exec(rest)
    if (fraction !== null) {
      nanos = Number((fraction[1] as string).slice(0, 9).padEnd(9, '0'))
      rest = rest.slice(fraction[0].length)
    }
  }
  let offset = 0
  if (rest.startsWith('Z')) rest = rest.slice(1)
  else {
    const zone = /^([+-])(\d\d):(\d\d)/.exec(rest)
    if (zone === null) throw cannot('Z07:00')
    const [whole, sign, hours, minutes] = zone as unknown as [string, string, string, string]
    if (Number(hours) > 24) throw outOfRange('time zone offset hour')
    if (Number(minutes) > 60) throw outOfRange('time zone offset minute')
    offset = (Number(hours) * 60 + Number(minutes)) * 60 * (sign === '-' ? -1 : 1)
    rest = rest.slice(whole.length)
  }
  if (rest !== '') throw new TimeError(`parsing time ${quoteTime(text)}: extra text: ${quoteTime(rest)}`)
  const [year, month, day, hour, minute, second] = numbers as [number, number, number, number, number, number]
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (day < 1 || date.getUTCDate() !== day) throw outOfRange('day')
  date.setUTCHours(hour, minute, second)
  return { seconds: date.getTime() / 1000 - offset, nanos }
}

/** Go's `time.quote`: bytes outside printable ASCII as `\x..`. */
function quoteTime(text: string): string {
  let quoted = ''
  for (const byte of Buffer.from(text)) {
    if (byte === 0x22 || byte === 0x5c) quoted += `\\${String.fromCharCode(byte)}`
    else if (byte < 0x20 || byte >= 0x80) quoted += `\\x${byte.toString(16).padStart(2, '0')}`
    else quoted += String.fromCharCode(byte)
  }
  return `"${quoted}"`
}
