/**
 * Affinity to nodes and to other pods.
 *
 * @see pkg/apis/core/validation/validation.go, validateAffinity
 * @module
 */

import { type FieldError, invalidValue, required } from '../../../api/field.ts'
import { dns1123LabelErrors, labelValueErrors, subdomainName } from '../../../api/names.ts'
import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from '../../../api/types/core/v1.ts'
import { each, LABEL_OPERATORS, operatorErrors, validateLabelName, validateLabelSelector } from '../../validation.ts'
import { goNodeSelectorTerm } from './gostructs.ts'
import { semanticEqual } from './semanticequal.ts'
import { labelKeysErrors } from './topologyspread.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

export interface AffinityOptions {
  allowInvalidLabelValueInSelector: boolean
  allowInvalidLabelValueInRequiredNodeAffinity: boolean
}

export function affinityErrors(affinity: Affinity | undefined, field: string, options: AffinityOptions): FieldError[] {
  if (affinity === undefined) return []
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity
  return [
    ...nodeAffinityErrors(nodeAffinity, `${field}.nodeAffinity`, options),
    ...podAffinityErrors(podAffinity, `${field}.podAffinity`, options),
    ...podAffinityErrors(podAntiAffinity, `${field}.podAntiAffinity`, options),
  ]
}

/** Also of persistent volumes. */
export function nodeSelectorErrors(selector: NodeSelector, field: string, allowInvalidLabelValue: boolean): FieldError[] {
  const terms = selector.nodeSelectorTerms ?? []
  const at = `${field}.nodeSelectorTerms`
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')]
  return terms.flatMap((term, index) => nodeSelectorTermErrors(term, `${at}[${index}]`, allowInvalidLabelValue))
}

/** While a pod is gated its required node affinity may become narrower. */
export function nodeAffinityChangeErrors(affinity: NodeAffinity | undefined, old: NodeAffinity | undefined, field: string): FieldError[] {
  const before = old?.[REQUIRED]?.nodeSelectorTerms ?? []
  if (before.length === 0) return []
  const terms = affinity?.[REQUIRED]?.nodeSelectorTerms ?? []
  const at = `${field}.${REQUIRED}.nodeSelectorTerms`
  if (terms.length !== before.length) {
    const printed = affinity?.[REQUIRED]?.nodeSelectorTerms?.map(goNodeSelectorTerm)
    return [invalidValue(at, printed, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')]
  }
  return terms.flatMap((term, index) =>
    onlyAdds(term, before[index]!)
      ? []
      : [invalidValue(`${at}[${index}]`, goNodeSelectorTerm(term), 'only additions are allowed (no mutations or deletions)')],
  )
}

function onlyAdds(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const isEmpty = (one: NodeSelectorTerm): boolean => !one.matchExpressions?.length && !one.matchFields?.length
  // An empty term selects nothing, so that anything in its place would select more.
  if (isEmpty(old) && !isEmpty(term)) return false
  return startsWith(term.matchExpressions, old.matchExpressions) && startsWith(term.matchFields, old.matchFields)
}

function startsWith(list: readonly NodeSelectorRequirement[] = [], start: readonly NodeSelectorRequirement[] = []): boolean {
  return list.length >= start.length && start.every((one, index) => semanticEqual(one, list[index]))
}

function nodeAffinityErrors(affinity: NodeAffinity | undefined, field: string, options: AffinityOptions): FieldError[] {
  if (affinity === undefined) return []
  const errors: FieldError[] = []
  const selector = affinity[REQUIRED]
  if (selector !== undefined)
    errors.push(...nodeSelectorErrors(selector, `${field}.${REQUIRED}`, options.allowInvalidLabelValueInRequiredNodeAffinity))
  for (const [index, { weight = 0, preference = {} }] of (affinity[PREFERRED] ?? []).entries()) {
    const at = `${field}.${PREFERRED}[${index}]`
    errors.push(...weightErrors(weight, at), ...nodeSelectorTermErrors(preference, `${at}.preference`, true))
  }
  return errors
}

function nodeSelectorTermErrors(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  field: string,
  allowInvalidLabelValue: boolean,
): FieldError[] {
  return [
    ...matchExpressions.flatMap((one, index) => nodeRequirementErrors(one, `${field}.matchExpressions[${index}]`, allowInvalidLabelValue)),
    ...matchFields.flatMap((one, index) => nodeFieldErrors(one, `${field}.matchFields[${index}]`)),
  ]
}

function nodeRequirementErrors(
  { key = '', operator = '', values = [] }: NodeSelectorRequirement,
  field: string,
  allowInvalidLabelValue: boolean,
): FieldError[] {
  const errors = operatorErrors(operator, values, field)
  if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) errors.push(required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
  } else if (!LABEL_OPERATORS.includes(operator)) errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'))
  errors.push(...validateLabelName(key, `${field}.key`))
  if (!allowInvalidLabelValue)
    for (const [index, value] of values.entries()) errors.push(...each(`${field}.values[${index}]`, value, labelValueErrors(value)))
  return errors
}

function nodeFieldErrors({ key = '', operator = '', values = [] }: NodeSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (operator !== 'In' && operator !== 'NotIn') errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'))
  else if (values.length !== 1)
    errors.push(required(`${field}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
  if (key !== 'metadata.name') errors.push(invalidValue(`${field}.key`, key, 'not a valid field selector key'))
  else for (const [index, value] of values.entries()) errors.push(...each(`${field}.values[${index}]`, value, subdomainName(value, false)))
  return errors
}

function podAffinityErrors(affinity: PodAffinity | undefined, field: string, options: AffinityOptions): FieldError[] {
  if (affinity === undefined) return []
  const errors = (affinity[REQUIRED] ?? []).flatMap((term, index) => podAffinityTermErrors(term, `${field}.${REQUIRED}[${index}]`, options))
  for (const [index, { weight = 0, podAffinityTerm = {} }] of (affinity[PREFERRED] ?? []).entries()) {
    const at = `${field}.${PREFERRED}[${index}]`
    errors.push(...weightErrors(weight, at), ...podAffinityTermErrors(podAffinityTerm, `${at}.podAffinityTerm`, options))
  }
  return errors
}

function podAffinityTermErrors(term: PodAffinityTerm, field: string, { allowInvalidLabelValueInSelector }: AffinityOptions): FieldError[] {
  const { namespaces = [], topologyKey = '' } = term
  const selectorOptions = { allowInvalidLabelValue: allowInvalidLabelValueInSelector }
  const errors = [
    ...validateLabelSelector(term.labelSelector, `${field}.labelSelector`, selectorOptions),
    ...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`, selectorOptions),
    ...namespaces.flatMap((name) => each(`${field}.namespace`, name, dns1123LabelErrors(name))),
    ...labelKeysErrors(term, field),
  ]
  if (topologyKey === '') errors.push(required(`${field}.topologyKey`, 'can not be empty'))
  errors.push(...validateLabelName(topologyKey, `${field}.topologyKey`))
  return errors
}

function weightErrors(weight: number, field: string): FieldError[] {
  return weight <= 0 || weight > 100 ? [invalidValue(`${field}.weight`, weight, 'must be in the range 1-100')] : []
}
