/**
 * ResourceQuota.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateResourceQuota
 * @see pkg/registry/core/resourcequota/strategy.go
 * @module
 */

import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { ResourceQuota, ResourceQuotaSpec } from '../../api/types/core/v1.ts'
import { goStruct } from '../go-struct.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import type { ResourceList } from './pod/resourcelist.ts'
import { isStandardQuotaResource, validateQuotaResourceName, validateResourceQuantity } from './resource-names.ts'

const SCOPES = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'VolumeAttributesClass',
  'CrossNamespacePodAffinity',
]
const POD_COMPUTE = ['pods', 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
const OPPOSITES = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const
const SET_OR_NOT = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']

export const resourceQuotas = define<ResourceQuota>({
  group: '',
  version: 'v1',
  resource: 'resourcequotas',
  singular: 'resourcequota',
  kind: 'ResourceQuota',
  namespaced: true,
  shortNames: ['quota'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ResourceQuota',
  storage: { prefix: '/registry/resourcequotas/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate(quota) {
      quota.status = {}
    },
    prepareForUpdate(quota, old) {
      quota.status = old.status
    },
    validate: ({ spec = {}, status = {} }) => [
      ...validateSpec(spec),
      ...validateAmounts(status.hard, 'status.hard'),
      ...validateAmounts(status.used, 'status.used'),
    ],
    validateUpdate({ spec = {} }, old) {
      const before = new Set(old.spec?.scopes ?? [])
      const now = new Set(spec.scopes ?? [])
      const same = before.size === now.size && [...before].every((scope) => now.has(scope))
      return [...validateSpec(spec), ...(same ? [] : [invalidValue('spec.scopes', spec.scopes ?? null, 'field is immutable')])]
    },
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Request', 'Request represents a minimum amount of cpu/memory that a container may consume.'),
      column('Limit', 'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.'),
      AGE_COLUMN,
    ],
    cells: (quota, { nowMs }) => [nameCell(quota), amountsCell(quota, false), amountsCell(quota, true), ageCell(quota, nowMs)],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(quota, old) {
          quota.spec = old.spec
        },
        validateUpdate: ({ metadata, status = {} }) => [
          ...(metadata?.resourceVersion ? [] : [required('resourceVersion')]),
          ...validateAmounts(status.hard, 'status.hard'),
          ...validateAmounts(status.used, 'status.used'),
        ],
        resetFields: ['spec'],
      },
    },
  },
})

function validateSpec(spec: ResourceQuotaSpec): FieldError[] {
  return [...validateAmounts(spec.hard, 'spec.hard'), ...validateScopes(spec), ...validateScopeSelector(spec)]
}

function validateAmounts(amounts: ResourceList | undefined, field: string): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, quantity]) => {
    const at = `${field}[${name}]`
    return [...validateQuotaResourceName(name, at), ...validateResourceQuantity(name, quantity, at)]
  })
}

function validateScopes({ scopes = [], hard = {} }: ResourceQuotaSpec): FieldError[] {
  const field = 'spec.scopes'
  const errors = scopes.flatMap((scope) => [
    ...(SCOPES.includes(scope) ? [] : [invalidValue(field, scopes, 'unsupported scope')]),
    ...inapplicable(scope, hard).map(() => invalidValue(field, scopes, 'unsupported scope applied to resource')),
  ])
  return [...errors, ...conflicting(new Set(scopes)).map(() => invalidValue(field, scopes, 'conflicting scopes'))]
}

function validateScopeSelector({ scopeSelector, scopes, hard = {} }: ResourceQuotaSpec): FieldError[] {
  if (scopeSelector === undefined) return []
  const field = 'spec.scopeSelector.matchExpressions'
  const requirements = scopeSelector.matchExpressions ?? []
  const printed = {
    MatchExpressions: requirements.map((one) => ({
      ...goStruct({ ScopeName: 'scopeName', Operator: 'operator' }, { ...one }),
      Values: one.values ?? null,
    })),
  }
  const errors = requirements.flatMap(({ scopeName = '', operator = '', values = [] }) => {
    const wrong: FieldError[] = []
    if (!SCOPES.includes(scopeName)) wrong.push(invalidValue(`${field}.scopeName`, scopeName, 'unsupported scope'))
    wrong.push(...inapplicable(scopeName, hard).map(() => invalidValue(field, printed, 'unsupported scope applied to resource')))
    if (SET_OR_NOT.includes(scopeName) && operator !== 'Exists') {
      const text =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
      wrong.push(invalidValue(`${field}.operator`, operator, text))
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        wrong.push(required(`${field}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        wrong.push(
          invalidValue(`${field}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
        )
    } else wrong.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'))
    return wrong
  })
  const named = new Set(requirements.map(({ scopeName = '' }) => scopeName))
  return [...errors, ...conflicting(named).map(() => invalidValue(field, scopes ?? null, 'conflicting scopes'))]
}

/** Limited resources that a scope says nothing about. */
function inapplicable(scope: string, hard: ResourceList): string[] {
  return Object.keys(hard)
    .sort()
    .filter((name) => isStandardQuotaResource(name) && !scopeApplies(scope, name))
}

function scopeApplies(scope: string, name: string): boolean {
  switch (scope) {
    case 'Terminating':
    case 'NotTerminating':
    case 'NotBestEffort':
    case 'PriorityClass':
    case 'CrossNamespacePodAffinity':
      return POD_COMPUTE.includes(name)
    case 'BestEffort':
      return name === 'pods'
    case 'VolumeAttributesClass':
      return name === 'persistentvolumeclaims' || name === 'requests.storage'
    default:
      return true
  }
}

function conflicting(scopes: ReadonlySet<string>): (readonly [string, string])[] {
  return OPPOSITES.filter((pair) => pair.every((scope) => scopes.has(scope)))
}

function amountsCell({ status = {} }: ResourceQuota, limits: boolean): string {
  return Object.keys(status.hard ?? {})
    .sort()
    .filter((name) => name.startsWith('limits.') === limits)
    .map((name) => `${name}: ${status.used?.[name] ?? '0'}/${status.hard?.[name] ?? '0'}`)
    .join(', ')
}
