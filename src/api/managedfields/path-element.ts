/**
 * The elements of field paths: a field's name, the keys of a list item, the value of a set item, an index.
 *
 * @see sigs.k8s.io/structured-merge-diff fieldpath/element.go, serialize-pe.go
 * @module
 */
import { byteOrder } from '../json.ts'
import { goValue } from '../patch/go-format.ts'
import { isObject } from '../patch/json-value.ts'
import { quote } from '../status.ts'
import { type FieldSet, isMember, LEAF } from './field-set.ts'

/** Element kinds in their order. */
const KINDS = 'fkvi'

/** A scalar as JSON text in the way Go writes it, with the characters that HTML knows escaped. */
export function scalarText(value: unknown): string {
  if (typeof value !== 'string') return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  const text = JSON.stringify(value)
  return /[<>&\u2028\u2029]|\\[bf]/.test(text) ? text.replace(/\\\\|\\[bf]|[<>&\u2028\u2029]/g, escaped) : text
}

function escaped(text: string): string {
  if (text === '\\\\') return text
  const code = text === '\\b' ? 8 : text === '\\f' ? 12 : text.charCodeAt(0)
  return `\\u${code.toString(16).padStart(4, '0')}`
}

/**
 * The element of managedFields in its one form: keys in order, no blanks.
 *
 * Undefined: of a kind that nobody knows, to be passed over. Throws a SyntaxError when it cannot be read.
 */
export function canonicalElement(element: string): string | undefined {
  if (element.length < 2 || element.charCodeAt(1) !== 0x3a) throw new SyntaxError(`not a path element: ${element}`)
  switch (element.charCodeAt(0)) {
    case 0x66: // f
      return element
    case 0x6b: // k
      return canonicalKey(JSON.parse(element.slice(2)))
    case 0x76: // v
      return `v:${scalarText(JSON.parse(element.slice(2)))}`
    case 0x69: // i
      if (!/^[+-]?\d+$/.test(element.slice(2))) throw new SyntaxError(`not an index: ${element}`)
      return `i:${Number(element.slice(2))}`
    default:
      return undefined
  }
}

function canonicalKey(fields: unknown): string {
  if (!isObject(fields)) throw new SyntaxError('the keys of a list item are an object')
  const names = Object.keys(fields).sort(byteOrder)
  return `k:{${names.map((name) => `${scalarText(name)}:${scalarText(fields[name])}`).join(',')}}`
}

/** Order of elements: fields by name, then list items by keys, set items by value, indexes. */
export function compareElements(left: string, right: string): number {
  const kind = left.charCodeAt(0)
  if (kind !== right.charCodeAt(0)) return KINDS.indexOf(left[0]!) - KINDS.indexOf(right[0]!)
  if (kind === 0x66) return byteOrder(left, right)
  if (kind === 0x69) return Number(left.slice(2)) - Number(right.slice(2))
  const a = JSON.parse(left.slice(2))
  const b = JSON.parse(right.slice(2))
  return kind === 0x6b ? compareKeys(Object.entries(a), Object.entries(b)) : compareScalars(a, b)
}

function compareKeys(left: [string, unknown][], right: [string, unknown][]): number {
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = byteOrder(left[i]![0], right[i]![0]) || compareScalars(left[i]![1], right[i]![1])
    if (order !== 0) return order
  }
  return left.length - right.length
}

/** Numbers, then strings, then booleans. */
function compareScalars(left: unknown, right: unknown): number {
  const rank = (value: unknown): number => ['number', 'string', 'boolean'].indexOf(typeof value)
  if (typeof left !== typeof right) return rank(left) - rank(right)
  if (typeof left === 'string') return byteOrder(left, right as string)
  return Number(left) - Number(right)
}

/** The set with its elements in order, `.` first; the same set when they are. */
export function inOrder(set: FieldSet): FieldSet {
  const keys = Object.keys(set)
  let sorted = true
  let sets: FieldSet[] | undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const below = set[key]!
    const orderly = below === LEAF ? below : inOrder(below)
    if (orderly !== below && sets === undefined) sets = keys.map((one) => set[one]!)
    if (sets !== undefined) sets[i] = orderly
    if (i > 0 && sorted && keys[i - 1] !== '.' && (key === '.' || compareElements(keys[i - 1]!, key) > 0)) sorted = false
  }
  if (sorted && sets === undefined) return set
  const order = keys.map((key, i) => ({ key, below: sets?.[i] ?? set[key]! }))
  if (!sorted) order.sort((a, b) => (a.key === '.' ? -1 : b.key === '.' ? 1 : compareElements(a.key, b.key)))
  const built: Record<string, FieldSet> = {}
  for (const { key, below } of order) built[key] = below
  return built
}

/** An element as error texts print it: `.spec`, `[name="a"]`, `[="x"]`, `[0]`. */
export function elementText(element: string): string {
  const rest = element.slice(2)
  switch (element[0]) {
    case 'f':
      return `.${rest}`
    case 'k':
      return `[${Object.entries(JSON.parse(rest))
        .map(([name, value]) => `${name}=${valueText(value)}`)
        .join(',')}]`
    case 'v':
      return `[=${valueText(JSON.parse(rest))}]`
    default:
      return `[${rest}]`
  }
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? quote(value) : value === null ? 'null' : goValue(value)
}

/** The paths of all members, as error texts print them: members of one level before what lies below them. */
export function pathTexts(set: FieldSet, prefix = ''): string[] {
  const keys = Object.keys(set).filter((key) => key !== '.')
  keys.sort(compareElements)
  const texts: string[] = []
  for (const key of keys) if (isMember(set[key]!)) texts.push(prefix + elementText(key))
  for (const key of keys) texts.push(...pathTexts(set[key]!, prefix + elementText(key)))
  return texts
}
