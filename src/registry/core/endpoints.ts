/**
 * Endpoints: the addresses behind a service, in the old form.
 *
 * @see pkg/registry/core/endpoint/strategy.go
 * @module
 */

import { type FieldError, notSupported, required } from '../../api/field.ts'
import { dns1123SubdomainErrors, subdomainName } from '../../api/names.ts'
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from '../../api/types/core/v1.ts'
import { ipWarnings, validateEndpointIP, validateLegacyIP } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, portNumberErrors, semanticEqual, validateDNS1123Label, validateQualifiedName } from '../validation.ts'

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by'

/** Addresses that the table shows before `+ N more...`. */
const SHOWN = 3

export const endpoints = define<Endpoints>({
  group: '',
  version: 'v1',
  resource: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  namespaced: true,
  shortNames: ['ep'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Endpoints',
  storage: { prefix: '/registry/services/endpoints/' },
  deprecated: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  strategy: {
    validateName: subdomainName,
    defaults({ subsets = [] }) {
      for (const subset of subsets) for (const port of subset.ports ?? []) if (!port.protocol) port.protocol = 'TCP'
    },
    validate: (object) => validateEndpoints(object, undefined),
    validateUpdate: validateEndpoints,
    warnings(object) {
      if (object.metadata?.labels?.[MANAGED_BY] === 'endpoint-controller') return []
      return (object.subsets ?? []).flatMap((subset, index) =>
        (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
          (subset[list] ?? []).flatMap((address, at) => ipWarnings(`subsets[${index}].${list}[${at}].ip`, address.ip ?? '')),
        ),
      )
    },
    allowUnconditionalUpdate: true,
    allowCreateOnUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('Endpoints', 'doc:io.k8s.api.core.v1.Endpoints.subsets'), AGE_COLUMN],
    cells: (object, { nowMs }) => [nameCell(object), addressesCell(object.subsets ?? []), ageCell(object, nowMs)],
  },
})

function validateEndpoints(object: Endpoints, old: Endpoints | undefined): FieldError[] {
  const errors = (object.subsets ?? []).flatMap((subset, index) => validateSubset(subset, `subsets[${index}]`))
  // Unchanged subsets were accepted by an older server.
  return errors.length > 0 && old !== undefined && semanticEqual(old.subsets, object.subsets) ? [] : errors
}

function validateSubset(subset: EndpointSubset, field: string): FieldError[] {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset
  const errors: FieldError[] = []
  if (addresses.length === 0 && notReadyAddresses.length === 0)
    errors.push(required(field, 'must specify `addresses` or `notReadyAddresses`'))
  errors.push(...addresses.flatMap((one, index) => validateAddress(one, `${field}.addresses[${index}]`)))
  errors.push(...notReadyAddresses.flatMap((one, index) => validateAddress(one, `${field}.notReadyAddresses[${index}]`)))
  errors.push(...ports.flatMap((one, index) => validatePort(one, ports.length > 1, `${field}.ports[${index}]`)))
  return errors
}

function validateAddress(address: EndpointAddress, field: string): FieldError[] {
  const { ip = '', hostname, nodeName } = address
  const errors = validateLegacyIP(`${field}.ip`, ip)
  if (hostname) errors.push(...validateDNS1123Label(hostname, `${field}.hostname`))
  if (nodeName !== undefined) errors.push(...each(`${field}.nodeName`, nodeName, dns1123SubdomainErrors(nodeName)))
  return [...errors, ...validateEndpointIP(ip, `${field}.ip`)]
}

function validatePort(port: EndpointPort, nameRequired: boolean, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (port.name) errors.push(...validateDNS1123Label(port.name, `${field}.name`))
  else if (nameRequired) errors.push(required(`${field}.name`))
  errors.push(...each(`${field}.port`, port.port ?? 0, portNumberErrors(port.port)))
  if (!port.protocol) errors.push(required(`${field}.protocol`))
  else if (!['SCTP', 'TCP', 'UDP'].includes(port.protocol))
    errors.push(notSupported(`${field}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']))
  if (port.appProtocol !== undefined) errors.push(...validateQualifiedName(port.appProtocol, `${field}.appProtocol`))
  return errors
}

function addressesCell(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return '<none>'
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip = '' }) => ip)
      : ports.flatMap(({ port = 0 }) => addresses.map(({ ip = '' }) => hostPort(ip, port))),
  )
  const shown = all.slice(0, SHOWN).join(',')
  return all.length > SHOWN ? `${shown} + ${all.length - SHOWN} more...` : shown
}

function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
