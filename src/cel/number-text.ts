/**
 * A double as a text.
 *
 * @see Go, strconv.FormatFloat with format 'g' and the fewest digits
 * @module
 */

/** With an exponent below -4 and from 6. */
export function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power < -4 || power >= 6) return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  return Object.is(value, -0) ? '-0' : String(value)
}
