/**
 * What is wrong with an access review.
 *
 * @see pkg/apis/authorization/validation/validation.go
 * @module
 */
import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { METADATA_MEMBERS } from '../../api/metadata.ts'
import type {
  FieldSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../api/types/authorization/v1.ts'
import type { FieldSelectorRequirement, ObjectMeta } from '../../api/types/meta/v1.ts'
import { goStruct } from '../go-struct.ts'
import { operatorErrors, validateLabelSelectorRequirement } from '../validation.ts'

const MANAGED_FIELDS = ['manager', 'operation', 'apiVersion', 'time', 'fieldsType', 'fieldsV1', 'subresource'] as const

export type ReviewKind = 'SubjectAccessReview' | 'SelfSubjectAccessReview' | 'LocalSubjectAccessReview'

export function validateAccessReview(kind: ReviewKind, review: SubjectAccessReview): FieldError[] {
  const spec = review.spec ?? {}
  const errors = validateSpec(spec, kind !== 'SelfSubjectAccessReview')
  const local = kind === 'LocalSubjectAccessReview'
  const metadata = review.metadata ?? {}
  if (hasMetadata(metadata, local))
    errors.push(invalidValue('metadata', printedMetadata(metadata), local ? 'must be empty except for namespace' : 'must be empty'))
  if (!local) return errors
  const namespace = spec.resourceAttributes?.namespace ?? ''
  if (spec.resourceAttributes !== undefined && namespace !== (metadata.namespace ?? '')) {
    errors.push(invalidValue('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace'))
  }
  if (spec.nonResourceAttributes !== undefined) {
    errors.push(invalidValue('spec.nonResourceAttributes', printedPath(spec.nonResourceAttributes), 'disallowed on this kind of request'))
  }
  return errors
}

function validateSpec(
  { resourceAttributes, nonResourceAttributes, user, groups }: SubjectAccessReviewSpec,
  ofSomebody: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    errors.push(
      invalidValue(
        'spec.nonResourceAttributes',
        printedPath(nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    )
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    errors.push(
      invalidValue('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    )
  }
  if (ofSomebody && (user ?? '') === '' && (groups ?? []).length === 0) {
    errors.push(invalidValue('spec.user', '', 'at least one of user or group must be specified'))
  }
  return resourceAttributes === undefined ? errors : [...errors, ...validateSelectors(resourceAttributes)]
}

function validateSelectors({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  const errors: FieldError[] = []
  if (fieldSelector !== undefined) {
    const field = 'spec.resourceAttributes.fieldSelector'
    errors.push(...validateForm(fieldSelector, field))
    for (const [i, requirement] of (fieldSelector.requirements ?? []).entries())
      errors.push(...validateFieldRequirement(requirement, `${field}.requirements[${i}]`))
  }
  if (labelSelector !== undefined) {
    const field = 'spec.resourceAttributes.labelSelector'
    errors.push(...validateForm(labelSelector, field))
    for (const [i, requirement] of (labelSelector.requirements ?? []).entries()) {
      // Newer clients may know operators that we do not.
      errors.push(...validateLabelSelectorRequirement(requirement, `${field}.requirements[${i}]`, { allowUnknownOperator: true }))
    }
  }
  return errors
}

function validateForm({ rawSelector = '', requirements = [] }: FieldSelectorAttributes, field: string): FieldError[] {
  if (rawSelector !== '' && requirements.length > 0)
    return [invalidValue(`${field}.rawSelector`, rawSelector, 'may not specified at the same time as requirements')]
  if (rawSelector === '' && requirements.length === 0)
    return [required(`${field}.requirements`, `when ${field} is specified, requirements or rawSelector is required`)]
  return []
}

function validateFieldRequirement({ key = '', operator = '', values = [] }: FieldSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (key === '') errors.push(required(`${field}.key`, 'must be specified'))
  return [...errors, ...operatorErrors(operator, values, field)]
}

function printedPath(attributes: NonResourceAttributes): unknown {
  return goStruct({ Path: 'path', Verb: 'verb' }, { ...attributes })
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

function hasMetadata(metadata: ObjectMeta, namespaceAllowed: boolean): boolean {
  return METADATA_MEMBERS.some(
    (member) => member !== 'managedFields' && !(namespaceAllowed && member === 'namespace') && isSet(metadata[member]),
  )
}

function printedMetadata(metadata: ObjectMeta): unknown {
  const printed = ordered(METADATA_MEMBERS, metadata)
  for (const member of ['labels', 'annotations'] as const)
    if (printed[member] !== undefined) printed[member] = sorted(printed[member] as Record<string, string>)
  if (metadata.managedFields !== undefined && metadata.managedFields.length > 0)
    printed['managedFields'] = metadata.managedFields.map((entry) => ordered(MANAGED_FIELDS, entry))
  return printed
}

function ordered<T extends object>(members: readonly (keyof T & string)[], value: T): Record<string, unknown> {
  return Object.fromEntries(members.flatMap((member) => (isSet(value[member]) ? [[member, value[member]]] : [])))
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}
