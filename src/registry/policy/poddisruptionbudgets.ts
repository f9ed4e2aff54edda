/**
 * PodDisruptionBudget.
 *
 * @see pkg/apis/policy/validation/validation.go
 * @see pkg/registry/policy/poddisruptionbudget/strategy.go
 * @module
 */

import { type FieldError, invalidValue, notSupported } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { PodDisruptionBudget } from '../../api/types/policy/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { semanticEqual, validateConditions, validateIntOrPercent, validateLabelSelector, validateNonnegative } from '../validation.ts'

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget']

/** A key that no user may combine with others: it made selectors of v1beta1 match nothing. */
const V1BETA1_KEY = 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match'

export const podDisruptionBudgets = define<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  kind: 'PodDisruptionBudget',
  namespaced: true,
  shortNames: ['pdb'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  storage: { prefix: '/registry/poddisruptionbudgets/' },
  strategy: {
    validateName: subdomainName,
    defaults: stripV1beta1Key,
    prepareForCreate(budget) {
      budget.status = {}
    },
    prepareForUpdate(budget, old) {
      budget.status = old.status
    },
    validate: (budget) => validateBudget(budget, false),
    validateUpdate: (budget, old) => validateBudget(budget, validateLabelSelector(old.spec?.selector, '').length > 0),
    specChanged: (budget, old) => !semanticEqual(budget.spec, old.spec),
    allowUnconditionalUpdate: false,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Min Available', 'The minimum number of pods that must be available.'),
      column('Max Unavailable', 'The maximum number of pods that may be unavailable.'),
      column('Allowed Disruptions', 'Calculated number of pods that may be disrupted at this time.', { type: 'integer' }),
      AGE_COLUMN,
    ],
    cells: (budget, { nowMs }) => [
      nameCell(budget),
      String(budget.spec?.minAvailable ?? 'N/A'),
      String(budget.spec?.maxUnavailable ?? 'N/A'),
      budget.status?.disruptionsAllowed ?? 0,
      ageCell(budget, nowMs),
    ],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(budget, old) {
          budget.spec = old.spec
        },
        validateUpdate: ({ status = {} }) => [
          ...validateConditions(status.conditions, 'status.conditions'),
          ...(['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((member) =>
            validateNonnegative(status[member] ?? 0, `status.${member}`),
          ),
        ],
        allowUnconditionalUpdate: false,
        resetFields: ['spec'],
      },
    },
  },
})

function stripV1beta1Key({ spec }: PodDisruptionBudget): void {
  const selector = spec?.selector
  if (selector === undefined) return
  const { matchLabels, matchExpressions } = selector
  const [only] = matchExpressions ?? []
  const alone = matchLabels === undefined && matchExpressions?.length === 1 && only?.key === V1BETA1_KEY
  if (alone && (only?.operator === 'Exists' || only?.operator === 'DoesNotExist')) return
  if (matchExpressions?.some(({ key }) => key === V1BETA1_KEY))
    selector.matchExpressions = matchExpressions.filter(({ key }) => key !== V1BETA1_KEY)
}

function validateBudget({ spec = {} }: PodDisruptionBudget, allowInvalidLabelValue: boolean): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec
  const errors: FieldError[] = []
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const printed = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
    }
    errors.push(invalidValue('spec', printed, 'minAvailable and maxUnavailable cannot be both set'))
  }
  if (minAvailable !== undefined) errors.push(...validateIntOrPercent(minAvailable, 'spec.minAvailable'))
  if (maxUnavailable !== undefined) errors.push(...validateIntOrPercent(maxUnavailable, 'spec.maxUnavailable'))
  errors.push(...validateLabelSelector(selector, 'spec.selector', { allowInvalidLabelValue }))
  if (unhealthyPodEvictionPolicy !== undefined && !EVICTION_POLICIES.includes(unhealthyPodEvictionPolicy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, EVICTION_POLICIES))
  }
  return errors
}
