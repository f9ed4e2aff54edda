/**
 * Role and ClusterRole. Whether the writer may grant what they grant is asked elsewhere (`escalation.ts`).
 *
 * @see pkg/apis/rbac/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { labelValueErrors, pathSegmentErrors, qualifiedNameErrors } from '../../api/names.ts'
import type { LabelSelector } from '../../api/types/meta/v1.ts'
import type { ClusterRole, PolicyRule, Role } from '../../api/types/rbac/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { defaultTable } from '../table-cells.ts'
import { selectorHasInvalidLabelValue, validateLabelSelector } from '../validation.ts'
import { checkEscalation } from './escalation.ts'

const GROUP = 'rbac.authorization.k8s.io'

export const roles = define<Role>({
  group: GROUP,
  version: 'v1',
  resource: 'roles',
  singular: 'role',
  kind: 'Role',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.Role',
  storage: { prefix: '/registry/roles/' },
  strategy: {
    validateName: pathSegmentErrors,
    authorizeWrite: (object, old, write) => checkEscalation('roles', object, old, write),
    validate: (role) => validateRules(role.rules, true),
    validateUpdate: (role) => validateRules(role.rules, true),
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: defaultTable,
})

export const clusterRoles = define<ClusterRole>({
  group: GROUP,
  version: 'v1',
  resource: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  storage: { prefix: '/registry/clusterroles/' },
  strategy: {
    validateName: pathSegmentErrors,
    authorizeWrite: (object, old, write) => checkEscalation('clusterroles', object, old, write),
    validate: (role) => [...validateRules(role.rules, false), ...validateAggregation(role, false)],
    validateUpdate: (role, old) => [...validateRules(role.rules, false), ...validateAggregation(role, hasInvalidSelector(old))],
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: defaultTable,
})

function validateRules(rules: readonly PolicyRule[] | undefined, namespaced: boolean): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, namespaced, `rules[${index}]`))
}

function validateRule(rule: PolicyRule, namespaced: boolean, field: string): FieldError[] {
  const errors: FieldError[] = []
  const some = (list: readonly string[] | undefined) => list !== undefined && list.length > 0
  if (!some(rule.verbs)) errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'))
  if (some(rule.nonResourceURLs)) {
    if (namespaced)
      errors.push(invalidValue(`${field}.nonResourceURLs`, rule.nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'))
    if (some(rule.apiGroups) || some(rule.resources) || some(rule.resourceNames)) {
      errors.push(
        invalidValue(
          `${field}.nonResourceURLs`,
          rule.nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      )
    }
    return errors
  }
  if (!some(rule.apiGroups)) errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'))
  if (!some(rule.resources)) errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'))
  return errors
}

function validateAggregation(role: ClusterRole, allowInvalidLabelValue: boolean): FieldError[] {
  if (role.aggregationRule === undefined) return []
  const selectors = role.aggregationRule.clusterRoleSelectors ?? []
  const field = 'aggregationRule.clusterRoleSelectors'
  if (selectors.length === 0) return [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')]
  return selectors.flatMap((selector, index) => {
    const errors = validateLabelSelector(selector, `${field}[${index}]`, { allowInvalidLabelValue })
    if (!isSelector(selector)) errors.push(invalidValue(`${field}[${index}]`, undefined, 'invalid label selector.'))
    return errors
  })
}

/** Whether LabelSelectorAsSelector takes it. */
function isSelector(selector: LabelSelector): boolean {
  const fine = (key: string, values: readonly string[]) =>
    qualifiedNameErrors(key).length === 0 && values.every((value) => labelValueErrors(value).length === 0)
  if (!Object.entries(selector.matchLabels ?? {}).every(([key, value]) => fine(key, [value]))) return false
  return (selector.matchExpressions ?? []).every(({ key = '', operator = '', values = [] }) => {
    if (operator === 'In' || operator === 'NotIn') return values.length > 0 && fine(key, values)
    return (operator === 'Exists' || operator === 'DoesNotExist') && values.length === 0 && fine(key, [])
  })
}

function hasInvalidSelector(role: ClusterRole): boolean {
  return (role.aggregationRule?.clusterRoleSelectors ?? []).some(selectorHasInvalidLabelValue)
}
