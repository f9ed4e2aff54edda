/**
 * APIService: which group and version is served, here (local) or elsewhere. Only local ones are acted on.
 *
 * @see kube-aggregator/pkg/apis/apiregistration/validation/validation.go
 * @see kube-aggregator/pkg/registry/apiservice
 * @module
 */

import { type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors, pathSegmentErrors } from '../../api/names.ts'
import { quote } from '../../api/status.ts'
import type { APIService } from '../../api/types/apiregistration/v1.ts'
import { rfc3339 } from '../../clock.ts'
import { base64Length } from '../core/secrets.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, portNumberErrors } from '../validation.ts'

const CONDITION_STATUSES = ['True', 'False', 'Unknown']
const MAX_GROUP_PRIORITY = 20_000
const MAX_VERSION_PRIORITY = 1000

export const apiServices = define<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  resource: 'apiservices',
  singular: 'apiservice',
  kind: 'APIService',
  namespaced: false,
  categories: ['api-extensions'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  storage: { prefix: '/registry/apiregistration.k8s.io/apiservices/' },
  strategy: {
    validateName: pathSegmentErrors,
    defaults({ spec }) {
      if (spec?.service !== undefined) spec.service.port ??= 443
    },
    prepareForCreate(service, { nowMs }) {
      service.status = {}
      if (service.spec?.service !== undefined) return
      service.status.conditions = [
        {
          type: 'Available',
          status: 'True',
          lastTransitionTime: rfc3339(nowMs),
          reason: 'Local',
          message: 'Local APIServices are always available',
        },
      ]
    },
    prepareForUpdate(service, old) {
      service.status = old.status
    },
    validate: validateService,
    validateUpdate: validateService,
    allowUnconditionalUpdate: false,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Service', 'The reference to the service that hosts this API endpoint.'),
      column('Available', 'Whether this service is available.'),
      AGE_COLUMN,
    ],
    cells(service, { nowMs }) {
      const reference = service.spec?.service
      const condition = (service.status?.conditions ?? []).find(({ type }) => type === 'Available')
      const status = condition?.status ?? 'Unknown'
      return [
        nameCell(service),
        reference === undefined ? 'Local' : `${reference.namespace ?? ''}/${reference.name ?? ''}`,
        condition?.reason && status !== 'True' ? `${status} (${condition.reason})` : status,
        ageCell(service, nowMs),
      ]
    },
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: keepAllButStatus,
        validateUpdate: ({ status = {} }) =>
          (status.conditions ?? []).flatMap(({ status: value = '' }, index) =>
            CONDITION_STATUSES.includes(value) ? [] : [notSupported(`status.conditions[${index}].status`, value, CONDITION_STATUSES)],
          ),
        allowUnconditionalUpdate: false,
        resetFields: ['metadata', 'spec'],
      },
    },
  },
})

function validateService(service: APIService): FieldError[] {
  const {
    group = '',
    version = '',
    groupPriorityMinimum = 0,
    versionPriority = 0,
    caBundle = '',
    insecureSkipTLSVerify = false,
    service: reference,
  } = service.spec ?? {}
  const name = nameCell(service)
  const wanted = `${version}.${group}`
  const errors: FieldError[] = []
  if (pathSegmentErrors(name).length === 0 && name !== wanted) {
    errors.push(invalidValue('metadata.name', name, `must be \`spec.version+"."+spec.group\`: ${quote(wanted)}`))
  }
  if (group === '' && version !== 'v1') errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'))
  if (group !== '') errors.push(...each('spec.group', group, dns1123SubdomainErrors(group)))
  errors.push(...each('spec.version', version, dns1035LabelErrors(version)))
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY) {
    errors.push(invalidValue('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000'))
  }
  if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY)
    errors.push(invalidValue('spec.versionPriority', versionPriority, 'must be positive and less than 1000'))
  if (reference === undefined) {
    if (caBundle !== '')
      errors.push(invalidValue('spec.caBundle', `${base64Length(caBundle)} bytes`, 'local APIServices may not have a caBundle'))
    if (insecureSkipTLSVerify)
      errors.push(invalidValue('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'))
    return errors
  }
  if (!reference.namespace) errors.push(required('spec.service.namespace'))
  if (!reference.name) errors.push(required('spec.service.name'))
  const portErrors = portNumberErrors(reference.port)
  if (portErrors.length > 0)
    errors.push(invalidValue('spec.service.port', reference.port ?? 0, `port is not valid: ${portErrors.join(', ')}`))
  if (insecureSkipTLSVerify && caBundle !== '')
    errors.push(invalidValue('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'))
  return errors
}
