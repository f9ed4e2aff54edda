/**
 * Selectors of a list as authorizers see them.
 *
 * @see KEP-4601; apiserver/pkg/endpoints/filters/authorization.go
 * @module
 */
import { parseFieldSelector } from '../api/fields.ts'
import { parseLabelSelector } from '../api/labels.ts'
import type { Attributes, SelectorRequirement } from '../authorization/authorizer.ts'

/** A selector that does not parse is reported, and authorizers treat it as absent. */
export function selectorAttributes(
  fieldSelector: string,
  labelSelector: string,
): Pick<Attributes, 'fieldSelector' | 'labelSelector' | 'selectorErrors'> {
  const attributes: { fieldSelector?: SelectorRequirement[]; labelSelector?: SelectorRequirement[]; selectorErrors?: string[] } = {}
  const errors: string[] = []
  if (fieldSelector !== '') {
    try {
      attributes.fieldSelector = parseFieldSelector(fieldSelector).requirements.map(({ field, operator, value }) => ({
        key: field,
        operator: operator === '!=' ? 'NotIn' : 'In',
        values: [value],
      }))
    } catch (error) {
      errors.push((error as Error).message)
    }
  }
  if (labelSelector !== '') {
    try {
      attributes.labelSelector = parseLabelSelector(labelSelector).requirements.map(({ key, operator, values }) => ({
        key,
        operator,
        values,
      }))
    } catch (error) {
      errors.push((error as Error).message)
    }
  }
  if (errors.length > 0) attributes.selectorErrors = errors
  return attributes
}
