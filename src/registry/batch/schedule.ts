/**
 * Cron schedules: five fields, or a descriptor.
 *
 * @see github.com/robfig/cron/v3 parser.go, ParseStandard; pkg/util/parsers/parsers.go
 * @module
 */

import { goDurationMs } from '../../api/goduration.ts'
import { quote } from '../../api/status.ts'
import { isTimeZone } from './timezone.ts'

interface Bounds {
  min: number
  max: number
  names?: Readonly<Record<string, number>>
}

const MONTHS = Object.fromEntries('jan feb mar apr may jun jul aug sep oct nov dec'.split(' ').map((name, index) => [name, index + 1]))
const WEEKDAYS = Object.fromEntries('sun mon tue wed thu fri sat'.split(' ').map((name, index) => [name, index]))

/** Minute, hour, day of the month, month, day of the week. */
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
]

const DESCRIPTORS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'])
const EVERY = '@every '

/** What is wrong with a schedule; undefined when it is one. */
export function scheduleError(schedule: string): string | undefined {
  if (schedule === '') return 'empty spec string'
  let spec = schedule
  if (spec.startsWith('TZ=') || spec.startsWith('CRON_TZ=')) {
    const space = spec.indexOf(' ')
    const equals = spec.indexOf('=')
    if (space < 0) return `invalid schedule format: runtime error: slice bounds out of range [:-1]`
    const zone = spec.slice(equals + 1, space)
    if (!isTimeZone(zone)) return `provided bad location ${zone}: unknown time zone ${zone}`
    spec = spec.slice(space).trim()
  }
  if (spec.startsWith('@')) return descriptorError(spec)
  const fields = spec.split(/\s+/).filter((field) => field !== '')
  if (fields.length !== FIELDS.length) return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`
  for (const [index, field] of fields.entries()) {
    for (const range of field.split(',')) {
      const error = range === '' ? undefined : rangeError(range, FIELDS[index]!)
      if (error !== undefined) return error
    }
  }
  return undefined
}

function descriptorError(descriptor: string): string | undefined {
  if (DESCRIPTORS.has(descriptor)) return undefined
  if (!descriptor.startsWith(EVERY)) return `unrecognized descriptor: ${descriptor}`
  const every = goDurationMs(descriptor.slice(EVERY.length))
  return typeof every === 'number' ? undefined : `failed to parse duration ${descriptor}: ${every}`
}

/** A number, a range of numbers, or everything; with a step or without. */
function rangeError(range: string, { min, max, names }: Bounds): string | undefined {
  const [span = '', stepText, ...moreSteps] = range.split('/')
  const [low = '', high, ...moreHighs] = span.split('-')
  let start = min
  let end = max
  if (low !== '*' && low !== '?') {
    const first = numberOrName(low, names)
    if (typeof first === 'string') return first
    if (moreHighs.length > 0) return `too many hyphens: ${range}`
    const last = high === undefined ? first : numberOrName(high, names)
    if (typeof last === 'string') return last
    start = first
    end = last
  }
  if (moreSteps.length > 0) return `too many slashes: ${range}`
  const step = stepText === undefined ? 1 : numberOrName(stepText, undefined)
  if (typeof step === 'string') return step
  if (stepText !== undefined && high === undefined) end = max
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${range}`
  if (end > max) return `end of range (${end}) above maximum (${max}): ${range}`
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${range}`
  return step === 0 ? `step of range should be a positive number: ${range}` : undefined
}

/** The number, or what is wrong with it. */
function numberOrName(text: string, names: Bounds['names']): number | string {
  const named = names?.[text.toLowerCase()]
  if (named !== undefined) return named
  const failed = (why: string): string => `failed to parse int from ${text}: strconv.Atoi: parsing ${quote(text)}: ${why}`
  if (!/^[+-]?[0-9]+$/.test(text)) return failed('invalid syntax')
  const number = Number(text)
  if (Math.abs(number) >= 2 ** 63) return failed('value out of range')
  return number < 0 ? `negative number (${number}) not allowed: ${text}` : number
}
