/**
 * DeviceClass: which devices a claim may mean by one name.
 *
 * @see pkg/apis/resource/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { DeviceClass } from '../../api/types/resource/v1.ts'
import { isExtendedResource } from '../core/resource-names.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { semanticEqual } from '../validation.ts'
import { validateConfiguration, validateSelectors, validateSlice } from './limits.ts'

const MAX_CONFIGURATIONS = 32

export const deviceClasses = define<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  resource: 'deviceclasses',
  singular: 'deviceclass',
  kind: 'DeviceClass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.resource.v1.DeviceClass',
  storage: { prefix: '/registry/deviceclasses/' },
  strategy: {
    validateName: subdomainName,
    specChanged: (one, old) => !semanticEqual(one.spec, old.spec),
    validate: validateClass,
    validateUpdate: validateClass,
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [NAME_COLUMN, AGE_COLUMN],
    cells: (one, { nowMs }) => [nameCell(one), ageCell(one, nowMs)],
  },
})

function validateClass({ spec = {} }: DeviceClass): FieldError[] {
  const errors = [
    ...validateSelectors(spec.selectors, 'spec.selectors'),
    ...validateSlice(spec.config, MAX_CONFIGURATIONS, validateConfiguration, 'spec.config'),
  ]
  const { extendedResourceName: name } = spec
  if (name !== undefined && !isExtendedResource(name))
    errors.push(invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name'))
  return errors
}
