/**
 * ServiceCIDR and IPAddress: where cluster IPs come from, and which are taken.
 *
 * @see pkg/apis/networking/validation/validation.go
 * @see KEP-1880
 * @module
 */

import { type FieldError, invalidValue, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, pathSegmentErrors, subdomainName } from '../../api/names.ts'
import { groupResourceName } from '../../api/object.ts'
import type { IPAddress, ParentReference, ServiceCIDR } from '../../api/types/networking/v1.ts'
import { parseCIDR, validateCIDR, validateIP } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, validateImmutable } from '../validation.ts'

const IMMUTABLE = 'field is immutable'

export const ipAddresses = define<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ipaddresses',
  singular: 'ipaddress',
  kind: 'IPAddress',
  namespaced: false,
  shortNames: ['ip'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.IPAddress',
  storage: { prefix: '/registry/ipaddresses/' },
  strategy: {
    // The texts of the address rule without the value before them.
    validateName: (name) => validateIP('', name).map(({ text }) => text.replace(/^Invalid value: "(?:[^"\\]|\\.)*": /, '')),
    validate: ({ spec = {} }) => validateParent(spec.parentRef),
    validateUpdate: ({ spec = {} }, old) => [
      ...validateParent(spec.parentRef),
      ...validateImmutable(spec.parentRef, old.spec?.parentRef, 'spec.parentRef'),
    ],
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('ParentRef', 'doc:io.k8s.api.networking.v1.IPAddressSpec.parentRef')],
    cells: (address, { nowMs }) => [nameCell(address), parentCell(address.spec?.parentRef), ageCell(address, nowMs)],
  },
})

export const serviceCIDRs = define<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'servicecidrs',
  singular: 'servicecidr',
  kind: 'ServiceCIDR',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.ServiceCIDR',
  storage: { prefix: '/registry/servicecidrs/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate(range) {
      range.status = {}
    },
    prepareForUpdate(range, old) {
      range.status = old.status
    },
    validate: ({ spec = {} }) => validateRanges(spec.cidrs ?? []),
    validateUpdate: validateRangesUpdate,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [NAME_COLUMN, column('CIDRs', 'doc:io.k8s.api.networking.v1.ServiceCIDRSpec.cidrs'), AGE_COLUMN],
    cells: (range, { nowMs }) => [nameCell(range), (range.spec?.cidrs ?? []).join(','), ageCell(range, nowMs)],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: keepAllButStatus,
        resetFields: ['metadata', 'spec'],
      },
    },
  },
})

function validateRanges(cidrs: readonly string[]): FieldError[] {
  const field = 'spec.cidrs'
  if (cidrs.length === 0) return [required(field, 'at least one CIDR required')]
  if (cidrs.length > 2) return [invalidValue(field, { CIDRs: cidrs }, 'may only hold up to 2 values')]
  const errors = cidrs.flatMap((cidr, index) => validateCIDR(`${field}[${index}]`, cidr))
  const [first, second] = cidrs.map((cidr) => parseCIDR(cidr)?.family)
  if (cidrs.length === 2 && first !== undefined && first === second) {
    errors.push(invalidValue(field, cidrs, 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'))
  }
  return errors
}

function validateRangesUpdate({ spec = {} }: ServiceCIDR, old: ServiceCIDR): FieldError[] {
  const field = 'spec.cidrs'
  const now = spec.cidrs ?? []
  const before = old.spec?.cidrs ?? []
  const added = before.length === 1 && now.length === 2
  if (!added && before.length !== now.length) return [invalidValue(field, now, IMMUTABLE)]
  const changed = before.flatMap((cidr, index) => (cidr === now[index] ? [] : [invalidValue(`${field}[${index}]`, now[index], IMMUTABLE)]))
  return added ? [...changed, ...validateRanges(now)] : changed
}

function validateParent(parent: ParentReference | undefined): FieldError[] {
  const field = 'spec.parentRef'
  if (parent === undefined) return [required(field)]
  const { group = '', resource = '', name = '', namespace = '' } = parent
  return [
    ...(group === '' ? [] : each(`${field}.group`, group, dns1123SubdomainErrors(group))),
    ...(resource === '' ? [required(`${field}.resource`)] : each(`${field}.resource`, resource, pathSegmentErrors(resource))),
    ...(name === '' ? [required(`${field}.name`)] : each(`${field}.name`, name, pathSegmentErrors(name))),
    ...(namespace === '' ? [] : each(`${field}.namespace`, namespace, pathSegmentErrors(namespace))),
  ]
}

function parentCell(parent: ParentReference | undefined): string {
  if (parent === undefined) return '<none>'
  const { group = '', resource = '', namespace, name = '' } = parent
  return [groupResourceName({ group, resource }).toLowerCase(), ...(namespace ? [namespace] : []), name].join('/')
}
