/**
 * PriorityLevelConfiguration: how many requests run at once, and how the others wait.
 *
 * @see pkg/apis/flowcontrol/validation/validation.go
 * @see pkg/registry/flowcontrol/prioritylevelconfiguration/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
  QueuingConfiguration,
} from '../../api/types/flowcontrol/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { semanticEqual } from '../validation.ts'
import { conditionsStatus, validateConditionTypes } from './conditions-status.ts'
import { MANDATORY_PRIORITY_LEVELS } from './mandatory.ts'

const PRESERVE_ZERO = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'
const MAX_QUEUES = 10_000_000
const MAX_HASH_BITS = 60
const NOT_NEGATIVE = 'must be a non-negative integer'

export const priorityLevelConfigurations = define<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  resource: 'prioritylevelconfigurations',
  singular: 'prioritylevelconfiguration',
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  storage: { prefix: '/registry/prioritylevelconfigurations/' },
  strategy: {
    validateName: subdomainName,
    defaults({ spec }) {
      if (spec?.exempt !== undefined) {
        spec.exempt.nominalConcurrencyShares ??= 0
        spec.exempt.lendablePercent ??= 0
      }
      if (spec?.limited !== undefined) {
        spec.limited.nominalConcurrencyShares ??= 30
        spec.limited.lendablePercent ??= 0
      }
      const queuing = spec?.limited?.limitResponse?.queuing
      if (queuing !== undefined) {
        queuing.handSize ||= 8
        queuing.queues ||= 64
        queuing.queueLengthLimit ||= 50
      }
    },
    prepareForCreate(level) {
      level.status = {}
    },
    prepareForUpdate(level, old) {
      level.status = old.status
    },
    validate: validateLevel,
    validateUpdate: validateLevel,
    specChanged: (level, old) => !semanticEqual(level.spec, old.spec),
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Type', 'doc:io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec.type'),
      column('NominalConcurrencyShares', 'doc:io.k8s.api.flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares'),
      column('Queues', 'doc:io.k8s.api.flowcontrol.v1.QueuingConfiguration.queues'),
      column('HandSize', 'doc:io.k8s.api.flowcontrol.v1.QueuingConfiguration.handSize'),
      column('QueueLengthLimit', 'doc:io.k8s.api.flowcontrol.v1.QueuingConfiguration.queueLengthLimit'),
      AGE_COLUMN,
    ],
    cells(level, { nowMs }) {
      const limited = level.spec?.limited
      const queuing = limited?.limitResponse?.queuing
      return [
        nameCell(level),
        level.spec?.type ?? '',
        limited === undefined ? '<none>' : (limited.nominalConcurrencyShares ?? 0),
        queuing?.queues ?? '<none>',
        queuing?.handSize ?? '<none>',
        queuing?.queueLengthLimit ?? '<none>',
        ageCell(level, nowMs),
      ]
    },
  },
  subresources: { status: conditionsStatus<PriorityLevelConfiguration>() },
})

function validateLevel(level: PriorityLevelConfiguration): FieldError[] {
  const { spec = {}, metadata } = level
  const name = nameCell(level)
  const errors: FieldError[] = []
  if (metadata?.annotations?.[PRESERVE_ZERO] !== undefined)
    errors.push(forbiddenField('metadata.annotations', `annotation '${PRESERVE_ZERO}' is forbidden`))
  errors.push(...validateSpec(spec, name))
  const fixed = Object.hasOwn(MANDATORY_PRIORITY_LEVELS, name) ? MANDATORY_PRIORITY_LEVELS[name] : undefined
  if (fixed !== undefined && name === 'exempt') {
    if (!semanticEqual({ ...spec, exempt: fixed.exempt }, fixed)) {
      errors.push(invalidValue('spec', spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value"))
    }
  } else if (fixed !== undefined && !semanticEqual(spec, fixed))
    errors.push(invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`))
  return [...errors, ...validateConditionTypes(level)]
}

function validateSpec({ type = '', limited, exempt }: PriorityLevelConfigurationSpec, name: string): FieldError[] {
  const errors: FieldError[] = []
  if ((name === 'exempt') !== (type === 'Exempt'))
    errors.push(invalidValue('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'"))
  switch (type) {
    case 'Exempt':
      if (limited !== undefined) errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'))
      if (exempt !== undefined) errors.push(...validateShares(exempt, 'spec.exempt'))
      break
    case 'Limited':
      if (exempt !== undefined) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'))
      if (limited === undefined) errors.push(required('spec.limited', 'must not be empty when type is Limited'))
      else errors.push(...validateLimited(limited))
      break
    default:
      errors.push(notSupported('spec.type', type, ['Exempt', 'Limited']))
  }
  return errors
}

function validateShares(
  { nominalConcurrencyShares: shares = 0, lendablePercent = 0 }: ExemptPriorityLevelConfiguration,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  if (shares < 0) errors.push(invalidValue(`${field}.nominalConcurrencyShares`, shares, NOT_NEGATIVE))
  if (lendablePercent < 0 || lendablePercent > 100)
    errors.push(invalidValue(`${field}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive'))
  return errors
}

function validateLimited(limited: LimitedPriorityLevelConfiguration): FieldError[] {
  const field = 'spec.limited'
  const { borrowingLimitPercent = 0, limitResponse = {}, nominalConcurrencyShares = 0, lendablePercent = 0 } = limited
  const errors = validateShares({ nominalConcurrencyShares }, field)
  errors.push(...validateResponse(limitResponse, `${field}.limitResponse`))
  errors.push(...validateShares({ lendablePercent }, field))
  if (borrowingLimitPercent < 0)
    errors.push(invalidValue(`${field}.borrowingLimitPercent`, borrowingLimitPercent, `if specified, ${NOT_NEGATIVE}`))
  return errors
}

function validateResponse({ type = '', queuing }: LimitResponse, field: string): FieldError[] {
  if (type === 'Reject')
    return queuing === undefined ? [] : [forbiddenField(`${field}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')]
  if (type !== 'Queue') return [notSupported(`${field}.type`, type, ['Queue', 'Reject'])]
  if (queuing === undefined) return [required(`${field}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')]
  return validateQueuing(queuing, `${field}.queuing`)
}

function validateQueuing({ queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (queueLengthLimit <= 0) errors.push(invalidValue(`${field}.queueLengthLimit`, queueLengthLimit, 'must be positive'))
  if (queues <= 0) errors.push(invalidValue(`${field}.queues`, queues, 'must be positive'))
  else if (queues > MAX_QUEUES) errors.push(invalidValue(`${field}.queues`, queues, `must not be greater than ${MAX_QUEUES}`))
  if (handSize <= 0) errors.push(invalidValue(`${field}.handSize`, handSize, 'must be positive'))
  else if (handSize > queues) errors.push(invalidValue(`${field}.handSize`, handSize, `should not be greater than queues (${queues})`))
  else if (Math.ceil(Math.log2(queues) * handSize) > MAX_HASH_BITS) {
    errors.push(
      invalidValue(
        `${field}.handSize`,
        handSize,
        `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_HASH_BITS}`,
      ),
    )
  }
  return errors
}
