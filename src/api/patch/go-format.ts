/**
 * JSON values as Go's fmt package prints them: some refusals of the API carry such text.
 *
 * @see https://pkg.go.dev/fmt
 * @module
 */
import { byteOrder } from '../json.ts'
import { quote } from '../status.ts'
import { isObject } from './json-value.ts'

/** `%v` and `%+v` of a decoded value: `map[a:1 b:[x y]]`, keys in order. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`
  if (isObject(value)) {
    const members = Object.keys(value).sort(byteOrder)
    return `map[${members.map((key) => `${key}:${goValue(value[key])}`).join(' ')}]`
  }
  return typeof value === 'number' ? goNumber(value) : String(value)
}

/** `%#v` of a decoded value: `map[string]interface {}{"a":1}`. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isObject(value)) {
    const members = Object.keys(value).sort(byteOrder)
    return `map[string]interface {}{${members.map((key) => `${quote(key)}:${goSyntax(value[key])}`).join(', ')}}`
  }
  return typeof value === 'string' ? quote(value) : goValue(value)
}

/** `%T` of a decoded value; integers are int64. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'bigint':
      return 'int64'
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64'
    default:
      return 'map[string]interface {}'
  }
}

/** `%s` of a value that should have been a string. */
export function goString(value: unknown): string {
  return typeof value === 'string' ? value : value === null ? '%!s(<nil>)' : `%!s(${goType(value)}=${goValue(value)})`
}

/** A float64 as `%v` prints it: exponents from 1e21 up and below 1e-4, of two digits at least. */
function goNumber(value: number): string {
  const small = value !== 0 && Math.abs(value) < 1e-4
  const text = small ? value.toExponential() : String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}
