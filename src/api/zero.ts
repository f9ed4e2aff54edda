/**
 * Go's zero values, as JSON has them.
 *
 * @module
 */
import type { Scalar } from './schema.ts'

/** Undefined for types whose zero value is written as `null`. */
export function zeroScalar(scalar: Scalar): string | number | boolean | undefined {
  switch (scalar) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0
    case 'quantity':
      return '0'
    case 'duration':
      return '0s'
    default:
      return undefined
  }
}
