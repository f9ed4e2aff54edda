/**
 * What upstream prints about the columns of its tables: the documentation of the API's fields, recorded from kube-apiserver 1.36.2.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Column, ResourceDefinition } from './resource.ts'

const REFERENCE = 'doc:'

let texts: Readonly<Record<string, string>> | undefined

/** The same definition, its columns described by text instead of by reference. */
export function withDescriptions(definition: ResourceDefinition): ResourceDefinition {
  const { table } = definition
  if (table === undefined) return definition
  return { ...definition, table: { ...table, columns: (world) => table.columns(world).map(described) } }
}

function described(column: Column): Column {
  if (column.description?.startsWith(REFERENCE) !== true) return column
  texts ??= read()
  return { ...column, description: texts[column.description.slice(REFERENCE.length)] ?? '' }
}

/** A bundle holds the file; a module on its own has no `require`. */
function read(): Readonly<Record<string, string>> {
  if (typeof require === 'function') return require('./column-descriptions.json')
  return JSON.parse(readFileSync(new URL('./column-descriptions.json', import.meta.url), 'utf8'))
}
