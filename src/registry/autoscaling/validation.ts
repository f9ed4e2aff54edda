/**
 * What a HorizontalPodAutoscaler must fulfil.
 *
 * @see pkg/apis/autoscaling/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { pathSegmentErrors } from '../../api/names.ts'
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../api/types/autoscaling/v2.ts'
import { isNegativeQuantity, isPositiveQuantity } from '../core/pod/resourcelist.ts'
import { validateContainerResourceName } from '../core/resource-names.ts'
import { each, validateDNS1123Label, validateNonnegative } from '../validation.ts'

const MAX_PERIOD_SECONDS = 1800
const MAX_WINDOW_SECONDS = 3600
const SOURCES = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']
const MEMBER: Readonly<Record<string, string>> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
}
const ONE_TARGET = 'may not set both a target raw value and a target utilization'

interface ReferenceOptions {
  allowEmptyGroup: boolean
  allowInvalid: boolean
}

export function validateAutoscaler(autoscaler: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler | undefined): FieldError[] {
  const { minReplicas, maxReplicas = 0, scaleTargetRef = {}, metrics = [], behavior } = autoscaler.spec ?? {}
  const errors: FieldError[] = []
  const lowest = old?.spec?.minReplicas === 0 ? 0 : 1
  if (minReplicas !== undefined && minReplicas < lowest) {
    errors.push(invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`))
  }
  if (maxReplicas === 0) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'))
  else if (maxReplicas < 0) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  }
  const before = old?.spec?.scaleTargetRef
  const sameTarget = before !== undefined && before.apiVersion === scaleTargetRef.apiVersion && before.kind === scaleTargetRef.kind
  errors.push(
    ...validateReference(scaleTargetRef, 'spec.scaleTargetRef', {
      allowInvalid: sameTarget,
      allowEmptyGroup: scaleTargetRef.kind === 'ReplicationController',
    }),
  )
  const objectOptions: ReferenceOptions = { allowEmptyGroup: true, allowInvalid: false }
  objectOptions.allowInvalid = (old?.spec?.metrics ?? []).some(
    ({ type, object }) =>
      type === 'Object' && object !== undefined && apiVersionError(object.describedObject ?? {}, objectOptions) !== undefined,
  )
  errors.push(...metrics.flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`, objectOptions)))
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    errors.push(forbiddenField('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas'))
  }
  errors.push(
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  )
  return errors
}

export function validateAutoscalerStatus({ status = {} }: HorizontalPodAutoscaler): FieldError[] {
  return [
    ...validateNonnegative(status.currentReplicas ?? 0, 'status.currentReplicas'),
    ...validateNonnegative(status.desiredReplicas ?? 0, 'status.desiredReplicas'),
  ]
}

function validateReference(reference: CrossVersionObjectReference, field: string, options: ReferenceOptions): FieldError[] {
  const errors: FieldError[] = []
  for (const member of ['kind', 'name'] as const) {
    const value = reference[member] ?? ''
    errors.push(...(value === '' ? [required(`${field}.${member}`)] : each(`${field}.${member}`, value, pathSegmentErrors(value))))
  }
  const error = apiVersionError(reference, options)
  if (error !== undefined) errors.push(invalidValue(`${field}.apiVersion`, reference.apiVersion ?? '', error))
  return errors
}

function apiVersionError(
  { apiVersion = '' }: CrossVersionObjectReference,
  { allowEmptyGroup, allowInvalid }: ReferenceOptions,
): string | undefined {
  if (allowInvalid) return undefined
  const parts = apiVersion === '' || apiVersion === '/' ? [] : apiVersion.split('/')
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`
  const group = parts.length === 2 ? parts[0] : ''
  return group === '' && !allowEmptyGroup ? 'apiVersion must specify API group' : undefined
}

function validateRules(rules: HPAScalingRules | undefined, field: string): FieldError[] {
  if (rules === undefined) return []
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules
  const errors: FieldError[] = []
  if (window !== undefined && window < 0)
    errors.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'))
  if (window !== undefined && window > MAX_WINDOW_SECONDS) {
    errors.push(invalidValue(`${field}.stabilizationWindowSeconds`, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`))
  }
  if (selectPolicy !== undefined && !['Disabled', 'Max', 'Min'].includes(selectPolicy))
    errors.push(notSupported(`${field}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min']))
  if (policies.length === 0) errors.push(required(`${field}.policies`, 'must specify at least one Policy'))
  for (const [index, { type = '', value = 0, periodSeconds = 0 }] of policies.entries()) {
    const at = `${field}.policies[${index}]`
    if (type !== 'Pods' && type !== 'Percent') errors.push(notSupported(`${at}.type`, type, ['Percent', 'Pods']))
    if (value <= 0) errors.push(invalidValue(`${at}.value`, value, 'must be greater than zero'))
    if (periodSeconds <= 0) errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'))
    if (periodSeconds > MAX_PERIOD_SECONDS)
      errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`))
  }
  if (tolerance !== undefined && isNegativeQuantity(tolerance))
    errors.push(invalidValue(`${field}.tolerance`, tolerance, 'must be greater than or equal to 0'))
  return errors
}

function validateMetric(metric: MetricSpec, field: string, options: ReferenceOptions): FieldError[] {
  const { type = '' } = metric
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric source type'))
  if (!SOURCES.includes(type)) errors.push(notSupported(`${field}.type`, type, SOURCES))
  const present = (['object', 'external', 'pods', 'resource', 'containerResource'] as const).filter(
    (member) => metric[member] !== undefined,
  )
  if (present[0] !== undefined) errors.push(...validateSource(metric, present[0], `${field}.${present[0]}`, options))
  const expected = MEMBER[type]
  if (expected === undefined) errors.push(notSupported(`${field}.type`, type, SOURCES))
  else if (!present.some((member) => member === expected))
    errors.push(required(`${field}.${expected}`, 'must populate information for the given metric source'))
  if (present.length !== 1) {
    errors.push(
      ...present
        .filter((member) => member !== expected)
        .map((member) => forbiddenField(`${field}.${member}`, 'must populate the given metric source only')),
    )
  }
  return errors
}

function validateSource(
  metric: MetricSpec,
  member: 'object' | 'external' | 'pods' | 'resource' | 'containerResource',
  field: string,
  options: ReferenceOptions,
): FieldError[] {
  switch (member) {
    case 'object': {
      const { describedObject = {}, metric: id, target = {} } = metric.object ?? {}
      const errors = [
        ...validateReference(describedObject, `${field}.describedObject`, options),
        ...validateIdentifier(id, field),
        ...validateTarget(target, field),
      ]
      if (target.value === undefined && target.averageValue === undefined)
        errors.push(required(`${field}.target.averageValue`, 'must set either a target value or averageValue'))
      return errors
    }
    case 'external': {
      const { metric: id, target = {} } = metric.external ?? {}
      const errors = [...validateIdentifier(id, field), ...validateTarget(target, field)]
      if (target.value === undefined && target.averageValue === undefined) {
        errors.push(required(`${field}.target.averageValue`, 'must set either a target value for metric or a per-pod target'))
      }
      if (target.value !== undefined && target.averageValue !== undefined) {
        errors.push(forbiddenField(`${field}.target.value`, 'may not set both a target value for metric and a per-pod target'))
      }
      return errors
    }
    case 'pods': {
      const { metric: id, target = {} } = metric.pods ?? {}
      const errors = [...validateIdentifier(id, field), ...validateTarget(target, field)]
      if (target.averageValue === undefined)
        errors.push(required(`${field}.target.averageValue`, 'must specify a positive target averageValue'))
      return errors
    }
    case 'resource': {
      const { name = '', target = {} } = metric.resource ?? {}
      return [
        ...(name === '' ? [required(`${field}.name`, 'must specify a resource name')] : []),
        ...validateTarget(target, field),
        ...validateResourceTarget(target, field),
      ]
    }
    case 'containerResource': {
      const { name = '', container = '', target = {} } = metric.containerResource ?? {}
      return [
        ...(name === ''
          ? [required(`${field}.name`, 'must specify a resource name')]
          : validateContainerResourceName(name, `${field}.name`)),
        ...(container === ''
          ? [required(`${field}.container`, 'must specify a container')]
          : validateDNS1123Label(container, `${field}.container`)),
        ...validateTarget(target, field),
        ...validateResourceTarget(target, field),
      ]
    }
  }
}

function validateResourceTarget(target: MetricTarget, field: string): FieldError[] {
  const utilization = target.averageUtilization !== undefined
  const value = target.averageValue !== undefined
  if (!utilization && !value)
    return [required(`${field}.target.averageUtilization`, 'must set either a target raw value or a target utilization')]
  return utilization && value ? [forbiddenField(`${field}.target.averageValue`, ONE_TARGET)] : []
}

function validateIdentifier(id: MetricIdentifier | undefined, field: string): FieldError[] {
  const name = id?.name ?? ''
  return name === ''
    ? [required(`${field}.metric.name`, 'must specify a metric name')]
    : each(`${field}.metric.name`, name, pathSegmentErrors(name))
}

function validateTarget(target: MetricTarget, source: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization } = target
  const field = `${source}.target`
  const errors: FieldError[] = []
  if (type === '') errors.push(required(`${field}.type`, 'must specify a metric target type'))
  if (!['Utilization', 'Value', 'AverageValue'].includes(type))
    errors.push(invalidValue(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'))
  if (value !== undefined && !isPositiveQuantity(value)) errors.push(invalidValue(`${field}.value`, value, 'must be positive'))
  if (averageValue !== undefined && !isPositiveQuantity(averageValue))
    errors.push(invalidValue(`${field}.averageValue`, averageValue, 'must be positive'))
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidValue(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'))
  return errors
}
