/**
 * Node.
 *
 * @see pkg/registry/core/node/strategy.go
 * @see pkg/apis/core/validation/validation.go, ValidateNode
 * @module
 */

import { duplicate, type FieldError, forbiddenField, internalFieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { configKeyErrors, labelName, labelValueErrors, subdomainName } from '../../api/names.ts'
import { quote } from '../../api/status.ts'
import type { ConfigMapNodeConfigSource, Node, NodeConfigSource, NodeConfigStatus, Taint } from '../../api/types/core/v1.ts'
import { cidrWarnings, isDualStack, parseCIDR, validateLegacyCIDR } from '../ip.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { byteLength, each, validateLabelName, validatePositive } from '../validation.ts'
import { canonicalResources, type ResourceList } from './pod/resourcelist.ts'
import { validateResourceQuantity } from './resource-names.ts'

const ROLE_PREFIX = 'node-role.kubernetes.io/'
const ROLE_LABEL = 'kubernetes.io/role'
const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']
const FIXED_CIDR = 'node updates may not change podCIDR except from "" to valid'
const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/

export const nodes = define<Node>({
  group: '',
  version: 'v1',
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  namespaced: false,
  shortNames: ['no'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.Node',
  storage: { prefix: '/registry/minions/' },
  strategy: {
    validateName: subdomainName,
    defaults(node) {
      const { status, spec } = node
      canonicalResources(status?.capacity)
      canonicalResources(status?.allocatable)
      if (status?.capacity !== undefined && status.allocatable === undefined) status.allocatable = { ...status.capacity }
      if (spec !== undefined) keepCIDRsTogether(spec)
    },
    prepareForCreate(node) {
      delete node.spec?.configSource
      delete node.status?.config
    },
    prepareForUpdate(node, old) {
      node.status = old.status
      if (old.spec?.configSource === undefined) delete node.spec?.configSource
    },
    validate: validateNode,
    validateUpdate: (node, old) => [...validateNode(node), ...validateNodeUpdate(node, old)],
    warnings: nodeWarnings,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  fields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Status', 'The status of the node'),
      column('Roles', 'The roles of the node'),
      AGE_COLUMN,
      column('Version', 'doc:io.k8s.api.core.v1.NodeSystemInfo.kubeletVersion'),
      wideColumn('Internal-IP', 'doc:io.k8s.api.core.v1.NodeStatus.addresses'),
      wideColumn('External-IP', 'doc:io.k8s.api.core.v1.NodeStatus.addresses'),
      wideColumn('OS-Image', 'doc:io.k8s.api.core.v1.NodeSystemInfo.osImage'),
      wideColumn('Kernel-Version', 'doc:io.k8s.api.core.v1.NodeSystemInfo.kernelVersion'),
      wideColumn('Container-Runtime', 'doc:io.k8s.api.core.v1.NodeSystemInfo.containerRuntimeVersion'),
    ],
    cells(node, { nowMs }) {
      const info = node.status?.nodeInfo ?? {}
      const kernel = info.kernelVersion || '<unknown>'
      return [
        nameCell(node),
        statusCell(node),
        rolesOf(node).join(',') || '<none>',
        ageCell(node, nowMs),
        info.kubeletVersion ?? '',
        addressOf(node, 'InternalIP'),
        addressOf(node, 'ExternalIP'),
        info.osImage || '<unknown>',
        info.architecture ? `${kernel} (${info.architecture})` : kernel,
        info.containerRuntimeVersion || '<unknown>',
      ]
    },
  },
  subresources: {
    proxy: {
      type: 'connect',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      kind: { group: '', version: 'v1', kind: 'NodeProxyOptions' },
    },
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(node, old) {
          node.spec = old.spec
          if (old.status?.config === undefined) delete node.status?.config
        },
        validateUpdate: validateNodeUpdate,
        resetFields: ['spec'],
      },
    },
  },
})

/** `podCIDR` is the first of `podCIDRs`, and the one that counts when they differ. */
function keepCIDRsTogether(spec: NonNullable<Node['spec']>): void {
  if (spec.podCIDR) {
    if (spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR]
  } else if (spec.podCIDRs?.[0] !== undefined) spec.podCIDR = spec.podCIDRs[0]
}

function validateNode(node: Node): FieldError[] {
  const cidrs = node.spec?.podCIDRs ?? []
  const errors = [
    ...validateTaints(node.spec?.taints ?? [], 'metadata.taints'),
    ...validateResources(node),
    ...validateSwap(node),
    ...validateDeclaredFeatures(node),
    ...cidrs.flatMap((cidr, index) => validateLegacyCIDR(`spec.podCIDRs[${index}]`, cidr)),
  ]
  const unreadable = cidrs.findIndex((cidr) => parseCIDR(cidr) === undefined)
  if (cidrs.length > 1 && unreadable >= 0) {
    const why = `invalid CIDR[${unreadable}]: <nil> (invalid CIDR address: ${cidrs[unreadable]})`
    errors.push(internalFieldError('spec.podCIDRs', `invalid PodCIDRs. failed to check with dual stack with error:${why}`))
  }
  if (cidrs.length > 1 && (cidrs.length > 2 || !isDualStack(cidrs))) {
    errors.push(invalidValue('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'))
  }
  return errors
}

function validateNodeUpdate(node: Node, old: Node): FieldError[] {
  const errors = [...validateResources(node), ...validateDeclaredFeatures(node)]
  const seen = new Set<string>()
  ;(node.status?.addresses ?? []).forEach((address, index) => {
    const { type = '', address: text = '' } = address
    const key = `${type} ${text}`
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${index}]`, { Type: type, Address: text }))
    seen.add(key)
  })
  const before = old.spec?.podCIDRs ?? []
  const now = node.spec?.podCIDRs ?? []
  if (before.length > 0) {
    if (before.length !== now.length) errors.push(forbiddenField('spec.podCIDRs', FIXED_CIDR))
    else for (const [index, cidr] of before.entries()) if (cidr !== now[index]) errors.push(forbiddenField('spec.podCIDRs', FIXED_CIDR))
  }
  if (old.spec?.providerID && old.spec.providerID !== (node.spec?.providerID ?? '')) {
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'))
  }
  if (node.spec?.configSource !== undefined) errors.push(...validateConfigSource(node.spec.configSource, 'spec.configSource', false))
  if (node.status?.config !== undefined) errors.push(...validateConfigStatus(node.status.config))
  errors.push(...validateTaints(node.spec?.taints ?? [], 'metadata.taints'))
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) errors.push(forbiddenField('spec.externalID', 'may not be updated'))
  return errors
}

function validateTaints(taints: readonly Taint[], field: string): FieldError[] {
  const seen = new Set<string>()
  return taints.flatMap((taint, index) => {
    const at = `${field}[${index}]`
    const { key = '', value = '', effect = '' } = taint
    const errors = validateLabelName(key, `${at}.key`)
    const valueErrors = labelValueErrors(value)
    if (valueErrors.length > 0) errors.push(invalidValue(`${at}.value`, value, valueErrors.join(';')))
    if (effect === '') errors.push(required(`${at}.effect`))
    else if (!TAINT_EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, TAINT_EFFECTS))
    const id = `${effect}\0${key}`
    if (seen.has(id)) {
      const error = duplicate(at, { Key: key, Value: value, Effect: effect, TimeAdded: taint.timeAdded ?? null })
      errors.push({ ...error, text: `${error.text}: taints must be unique by key and effect pair` })
    }
    seen.add(id)
    return errors
  })
}

function validateResources({ status = {} }: Node): FieldError[] {
  const of = (list: ResourceList | undefined, member: string) =>
    Object.entries(list ?? {}).flatMap(([name, quantity]) => validateResourceQuantity(name, quantity, `status.${member}.${name}`))
  return [...of(status.capacity, 'capacity'), ...of(status.allocatable, 'allocatable')]
}

function validateSwap({ status = {} }: Node): FieldError[] {
  const capacity = status.nodeInfo?.swap?.capacity
  return capacity === undefined ? [] : validatePositive(capacity, 'metadata.nodeSwapStatus.capacity')
}

function validateDeclaredFeatures({ status = {} }: Node): FieldError[] {
  const features = status.declaredFeatures ?? []
  const field = (index: number) => `status.declaredFeatures[${index}]`
  return features.flatMap((feature, index) => {
    const errors: FieldError[] = []
    const wrong = (why: string) => errors.push(invalidValue(field(index), feature, `invalid feature name ${quote(feature)}: ${why}`))
    if (byteLength(feature) > 253) wrong('must be no more than 253 characters')
    else if (!FEATURE.test(feature)) {
      wrong(
        "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes",
      )
    }
    const next = features[index + 1]
    if (next === feature) errors.push(duplicate(field(index + 1), next))
    else if (next !== undefined && feature > next) errors.push(invalidValue(field(index + 1), next, 'list must be sorted alphabetically'))
    return errors
  })
}

function validateConfigStatus(config: NodeConfigStatus): FieldError[] {
  return (['assigned', 'active', 'lastKnownGood'] as const).flatMap((name) => {
    const source = config[name]
    return source === undefined ? [] : validateConfigSource(source, `status.config.${name}`, true)
  })
}

function validateConfigSource(source: NodeConfigSource, field: string, inStatus: boolean): FieldError[] {
  if (source.configMap === undefined) return [invalidValue(field, { ConfigMap: null }, 'exactly one reference subfield must be non-nil')]
  return validateConfigMapSource(source.configMap, `${field}.configMap`, inStatus)
}

function validateConfigMapSource(source: ConfigMapNodeConfigSource, field: string, inStatus: boolean): FieldError[] {
  const errors: FieldError[] = []
  for (const member of ['uid', 'resourceVersion'] as const) {
    if (inStatus && !source[member]) errors.push(required(`${field}.${member}`))
    if (!inStatus && source[member]) errors.push(forbiddenField(`${field}.${member}`, `${member} must not be set in spec`))
  }
  const judged = (member: 'namespace' | 'name' | 'kubeletConfigKey', rule: (text: string) => string[]) => {
    const text = source[member] ?? ''
    errors.push(...(text === '' ? [required(`${field}.${member}`)] : each(`${field}.${member}`, text, rule(text))))
  }
  judged('namespace', (text) => labelName(text, false))
  judged('name', (text) => subdomainName(text, false))
  judged('kubeletConfigKey', configKeyErrors)
  return errors
}

function nodeWarnings(node: Node): string[] {
  const warnings: string[] = []
  if (node.spec?.configSource !== undefined) warnings.push('spec.configSource: the feature is removed')
  if (node.spec?.externalID) warnings.push('spec.externalID: this field is deprecated, and is unused by Kubernetes')
  return [...warnings, ...(node.spec?.podCIDRs ?? []).flatMap((cidr, index) => cidrWarnings(`spec.podCIDRs[${index}]`, cidr))]
}

function statusCell(node: Node): string {
  const ready = (node.status?.conditions ?? []).findLast((condition) => condition.type === 'Ready')
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return node.spec?.unschedulable === true ? `${status},SchedulingDisabled` : status
}

function rolesOf(node: Node): string[] {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length))
    else if (key === ROLE_LABEL && value !== '') roles.add(value)
  }
  return [...roles].sort()
}

function addressOf(node: Node, type: string): string {
  return (node.status?.addresses ?? []).find((address) => address.type === type)?.address ?? '<none>'
}
