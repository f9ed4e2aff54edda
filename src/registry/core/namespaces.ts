/**
 * Namespace: goes away only when its own finalizers (`spec.finalizers`) are gone.
 *
 * @see pkg/registry/core/namespace/strategy.go
 * @see pkg/registry/core/namespace/storage/storage.go
 * @module
 */

import { type FieldError, invalidValue } from '../../api/field.ts'
import { labelName, qualifiedNameErrors } from '../../api/names.ts'
import { metaOf } from '../../api/object.ts'
import type { Namespace } from '../../api/types/core/v1.ts'
import { define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each } from '../validation.ts'

const NAME_LABEL = 'kubernetes.io/metadata.name'

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion']

export const namespaces = define<Namespace>({
  group: '',
  version: 'v1',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  schema: 'io.k8s.api.core.v1.Namespace',
  storage: { prefix: '/registry/namespaces/' },
  strategy: {
    validateName: labelName,
    defaults(namespace) {
      labelWithName(namespace)
      namespace.status ??= {}
      if (!namespace.status.phase) namespace.status.phase = 'Active'
    },
    prepareForCreate(namespace) {
      namespace.status = { phase: 'Active' }
      const finalizers = namespace.spec?.finalizers ?? []
      if (!finalizers.includes('kubernetes')) namespace.spec = { ...namespace.spec, finalizers: [...finalizers, 'kubernetes'] }
      labelWithName(namespace)
    },
    prepareForUpdate(namespace, old) {
      namespace.spec = { ...namespace.spec, finalizers: old.spec?.finalizers }
      namespace.status = old.status
    },
    validate: validateNamespace,
    validateUpdate: validateNamespace,
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    markDeleting(namespace) {
      namespace.status = { ...namespace.status, phase: 'Terminating' }
    },
    holdsDeletion: (namespace) => (namespace.spec?.finalizers ?? []).length > 0,
    resetFields: ['status'],
  },
  fields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  table: {
    columns: () => [NAME_COLUMN, column('Status', 'The status of the namespace'), AGE_COLUMN],
    cells: (namespace, { nowMs }) => [nameCell(namespace), namespace.status?.phase ?? '', ageCell(namespace, nowMs)],
  },
  subresources: {
    finalize: {
      type: 'object',
      verbs: ['update'],
      strategy: {
        prepareForUpdate(namespace, old) {
          namespace.status = old.status
        },
        validateUpdate: (namespace) =>
          (namespace.spec?.finalizers ?? []).flatMap((one, index) => validateFinalizer(one, `spec.finalizers[${index}]`)),
        resetFields: ['status'],
      },
    },
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(namespace, old) {
          namespace.spec = old.spec
        },
        validateUpdate: validateStatus,
        resetFields: ['spec'],
      },
    },
  },
})

function labelWithName(namespace: Namespace): void {
  const metadata = metaOf(namespace)
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name }
}

function validateNamespace(namespace: Namespace): FieldError[] {
  return (namespace.spec?.finalizers ?? []).flatMap((one) => validateFinalizer(one, 'spec.finalizers'))
}

function validateFinalizer(name: string, field: string): FieldError[] {
  const errors = each(field, name, qualifiedNameErrors(name))
  if (!name.includes('/') && !STANDARD_FINALIZERS.includes(name)) {
    errors.push(invalidValue(field, name, 'name is neither a standard finalizer name nor is it fully qualified'))
  }
  return errors
}

function validateStatus(namespace: Namespace): FieldError[] {
  const deleting = namespace.metadata?.deletionTimestamp !== undefined
  const wanted = deleting ? 'Terminating' : 'Active'
  const phase = namespace.status?.phase ?? ''
  if (phase === wanted) return []
  return [invalidValue('status.Phase', phase, `may only be '${wanted}' if \`deletionTimestamp\` is ${deleting ? 'not ' : ''}empty`)]
}
