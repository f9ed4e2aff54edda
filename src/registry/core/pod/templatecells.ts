/**
 * Columns and cells that the tables of everything with a pod template share.
 *
 * @see pkg/printers/internalversion/printers.go
 * @module
 */
import type { LabelSelector } from '../../../api/types/meta/v1.ts'
import type { Column } from '../../resource.ts'
import { wideColumn } from '../../table-cells.ts'

export const CONTAINERS_COLUMN: Column = wideColumn('Containers', 'Names of each container in the template.')
export const IMAGES_COLUMN: Column = wideColumn('Images', 'Images referenced by each container in the template.')

/** Names and images of a template's containers. */
export function containerCells(
  template:
    | { spec?: { containers?: readonly { name?: string | undefined; image?: string | undefined }[] | undefined } | undefined }
    | undefined,
): [names: string, images: string] {
  const containers = template?.spec?.containers ?? []
  return [containers.map((one) => one.name ?? '').join(','), containers.map((one) => one.image ?? '').join(',')]
}

/** A label selector as tables show it. */
export function selectorCell(selector: LabelSelector | undefined): string {
  return labelSelectorText(selector) || '<none>'
}

/** The string form of a label selector: `a=b,c in (d,e),f,!g`, sorted by key; `''` for an absent or empty one. */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  const requirements: [key: string, text: string][] = []
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) requirements.push([key, `${key}=${value}`])
  for (const { key = '', operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${[...values].sort().join(',')})`
    if (operator === 'In') requirements.push([key, `${key} in ${list}`])
    else if (operator === 'NotIn') requirements.push([key, `${key} notin ${list}`])
    else if (operator === 'Exists') requirements.push([key, key])
    else if (operator === 'DoesNotExist') requirements.push([key, `!${key}`])
  }
  requirements.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return requirements.map(([, text]) => text).join(',')
}
