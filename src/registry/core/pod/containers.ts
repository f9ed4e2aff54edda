/**
 * Containers, init containers and ephemeral containers.
 *
 * @see pkg/apis/core/validation/validation.go, validateContainers, validateInitContainers, validateEphemeralContainers
 * @module
 */
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
  tooMany,
} from '../../../api/field.ts'
import type { Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec } from '../../../api/types/core/v1.ts'
import { each, portNameErrors, portNumberErrors, validateDNS1123Label } from '../../validation.ts'
import { envErrors, envFromErrors } from './env.ts'
import { type Volumes, volumeDeviceErrors, volumeMountErrors } from './mounts.ts'
import { type HandlerContext, lifecycleErrors, readinessProbeErrors, singleSuccessProbeErrors } from './probes.ts'
import { containerResourcesErrors, type RequirementsContext } from './resourcerequirements.ts'
import { type ContainerSecurityOptions, securityContextErrors } from './securitycontext.ts'

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never']
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError']
const PROTOCOLS = ['SCTP', 'TCP', 'UDP']
const RESIZE_RESOURCES = ['cpu', 'memory']
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer']
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure']
const RESTART_ACTIONS = ['Restart', 'RestartAllContainers']
const EXIT_CODE_OPERATORS = ['In', 'NotIn']
const MAX_RESTART_RULES = 20
const MAX_EXIT_CODES = 255

const NOT_EPHEMERAL = 'cannot be set for an Ephemeral Container'
const ONLY_SIDECAR = 'may not be set for init containers without restartPolicy=Always'

/** What all containers of a pod are judged by. */
export interface ContainerContext extends HandlerContext, RequirementsContext, ContainerSecurityOptions {
  spec: PodSpec
  volumes: Volumes
  allowRestartContainerOfInitContainer: boolean
}

export function containersErrors(
  containers: readonly Container[] | undefined | null,
  field: string,
  context: ContainerContext,
): FieldError[] {
  if (containers === undefined || containers === null || containers.length === 0) return [required(field)]
  const errors: FieldError[] = []
  const names = new Set<string>()
  for (let index = 0; index < containers.length; index++) {
    const container = containers[index]!
    const at = `${field}[${index}]`
    errors.push(...commonErrors(container, at, context))
    const { name = '' } = container
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    errors.push(...handlersErrors(container, at, context), ...restartErrors(container, at))
  }
  errors.push(...hostPortConflicts(containers, field))
  return errors
}

export function initContainersErrors(containers: readonly Container[] | undefined, field: string, context: ContainerContext): FieldError[] {
  if (containers === undefined) return []
  const errors: FieldError[] = []
  const names = new Set(context.spec.containers?.map((one) => one.name ?? ''))
  for (const [index, container] of containers.entries()) {
    const at = `${field}[${index}]`
    const { name = '', restartPolicy, restartPolicyRules = [] } = container
    errors.push(...commonErrors(container, at, context))
    if (restartPolicy !== undefined) errors.push(...restartErrors(container, at))
    else if (restartPolicyRules.length > 0)
      errors.push(required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    else if (name !== '') names.add(name)
    errors.push(...hostPortConflicts([container], field))
    if (restartPolicy === 'Always') {
      errors.push(...handlersErrors(container, at, context))
      continue
    }
    for (const member of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[member] !== undefined) errors.push(forbiddenField(`${at}.${member}`, ONLY_SIDECAR))
    }
    if (context.allowRestartContainerOfInitContainer) continue
    for (const [number, policy] of (container.resizePolicy ?? []).entries()) {
      if (policy.restartPolicy !== 'RestartContainer') continue
      const text = "must not be set to 'RestartContainer' for non-sidecar initContainers"
      errors.push(invalidValue(`${at}.resizePolicy[${number}].restartPolicy`, policy.restartPolicy, text))
    }
  }
  return errors
}

export function ephemeralContainersErrors(
  containers: readonly EphemeralContainer[] | undefined,
  field: string,
  context: ContainerContext,
): FieldError[] {
  if (containers === undefined || containers.length === 0) return []
  const errors: FieldError[] = []
  const others = new Set([...(context.spec.containers ?? []), ...(context.spec.initContainers ?? [])].map((one) => one.name ?? ''))
  const names = new Set(others)
  for (const [index, container] of containers.entries()) {
    const at = `${field}[${index}]`
    const { name = '', targetContainerName = '', volumeMounts = [] } = container
    errors.push(...commonErrors(container, at, context), ...imagePaddingErrors(container, at))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    if (targetContainerName !== '' && !others.has(targetContainerName))
      errors.push(notFoundField(`${at}.targetContainerName`, targetContainerName))
    errors.push(...notEphemeralErrors(container, at))
    for (const [number, mount] of volumeMounts.entries()) {
      if (mount.subPath) errors.push(forbiddenField(`${at}.volumeMounts[${number}].subPath`, NOT_EPHEMERAL))
      if (mount.subPathExpr) errors.push(forbiddenField(`${at}.volumeMounts[${number}].subPathExpr`, NOT_EPHEMERAL))
    }
  }
  return errors
}

/** Templates may pad their images, pods may not. */
export function imagePaddingErrors({ image = '' }: Container | EphemeralContainer, field: string): FieldError[] {
  return image.trim() === image ? [] : [invalidValue(`${field}.image`, image, 'must not have leading or trailing whitespace')]
}

export function pullPolicyErrors(policy: string, field: string): FieldError[] {
  if (PULL_POLICIES.includes(policy)) return []
  return [policy === '' ? required(field) : notSupported(field, policy, PULL_POLICIES)]
}

function commonErrors(container: Container | EphemeralContainer, at: string, context: ContainerContext): FieldError[] {
  const { name = '', terminationMessagePolicy = '', imagePullPolicy = '', resources, resizePolicy } = container
  const errors: FieldError[] = name === '' ? [required(`${at}.name`)] : validateDNS1123Label(name, `${at}.name`)
  if (!container.image) errors.push(required(`${at}.image`))
  if (!MESSAGE_POLICIES.includes(terminationMessagePolicy)) {
    const field = `${at}.terminationMessagePolicy`
    errors.push(terminationMessagePolicy === '' ? required(field) : notSupported(field, terminationMessagePolicy, MESSAGE_POLICIES))
  }
  if (container.ports !== undefined) errors.push(...portsErrors(container.ports, `${at}.ports`))
  if (container.env !== undefined) errors.push(...envErrors(container.env, `${at}.env`))
  if (container.envFrom !== undefined) errors.push(...envFromErrors(container.envFrom, `${at}.envFrom`))
  if (container.volumeMounts !== undefined) errors.push(...volumeMountErrors(container, context.volumes, `${at}.volumeMounts`))
  if (container.volumeDevices !== undefined) errors.push(...volumeDeviceErrors(container, context.volumes, `${at}.volumeDevices`))
  errors.push(...pullPolicyErrors(imagePullPolicy, `${at}.imagePullPolicy`))
  if (resources !== undefined) errors.push(...containerResourcesErrors(resources, `${at}.resources`, context))
  if (resizePolicy !== undefined) errors.push(...resizePolicyErrors(resizePolicy, `${at}.resizePolicy`, context.spec.restartPolicy))
  errors.push(...securityContextErrors(container.securityContext, `${at}.securityContext`, context))
  return errors
}

function handlersErrors(container: Container, at: string, context: HandlerContext): FieldError[] {
  return [
    ...lifecycleErrors(container.lifecycle, `${at}.lifecycle`, context),
    ...singleSuccessProbeErrors(container.livenessProbe, `${at}.livenessProbe`),
    ...readinessProbeErrors(container.readinessProbe, `${at}.readinessProbe`),
    ...singleSuccessProbeErrors(container.startupProbe, `${at}.startupProbe`),
  ]
}

function portsErrors(ports: readonly ContainerPort[], field: string): FieldError[] {
  const errors: FieldError[] = []
  const names = new Set<string>()
  for (let index = 0; index < ports.length; index++) {
    const { name = '', containerPort = 0, hostPort = 0, protocol = '' } = ports[index]!
    const at = `${field}[${index}]`
    if (name !== '') {
      const texts = portNameErrors(name)
      if (texts.length > 0) errors.push(...each(`${at}.name`, name, texts))
      else if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
      else names.add(name)
    }
    if (containerPort === 0) errors.push(required(`${at}.containerPort`))
    else errors.push(...each(`${at}.containerPort`, containerPort, portNumberErrors(containerPort)))
    if (hostPort !== 0) errors.push(...each(`${at}.hostPort`, hostPort, portNumberErrors(hostPort)))
    if (protocol === '') errors.push(required(`${at}.protocol`))
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS))
  }
  return errors
}

function hostPortConflicts(containers: readonly Container[], field: string): FieldError[] {
  const errors: FieldError[] = []
  const taken = new Set<string>()
  for (const [index, { ports }] of containers.entries()) {
    if (ports === undefined) continue
    for (const [number, { hostPort = 0, protocol = '', hostIP = '' }] of ports.entries()) {
      if (hostPort === 0) continue
      const port = `${protocol}/${hostIP}/${hostPort}`
      if (taken.has(port)) errors.push(duplicate(`${field}[${index}].ports[${number}].hostPort`, port))
      taken.add(port)
    }
  }
  return errors
}

function resizePolicyErrors(policies: readonly ContainerResizePolicy[], field: string, podRestartPolicy: string | undefined): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { resourceName = '', restartPolicy = '' }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${field}[${index}]`, resourceName))
    seen.add(resourceName)
    if (!RESIZE_RESOURCES.includes(resourceName))
      errors.push(resourceName === '' ? required(field) : notSupported(field, resourceName, RESIZE_RESOURCES))
    if (!RESIZE_POLICIES.includes(restartPolicy))
      errors.push(restartPolicy === '' ? required(field) : notSupported(field, restartPolicy, RESIZE_POLICIES))
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.push(invalidValue(field, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
    }
  }
  return errors
}

/** A container's own restart policy and its rules. */
function restartErrors({ restartPolicy, restartPolicyRules = [] }: Container, at: string): FieldError[] {
  const errors: FieldError[] = []
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length === 0) return errors
    errors.push(required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
  } else if (!RESTART_POLICIES.includes(restartPolicy)) errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, RESTART_POLICIES))
  if (restartPolicyRules.length > MAX_RESTART_RULES)
    errors.push(tooMany(`${at}.restartPolicyRules`, restartPolicyRules.length, MAX_RESTART_RULES))
  for (const [index, { action = '', exitCodes }] of restartPolicyRules.entries()) {
    const field = `${at}.restartPolicyRules[${index}]`
    if (!RESTART_ACTIONS.includes(action)) errors.push(notSupported(`${field}.action`, action, RESTART_ACTIONS))
    if (exitCodes === undefined) {
      errors.push(required(`${field}.exitCodes`, 'must be specified'))
      continue
    }
    const { operator = '', values = [] } = exitCodes
    if (!EXIT_CODE_OPERATORS.includes(operator)) errors.push(notSupported(`${field}.exitCodes.operator`, operator, EXIT_CODE_OPERATORS))
    if (values.length > MAX_EXIT_CODES) errors.push(tooMany(`${field}.exitCodes.values`, values.length, MAX_EXIT_CODES))
  }
  return errors
}

/** An ephemeral container is for looking, so that a pod must not come to need it. */
function notEphemeralErrors(container: EphemeralContainer, at: string): FieldError[] {
  const { resources = {} } = container
  const refused: [member: string, isSet: boolean][] = [
    ['ports', container.ports !== undefined],
    ['resources', resources.limits !== undefined || resources.requests !== undefined || resources.claims !== undefined],
    ['resizePolicy', container.resizePolicy !== undefined],
    ['restartPolicy', container.restartPolicy !== undefined],
    ['restartPolicyRules', container.restartPolicyRules !== undefined],
    ['livenessProbe', container.livenessProbe !== undefined],
    ['readinessProbe', container.readinessProbe !== undefined],
    ['startupProbe', container.startupProbe !== undefined],
    ['lifecycle', container.lifecycle !== undefined],
  ]
  return refused.filter(([, isSet]) => isSet).map(([member]) => forbiddenField(`${at}.${member}`, NOT_EPHEMERAL))
}
