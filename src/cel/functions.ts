/**
 * The functions that expressions can call: those of the language, and the libraries that Kubernetes adds.
 *
 * @see github.com/google/cel-spec, doc/langdef.md; apiserver/pkg/cel/environment/base.go
 * @module
 */
import { parseTime, TimeError } from '../api/time.ts'
import { ADDRESS_FUNCTIONS, ADDRESS_METHODS, type IP } from './addresses.ts'
import { AUTHORIZER_METHODS } from './authorizer.ts'
import { PER_CHARACTER, PER_PARSED, PER_ZONED } from './budget.ts'
import type { Call, Calls } from './call.ts'
import { FORMAT_FUNCTIONS, FORMAT_METHODS } from './formats.ts'
import { LIST_FUNCTIONS, LIST_METHODS } from './lists.ts'
import { numberText } from './number-text.ts'
import { PATCH_FUNCTIONS } from './patches.ts'
import { QUANTITY_FUNCTIONS, QUANTITY_METHODS } from './quantities.ts'
import { SEMVER_FUNCTIONS, SEMVER_METHODS } from './semver.ts'
import { STRING_FUNCTIONS, STRING_METHODS } from './strings.ts'
import { URL_FUNCTIONS, URL_METHODS } from './urls.ts'
import {
  CelError,
  CelType,
  checkedDuration,
  checkedInt,
  checkedTimestamp,
  checkedUint,
  Double,
  Duration,
  durationText,
  isMap,
  isOpaque,
  mapSize,
  NoOverload,
  noOverload,
  Optional,
  Timestamp,
  textSize,
  timestampText,
  typeName,
  Uint,
} from './values.ts'

const SECOND = 1_000_000_000n

function size([value]: readonly unknown[], spend: (cost: number) => void): bigint {
  if (typeof value === 'string') {
    spend(value.length * PER_CHARACTER)
    return BigInt(textSize(value))
  }
  if (Array.isArray(value) || value instanceof Uint8Array) return BigInt(value.length)
  if (isMap(value)) return BigInt(mapSize(value))
  throw noOverload('size', value)
}

function toInt([value]: readonly unknown[]): bigint {
  if (typeof value === 'bigint') return value
  if (value instanceof Uint) return checkedInt(value.value)
  if (value instanceof Double && Math.abs(value.value) < 2 ** 63) return BigInt(Math.trunc(value.value))
  if (value instanceof Duration) return value.nanos
  if (value instanceof Timestamp) return (value.nanos - (((value.nanos % SECOND) + SECOND) % SECOND)) / SECOND
  if (typeof value === 'string') {
    if (!/^[+-]?\d{1,30}$/.test(value)) throw new CelError(`type conversion error from 'string' to 'int'`)
    return checkedInt(BigInt(value.replace(/^\+/, '')))
  }
  if (value instanceof Double) throw new CelError('integer overflow')
  throw noOverload('int', value)
}

function toUint([value]: readonly unknown[]): Uint {
  if (value instanceof Uint) return value
  if (typeof value === 'bigint') return checkedUint(value)
  if (value instanceof Double) {
    if (!(value.value >= 0 && value.value < 2 ** 64)) throw new CelError('unsigned integer overflow')
    return new Uint(BigInt(Math.trunc(value.value)))
  }
  if (typeof value === 'string') {
    if (!/^\d{1,30}$/.test(value)) throw new CelError(`type conversion error from 'string' to 'uint'`)
    return checkedUint(BigInt(value))
  }
  throw noOverload('uint', value)
}

function toDouble([value]: readonly unknown[]): Double {
  if (value instanceof Double) return value
  if (typeof value === 'bigint') return new Double(Number(value))
  if (value instanceof Uint) return new Double(Number(value.value))
  if (typeof value === 'string') {
    const special = /^([+-]?)(?:inf|infinity)$/i.exec(value)
    if (special !== null) return new Double(special[1] === '-' ? -Infinity : Infinity)
    if (/^nan$/i.test(value)) return new Double(Number.NaN)
    if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value)) throw new CelError(`type conversion error from 'string' to 'double'`)
    const read = Number(value)
    if (!Number.isFinite(read)) throw new CelError(`type conversion error from 'string' to 'double'`)
    return new Double(read)
  }
  throw noOverload('double', value)
}

function toText([value]: readonly unknown[], spend: (cost: number) => void): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Double) return numberText(value.value)
  if (value instanceof Uint8Array) {
    spend(value.length * PER_CHARACTER)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)
    } catch {
      throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
    }
  }
  if (value instanceof Timestamp) return timestampText(value)
  if (value instanceof Duration) return durationText(value)
  if (isOpaque(value) && (value.celType === 'net.IP' || value.celType === 'net.CIDR')) return String(value as IP)
  throw noOverload('string', value)
}

function toBool([value]: readonly unknown[]): boolean {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') throw noOverload('bool', value)
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw new CelError(`type conversion error from 'string' to 'bool'`)
}

function toBytes([value]: readonly unknown[], spend: (cost: number) => void): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value !== 'string') throw noOverload('bytes', value)
  spend(value.length * PER_CHARACTER)
  return new Uint8Array(Buffer.from(value))
}

function toTimestamp([value]: readonly unknown[]): Timestamp {
  if (value instanceof Timestamp) return value
  if (typeof value === 'bigint') return checkedTimestamp(value * SECOND)
  if (typeof value !== 'string') throw noOverload('timestamp', value)
  try {
    const { seconds, nanos } = parseTime(value)
    return checkedTimestamp(BigInt(seconds) * SECOND + BigInt(nanos))
  } catch (error) {
    if (error instanceof TimeError) throw new CelError(`type conversion error from 'string' to 'google.protobuf.Timestamp'`)
    throw error
  }
}

const UNITS: Readonly<Record<string, bigint>> = {
  h: 3600n * SECOND,
  m: 60n * SECOND,
  s: SECOND,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
}

/** As Go's time.ParseDuration. */
function toDuration([value]: readonly unknown[]): Duration {
  if (value instanceof Duration) return value
  if (typeof value === 'bigint') throw new CelError(`type conversion error from 'int' to 'google.protobuf.Duration'`)
  if (typeof value !== 'string') throw noOverload('duration', value)
  const shape = value.length > 64 ? null : /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+)$/.exec(value)
  if (shape === null) throw new CelError(`type conversion error from 'string' to 'google.protobuf.Duration'`)
  let nanos = 0n
  for (const [, whole = '', decimals = '', unit = 's'] of value.matchAll(/(\d*)(?:\.(\d*))?(h|ms|m|s|us|µs|μs|ns)/g)) {
    const scale = UNITS[unit] ?? SECOND
    nanos += BigInt(whole === '' ? '0' : whole) * scale
    if (decimals !== '') nanos += (BigInt(decimals) * scale) / 10n ** BigInt(decimals.length)
  }
  return checkedDuration(shape[1] === '-' ? -nanos : nanos)
}

/** A part of a moment in a time zone, UTC without; of a duration the whole in that unit. */
function part(name: string, of: (date: Date) => number, ofDuration?: bigint): readonly [string, Call] {
  return [
    name,
    ([value, zone], spend) => {
      if (zone !== undefined) spend(PER_ZONED)
      if (value instanceof Duration && ofDuration !== undefined) return value.nanos / ofDuration
      if (!(value instanceof Timestamp)) throw noOverload(name, value)
      if (zone !== undefined && typeof zone !== 'string') throw noOverload(name, value, zone)
      return BigInt(of(localDate(value, zone)))
    },
  ]
}

/** A date whose UTC parts are those of the zone. */
function localDate({ nanos }: Timestamp, zone: string | undefined): Date {
  const ms = Number((nanos - (((nanos % 1_000_000n) + 1_000_000n) % 1_000_000n)) / 1_000_000n)
  if (zone === undefined || zone === '' || zone === 'UTC') return new Date(ms)
  const offset = /^([+-]?)(\d{1,2}):(\d\d)$/.exec(zone)
  if (offset !== null) return new Date(ms + (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000)
  try {
    const format = zoneFormat(zone)
    const at: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(new Date(ms))) at[type] = Number(value)
    return new Date(
      Date.UTC(at['year'] ?? 0, (at['month'] ?? 1) - 1, at['day'], at['hour'], at['minute'], at['second'], ((ms % 1000) + 1000) % 1000),
    )
  } catch {
    throw new CelError(`unknown time zone ${zone}`)
  }
}

const MAX_ZONES = 64
const zones = new Map<string, Intl.DateTimeFormat>()

/** Throws a RangeError for a zone that does not exist. */
function zoneFormat(zone: string): Intl.DateTimeFormat {
  let format = zones.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    if (zones.size >= MAX_ZONES) zones.clear()
    zones.set(zone, format)
  }
  return format
}

function optional(value: unknown, name: string): Optional {
  if (!(value instanceof Optional)) throw noOverload(name, value)
  return value
}

function isZero(value: unknown): boolean {
  if (value === null || value === '' || value === false || value === 0n) return true
  if (value instanceof Double) return value.value === 0
  if (value instanceof Uint) return value.value === 0n
  if (value instanceof Duration) return value.nanos === 0n
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  return isMap(value) && mapSize(value) === 0
}

/** Of a list of optionals those that are something. */
function unwrapped(name: string): Call {
  return ([list], spend) => {
    if (!Array.isArray(list)) throw noOverload(name, list)
    spend(list.length)
    return list.map((one) => optional(one, name).value).filter((value) => value !== undefined)
  }
}

const STANDARD_FUNCTIONS: Calls = [
  ['size', size],
  ['int', toInt],
  ['uint', toUint],
  ['double', toDouble],
  ['string', toText],
  ['bool', toBool],
  ['bytes', toBytes],
  [
    'timestamp',
    (args, spend) => {
      spend(PER_PARSED)
      return toTimestamp(args)
    },
  ],
  [
    'duration',
    (args, spend) => {
      spend(PER_PARSED)
      return toDuration(args)
    },
  ],
  ['dyn', ([value]) => value],
  ['type', ([value]) => new CelType(typeName(value))],
  ['optional.none', () => Optional.NONE],
  ['optional.of', ([value]) => new Optional(value)],
  ['optional.unwrap', unwrapped('optional.unwrap')],
  ['optional.ofNonZeroValue', ([value]) => (isZero(value) ? Optional.NONE : new Optional(value))],
]

const STANDARD_METHODS: Calls = [
  ['size', size],
  part('getFullYear', (date) => date.getUTCFullYear()),
  part('getMonth', (date) => date.getUTCMonth()),
  part('getDate', (date) => date.getUTCDate()),
  part('getDayOfMonth', (date) => date.getUTCDate() - 1),
  part('getDayOfWeek', (date) => date.getUTCDay()),
  part('getDayOfYear', (date) => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000)),
  part('getHours', (date) => date.getUTCHours(), 3600n * SECOND),
  part('getMinutes', (date) => date.getUTCMinutes(), 60n * SECOND),
  part('getSeconds', (date) => date.getUTCSeconds(), SECOND),
  part('getMilliseconds', (date) => date.getUTCMilliseconds(), 1_000_000n),
  ['unwrapOpt', unwrapped('unwrapOpt')],
  ['hasValue', ([value]) => optional(value, 'hasValue').value !== undefined],
  [
    'value',
    ([value]) => {
      const found = optional(value, 'value').value
      if (found === undefined) throw new CelError('optional.none() dereference')
      return found
    },
  ],
  // What is no optional is what it is.
  ['or', ([value, other]) => (value instanceof Optional && value.value === undefined ? other : value)],
  ['orValue', ([value, other]) => (value instanceof Optional ? (value.value ?? other) : value)],
]

/** Several libraries may have a method of one name: the first that knows what it is called on answers. */
function joined(...libraries: Calls[]): ReadonlyMap<string, Call> {
  const all = new Map<string, Call[]>()
  for (const [name, call] of libraries.flat()) all.set(name, [...(all.get(name) ?? []), call])
  return new Map([...all].map(([name, calls]) => [name, calls.length === 1 ? (calls[0] as Call) : firstOf(name, calls)]))
}

function firstOf(name: string, calls: readonly Call[]): Call {
  return (args, spend) => {
    for (const call of calls) {
      try {
        return call(args, spend)
      } catch (error) {
        if (!(error instanceof NoOverload)) throw error
      }
    }
    throw noOverload(name, ...args)
  }
}

export const FUNCTIONS: ReadonlyMap<string, Call> = joined(
  STANDARD_FUNCTIONS,
  STRING_FUNCTIONS,
  LIST_FUNCTIONS,
  URL_FUNCTIONS,
  QUANTITY_FUNCTIONS,
  ADDRESS_FUNCTIONS,
  FORMAT_FUNCTIONS,
  SEMVER_FUNCTIONS,
  PATCH_FUNCTIONS,
)

export const METHODS: ReadonlyMap<string, Call> = joined(
  STANDARD_METHODS,
  STRING_METHODS,
  LIST_METHODS,
  URL_METHODS,
  QUANTITY_METHODS,
  ADDRESS_METHODS,
  FORMAT_METHODS,
  SEMVER_METHODS,
  AUTHORIZER_METHODS,
)
