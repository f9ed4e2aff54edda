/**
 * FlowSchema: which requests go to which priority level.
 *
 * @see pkg/apis/flowcontrol/validation/validation.go
 * @see pkg/registry/flowcontrol/flowschema/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, labelName, subdomainName } from '../../api/names.ts'
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/types/flowcontrol/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, semanticEqual } from '../validation.ts'
import { conditionsStatus, validateConditionTypes } from './conditions-status.ts'
import { MANDATORY_FLOW_SCHEMAS } from './mandatory.ts'

const DEFAULT_PRECEDENCE = 1000
const MAX_PRECEDENCE = 10_000
const DISTINGUISHERS = ['ByNamespace', 'ByUser']
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']
const SUBJECTS: Readonly<Record<string, 'group' | 'serviceAccount' | 'user'>> = {
  Group: 'group',
  ServiceAccount: 'serviceAccount',
  User: 'user',
}

export const flowSchemas = define<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  resource: 'flowschemas',
  singular: 'flowschema',
  kind: 'FlowSchema',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  storage: { prefix: '/registry/flowschemas/' },
  strategy: {
    validateName: subdomainName,
    defaults(flow) {
      flow.spec ??= {}
      if (!flow.spec.matchingPrecedence) flow.spec.matchingPrecedence = DEFAULT_PRECEDENCE
    },
    prepareForCreate(flow) {
      flow.status = {}
    },
    prepareForUpdate(flow, old) {
      flow.status = old.status
    },
    validate: validateFlowSchema,
    validateUpdate: validateFlowSchema,
    specChanged: (flow, old) => !semanticEqual(flow.spec, old.spec),
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('PriorityLevel', 'doc:io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationReference.name'),
      column('MatchingPrecedence', 'doc:io.k8s.api.flowcontrol.v1.FlowSchemaSpec.matchingPrecedence'),
      column('DistinguisherMethod', 'doc:io.k8s.api.flowcontrol.v1.FlowSchemaSpec.distinguisherMethod'),
      AGE_COLUMN,
      column('MissingPL', 'references a broken or non-existent PriorityLevelConfiguration'),
    ],
    cells: (flow, { nowMs }) => [
      nameCell(flow),
      flow.spec?.priorityLevelConfiguration?.name ?? '',
      flow.spec?.matchingPrecedence ?? 0,
      flow.spec?.distinguisherMethod === undefined ? '<none>' : (flow.spec.distinguisherMethod.type ?? ''),
      ageCell(flow, nowMs),
      (flow.status?.conditions ?? []).find(({ type }) => type === 'Dangling')?.status ?? '?',
    ],
  },
  subresources: { status: conditionsStatus<FlowSchema>() },
})

function validateFlowSchema(flow: FlowSchema): FieldError[] {
  const { spec = {} } = flow
  const name = nameCell(flow)
  const precedence = spec.matchingPrecedence ?? 0
  const field = 'spec.matchingPrecedence'
  const errors: FieldError[] = []
  if (precedence <= 0) errors.push(invalidValue(field, precedence, 'must be a positive value'))
  if (precedence > MAX_PRECEDENCE) errors.push(invalidValue(field, precedence, `must not be greater than ${MAX_PRECEDENCE}`))
  if (precedence === 1 && name !== 'exempt')
    errors.push(invalidValue(field, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
  const method = spec.distinguisherMethod
  if (method !== undefined && !DISTINGUISHERS.includes(method.type ?? '')) {
    errors.push(notSupported('spec.distinguisherMethod.type', { Type: method.type ?? '' }, DISTINGUISHERS))
  }
  const level = spec.priorityLevelConfiguration?.name ?? ''
  const levelField = 'spec.priorityLevelConfiguration.name'
  errors.push(
    ...(level === '' ? [required(levelField, 'must reference a priority level')] : each(levelField, level, dns1123SubdomainErrors(level))),
  )
  errors.push(...(spec.rules ?? []).flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)))
  const fixed = Object.hasOwn(MANDATORY_FLOW_SCHEMAS, name) ? MANDATORY_FLOW_SCHEMAS[name] : undefined
  if (fixed !== undefined && !semanticEqual(spec, fixed))
    errors.push(invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`))
  return [...errors, ...validateConditionTypes(flow)]
}

function validateRule({ subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, field: string): FieldError[] {
  const errors = subjects.flatMap((subject, index) => validateSubject(subject, `${field}.subjects[${index}]`))
  if (subjects.length === 0) errors.push(required(`${field}.subjects`, 'subjects must contain at least one value'))
  if (resourceRules.length === 0 && nonResourceRules.length === 0)
    errors.push(required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty'))
  errors.push(...resourceRules.flatMap((rule, index) => validateResourceRule(rule, `${field}.resourceRules[${index}]`)))
  return [...errors, ...nonResourceRules.flatMap((rule, index) => validateNonResourceRule(rule, `${field}.nonResourceRules[${index}]`))]
}

function validateSubject(subject: Subject, field: string): FieldError[] {
  const { kind = '' } = subject
  const member = SUBJECTS[kind]
  if (member === undefined) return [notSupported(`${field}.kind`, kind, ['Group', 'ServiceAccount', 'User'])]
  const errors = validateNamed(subject, member, kind, `${field}.${member}`)
  for (const other of ['serviceAccount', 'user', 'group'] as const) {
    const owner = other === 'serviceAccount' ? 'ServiceAccount' : other === 'user' ? 'User' : 'Group'
    if (other !== member && subject[other] !== undefined)
      errors.push(forbiddenField(`${field}.${other}`, `${other} is forbidden when subject kind is not '${owner}'`))
  }
  return errors
}

function validateNamed(subject: Subject, member: 'group' | 'serviceAccount' | 'user', kind: string, field: string): FieldError[] {
  const named = subject[member]
  if (named === undefined) return [required(field, `${member} is required when subject kind is '${kind}'`)]
  const { name = '' } = named
  const errors: FieldError[] = []
  if (name === '') errors.push(required(`${field}.name`))
  if (member !== 'serviceAccount') return errors
  if (name !== '' && name !== '*') errors.push(...each(`${field}.name`, name, subdomainName(name, false)))
  const namespace = subject.serviceAccount?.namespace ?? ''
  errors.push(
    ...(namespace === ''
      ? [required(`${field}.namespace`, 'must specify namespace for service account')]
      : each(`${field}.namespace`, namespace, labelName(namespace, false))),
  )
  return errors
}

function validateVerbs(verbs: readonly string[], field: string): FieldError[] {
  if (verbs.length === 0) return [required(`${field}.verbs`, 'verbs must contain at least one value')]
  if (verbs.includes('*'))
    return verbs.length > 1 ? [invalidValue(`${field}.verbs`, verbs, "if '*' is present, must not specify other verbs")] : []
  return verbs.every((verb) => VERBS.includes(verb)) ? [] : [notSupported(`${field}.verbs`, verbs, VERBS)]
}

function validateResourceRule(rule: ResourcePolicyRule, field: string): FieldError[] {
  const { verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope = false } = rule
  const errors = validateVerbs(verbs, field)
  const alone = (list: readonly string[], member: string, noun: string, missing: string) => {
    if (list.length === 0) errors.push(required(`${field}.${member}`, missing))
    else if (list.length > 1 && list.includes('*'))
      errors.push(invalidValue(`${field}.${member}`, list, `if '*' is present, must not specify other ${noun}`))
  }
  alone(apiGroups, 'apiGroups', 'api groups', 'resource rules must supply at least one api group')
  alone(resources, 'resources', 'resources', 'resource rules must supply at least one resource')
  if (namespaces.length === 0 && !clusterScope)
    errors.push(required(`${field}.namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace'))
  else if (namespaces.includes('*')) {
    if (namespaces.length > 1)
      errors.push(invalidValue(`${field}.namespaces`, namespaces, "if '*' is present, must not specify other namespaces"))
  } else {
    for (const [index, namespace] of namespaces.entries()) {
      const texts = labelName(namespace, false).map((text) => `each member of this list must be '*' or a DNS-1123 label; ${text}`)
      errors.push(...each(`${field}.namespaces[${index}]`, namespace, texts))
    }
  }
  return errors
}

function validateNonResourceRule({ verbs = [], nonResourceURLs: urls = [] }: NonResourcePolicyRule, rule: string): FieldError[] {
  const errors = validateVerbs(verbs, rule)
  const field = `${rule}.nonResourceURLs`
  if (urls.length === 0) return [...errors, required(field, 'nonResourceURLs must contain at least one value')]
  if (urls.includes('*'))
    return urls.length > 1 ? [...errors, invalidValue(field, urls, "if '*' is present, must not specify other non-resource URLs")] : errors
  return [
    ...errors,
    ...urls.flatMap((url, index) => {
      const error = pathError(url)
      return error === undefined ? [] : [invalidValue(`${field}[${index}]`, url, error)]
    }),
  ]
}

function pathError(path: string): string | undefined {
  if (path === '') return 'must not be empty'
  if (path === '/') return undefined
  if (!path.startsWith('/')) return 'must start with slash'
  if (path.includes(' ')) return 'must not contain white-space'
  if (path.includes('//')) return 'must not contain double slash'
  const stars = path.split('*').length - 1
  return stars > 1 || (stars === 1 && !path.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined
}
