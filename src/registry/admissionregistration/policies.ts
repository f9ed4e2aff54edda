/**
 * Admission policies and their bindings.
 *
 * @see pkg/apis/admissionregistration/validation/validation.go
 * @see pkg/registry/admissionregistration
 * @module
 */

import { duplicate, type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { KubeObject } from '../../api/object.ts'
import type {
  AuditAnnotation,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingAdmissionPolicySpec,
  Mutation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicySpec,
  Validation,
} from '../../api/types/admissionregistration/v1.ts'
import { ALL_VERBS, define, type ResourceDefinition, type Strategy, type Write } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, semanticEqual, validateConditions, validateQualifiedName } from '../validation.ts'
import { Expressions, loadChecker } from './expressions.ts'
import { checkParamKind, checkParamRef, withParamErrors } from './paramaccess.ts'
import {
  defaultMatchResources,
  paramRefCell,
  REINVOCATION_POLICIES,
  staticNameWarnings,
  validateFailurePolicy,
  validateMatchConditions,
  validateMatchResources,
  validateMutatingOperations,
  validateParamKind,
  validateParamRef,
  validatePolicyName,
  validateVariables,
} from './rules.ts'

const GROUP = 'admissionregistration.k8s.io'
const PARAM_KIND = 'spec.paramKind'
const PARAM_REF = 'spec.paramRef'
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']
const ACTIONS = ['Audit', 'Deny', 'Warn']
const MAX_AUDIT_ANNOTATIONS = 20
const MAX_VALUE_EXPRESSION = 5 * 1024
const ONE_OF_BOTH = 'validations or auditAnnotations must contain at least one item'
const DENY_AND_WARN =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'

type Shared = Pick<ResourceDefinition, 'group' | 'version' | 'namespaced' | 'categories' | 'verbs'>

const shared: Shared = { group: GROUP, version: 'v1', namespaced: false, categories: ['api-extensions'], verbs: ALL_VERBS }

const base: Pick<Strategy<KubeObject>, 'validateName' | 'warnings' | 'specChanged' | 'allowUnconditionalUpdate'> = {
  validateName: subdomainName,
  warnings: (object) => staticNameWarnings(nameCell(object)),
  specChanged: (object, old) => !semanticEqual(object['spec'], old['spec']),
  allowUnconditionalUpdate: false,
}

/** What validation needs and cannot wait for. */
async function preparePolicy(
  policy: ValidatingAdmissionPolicy | MutatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | MutatingAdmissionPolicy | undefined,
  write: Write,
): Promise<void> {
  await Promise.all([loadChecker(), checkParamKind(policy, old, write)])
}

export const validatingAdmissionPolicies = define<ValidatingAdmissionPolicy>({
  ...shared,
  resource: 'validatingadmissionpolicies',
  singular: 'validatingadmissionpolicy',
  kind: 'ValidatingAdmissionPolicy',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  storage: { prefix: '/registry/validatingadmissionpolicies/' },
  strategy: {
    ...base,
    defaults({ spec }) {
      if (spec === undefined) return
      spec.failurePolicy ??= 'Fail'
      defaultMatchResources(spec.matchConstraints)
    },
    prepareForCreate(policy) {
      policy.status = {}
    },
    prepareForUpdate(policy, old) {
      policy.status = old.status
    },
    authorizeWrite: preparePolicy,
    validate: (policy) => withParamErrors(policy, PARAM_KIND, validateValidatingPolicy(nameCell(policy), policy.spec ?? {}, false)),
    validateUpdate: (policy, old) =>
      withParamErrors(policy, PARAM_KIND, validateValidatingPolicy(nameCell(policy), policy.spec ?? {}, sameConditions(policy, old))),
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Validations', 'Validations indicates the number of validation rules defined in this configuration', { type: 'integer' }),
      column('ParamKind', 'ParamKind specifies the kind of resources used to parameterize this policy'),
      AGE_COLUMN,
    ],
    cells: (policy, { nowMs }) => [
      nameCell(policy),
      (policy.spec?.validations ?? []).length,
      paramKindCell(policy),
      ageCell(policy, nowMs),
    ],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: keepAllButStatus,
        validateUpdate: validateStatus,
        allowUnconditionalUpdate: false,
        resetFields: ['metadata', 'spec'],
      },
    },
  },
})

export const validatingAdmissionPolicyBindings = define<ValidatingAdmissionPolicyBinding>({
  ...shared,
  resource: 'validatingadmissionpolicybindings',
  singular: 'validatingadmissionpolicybinding',
  kind: 'ValidatingAdmissionPolicyBinding',
  schema: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  storage: { prefix: '/registry/validatingadmissionpolicybindings/' },
  strategy: {
    ...base,
    defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
    authorizeWrite: (binding, _, write) => checkParamRef('validatingadmissionpolicies', binding, write),
    validate: validateValidatingBinding,
    validateUpdate: validateValidatingBinding,
  },
  table: bindingTable(),
})

export const mutatingAdmissionPolicies = define<MutatingAdmissionPolicy>({
  ...shared,
  resource: 'mutatingadmissionpolicies',
  singular: 'mutatingadmissionpolicy',
  kind: 'MutatingAdmissionPolicy',
  schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy',
  storage: {
    prefix: '/registry/mutatingadmissionpolicies/',
    as: {
      group: GROUP,
      version: 'v1beta1',
      kind: 'MutatingAdmissionPolicy',
      schema: 'io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicy',
    },
  },
  convert: sameButVersion(),
  strategy: {
    ...base,
    defaults({ spec }) {
      if (spec === undefined) return
      spec.failurePolicy ??= 'Fail'
      defaultMatchResources(spec.matchConstraints)
    },
    authorizeWrite: preparePolicy,
    validate: (policy) => withParamErrors(policy, PARAM_KIND, validateMutatingPolicy(policy.spec ?? {}, false)),
    validateUpdate: (policy, old) =>
      withParamErrors(policy, PARAM_KIND, validateMutatingPolicy(policy.spec ?? {}, sameConditions(policy, old))),
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Mutations', 'Mutation indicates the number of mutations rules defined in this configuration', { type: 'integer' }),
      column('ParamKind', 'ParamKind specifies the kind of resources used to parameterize this policy'),
      AGE_COLUMN,
    ],
    cells: (policy, { nowMs }) => [nameCell(policy), (policy.spec?.mutations ?? []).length, paramKindCell(policy), ageCell(policy, nowMs)],
  },
})

export const mutatingAdmissionPolicyBindings = define<MutatingAdmissionPolicyBinding>({
  ...shared,
  resource: 'mutatingadmissionpolicybindings',
  singular: 'mutatingadmissionpolicybinding',
  kind: 'MutatingAdmissionPolicyBinding',
  schema: 'io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding',
  storage: {
    prefix: '/registry/mutatingadmissionpolicybindings/',
    as: {
      group: GROUP,
      version: 'v1beta1',
      kind: 'MutatingAdmissionPolicyBinding',
      schema: 'io.k8s.api.admissionregistration.v1beta1.MutatingAdmissionPolicyBinding',
    },
  },
  convert: sameButVersion(),
  strategy: {
    ...base,
    defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
    authorizeWrite: (binding, _, write) => checkParamRef('mutatingadmissionpolicies', binding, write),
    validate: validateMutatingBinding,
    validateUpdate: validateMutatingBinding,
  },
  table: bindingTable(),
})

/** v1 and v1beta1 have the same members. */
function sameButVersion(): NonNullable<ResourceDefinition<KubeObject>['convert']> {
  return {
    fromStored: (object) => ({ ...object, apiVersion: `${GROUP}/v1` }),
    toStored: (object) => ({ ...object, apiVersion: `${GROUP}/v1beta1` }),
  }
}

function bindingTable(): NonNullable<ResourceDefinition<ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding>['table']> {
  return {
    columns: () => [
      NAME_COLUMN,
      column('PolicyName', 'PolicyName indicates the policy definition which the policy binding binded to'),
      column('ParamRef', 'ParamRef indicates the param resource which sets the configuration param'),
      AGE_COLUMN,
    ],
    cells: (binding, { nowMs }) => [
      nameCell(binding),
      binding.spec?.policyName ?? '',
      paramRefCell(binding.spec?.paramRef),
      ageCell(binding, nowMs),
    ],
  }
}

function paramKindCell({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): string {
  const kind = spec?.paramKind
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`
}

function sameConditions(
  policy: ValidatingAdmissionPolicy | MutatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy | MutatingAdmissionPolicy,
): boolean {
  return (
    semanticEqual(policy.spec?.paramKind, old.spec?.paramKind) && semanticEqual(policy.spec?.matchConditions, old.spec?.matchConditions)
  )
}

/** What both kinds of policy say about which requests they see. */
function validateMatching(
  spec: ValidatingAdmissionPolicySpec | MutatingAdmissionPolicySpec,
  mutating: boolean,
  skipConditions: boolean,
  expressions: Expressions,
): FieldError[] {
  const errors = validateFailurePolicy(spec.failurePolicy, 'spec.failurePolicy')
  if (spec.paramKind !== undefined) errors.push(...validateParamKind(spec.paramKind, 'spec.paramKind'))
  if (spec.matchConstraints === undefined) errors.push(required('spec.matchConstraints'))
  else {
    errors.push(...validateMatchResources(spec.matchConstraints, 'spec.matchConstraints'))
    if ((spec.matchConstraints.resourceRules ?? []).length === 0) errors.push(required('spec.matchConstraints.resourceRules'))
    if (mutating) errors.push(...validateMutatingOperations(spec.matchConstraints, 'spec.matchConstraints'))
  }
  if (!skipConditions) errors.push(...validateMatchConditions(spec.matchConditions, 'spec.matchConditions', expressions))
  return [...errors, ...validateVariables(spec.variables, 'spec.variables', expressions)]
}

function validateValidatingPolicy(name: string, spec: ValidatingAdmissionPolicySpec, skipConditions: boolean): FieldError[] {
  const { validations = [], auditAnnotations = [], variables = [], paramKind } = spec
  const expressions = new Expressions({ params: paramKind !== undefined, variables: variables.length > 0 })
  const errors = validateMatching(spec, false, skipConditions, expressions)
  if (validations.length === 0 && auditAnnotations.length === 0) {
    return [...errors, required('spec.validations', ONE_OF_BOTH), required('spec.auditAnnotations', ONE_OF_BOTH)]
  }
  errors.push(...validations.flatMap((one, index) => validateValidation(one, `spec.validations[${index}]`, expressions)))
  if (auditAnnotations.length > MAX_AUDIT_ANNOTATIONS) {
    errors.push(
      invalidValue('spec.auditAnnotations', auditAnnotations, `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`),
    )
  }
  const keys = new Set<string>()
  for (const [index, annotation] of auditAnnotations.entries()) {
    const field = `spec.auditAnnotations[${index}]`
    errors.push(...validateAuditAnnotation(annotation, name, field, expressions))
    if (keys.has(annotation.key ?? '')) errors.push(duplicate(`${field}.key`, annotation.key ?? ''))
    keys.add(annotation.key ?? '')
  }
  return errors
}

function validateValidation(
  { expression = '', message = '', messageExpression = '', reason }: Validation,
  field: string,
  expressions: Expressions,
): FieldError[] {
  const errors: FieldError[] = []
  if (expression.trim() === '') errors.push(required(`${field}.expression`, 'expression is not specified'))
  else errors.push(...expressions.errors('validation', expression, `${field}.expression`))
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalidValue(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified'))
  else if (messageExpression !== '')
    errors.push(...expressions.errors('messageExpression', messageExpression, `${field}.messageExpression`))
  if (message !== '' && message.trim() === '') errors.push(invalidValue(`${field}.message`, message, 'must be non-empty if specified'))
  else if (/[\n\r]/.test(message.trim())) errors.push(invalidValue(`${field}.message`, message, 'must not contain line breaks'))
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${field}.reason`, reason, REASONS))
  return errors
}

function validateAuditAnnotation(
  { key = '', valueExpression = '' }: AuditAnnotation,
  name: string,
  field: string,
  expressions: Expressions,
): FieldError[] {
  const errors =
    name === ''
      ? [invalidValue(`${field}.key`, key, 'requires metadata.name be non-empty')]
      : validateQualifiedName(`${name}/${key}`, `${field}.key`)
  const expression = valueExpression.trim()
  if (expression === '') errors.push(required(`${field}.valueExpression`, 'valueExpression is not specified'))
  else if (byteLength(expression) > MAX_VALUE_EXPRESSION)
    errors.push(required(`${field}.valueExpression`, `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`))
  else errors.push(...expressions.errors('auditAnnotation', expression, `${field}.valueExpression`, valueExpression))
  return errors
}

function validateMutatingPolicy(spec: MutatingAdmissionPolicySpec, skipConditions: boolean): FieldError[] {
  const { mutations = [], reinvocationPolicy = '', paramKind } = spec
  const expressions = new Expressions({ params: paramKind !== undefined, variables: true })
  const errors = validateMatching(spec, true, skipConditions, expressions)
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  errors.push(...mutations.flatMap((one, index) => validateMutation(one, `spec.mutations[${index}]`, expressions)))
  if (reinvocationPolicy === '') errors.push(required('spec.reinvocationPolicy'))
  else if (!REINVOCATION_POLICIES.includes(reinvocationPolicy))
    errors.push(notSupported('spec.reinvocationPolicy', reinvocationPolicy, REINVOCATION_POLICIES))
  return errors
}

function validateMutation(mutation: Mutation, field: string, expressions: Expressions): FieldError[] {
  const { patchType = '' } = mutation
  if (patchType === '') return [required(`${field}.patchType`)]
  if (patchType !== 'JSONPatch' && patchType !== 'ApplyConfiguration')
    return [notSupported(`${field}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch'])]
  const [wanted, other] =
    patchType === 'JSONPatch' ? (['jsonPatch', 'applyConfiguration'] as const) : (['applyConfiguration', 'jsonPatch'] as const)
  const errors: FieldError[] = []
  const patch = mutation[wanted]
  const expression = (patch?.expression ?? '').trim()
  if (patch === undefined) errors.push(required(`${field}.${wanted}`, `must be specified when patchType is ${patchType}`))
  else if (expression === '') errors.push(required(`${field}.${wanted}.expression`))
  else errors.push(...expressions.errors(wanted, expression, `${field}.${wanted}.expression`))
  if (mutation[other] !== undefined)
    errors.push(invalidValue(`${field}.${other}`, `{${other}}`, `must not be specified when patchType is ${patchType}`))
  return errors
}

function validateBinding({ spec = {} }: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec
  return [
    ...validatePolicyName(policyName, 'spec.policyName'),
    ...(paramRef === undefined ? [] : validateParamRef(paramRef, 'spec.paramRef')),
    ...(matchResources === undefined ? [] : validateMatchResources(matchResources, 'spec.matchResources')),
  ]
}

function validateValidatingBinding(binding: ValidatingAdmissionPolicyBinding): FieldError[] {
  return withParamErrors(binding, PARAM_REF, [...validateBinding(binding), ...validateActions(binding.spec?.validationActions ?? [])])
}

function validateMutatingBinding(binding: MutatingAdmissionPolicyBinding): FieldError[] {
  const operations = validateMutatingOperations(binding.spec?.matchResources, 'spec.matchResources')
  return withParamErrors(binding, PARAM_REF, [...validateBinding(binding), ...operations])
}

function validateActions(actions: readonly string[]): FieldError[] {
  const field = 'spec.validationActions'
  if (actions.length === 0) return [required(field, 'at least one validation action is required')]
  const errors = actions.flatMap((action, index) => [
    ...(ACTIONS.includes(action) ? [] : [notSupported(`${field}[${index}]`, action, ACTIONS)]),
    ...(actions.indexOf(action) === index ? [] : [duplicate(`${field}[${index}]`, action)]),
  ])
  if (actions.includes('Deny') && actions.includes('Warn')) errors.push(invalidValue(field, actions, DENY_AND_WARN))
  return errors
}

function validateStatus({ status = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const warnings = (status.typeChecking?.expressionWarnings ?? []).flatMap(({ warning = '', fieldRef = '' }, index) => {
    const field = `status.typeChecking.expressionWarnings[${index}]`
    return [...(warning === '' ? [required(`${field}.warning`)] : []), ...(fieldRef.trim() === '' ? [required(`${field}.fieldRef`)] : [])]
  })
  return [...warnings, ...validateConditions(status.conditions, 'status.conditions')]
}
