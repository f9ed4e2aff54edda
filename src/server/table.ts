/**
 * Objects as the tables that `kubectl get` prints.
 *
 * @see apiserver/pkg/registry/rest/table.go, apiserver/pkg/endpoints/handlers/response.go
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { failure } from '../api/status.ts'
import type { Column, ResourceDefinition, World } from '../registry/resource.ts'

export type IncludeObject = 'Metadata' | 'Object' | 'None'

/** What a kind without a table of its own prints. */
const PLAIN_COLUMNS: readonly Column[] = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Created At', type: 'date' },
]

export interface TableRow {
  cells: unknown[]
  conditions?: unknown[]
  object: unknown
}

export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? ''
  if (value === '' || value === 'Metadata') return 'Metadata'
  if (value === 'Object' || value === 'None') return value
  throw failure(
    400,
    'BadRequest',
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  )
}

export function tableColumns(definition: ResourceDefinition, world: World): object[] {
  const columns = definition.table?.columns({ emulatedMinor: world.emulatedMinor }) ?? PLAIN_COLUMNS
  return columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({ name, type, format, description, priority }))
}

export function tableRow(
  definition: ResourceDefinition,
  object: KubeObject,
  include: IncludeObject,
  version: string,
  world: World,
): TableRow {
  const meta = object.metadata ?? {}
  const cells = definition.table?.cells(object, { nowMs: world.clock.nowMs(), emulatedMinor: world.emulatedMinor }) ?? [
    meta.name ?? '',
    meta.creationTimestamp ?? '<unknown>',
  ]
  const row: TableRow = { cells, object: null }
  const conditions = definition.table?.conditions?.(object)
  if (conditions !== undefined) row.conditions = conditions
  if (include === 'Object') row.object = object
  else if (include === 'Metadata') row.object = partialMetadata(object, version)
  return row
}

export function partialMetadata(object: KubeObject, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata ?? {} }
}

export function table(columns: object[] | null, rows: TableRow[], metadata: object, version: string): object {
  return { kind: 'Table', apiVersion: `meta.k8s.io/${version}`, metadata, columnDefinitions: columns, rows }
}
