/**
 * Durations as people read them in tables.
 *
 * @see apimachinery/pkg/util/duration/duration.go
 * @module
 */

/** An age with two or three significant figures: `45s`, `3m5s`, `7h20m`, `4d2h`, `3y40d`. */
export function humanDuration(milliseconds: number): string {
  const total = Math.trunc(milliseconds / 1000)
  if (total < -1) return '<invalid>'
  if (total < 0) return '0s'
  if (total < 120) return `${total}s`
  const minutes = Math.trunc(total / 60)
  if (minutes < 10) return withRest(`${minutes}m`, total % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return withRest(`${hours}h`, minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 24 * 8) return withRest(`${days}d`, hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(days / 365)
  if (hours < 24 * 365 * 8) return withRest(`${years}y`, days % 365, 'd')
  return `${years}y`
}

/** An age in one unit: `45s`, `3m`, `7h`, `4d`, `3y`. */
export function shortHumanDuration(milliseconds: number): string {
  const total = Math.trunc(milliseconds / 1000)
  if (total < -1) return '<invalid>'
  if (total < 0) return '0s'
  if (total < 60) return `${total}s`
  const minutes = Math.trunc(total / 60)
  if (minutes < 60) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 24) return `${hours}h`
  const days = Math.trunc(hours / 24)
  return days < 365 ? `${days}d` : `${Math.trunc(days / 365)}y`
}

function withRest(text: string, rest: number, unit: string): string {
  return rest === 0 ? text : `${text}${rest}${unit}`
}
