/**
 * The columns and cells that tables of many kinds share.
 *
 * @see pkg/printers/internalversion/printers.go
 * @see apimachinery/pkg/util/duration/duration.go
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import type { Column, TableDefinition } from './resource.ts'

const SECOND = 1000
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** First column of nearly every table. */
export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'doc:io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name',
}

export const AGE_COLUMN: Column = {
  name: 'Age',
  type: 'string',
  description: 'doc:io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp',
}

/** A text column; `description` as in `Column`. */
export function column(name: string, description: string, options: { type?: string; priority?: 0 | 1 } = {}): Column {
  return { name, type: options.type ?? 'string', description, ...(options.priority === undefined ? {} : { priority: options.priority }) }
}

/** A column that only `-o wide` shows. */
export function wideColumn(name: string, description: string, type = 'string'): Column {
  return { name, type, description, priority: 1 }
}

/** `5m`, `3h20m`, `12d`: a span in the two largest units that matter. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / SECOND)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 2 * MINUTE) return `${seconds}s`
  const minutes = Math.trunc(seconds / MINUTE)
  if (minutes < 10) return pair(minutes, 'm', seconds % MINUTE, 's')
  if (seconds < 3 * HOUR) return `${minutes}m`
  const hours = Math.trunc(seconds / HOUR)
  if (hours < 8) return pair(hours, 'h', Math.trunc(seconds / MINUTE) % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(seconds / DAY)
  if (days < 8) return pair(days, 'd', hours % 24, 'h')
  if (seconds < 2 * YEAR) return `${days}d`
  const years = Math.trunc(seconds / YEAR)
  if (years < 8) return pair(years, 'y', days % 365, 'd')
  return `${years}y`
}

/** Time since a `metav1.Time`, or `<unknown>` when unset. */
export function ageOf(time: string | undefined | null, nowMs: number): string {
  if (time === undefined || time === null || time === '') return '<unknown>'
  return humanDuration(nowMs - Date.parse(time))
}

export function ageCell(object: KubeObject, nowMs: number): string {
  return ageOf(object.metadata?.creationTimestamp, nowMs)
}

export function nameCell(object: KubeObject): string {
  return object.metadata?.name ?? ''
}

/** `a=1,b=2` in key order, or `<none>`. */
export function labelsCell(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {})
  if (pairs.length === 0) return '<none>'
  return pairs
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',')
}

/** What kinds without a printer of their own get. */
export const defaultTable: TableDefinition<KubeObject> = {
  columns: () => [
    NAME_COLUMN,
    { name: 'Created At', type: 'date', description: 'doc:io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp' },
  ],
  cells: (object) => [nameCell(object), object.metadata?.creationTimestamp ?? ''],
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`
}
