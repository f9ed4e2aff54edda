/**
 * The question of an access review as authorizers take it.
 *
 * @see pkg/registry/authorization/util/helpers.go
 * @module
 */

import { parseFieldSelector } from '../../api/fields.ts'
import { parseLabelSelector } from '../../api/labels.ts'
import { labelValueErrors, qualifiedNameErrors } from '../../api/names.ts'
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReviewSpec,
} from '../../api/types/authorization/v1.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { Attributes, SelectorRequirement } from '../../authorization/authorizer.ts'

/** One selector: what of it is understood, and whether something is not. Requirements are ANDed, so leaving one out only asks for more. */
interface ParsedSelector {
  requirements: SelectorRequirement[]
  failed: boolean
}

export interface ReviewQuestion {
  attributes: Attributes
  /** Texts on selectors that were not understood, for `status.evaluationError`. */
  ignored: string[]
}

/** What a review asks of somebody. */
export function reviewQuestion(user: UserInfo, { resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec): ReviewQuestion {
  return resourceAttributes === undefined
    ? nonResourceQuestion(user, nonResourceAttributes ?? {})
    : resourceQuestion(user, resourceAttributes)
}

function nonResourceQuestion(user: UserInfo, { verb = '', path = '' }: NonResourceAttributes): ReviewQuestion {
  const attributes = {
    user,
    verb,
    isResource: false,
    apiGroup: '',
    apiVersion: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path,
  }
  return { attributes, ignored: [] }
}

function resourceQuestion(user: UserInfo, asked: ResourceAttributes): ReviewQuestion {
  const attributes: Attributes = {
    user,
    verb: asked.verb ?? '',
    isResource: true,
    apiGroup: asked.group ?? '',
    apiVersion: asked.version || '*',
    resource: asked.resource ?? '',
    subresource: asked.subresource ?? '',
    namespace: asked.namespace ?? '',
    name: asked.name ?? '',
    path: '',
  }
  const ignored: string[] = []
  const field = asked.fieldSelector === undefined ? undefined : fieldRequirements(asked.fieldSelector)
  const label = asked.labelSelector === undefined ? undefined : labelRequirements(asked.labelSelector)
  if (field !== undefined) note('fieldSelector', field, attributes, ignored)
  if (label !== undefined) note('labelSelector', label, attributes, ignored)
  if (ignored.length > 0) attributes.selectorErrors = ignored
  return { attributes, ignored }
}

function note(
  selector: 'fieldSelector' | 'labelSelector',
  { requirements, failed }: ParsedSelector,
  attributes: Attributes,
  ignored: string[],
): void {
  if (requirements.length > 0) attributes[selector] = requirements
  if (failed) ignored.push(`spec.resourceAttributes.${selector} ${requirements.length > 0 ? 'partially ' : ''}ignored due to parse error`)
}

function fieldRequirements({ rawSelector = '', requirements = [] }: FieldSelectorAttributes): ParsedSelector {
  if (requirements.length === 0) {
    return parsed(() =>
      parseFieldSelector(rawSelector).requirements.map(({ field, operator, value }) => ({
        key: field,
        operator: operator === '!=' ? 'NotIn' : 'In',
        values: [value],
      })),
    )
  }
  // A field can only be compared with one value.
  const understood = requirements.filter(({ operator, values = [] }) => (operator === 'In' || operator === 'NotIn') && values.length === 1)
  return {
    requirements: understood.map(({ key = '', operator = '', values = [] }) => ({ key, operator, values })),
    failed: understood.length < requirements.length,
  }
}

function labelRequirements({ rawSelector = '', requirements = [] }: LabelSelectorAttributes): ParsedSelector {
  if (requirements.length === 0)
    return parsed(() => parseLabelSelector(rawSelector).requirements.map(({ key, operator, values }) => ({ key, operator, values })))
  const understood = requirements.filter(({ key = '', operator = '', values = [] }) => isLabelRequirement(key, operator, values))
  return {
    requirements: understood.map(({ key = '', operator = '', values = [] }) => ({ key, operator, values })),
    failed: understood.length < requirements.length,
  }
}

function isLabelRequirement(key: string, operator: string, values: readonly string[]): boolean {
  if (qualifiedNameErrors(key).length > 0 || values.some((value) => labelValueErrors(value).length > 0)) return false
  if (operator === 'In' || operator === 'NotIn') return values.length > 0
  return (operator === 'Exists' || operator === 'DoesNotExist') && values.length === 0
}

function parsed(parse: () => SelectorRequirement[]): ParsedSelector {
  try {
    return { requirements: parse(), failed: false }
  } catch {
    // The review says that it was ignored; why is not told.
    return { requirements: [], failed: true }
  }
}
