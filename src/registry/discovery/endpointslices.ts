/**
 * EndpointSlice.
 *
 * @see pkg/apis/discovery/validation/validation.go
 * @see pkg/registry/discovery/endpointslice/strategy.go
 * @module
 */

import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../../api/field.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors, labelValueErrors, subdomainName } from '../../api/names.ts'
import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from '../../api/types/discovery/v1.ts'
import { ipWarnings, parseIP, validateEndpointIP, validateIP, validateLegacyIP } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, semanticEqual, validateDNS1123Label, validateImmutable, validateQualifiedName } from '../validation.ts'

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6']
const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const MAX_ADDRESSES = 100
const MAX_PORTS = 20_000
const MAX_ENDPOINTS = 1000
const MAX_HINTS = 8
const CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

/** Entries that a table cell shows before `+ N more...`. */
const SHOWN = 3

export const endpointSlices = define<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  singular: 'endpointslice',
  kind: 'EndpointSlice',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  storage: { prefix: '/registry/endpointslices/' },
  strategy: {
    validateName: subdomainName,
    defaults({ ports = [] }) {
      for (const port of ports) {
        port.name ??= ''
        port.protocol ??= 'TCP'
      }
    },
    prepareForCreate: dropTopology,
    prepareForUpdate(slice, old) {
      if (!semanticEqual(slice.endpoints, old.endpoints)) dropTopology(slice)
    },
    validate: (slice) => validateSlice(slice, undefined),
    validateUpdate: (slice, old) => [
      ...validateSlice(slice, old),
      ...validateImmutable(slice.addressType ?? '', old.addressType ?? '', 'addressType'),
    ],
    warnings: sliceWarnings,
    specChanged: (slice, old) =>
      !semanticEqual(slice.metadata?.labels, old.metadata?.labels) ||
      !semanticEqual({ ...slice, metadata: undefined }, { ...old, metadata: undefined }),
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('AddressType', 'doc:io.k8s.api.discovery.v1.EndpointSlice.addressType'),
      column('Ports', 'doc:io.k8s.api.discovery.v1.EndpointSlice.ports'),
      column('Endpoints', 'doc:io.k8s.api.discovery.v1.EndpointSlice.endpoints'),
      AGE_COLUMN,
    ],
    cells: (slice, { nowMs }) => [
      nameCell(slice),
      slice.addressType ?? '',
      listCell((slice.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*'))),
      listCell((slice.endpoints ?? []).flatMap(({ addresses = [] }) => addresses)),
      ageCell(slice, nowMs),
    ],
  },
})

/** The topology of v1beta1 is not for writing. */
function dropTopology(slice: EndpointSlice): void {
  for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology
}

function validateSlice(slice: EndpointSlice, old: EndpointSlice | undefined): FieldError[] {
  const { addressType = '', ports = [], endpoints = [] } = slice
  const errors: FieldError[] = []
  if (addressType === '') errors.push(required('addressType'))
  else if (!ADDRESS_TYPES.includes(addressType)) errors.push(notSupported('addressType', addressType, ADDRESS_TYPES))
  errors.push(...validatePorts(ports))
  const endpointErrors =
    endpoints.length > MAX_ENDPOINTS
      ? [tooMany('endpoints', endpoints.length, MAX_ENDPOINTS)]
      : endpoints.flatMap((one, index) => validateEndpoint(one, addressType, `endpoints[${index}]`))
  // Unchanged endpoints were accepted by an older server.
  if (endpointErrors.length > 0 && old !== undefined && semanticEqual(old.endpoints, slice.endpoints)) return errors
  return [...errors, ...endpointErrors]
}

function validatePorts(ports: readonly EndpointPort[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany('ports', ports.length, MAX_PORTS)]
  const names = new Set<string>()
  return ports.flatMap(({ name = '', protocol, appProtocol }, index) => {
    const field = `ports[${index}]`
    const errors = name === '' ? [] : validateDNS1123Label(name, `${field}.name`)
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name))
    names.add(name)
    if (protocol === undefined) errors.push(required(`${field}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS))
    if (appProtocol !== undefined) errors.push(...validateQualifiedName(appProtocol, `${field}.appProtocol`))
    return errors
  })
}

function validateEndpoint(endpoint: Endpoint, addressType: string, field: string): FieldError[] {
  const { addresses = [], nodeName, hostname, hints } = endpoint
  const errors: FieldError[] = []
  if (addresses.length === 0) errors.push(required(`${field}.addresses`, 'must contain at least 1 address'))
  else if (addresses.length > MAX_ADDRESSES) errors.push(tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES))
  errors.push(...addresses.flatMap((address, index) => validateAddress(address, addressType, `${field}.addresses`, index)))
  if (nodeName !== undefined) errors.push(...each(`${field}.nodeName`, nodeName, dns1123SubdomainErrors(nodeName)))
  if (hostname !== undefined) errors.push(...validateDNS1123Label(hostname, `${field}.hostname`))
  return hints === undefined ? errors : [...errors, ...validateHints(hints, `${field}.hints`)]
}

function validateAddress(address: string, addressType: string, list: string, index: number): FieldError[] {
  const field = `${list}[${index}]`
  if (addressType === 'FQDN') return validateDomainName(address, field)
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return []
  const errors = addressType === 'IPv4' ? validateLegacyIP(field, address) : validateIP(field, address)
  if (errors.length > 0) return errors
  const family = parseIP(address)?.family === 6 ? 'IPv6' : 'IPv4'
  const wrong = family === addressType ? [] : [invalidValue(list, address, `must be an ${addressType} address`)]
  return [...wrong, ...validateEndpointIP(address, field)]
}

function validateDomainName(address: string, field: string): FieldError[] {
  if (address === '') return [required(field)]
  const name = address.replace(/\.$/, '')
  const errors = dns1123SubdomainErrors(name)
  if (errors.length > 0) return [invalidValue(field, name, errors.join(','))]
  const labels = name.split('.')
  if (labels.length < 2) return [invalidValue(field, name, 'should be a domain with at least two segments separated by dots')]
  const label = labels.find((one) => dns1123LabelErrors(one).length > 0)
  return label === undefined ? [] : [invalidValue(field, label, dns1123LabelErrors(label).join(','))]
}

function validateHints({ forZones = [], forNodes = [] }: EndpointHints, field: string): FieldError[] {
  if (forZones.length > MAX_HINTS) return [tooMany(`${field}.forZones`, forZones.length, MAX_HINTS)]
  const errors = validateHintNames(forZones, `${field}.forZones`, labelValueErrors)
  if (forNodes.length > MAX_HINTS) return [...errors, tooMany(`${field}.forNodes`, forNodes.length, MAX_HINTS)]
  return [...errors, ...validateHintNames(forNodes, `${field}.forNodes`, dns1123SubdomainErrors)]
}

function validateHintNames(hints: readonly { name?: string | undefined }[], field: string, rule: (name: string) => string[]): FieldError[] {
  const seen = new Set<string>()
  return hints.flatMap(({ name = '' }, index) => {
    const at = `${field}[${index}].name`
    const repeated = seen.has(name) ? [duplicate(at, name)] : []
    seen.add(name)
    return [...repeated, ...each(at, name, rule(name))]
  })
}

function sliceWarnings(slice: EndpointSlice, old: EndpointSlice | undefined): string[] {
  const warnings = old === undefined && slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []
  if (CONTROLLERS.includes(slice.metadata?.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return warnings
  return [
    ...warnings,
    ...(slice.endpoints ?? []).flatMap(({ addresses = [] }, index) =>
      addresses.flatMap((address, at) => ipWarnings(`endpoints[${index}].addresses[${at}]`, address)),
    ),
  ]
}

function listCell(entries: readonly string[]): string {
  if (entries.length === 0) return '<unset>'
  const shown = entries.slice(0, SHOWN).join(',')
  return entries.length > SHOWN ? `${shown} + ${entries.length - SHOWN} more...` : shown
}
