/**
 * PriorityClass.
 *
 * @see pkg/apis/scheduling/validation/validation.go
 * @see pkg/registry/scheduling/priorityclass
 * @module
 */

import { type FieldError, forbiddenField, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import { forbidden } from '../../api/status.ts'
import type { PriorityClass } from '../../api/types/scheduling/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'

const SYSTEM_PREFIX = 'system-'
const HIGHEST_USER_PRIORITY = 1_000_000_000
const POLICIES = ['PreemptLowerPriority', 'Never']

const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
}

export const priorityClasses = define<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  singular: 'priorityclass',
  kind: 'PriorityClass',
  namespaced: false,
  shortNames: ['pc'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  storage: { prefix: '/registry/priorityclasses/' },
  strategy: {
    validateName: subdomainName,
    defaults(one) {
      one.preemptionPolicy ??= 'PreemptLowerPriority'
    },
    validate: validateClass,
    validateUpdate: (one, old) => [
      ...((one.value ?? 0) === (old.value ?? 0) ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
      ...validateImmutable(one.preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy'),
    ],
    // Starts at 1 and stays there: nothing of it can change.
    specChanged: () => false,
    allowUnconditionalUpdate: true,
    checkDelete(one) {
      const name = nameCell(one)
      if (Object.hasOwn(SYSTEM_CLASSES, name)) {
        throw forbidden(
          { group: 'scheduling.k8s.io', resource: 'priorityclasses' },
          name,
          'this is a system priority class and cannot be deleted',
        )
      }
    },
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Value', 'doc:io.k8s.api.scheduling.v1.PriorityClass.value', { type: 'integer' }),
      column('Global-Default', 'doc:io.k8s.api.scheduling.v1.PriorityClass.globalDefault', { type: 'boolean' }),
      AGE_COLUMN,
      column('PreemptionPolicy', 'doc:io.k8s.api.scheduling.v1.PriorityClass.preemptionPolicy'),
    ],
    cells: (one, { nowMs }) => [nameCell(one), one.value ?? 0, one.globalDefault ?? false, ageCell(one, nowMs), one.preemptionPolicy ?? ''],
  },
})

function validateClass(one: PriorityClass): FieldError[] {
  const { value = 0, preemptionPolicy } = one
  const name = nameCell(one)
  const errors: FieldError[] = []
  if (name.startsWith(SYSTEM_PREFIX)) {
    const error = systemClassError(name, value, one.globalDefault ?? false)
    if (error !== undefined) {
      errors.push(
        forbiddenField(
          'metadata.name',
          `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${error}`,
        ),
      )
    }
  } else if (value > HIGHEST_USER_PRIORITY)
    errors.push(forbiddenField('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`))
  if (preemptionPolicy === '') errors.push(required('preemptionPolicy'))
  else if (preemptionPolicy !== undefined && !POLICIES.includes(preemptionPolicy))
    errors.push(notSupported('preemptionPolicy', preemptionPolicy, POLICIES))
  return errors
}

function systemClassError(name: string, value: number, globalDefault: boolean): string | undefined {
  const wanted = SYSTEM_CLASSES[name]
  if (wanted === undefined) return `${name} is not a known system priority class`
  if (value !== wanted) return `value of ${name} PriorityClass must be ${wanted}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}
