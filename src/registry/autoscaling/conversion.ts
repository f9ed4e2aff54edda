/**
 * HorizontalPodAutoscaler as autoscaling/v1 shows it: CPU utilization is a member, everything else travels in annotations.
 *
 * @see pkg/apis/autoscaling/v1/conversion.go
 * @module
 */

import type { KubeObject } from '../../api/object.ts'
import { parseQuantity } from '../../api/quantity.ts'
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from '../../api/types/autoscaling/v1.ts'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerBehavior,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../../api/types/autoscaling/v2.ts'
import { defaultCPUMetric } from './defaults.ts'

const PREFIX = 'autoscaling.alpha.kubernetes.io/'
const METRICS = `${PREFIX}metrics`
const STATUSES = `${PREFIX}current-metrics`
const BEHAVIOR = `${PREFIX}behavior`
const CONDITIONS = `${PREFIX}conditions`

/** The old form of a metric or its status, as it stands in an annotation. */
type OldMetric = Record<string, any>

export function autoscalerToV1(object: KubeObject): HorizontalPodAutoscalerV1 {
  const { metadata, spec = {}, status = {} } = object as HorizontalPodAutoscaler
  const annotations = withoutOurs(metadata?.annotations)
  const others = (spec.metrics ?? []).filter((metric) => !isCPUUtilization(metric)).map(metricToOld)
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others)
  if ((status.currentMetrics ?? []).length > 0) annotations[STATUSES] = JSON.stringify((status.currentMetrics ?? []).map(statusToOld))
  if (spec.behavior !== undefined) annotations[BEHAVIOR] = JSON.stringify(behaviorToOld(spec.behavior))
  if ((status.conditions ?? []).length > 0) {
    annotations[CONDITIONS] = JSON.stringify(
      (status.conditions ?? []).map(({ type, status: value, lastTransitionTime, reason, message }) => ({
        type,
        status: value,
        lastTransitionTime: lastTransitionTime ?? null,
        ...(reason ? { reason } : {}),
        ...(message ? { message } : {}),
      })),
    )
  }
  const target = (spec.metrics ?? []).find(isCPUUtilization)?.resource?.target?.averageUtilization
  const current = (status.currentMetrics ?? []).findLast(
    ({ type, resource }) => type === 'Resource' && resource?.name === 'cpu' && resource.current?.averageUtilization !== undefined,
  )
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, annotations),
    spec: clean({
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      targetCPUUtilizationPercentage: target,
    }),
    status: clean({
      observedGeneration: status.observedGeneration,
      lastScaleTime: status.lastScaleTime,
      currentReplicas: status.currentReplicas ?? 0,
      desiredReplicas: status.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: current?.resource?.current?.averageUtilization,
    }),
  }
}

export function autoscalerFromV1(object: KubeObject): HorizontalPodAutoscaler {
  const { metadata, spec = {}, status = {} } = object as HorizontalPodAutoscalerV1
  const annotations = metadata?.annotations ?? {}
  const cpu = spec.targetCPUUtilizationPercentage === undefined ? [] : [defaultCPUMetric(spec.targetCPUUtilizationPercentage)]
  const metrics = [...(listIn(annotations[METRICS])?.map(metricFromOld) ?? []), ...cpu]
  const behavior = behaviorFromOld(annotations[BEHAVIOR])
  const currentCPU: MetricStatus[] =
    status.currentCPUUtilizationPercentage === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: status.currentCPUUtilizationPercentage } } }]
  const currentMetrics = listIn(annotations[STATUSES])?.map(statusFromOld) ?? currentCPU
  const conditions = listIn(annotations[CONDITIONS])
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(metadata, withoutOurs(annotations)),
    spec: clean({
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      metrics: metrics.length === 0 ? [defaultCPUMetric()] : metrics,
      behavior,
    }),
    status: clean({
      observedGeneration: status.observedGeneration,
      lastScaleTime: status.lastScaleTime,
      currentReplicas: status.currentReplicas,
      desiredReplicas: status.desiredReplicas,
      currentMetrics: currentMetrics.length === 0 ? undefined : currentMetrics,
      conditions: conditions?.map((one) => clean({ ...one, lastTransitionTime: one['lastTransitionTime'] ?? undefined })),
    }),
  }
}

function isCPUUtilization({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined
}

function metricToOld(metric: MetricSpec): OldMetric {
  const { object, pods, resource, containerResource, external } = metric
  return clean({
    type: metric.type,
    object:
      object &&
      clean({
        target: object.describedObject,
        metricName: object.metric?.name ?? '',
        targetValue: object.target?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.target?.averageValue,
      }),
    pods:
      pods &&
      clean({ metricName: pods.metric?.name ?? '', targetAverageValue: pods.target?.averageValue ?? '0', selector: pods.metric?.selector }),
    resource: resource && clean({ name: resource.name, ...oldResourceTarget(resource.target) }),
    containerResource:
      containerResource &&
      clean({ name: containerResource.name, ...oldResourceTarget(containerResource.target), container: containerResource.container }),
    external:
      external &&
      clean({
        metricName: external.metric?.name ?? '',
        metricSelector: external.metric?.selector,
        targetValue: external.target?.value,
        targetAverageValue: external.target?.averageValue,
      }),
  })
}

function metricFromOld(old: OldMetric): MetricSpec {
  const { object, pods, resource, containerResource, external } = old
  return clean({
    type: old['type'],
    object: object && {
      describedObject: object.target,
      metric: clean({ name: object.metricName, selector: object.selector }),
      target: clean({
        type: object.averageValue === undefined ? 'Value' : 'AverageValue',
        value: object.averageValue === undefined || !isZero(object.targetValue) ? object.targetValue : undefined,
        averageValue: object.averageValue,
      }),
    },
    pods: pods && {
      metric: clean({ name: pods.metricName, selector: pods.selector }),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    },
    resource: resource && { name: resource.name, target: resourceTarget(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: resourceTarget(containerResource),
    },
    external: external && {
      metric: clean({ name: external.metricName, selector: external.metricSelector }),
      target: clean({
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      }),
    },
  })
}

function statusToOld(status: MetricStatus): OldMetric {
  const { object, pods, resource, containerResource, external } = status
  return clean({
    type: status.type,
    object:
      object &&
      clean({
        target: object.describedObject,
        metricName: object.metric?.name ?? '',
        currentValue: object.current?.value ?? '0',
        selector: object.metric?.selector,
        averageValue: object.current?.averageValue,
      }),
    pods:
      pods &&
      clean({
        metricName: pods.metric?.name ?? '',
        currentAverageValue: pods.current?.averageValue ?? '0',
        selector: pods.metric?.selector,
      }),
    resource: resource && clean({ name: resource.name, ...oldResourceStatus(resource.current) }),
    containerResource:
      containerResource &&
      clean({ name: containerResource.name, ...oldResourceStatus(containerResource.current), container: containerResource.container }),
    external:
      external &&
      clean({
        metricName: external.metric?.name ?? '',
        metricSelector: external.metric?.selector,
        currentValue: external.current?.value ?? '0',
        currentAverageValue: external.current?.averageValue,
      }),
  })
}

function statusFromOld(old: OldMetric): MetricStatus {
  const { object, pods, resource, containerResource, external } = old
  return clean({
    type: old['type'],
    object: object && {
      describedObject: object.target,
      metric: clean({ name: object.metricName, selector: object.selector }),
      current: clean({ value: object.currentValue, averageValue: object.averageValue }),
    },
    pods: pods && {
      metric: clean({ name: pods.metricName, selector: pods.selector }),
      current: { averageValue: pods.currentAverageValue },
    },
    resource: resource && { name: resource.name, current: resourceStatus(resource) },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: resourceStatus(containerResource),
    },
    external: external && {
      metric: clean({ name: external.metricName, selector: external.metricSelector }),
      current: clean({ value: external.currentValue, averageValue: external.currentAverageValue }),
    },
  })
}

function oldResourceTarget(target: MetricTarget | undefined) {
  return { targetAverageUtilization: target?.averageUtilization, targetAverageValue: target?.averageValue }
}

function resourceTarget(old: OldMetric): MetricTarget {
  const { targetAverageUtilization, targetAverageValue } = old
  return clean({
    type: targetAverageUtilization === undefined ? 'AverageValue' : 'Utilization',
    averageValue: targetAverageValue,
    averageUtilization: targetAverageUtilization,
  })
}

function oldResourceStatus(current: MetricValueStatus | undefined) {
  return { currentAverageUtilization: current?.averageUtilization, currentAverageValue: current?.averageValue ?? '0' }
}

function resourceStatus(old: OldMetric): MetricValueStatus {
  return clean({ averageValue: old['currentAverageValue'], averageUtilization: old['currentAverageUtilization'] })
}

/** Behavior travels in Go's internal form. */
function behaviorToOld({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior) {
  const rules = (one: HPAScalingRules | undefined) =>
    one === undefined
      ? null
      : {
          StabilizationWindowSeconds: one.stabilizationWindowSeconds ?? null,
          SelectPolicy: one.selectPolicy ?? null,
          Policies:
            one.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
          Tolerance: one.tolerance ?? null,
        }
  return { ScaleUp: rules(scaleUp), ScaleDown: rules(scaleDown) }
}

function behaviorFromOld(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  const old = objectIn(text)
  if (old === undefined) return undefined
  const rules = (one: OldMetric | null | undefined): HPAScalingRules | undefined =>
    one
      ? clean({
          stabilizationWindowSeconds: one['StabilizationWindowSeconds'] ?? undefined,
          selectPolicy: one['SelectPolicy'] ?? undefined,
          policies: one['Policies']?.map((policy: OldMetric) => ({
            type: policy['Type'],
            value: policy['Value'],
            periodSeconds: policy['PeriodSeconds'],
          })),
          tolerance: one['Tolerance'] ?? undefined,
        })
      : undefined
  const behavior = clean({ scaleUp: rules(old['ScaleUp']), scaleDown: rules(old['ScaleDown']) })
  return Object.keys(behavior).length === 0 ? undefined : behavior
}

function withoutOurs(annotations: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => ![METRICS, STATUSES, BEHAVIOR, CONDITIONS].includes(key)))
}

function withAnnotations(metadata: KubeObject['metadata'], annotations: Record<string, string>): KubeObject['metadata'] {
  const { annotations: _annotations, ...rest } = metadata ?? {}
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations }
}

function listIn(text: string | undefined): OldMetric[] | undefined {
  const value = parsed(text)
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : undefined
}

function objectIn(text: string | undefined): OldMetric | undefined {
  const value = parsed(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as OldMetric) : undefined
}

/** What does not parse is as good as absent. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isZero(text: unknown): boolean {
  try {
    return typeof text !== 'string' || parseQuantity(text).unscaled === 0n
  } catch {
    return true
  }
}

/** Without the members that are undefined. */
function clean<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T
}
