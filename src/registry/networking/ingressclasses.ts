/**
 * IngressClass.
 *
 * @see pkg/apis/networking/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, notSupported, required, tooLong } from '../../api/field.ts'
import { labelName, subdomainName } from '../../api/names.ts'
import type { IngressClass, IngressClassParametersReference } from '../../api/types/networking/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, each, semanticEqual, validateDomainPrefixedPath, validateImmutable } from '../validation.ts'
import { validateObjectReference } from './ingresses.ts'

const MAX_CONTROLLER = 250

export const ingressClasses = define<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingressclasses',
  singular: 'ingressclass',
  kind: 'IngressClass',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.IngressClass',
  storage: { prefix: '/registry/ingressclasses/' },
  strategy: {
    validateName: subdomainName,
    defaults({ spec }) {
      if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster'
    },
    validate: validateClass,
    validateUpdate: (one, old) => [
      ...validateImmutable(one.spec?.controller ?? '', old.spec?.controller ?? '', 'spec.controller'),
      ...validateClass(one),
    ],
    specChanged: (one, old) => !semanticEqual(one.spec, old.spec),
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Controller', 'Controller that is responsible for handling this class'),
      column('Parameters', 'A reference to a resource with additional parameters'),
      AGE_COLUMN,
    ],
    cells(one, { nowMs }) {
      const isDefault = one.metadata?.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true'
      const { kind = '', apiGroup, name = '' } = one.spec?.parameters ?? {}
      const parameters = one.spec?.parameters === undefined ? '<none>' : `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`
      return [isDefault ? `${nameCell(one)} (default)` : nameCell(one), one.spec?.controller ?? '', parameters, ageCell(one, nowMs)]
    },
  },
})

function validateClass({ spec = {} }: IngressClass): FieldError[] {
  const { controller = '', parameters } = spec
  return [
    ...(byteLength(controller) > MAX_CONTROLLER ? [tooLong('spec.controller', MAX_CONTROLLER)] : []),
    ...validateDomainPrefixedPath(controller, 'spec.controller'),
    ...(parameters === undefined ? [] : validateParameters(parameters, 'spec.parameters')),
  ]
}

function validateParameters(parameters: IngressClassParametersReference, field: string): FieldError[] {
  const errors = validateObjectReference(parameters, field)
  const { scope, namespace } = parameters
  if (scope === undefined) errors.push(required(`${field}.scope`))
  else if (scope === 'Namespace') {
    if (namespace === undefined) errors.push(required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'"))
    else errors.push(...each(`${field}.namespace`, namespace, labelName(namespace, false)))
  } else if (scope === 'Cluster') {
    if (namespace !== undefined) errors.push(forbiddenField(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'"))
  } else errors.push(notSupported(`${field}.scope`, scope, ['Cluster', 'Namespace']))
  return errors
}
