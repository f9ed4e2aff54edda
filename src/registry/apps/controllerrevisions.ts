/**
 * Controller revisions: what a template once was.
 *
 * @see pkg/registry/apps/controllerrevision, pkg/apis/apps/validation/validation.go
 * @module
 */

import { type FieldError, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { ControllerRevision } from '../../api/types/apps/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { validateImmutable, validateNonnegative } from '../validation.ts'

export const controllerRevisions = define<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  resource: 'controllerrevisions',
  singular: 'controllerrevision',
  kind: 'ControllerRevision',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  storage: { prefix: '/registry/controllerrevisions/' },
  strategy: {
    validateName: subdomainName,
    validate: (revision) => [...revisionErrors(revision), ...dataErrors(revision.data)],
    validateUpdate: (revision, old) => [...revisionErrors(revision), ...validateImmutable(revision.data, old.data, 'data')],
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Controller', 'Controller of the object'),
      column('Revision', 'doc:io.k8s.api.apps.v1.ControllerRevision.revision'),
      AGE_COLUMN,
    ],
    cells: (revision, { nowMs }) => [
      nameCell(revision),
      controllerCell(revision),
      Number(revision.revision ?? 0),
      ageCell(revision, nowMs),
    ],
  },
})

function revisionErrors({ revision = 0 }: ControllerRevision): FieldError[] {
  return validateNonnegative(revision, 'revision')
}

function dataErrors(data: unknown): FieldError[] {
  if (data === undefined || data === null) return [required('data', 'data is mandatory')]
  return typeof data === 'object' && !Array.isArray(data) ? [] : [required('data', 'data must be a valid JSON object')]
}

function controllerCell({ metadata }: ControllerRevision): string {
  const owner = metadata?.ownerReferences?.find((one) => one.controller === true)
  if (owner === undefined) return '<none>'
  const { apiVersion = '', kind = '', name = '' } = owner
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/', 1)[0]}` : ''
  return `${kind.toLowerCase()}${group.toLowerCase()}/${name}`
}
