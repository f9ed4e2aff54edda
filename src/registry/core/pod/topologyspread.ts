/**
 * Topology spread constraints, and label keys that are merged into a selector.
 *
 * @see pkg/apis/core/validation/validation.go, validateTopologySpreadConstraints and ValidateMatchLabelKeysAndMismatchLabelKeys
 * @module
 */
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../../api/field.ts'
import type { TopologySpreadConstraint } from '../../../api/types/core/v1.ts'
import type { LabelSelector } from '../../../api/types/meta/v1.ts'
import { validateLabelName, validateLabelSelector, validatePositive } from '../../validation.ts'

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway']
const NODE_POLICIES = ['Honor', 'Ignore']
const UNSELECTED = 'must not be specified when labelSelector is not set'
const BOTH = 'exists in both matchLabelKeys and labelSelector'

export interface SpreadOptions {
  allowInvalidSpreadSelector: boolean
  allowInvalidSpreadLabelKeys: boolean
}

export function topologySpreadErrors(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  field: string,
  options: SpreadOptions,
): FieldError[] {
  if (constraints === undefined) return []
  const errors: FieldError[] = []
  for (const [index, constraint] of constraints.entries()) {
    const { topologyKey = '', whenUnsatisfiable = '', minDomains } = constraint
    const at = `${field}[${index}]`
    errors.push(...validatePositive(constraint.maxSkew ?? 0, `${at}.maxSkew`))
    if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'))
    if (!ACTIONS.includes(whenUnsatisfiable)) errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ACTIONS))
    if (
      constraints
        .slice(index + 1)
        .some((one) => (one.topologyKey ?? '') === topologyKey && (one.whenUnsatisfiable ?? '') === whenUnsatisfiable)
    ) {
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`))
    }
    if (minDomains !== undefined) {
      errors.push(...validatePositive(minDomains, `${at}.minDomains`))
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        errors.push(
          invalidValue(
            `${at}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        )
      }
    }
    for (const member of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[member]
      if (policy !== undefined && !NODE_POLICIES.includes(policy)) errors.push(notSupported(`${at}.${member}`, policy, NODE_POLICIES))
    }
    errors.push(
      ...(options.allowInvalidSpreadLabelKeys ? oldLabelKeysErrors(constraint, `${at}.matchLabelKeys`) : labelKeysErrors(constraint, at)),
    )
    if (!options.allowInvalidSpreadSelector) errors.push(...validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`))
  }
  return errors
}

/** What has label keys beside a selector: spread constraints and affinity terms. */
interface WithLabelKeys {
  labelSelector?: LabelSelector | undefined
  matchLabelKeys?: string[] | undefined
  mismatchLabelKeys?: string[] | undefined
}

/** The selector is seen as it is stored: with the expressions that were made from the keys. */
export function labelKeysErrors(
  { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: WithLabelKeys,
  field: string,
): FieldError[] {
  if (matchLabelKeys.length === 0 && mismatchLabelKeys.length === 0) return []
  const errors = [
    ...keyNameErrors(matchLabelKeys, labelSelector, `${field}.matchLabelKeys`),
    ...keyNameErrors(mismatchLabelKeys, labelSelector, `${field}.mismatchLabelKeys`),
  ]
  if (labelSelector !== undefined) {
    const selected = new Set(Object.keys(labelSelector.matchLabels ?? {}))
    for (const { key = '' } of labelSelector.matchExpressions ?? []) {
      const index = matchLabelKeys.lastIndexOf(key)
      if (index >= 0 && selected.has(key)) errors.push(invalidValue(`${field}[${index}]`, key, BOTH))
      selected.add(key)
    }
  }
  for (const [index, key] of matchLabelKeys.entries()) {
    if (mismatchLabelKeys.includes(key))
      errors.push(invalidValue(`${field}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'))
  }
  return errors
}

function keyNameErrors(keys: readonly string[], selector: LabelSelector | undefined, field: string): FieldError[] {
  if (keys.length === 0) return []
  if (selector === undefined) return [forbiddenField(field, UNSELECTED)]
  return keys.flatMap((key, index) => validateLabelName(key, `${field}[${index}]`))
}

/** The rule before keys were merged into the selector, for stored constraints that only pass this one. */
function oldLabelKeysErrors({ labelSelector, matchLabelKeys = [] }: WithLabelKeys, field: string): FieldError[] {
  if (matchLabelKeys.length === 0) return []
  const errors: FieldError[] = labelSelector === undefined ? [forbiddenField(field, UNSELECTED)] : []
  const selected = new Set([
    ...Object.keys(labelSelector?.matchLabels ?? {}),
    ...(labelSelector?.matchExpressions ?? []).map((one) => one.key ?? ''),
  ])
  for (const [index, key] of matchLabelKeys.entries()) {
    errors.push(...validateLabelName(key, `${field}[${index}]`))
    if (selected.has(key)) errors.push(invalidValue(`${field}[${index}]`, key, BOTH))
  }
  return errors
}
