/**
 * ConfigMap.
 *
 * @see pkg/registry/core/configmap/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, tooLong } from '../../api/field.ts'
import { configKeyErrors, subdomainName } from '../../api/names.ts'
import type { ConfigMap } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, each, semanticEqual } from '../validation.ts'
import { base64Length } from './secrets.ts'

const MAX_SIZE_BYTES = 1024 * 1024

const IMMUTABLE = 'field is immutable when `immutable` is set'

export const configMaps = define<ConfigMap>({
  group: '',
  version: 'v1',
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ConfigMap',
  storage: { prefix: '/registry/configmaps/' },
  strategy: {
    validateName: subdomainName,
    validate: validateConfigMap,
    validateUpdate: (map, old) => [...immutableErrors(map, old), ...validateConfigMap(map)],
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('Data', 'doc:io.k8s.api.core.v1.ConfigMap.data'), AGE_COLUMN],
    cells: (map, { nowMs }) => [
      nameCell(map),
      Object.keys(map.data ?? {}).length + Object.keys(map.binaryData ?? {}).length,
      ageCell(map, nowMs),
    ],
  },
})

function validateConfigMap(map: ConfigMap): FieldError[] {
  const errors: FieldError[] = []
  const binary = map.binaryData ?? {}
  let size = 0
  for (const [key, value] of Object.entries(map.data ?? {})) {
    errors.push(...each(`data[${key}]`, key, configKeyErrors(key)))
    if (Object.hasOwn(binary, key)) errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'))
    size += byteLength(value)
  }
  for (const [key, value] of Object.entries(binary)) {
    errors.push(...each(`binaryData[${key}]`, key, configKeyErrors(key)))
    size += base64Length(value)
  }
  // The path of the whole object is a path with an empty name, which prints like this.
  if (size > MAX_SIZE_BYTES) errors.push(tooLong('[]', MAX_SIZE_BYTES))
  return errors
}

function immutableErrors(map: ConfigMap, old: ConfigMap): FieldError[] {
  if (old.immutable !== true) return []
  const errors: FieldError[] = []
  if (map.immutable !== true) errors.push(forbiddenField('immutable', IMMUTABLE))
  if (!semanticEqual(map.data, old.data)) errors.push(forbiddenField('data', IMMUTABLE))
  if (!semanticEqual(map.binaryData, old.binaryData)) errors.push(forbiddenField('binaryData', IMMUTABLE))
  return errors
}
