/**
 * NetworkPolicy: stored and validated; nothing here enforces it.
 *
 * @see pkg/apis/networking/validation/validation.go
 * @see pkg/registry/networking/networkpolicy/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '../../api/types/networking/v1.ts'
import { labelSelectorText } from '../core/pod/templatecells.ts'
import { cidrContains, cidrWarnings, parseCIDR, validateLegacyCIDR } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { each, portNameErrors, portNumberErrors, semanticEqual, validateLabelSelector } from '../validation.ts'

const PROTOCOLS = ['TCP', 'UDP', 'SCTP']

interface Options {
  allowInvalidLabelValue: boolean
  /** Blocks of the stored policy. */
  knownCIDRs: readonly string[]
}

export const networkPolicies = define<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'networkpolicies',
  singular: 'networkpolicy',
  kind: 'NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.networking.v1.NetworkPolicy',
  storage: { prefix: '/registry/networkpolicies/' },
  strategy: {
    validateName: subdomainName,
    defaults({ spec }) {
      if (spec === undefined) return
      for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of ports) port.protocol ??= 'TCP'
      if ((spec.policyTypes ?? []).length === 0) spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
    },
    validate: ({ spec = {} }) => validateSpec(spec, { allowInvalidLabelValue: false, knownCIDRs: [] }),
    validateUpdate: ({ spec = {} }, old) =>
      validateSpec(spec, {
        allowInvalidLabelValue: validateLabelSelector(old.spec?.podSelector, '').length > 0,
        knownCIDRs: peersOf(old.spec ?? {}).flatMap(({ peer }) => [peer.ipBlock?.cidr ?? '', ...(peer.ipBlock?.except ?? [])]),
      }),
    warnings: ({ spec = {} }) =>
      peersOf(spec).flatMap(({ peer: { ipBlock }, field }) =>
        ipBlock === undefined
          ? []
          : [
              ...cidrWarnings(`${field}.ipBlock.cidr`, ipBlock.cidr ?? ''),
              ...(ipBlock.except ?? []).flatMap((cidr, index) => cidrWarnings(`${field}.ipBlock.except[${index}]`, cidr)),
            ],
      ),
    specChanged: (policy, old) => !semanticEqual(policy.spec, old.spec),
    allowUnconditionalUpdate: true,
  },
  table: {
    columns: () => [NAME_COLUMN, column('Pod-Selector', 'doc:io.k8s.api.networking.v1.NetworkPolicySpec.podSelector'), AGE_COLUMN],
    cells: (policy, { nowMs }) => [nameCell(policy), labelSelectorText(policy.spec?.podSelector) || '<none>', ageCell(policy, nowMs)],
  },
})

function validateSpec(spec: NetworkPolicySpec, options: Options): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector', options)
  for (const [direction, member] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    const rules: readonly { ports?: NetworkPolicyPort[]; from?: NetworkPolicyPeer[]; to?: NetworkPolicyPeer[] }[] =
      (spec[direction] as never) ?? []
    for (const [index, rule] of rules.entries()) {
      const at = `spec.${direction}[${index}]`
      errors.push(...(rule.ports ?? []).flatMap((port, which) => validatePort(port, `${at}.ports[${which}]`)))
      errors.push(...(rule[member] ?? []).flatMap((peer, which) => validatePeer(peer, `${at}.${member}[${which}]`, options)))
    }
  }
  const types = spec.policyTypes ?? []
  if (types.length > 2) return [...errors, invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')]
  errors.push(
    ...types.flatMap((type, index) =>
      type === 'Ingress' || type === 'Egress' ? [] : [notSupported(`spec.policyTypes[${index}]`, type, ['Ingress', 'Egress'])],
    ),
  )
  return errors
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS))
  if (port === undefined) {
    if (endPort !== undefined) errors.push(invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified'))
  } else if (typeof port === 'string') {
    if (endPort !== undefined) errors.push(invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric'))
    errors.push(...each(`${field}.port`, port, portNameErrors(port)))
  } else {
    errors.push(...each(`${field}.port`, port, portNumberErrors(port)))
    if (endPort !== undefined && endPort < port)
      errors.push(invalidValue(`${field}.endPort`, port, 'must be greater than or equal to `port`'))
    if (endPort !== undefined) errors.push(...each(`${field}.endPort`, endPort, portNumberErrors(endPort)))
  }
  return errors
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, field: string, options: Options): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector, `${field}.podSelector`, options),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`, options),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, `${field}.ipBlock`, options.knownCIDRs)),
  ]
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined)
    errors.push(required(field, 'must specify a peer'))
  else if (ipBlock !== undefined && (podSelector !== undefined || namespaceSelector !== undefined)) {
    errors.push(forbiddenField(field, 'may not specify both ipBlock and another peer'))
  }
  return errors
}

function validateBlock({ cidr = '', except = [] }: IPBlock, field: string, known: readonly string[]): FieldError[] {
  if (cidr === '') return [required(`${field}.cidr`)]
  const errors = validateLegacyCIDR(`${field}.cidr`, cidr, known)
  const block = parseCIDR(cidr)
  if (block === undefined) return errors
  for (const [index, text] of except.entries()) {
    const at = `${field}.except[${index}]`
    errors.push(...validateLegacyCIDR(at, text, known))
    const part = parseCIDR(text)
    if (part === undefined) continue
    const first = { family: part.family, value: part.base, leadingZeros: false, mapped: false }
    if (!cidrContains(block, first) || block.bits >= part.bits) errors.push(invalidValue(at, text, 'must be a strict subset of `cidr`'))
  }
  return errors
}

function peersOf(spec: NetworkPolicySpec): { peer: NetworkPolicyPeer; field: string }[] {
  return [
    ...(spec.ingress ?? []).flatMap(({ from = [] }, index) =>
      from.map((peer, at) => ({ peer, field: `spec.ingress[${index}].from[${at}]` })),
    ),
    ...(spec.egress ?? []).flatMap(({ to = [] }, index) => to.map((peer, at) => ({ peer, field: `spec.egress[${index}].to[${at}]` }))),
  ]
}
