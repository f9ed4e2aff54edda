/**
 * Columns for people, aligned as kubectl aligns them.
 *
 * @module
 */
import { printable } from './printable.ts'

/** Lines with three spaces between the columns; nothing for no rows but the header. */
export function tableText(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(printable))
  const widths = header.map((cell, i) => rows.reduce((widest, row) => Math.max(widest, (row[i] ?? '').length), cell.length))
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
      .join('   ')
      .trimEnd()}\n`
  return [header, ...rows].map(line).join('')
}
