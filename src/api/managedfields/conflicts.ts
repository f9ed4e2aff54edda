/**
 * The answer to an apply that would change what others own.
 *
 * @see apimachinery/pkg/util/managedfields/internal/conflict.go
 * @module
 */
import { byteOrder } from '../json.ts'
import { failure, quote, type StatusCause, type StatusError } from '../status.ts'
import { type Owner, ownerIdentifier } from './entries.ts'
import type { FieldSet } from './field-set.ts'
import { pathTexts } from './path-element.ts'

export interface OwnerConflict {
  owner: Owner
  /** What the owner has and the request would change. */
  fields: FieldSet
}

/** 409 with a cause for each field. */
export function applyConflict(conflicts: readonly OwnerConflict[]): StatusError {
  const sorted = conflicts.toSorted((a, b) => byteOrder(ownerIdentifier(a.owner), ownerIdentifier(b.owner)))
  const groups = sorted.map(({ owner, fields }) => ({ owner: ownerText(owner), paths: pathTexts(fields) }))
  const causes = groups.flatMap(({ owner, paths }) =>
    paths.map((field): StatusCause => ({ reason: 'FieldManagerConflict', message: `conflict with ${owner}`, field })),
  )
  const text =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${causes[0]!.message}: ${causes[0]!.field}`
      : [
          `Apply failed with ${causes.length} conflicts: ${groups.map(({ owner, paths }) => [`conflicts with ${owner}:`, ...paths.map((path) => `- ${path}`)].join('\n')).join('\n')}`,
        ].join('\n')
  return failure(409, 'Conflict', text, { causes })
}

function ownerText({ manager, operation, subresource, apiVersion }: Owner): string {
  const name = subresource === '' ? quote(manager) : `${quote(manager)} with subresource ${quote(subresource)}`
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}
