/**
 * RuntimeClass.
 *
 * @see pkg/apis/node/validation/validation.go
 * @see pkg/registry/node/runtimeclass/strategy.go
 * @module
 */

import { duplicate, type FieldError, required } from '../../api/field.ts'
import { validateLabels } from '../../api/metadata.ts'
import { dns1123LabelErrors, subdomainName } from '../../api/names.ts'
import type { Toleration } from '../../api/types/core/v1.ts'
import type { RuntimeClass } from '../../api/types/node/v1.ts'
import { nodeLabelWarnings } from '../core/node-labels.ts'
import { containerResourcesErrors } from '../core/pod/resourcerequirements.ts'
import { tolerationErrors } from '../core/pod/tolerations.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, validateImmutable } from '../validation.ts'

export const runtimeClasses = define<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  resource: 'runtimeclasses',
  singular: 'runtimeclass',
  kind: 'RuntimeClass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.node.v1.RuntimeClass',
  storage: { prefix: '/registry/runtimeclasses/' },
  strategy: {
    validateName: subdomainName,
    validate: validateClass,
    validateUpdate: (one, old) => [...validateClass(one), ...validateImmutable(one.handler ?? '', old.handler ?? '', 'handler')],
    warnings: ({ scheduling }) =>
      Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => nodeLabelWarnings(key, 'scheduling.nodeSelector: ')),
    allowUnconditionalUpdate: false,
    allowCreateOnUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('Handler', ''), AGE_COLUMN],
    cells: (one, { nowMs }) => [nameCell(one), one.handler ?? '', ageCell(one, nowMs)],
  },
})

function validateClass({ handler = '', overhead, scheduling }: RuntimeClass): FieldError[] {
  const errors = handler === '' ? [required('handler')] : each('handler', handler, dns1123LabelErrors(handler))
  if (overhead !== undefined) {
    errors.push(
      ...containerResourcesErrors({ limits: overhead.podFixed }, 'overhead', { claimNames: new Set(), allowIndivisibleHugePages: false }),
    )
  }
  if (scheduling === undefined) return errors
  return [
    ...errors,
    ...validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector'),
    ...validateTolerations(scheduling.tolerations ?? []),
  ]
}

function validateTolerations(tolerations: readonly Toleration[]): FieldError[] {
  const field = 'scheduling.tolerations'
  const seen = new Set<string>()
  const repeated = tolerations.flatMap(({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, index) => {
    const id = JSON.stringify([key, operator, value, effect])
    if (seen.has(id))
      return [
        duplicate(`${field}[${index}]`, {
          Key: key,
          Operator: operator,
          Value: value,
          Effect: effect,
          TolerationSeconds: tolerationSeconds ?? null,
        }),
      ]
    seen.add(id)
    return []
  })
  return [...tolerationErrors(tolerations, field, { allowTolerationComparison: false }), ...repeated]
}
