/**
 * RoleBinding and ClusterRoleBinding. Whether the writer may grant what they grant is asked elsewhere (`escalation.ts`).
 *
 * @see pkg/apis/rbac/validation/validation.go
 * @see pkg/apis/rbac/v1/defaults.go
 * @module
 */

import { type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { pathSegmentErrors, subdomainName } from '../../api/names.ts'
import type { ClusterRoleBinding, RoleBinding, Subject } from '../../api/types/rbac/v1.ts'
import { goStruct } from '../go-struct.ts'
import { ALL_VERBS, define, type TableDefinition } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { each } from '../validation.ts'
import { checkEscalation } from './escalation.ts'

const GROUP = 'rbac.authorization.k8s.io'

type Binding = RoleBinding | ClusterRoleBinding

export const roleBindings = define<RoleBinding>({
  group: GROUP,
  version: 'v1',
  resource: 'rolebindings',
  singular: 'rolebinding',
  kind: 'RoleBinding',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  storage: { prefix: '/registry/rolebindings/' },
  strategy: {
    validateName: pathSegmentErrors,
    authorizeWrite: (object, old, write) => checkEscalation('rolebindings', object, old, write),
    defaults: defaultGroups,
    validate: (binding) => validateBinding(binding, ['Role', 'ClusterRole'], true),
    validateUpdate: (binding, old) => [...validateBinding(binding, ['Role', 'ClusterRole'], true), ...roleRefChange(binding, old)],
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: bindingTable('roleBinding'),
})

export const clusterRoleBindings = define<ClusterRoleBinding>({
  group: GROUP,
  version: 'v1',
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  kind: 'ClusterRoleBinding',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  storage: { prefix: '/registry/clusterrolebindings/' },
  strategy: {
    validateName: pathSegmentErrors,
    authorizeWrite: (object, old, write) => checkEscalation('clusterrolebindings', object, old, write),
    defaults: defaultGroups,
    validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
    validateUpdate: (binding, old) => [...validateBinding(binding, ['ClusterRole'], false), ...roleRefChange(binding, old)],
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: bindingTable('clusterRoleBinding'),
})

function defaultGroups(binding: Binding): void {
  binding.roleRef ??= {}
  if (!binding.roleRef.apiGroup) binding.roleRef.apiGroup = GROUP
  for (const subject of binding.subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = GROUP
  }
}

function validateBinding(binding: Binding, kinds: readonly string[], namespaced: boolean): FieldError[] {
  const { apiGroup = '', kind = '', name = '' } = binding.roleRef ?? {}
  const errors: FieldError[] = []
  if (apiGroup !== GROUP) errors.push(notSupported('roleRef.apiGroup', apiGroup, [GROUP]))
  if (!kinds.includes(kind)) errors.push(notSupported('roleRef.kind', kind, kinds))
  if (name === '') errors.push(required('roleRef.name'))
  else errors.push(...each('roleRef.name', name, pathSegmentErrors(name)))
  errors.push(...(binding.subjects ?? []).flatMap((subject, index) => validateSubject(subject, namespaced, `subjects[${index}]`)))
  return errors
}

function validateSubject(subject: Subject, namespaced: boolean, field: string): FieldError[] {
  const { kind = '', name = '', apiGroup = '', namespace = '' } = subject
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...each(`${field}.name`, name, subdomainName(name, false)))
      if (apiGroup !== '') errors.push(notSupported(`${field}.apiGroup`, apiGroup, ['']))
      if (!namespaced && namespace === '') errors.push(required(`${field}.namespace`))
      break
    case 'User':
    case 'Group':
      if (apiGroup !== GROUP) errors.push(notSupported(`${field}.apiGroup`, apiGroup, [GROUP]))
      break
    default:
      errors.push(notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group']))
  }
  return errors
}

function roleRefChange(binding: Binding, old: Binding): FieldError[] {
  const ref = binding.roleRef ?? {}
  const before = old.roleRef ?? {}
  if (ref.apiGroup === before.apiGroup && ref.kind === before.kind && ref.name === before.name) return []
  return [invalidValue('roleRef', goStruct({ APIGroup: 'apiGroup', Kind: 'kind', Name: 'name' }, { ...ref }), 'cannot change roleRef')]
}

function bindingTable(noun: string): TableDefinition<Binding> {
  return {
    columns: () => [
      NAME_COLUMN,
      column('Role', 'doc:io.k8s.api.rbac.v1.RoleBinding.roleRef'),
      AGE_COLUMN,
      wideColumn('Users', `Users in the ${noun}`),
      wideColumn('Groups', `Groups in the ${noun}`),
      wideColumn('ServiceAccounts', `ServiceAccounts in the ${noun}`),
    ],
    cells(binding, { nowMs }) {
      const ofKind = (kind: string) => (binding.subjects ?? []).filter((subject) => subject.kind === kind)
      return [
        nameCell(binding),
        `${binding.roleRef?.kind ?? ''}/${binding.roleRef?.name ?? ''}`,
        ageCell(binding, nowMs),
        ofKind('User')
          .map(({ name }) => name ?? '')
          .join(', '),
        ofKind('Group')
          .map(({ name }) => name ?? '')
          .join(', '),
        ofKind('ServiceAccount')
          .map(({ namespace, name }) => `${namespace ?? ''}/${name ?? ''}`)
          .join(', '),
      ]
    },
  }
}
