/**
 * Days in UTC, `2006-01-02`, as the labels of token Secrets hold them. Texts of this form compare as the days do.
 *
 * @module
 */

export function dateText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** Milliseconds since the epoch of its first moment; undefined for what is no day of the calendar. */
export function dateMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined
  const ms = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(ms) && dateText(ms) === text ? ms : undefined
}

export function isDateText(text: string | undefined): text is string {
  return dateMs(text) !== undefined
}
