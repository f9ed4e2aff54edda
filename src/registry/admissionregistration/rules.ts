/**
 * What webhooks and policies share: rules that match requests, conditions, parameters, selectors.
 *
 * Expressions are only checked for presence and length here; they are compiled where they are evaluated.
 *
 * @see pkg/apis/admissionregistration/validation/validation.go
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooMany } from '../../api/field.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors, pathSegmentErrors, subdomainName } from '../../api/names.ts'
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  RuleWithOperations,
  Variable,
} from '../../api/types/admissionregistration/v1.ts'
import { each, validateLabelSelector, validateQualifiedName } from '../validation.ts'
import type { Expressions } from './expressions.ts'

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']
const MAX_CONDITIONS = 64
const EXCLUSIVE = 'name and selector are mutually exclusive'

const STATIC_SUFFIX = '.static.k8s.io'

const CEL_RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
)

export const FAILURE_POLICIES = ['Fail', 'Ignore']
export const MATCH_POLICIES = ['Equivalent', 'Exact']
export const REINVOCATION_POLICIES = ['IfNeeded', 'Never']

export function validateRule(rule: RuleWithOperations, field: string): FieldError[] {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  const errors: FieldError[] = []
  if (operations.length === 0) errors.push(required(`${field}.operations`))
  if (operations.length > 1 && operations.includes('*'))
    errors.push(invalidValue(`${field}.operations`, operations, "if '*' is present, must not specify other operations"))
  errors.push(
    ...operations.flatMap((one, index) =>
      OPERATIONS.includes(one) ? [] : [notSupported(`${field}.operations[${index}]`, one, OPERATIONS)],
    ),
  )
  if (apiGroups.length === 0) errors.push(required(`${field}.apiGroups`))
  if (apiGroups.length > 1 && apiGroups.includes('*'))
    errors.push(invalidValue(`${field}.apiGroups`, apiGroups, "if '*' is present, must not specify other API groups"))
  if (apiVersions.length === 0) errors.push(required(`${field}.apiVersions`))
  if (apiVersions.length > 1 && apiVersions.includes('*'))
    errors.push(invalidValue(`${field}.apiVersions`, apiVersions, "if '*' is present, must not specify other API versions"))
  errors.push(...apiVersions.flatMap((one, index) => (one === '' ? [required(`${field}.apiVersions[${index}]`)] : [])))
  errors.push(...validateResources(resources, `${field}.resources`))
  if (scope !== undefined && !SCOPES.includes(scope)) errors.push(notSupported(`${field}.scope`, scope, SCOPES))
  return errors
}

function validateResources(resources: readonly string[], field: string): FieldError[] {
  if (resources.length === 0) return [required(field)]
  const errors: FieldError[] = []
  const allSubresources = new Set<string>()
  const ofAllResources = new Set<string>()
  let lastIsWhole = false
  for (const [index, text] of resources.entries()) {
    const at = `${field}[${index}]`
    if (text === '') {
      errors.push(required(at))
      continue
    }
    const slash = text.indexOf('/')
    if (slash < 0) {
      lastIsWhole = text !== '*'
      continue
    }
    const resource = text.slice(0, slash)
    const subresource = text.slice(slash + 1)
    if (allSubresources.has(resource)) errors.push(invalidValue(at, text, `if '${resource}/*' is present, must not specify ${text}`))
    if (ofAllResources.has(subresource)) errors.push(invalidValue(at, text, `if '*/${subresource}' is present, must not specify ${text}`))
    if (subresource === '*') allSubresources.add(resource)
    if (resource === '*') ofAllResources.add(subresource)
  }
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalidValue(field, resources, "if '*/*' is present, must not specify other resources"))
  if (resources.includes('*') && lastIsWhole)
    errors.push(invalidValue(field, resources, "if '*' is present, must not specify other resources without subresources"))
  return errors
}

export function validateMatchConditions(conditions: readonly MatchCondition[] = [], field: string, expressions: Expressions): FieldError[] {
  const names = new Set<string>()
  const errors = conditions.length > MAX_CONDITIONS ? [tooMany(field, conditions.length, MAX_CONDITIONS)] : []
  for (const [index, { name = '', expression = '' }] of conditions.entries()) {
    const at = `${field}[${index}]`
    const trimmed = expression.trim()
    if (trimmed === '') errors.push(required(`${at}.expression`))
    else errors.push(...expressions.errors('matchCondition', trimmed, `${at}.expression`))
    errors.push(...(name === '' ? [required(`${at}.name`)] : validateQualifiedName(name, `${at}.name`)))
    if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
  }
  return errors
}

export function validateVariables(variables: readonly Variable[] = [], field: string, expressions: Expressions): FieldError[] {
  return variables.flatMap(({ name = '', expression = '' }, index) => {
    const at = `${field}[${index}]`
    const errors: FieldError[] = []
    if (name.trim() === '') errors.push(required(`${at}.name`, 'name is not specified'))
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || CEL_RESERVED.has(name))
      errors.push(invalidValue(`${at}.name`, name, 'must be a valid CEL identifier'))
    if (expression.trim() === '') errors.push(required(`${at}.expression`, 'expression is not specified'))
    else errors.push(...expressions.variableErrors(name, expression, `${at}.expression`))
    return errors
  })
}

/** What a policy applies to: here everything must be said, which defaulting has done. */
export function validateMatchResources(match: MatchResources, field: string): FieldError[] {
  const { matchPolicy, namespaceSelector, objectSelector, resourceRules = [], excludeResourceRules = [] } = match
  const errors: FieldError[] = []
  if (matchPolicy === undefined) errors.push(required(`${field}.matchPolicy`))
  else if (!MATCH_POLICIES.includes(matchPolicy)) errors.push(notSupported(`${field}.matchPolicy`, matchPolicy, MATCH_POLICIES))
  for (const [selector, member] of [
    [namespaceSelector, 'namespaceSelector'],
    [objectSelector, 'objectSelector'],
  ] as const) {
    errors.push(...(selector === undefined ? [required(`${field}.${member}`)] : validateLabelSelector(selector, `${field}.${member}`)))
  }
  errors.push(...resourceRules.flatMap((rule, index) => validateNamedRule(rule, `${field}.resourceRules[${index}]`)))
  return [...errors, ...excludeResourceRules.flatMap((rule, index) => validateNamedRule(rule, `${field}.excludeResourceRules[${index}]`))]
}

/** Mutating policies see no deletion. */
export function validateMutatingOperations(match: MatchResources | undefined, field: string): FieldError[] {
  return (match?.resourceRules ?? []).flatMap(({ operations = [] }) =>
    operations.flatMap((one) =>
      MUTATING_OPERATIONS.includes(one) ? [] : [notSupported(`${field}.resourceRules.operations`, one, MUTATING_OPERATIONS)],
    ),
  )
}

function validateNamedRule(rule: NamedRuleWithOperations, field: string): FieldError[] {
  const names = rule.resourceNames ?? []
  const errors = names.flatMap((name, index) => {
    const at = `${field}.resourceNames[${index}]`
    return [...each(at, name, pathSegmentErrors(name)), ...(names.indexOf(name) === index ? [] : [duplicate(at, name)])]
  })
  return [...errors, ...validateRule(rule, field)]
}

export function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, field: string): FieldError[] {
  const errors: FieldError[] = []
  const at = `${field}.apiVersion`
  const parts = apiVersion === '/' ? [''] : apiVersion.split('/')
  if (apiVersion === '') errors.push(required(at))
  else if (parts.length > 2) errors.push(invalidValue(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`))
  else {
    const group = parts.length === 2 ? (parts[0] ?? '') : ''
    const version = parts.at(-1) ?? ''
    const groupErrors = group === '' ? [] : dns1123SubdomainErrors(group)
    if (groupErrors.length > 0) errors.push(invalidValue(at, group, groupErrors.join(',')))
    const versionErrors = version === '' ? [] : dns1035LabelErrors(version)
    if (version === '') errors.push(invalidValue(at, apiVersion, 'version must be specified'))
    else if (versionErrors.length > 0) errors.push(invalidValue(at, version, versionErrors.join(',')))
  }
  const kindErrors = kind === '' ? [] : dns1035LabelErrors(kind.toLowerCase())
  if (kind === '') errors.push(required(`${field}.kind`))
  else if (kindErrors.length > 0)
    errors.push(invalidValue(`${field}.kind`, kind, `may have mixed case, but should otherwise match: ${kindErrors.join(',')}`))
  return errors
}

export function validateParamRef(reference: ParamRef, field: string): FieldError[] {
  const { name = '', selector, parameterNotFoundAction: action = '' } = reference
  const errors: FieldError[] = []
  if (name !== '') {
    errors.push(...each(`${field}.name`, name, pathSegmentErrors(name)))
    if (selector !== undefined) errors.push(forbiddenField(`${field}.name`, EXCLUSIVE))
  }
  if (selector !== undefined) {
    errors.push(...validateLabelSelector(selector, `${field}.selector`))
    if (name !== '') errors.push(forbiddenField(`${field}.selector`, EXCLUSIVE))
  }
  if (name === '' && selector === undefined) errors.push(required(field, 'one of name or selector must be specified'))
  if (action === '') errors.push(required(`${field}.parameterNotFoundAction`))
  else if (action !== 'Deny' && action !== 'Allow') errors.push(notSupported(`${field}.parameterNotFoundAction`, action, ['Deny', 'Allow']))
  return errors
}

export function validatePolicyName(name: string, field: string): FieldError[] {
  return name === '' ? [required(field)] : each(field, name, subdomainName(name, false))
}

export function validateFailurePolicy(policy: string | undefined, field: string): FieldError[] {
  if (policy === undefined) return [required(field)]
  return FAILURE_POLICIES.includes(policy) ? [] : [notSupported(field, policy, FAILURE_POLICIES)]
}

/** A name that only configuration in files may have. */
export function staticNameWarnings(name: string): string[] {
  if (!name.endsWith(STATIC_SUFFIX)) return []
  return [
    `metadata.name: names ending with "${STATIC_SUFFIX}" are reserved for static manifest-based configurations and cannot be managed via the API`,
  ]
}

export function defaultRules(rules: readonly RuleWithOperations[] | undefined): void {
  for (const rule of rules ?? []) rule.scope ??= '*'
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (match === undefined) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  defaultRules(match.resourceRules)
  defaultRules(match.excludeResourceRules)
}

/** `ns/name`, `*\/name` or the selector, as tables show a parameter. */
export function paramRefCell(reference: ParamRef | undefined): string {
  if (reference === undefined) return '<unset>'
  if (reference.name) return `${reference.namespace || '*'}/${reference.name}`
  return reference.selector === undefined
    ? '<unset>'
    : `&LabelSelector{MatchLabels:${printedMap(reference.selector.matchLabels)},MatchExpressions:${printedList(reference.selector.matchExpressions)},}`
}

function printedMap(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[string]string{${pairs.map(([key, value]) => `${key}: ${value},`).join('')}}`
}

function printedList(requirements: NonNullable<ParamRef['selector']>['matchExpressions'] = []): string {
  const all = requirements.map(
    ({ key = '', operator = '', values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  )
  return `[]LabelSelectorRequirement{${all.join('')}}`
}
