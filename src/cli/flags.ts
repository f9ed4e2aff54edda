/**
 * Command line flags as data, and their parser: `--name=value`, `--name value`, repeated, grouped as kube-apiserver prints them.
 *
 * Follows spf13/pflag where Kubernetes' own binaries do: a boolean takes its value only after `=`, lists are comma-separated and repeatable,
 * `_` in a name is read as `-`.
 *
 * @module
 */
import { nearest } from './nearest.ts'

export type FlagType =
  | 'string'
  /** Comma-separated, repeatable. */
  | 'strings'
  /** Repeatable, commas belong to the value. */
  | 'stringArray'
  | 'bool'
  | 'int'
  | 'float'
  /** Go's: `1h30m`, `300ms`; seconds when parsed. */
  | 'duration'
  /** `key=value`, comma-separated, repeatable. */
  | 'map'

interface TypedValue {
  string: string
  strings: readonly string[]
  stringArray: readonly string[]
  bool: boolean
  int: number
  float: number
  duration: number
  map: Readonly<Record<string, string>>
}

export interface Flag<Type extends FlagType = FlagType> {
  type: Type
  /** One or two sentences; the default is added by the printer. */
  help: string
  default?: TypedValue[Type]
  /** Heading in `--help`. */
  category?: string
  /** What the value is called in `--help`; the type's name otherwise. */
  value?: string
  /** One letter, for `-n`. */
  short?: string
}

export type Flags = Readonly<Record<string, Flag>>

/** What was set, or its default. */
export type FlagValues<Table extends Flags> = {
  readonly [Name in keyof Table]: Table[Name] extends { default: unknown }
    ? TypedValue[Table[Name]['type']]
    : TypedValue[Table[Name]['type']] | undefined
}

export interface Parsed<Table extends Flags> {
  values: FlagValues<Table>
  /** Names that stood on the command line. */
  given: ReadonlySet<string>
  /** What is no flag. */
  words: readonly string[]
  /** What stood behind `--`; undefined without one. */
  rest: readonly string[] | undefined
}

/** A command line that cannot be run: one sentence for the person who typed it, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Reads `argv` by `table`; throws a UsageError that names the flag and what it takes. */
export function parseFlags<Table extends Flags>(argv: readonly string[], table: Table): Parsed<Table> {
  const shorts = new Map(Object.entries(table).flatMap(([name, flag]) => (flag.short === undefined ? [] : [[flag.short, name] as const])))
  const collected = new Map<string, unknown>()
  const words: string[] = []
  let rest: string[] | undefined
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string
    if (word === '--') {
      rest = argv.slice(i + 1)
      break
    }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const written = equals < 0 ? word : word.slice(0, equals)
    const name = written.startsWith('--') ? written.slice(2).replaceAll('_', '-') : (shorts.get(written.slice(1)) ?? '')
    const flag = Object.hasOwn(table, name) ? table[name] : undefined
    if (flag === undefined) throw new UsageError(unknownFlag(written, Object.keys(table)))
    let text: string
    if (equals >= 0) text = word.slice(equals + 1)
    else if (flag.type === 'bool') text = 'true'
    else {
      const next = argv[++i]
      if (next === undefined) throw new UsageError(`${written} needs a value (${placeholder(flag)})`)
      text = next
    }
    collected.set(name, merged(flag, collected.get(name), text, `--${name}`))
  }
  const values = Object.fromEntries(
    Object.entries(table).map(([name, flag]) => [name, collected.has(name) ? collected.get(name) : flag.default]),
  )
  return { values: values as FlagValues<Table>, given: new Set(collected.keys()), words, rest }
}

function unknownFlag(written: string, names: readonly string[]): string {
  const near = nearest(written.replace(/^-+/, ''), names)
  return `unknown flag ${written}${near === undefined ? '' : `; did you mean --${near}?`}`
}

/** The value after one more occurrence. */
function merged(flag: Flag, before: unknown, text: string, name: string): unknown {
  switch (flag.type) {
    case 'string':
      return text
    case 'strings':
      return [...((before as string[] | undefined) ?? []), ...(text === '' ? [] : text.split(',').map((part) => part.trim()))]
    case 'stringArray':
      return [...((before as string[] | undefined) ?? []), text]
    case 'bool':
      if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
      if (/^(?:0|f|F|false|FALSE|False)$/.test(text)) return false
      throw new UsageError(`${name}=${text}: true or false`)
    case 'int': {
      const value = Number(text)
      if (!/^[+-]?\d+$/.test(text) || !Number.isSafeInteger(value)) throw new UsageError(`${name}=${text}: a whole number is needed`)
      return value
    }
    case 'float': {
      const value = Number(text)
      if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${name}=${text}: a number is needed`)
      return value
    }
    case 'duration': {
      const seconds = parseDuration(text)
      if (seconds === undefined) throw new UsageError(`${name}=${text}: a duration is needed, such as 30s, 10m or 1h30m`)
      return seconds
    }
    case 'map': {
      const map: Record<string, string> = { ...(before as Record<string, string> | undefined) }
      for (const part of text === '' ? [] : text.split(',')) {
        const equals = part.indexOf('=')
        if (equals <= 0) throw new UsageError(`${name}=${text}: key=value is needed, not ${part}`)
        map[part.slice(0, equals).trim()] = part.slice(equals + 1).trim()
      }
      return map
    }
  }
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, μs: 1e-6, ns: 1e-9 }

/** Seconds of a Go duration; undefined where it is none. @see Go, time.ParseDuration */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0
  const match = /^([+-])?((?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|µs|μs|ns))+)$/.exec(text)
  if (match === null) return undefined
  let seconds = 0
  for (const [, amount, unit] of (match[2] as string).matchAll(/(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns)/g)) {
    seconds += Number(amount) * (UNIT_SECONDS[unit as string] as number)
  }
  return match[1] === '-' ? -seconds : seconds
}

/** Go's way to print a duration: `1h0m0s`, `5m0s`, `500ms`. @see Go, time.Duration.String */
export function formatDuration(seconds: number): string {
  if (seconds === 0) return '0s'
  if (Math.abs(seconds) < 1) return `${seconds * 1000}ms`
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = `${Number((seconds % 60).toFixed(9))}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}

function placeholder(flag: Flag): string {
  return flag.value ?? (flag.type === 'stringArray' ? 'string, repeatable' : flag.type)
}

function defaultText(flag: Flag): string {
  const value = flag.default
  if (value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0)) return ''
  if (flag.type === 'map' && Object.keys(value).length === 0) return ''
  if (flag.type === 'duration') return ` (default ${formatDuration(value as number)})`
  return ` (default ${Array.isArray(value) ? value.join(',') : String(value)})`
}

/** The flags of `table` for `--help`, under their categories, folded at `width`. */
export function describeFlags(table: Flags, width = 100): string {
  const categories = new Map<string, string[]>()
  for (const [name, flag] of Object.entries(table)) {
    const category = flag.category ?? 'Flags'
    const lines = categories.get(category) ?? []
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `
    lines.push(`  ${short}--${name}${flag.type === 'bool' ? '' : ` ${placeholder(flag)}`}`)
    lines.push(...folded(`${flag.help}${defaultText(flag)}`, width - 10).map((line) => `          ${line}`))
    categories.set(category, lines)
  }
  return [...categories].map(([category, lines]) => `${category}:\n${lines.join('\n')}`).join('\n\n')
}

function folded(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '') lines.push(line)
  return lines
}
