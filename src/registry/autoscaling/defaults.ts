/**
 * What an autoscaler does when it is not told: 80 % CPU, and the behavior that was built in before it could be chosen.
 *
 * @see pkg/apis/autoscaling/v2/defaults.go
 * @module
 */
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from '../../api/types/autoscaling/v2.ts'

const CPU_UTILIZATION = 80

export function defaultCPUMetric(averageUtilization = CPU_UTILIZATION): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } }
}

export function defaultAutoscaler(autoscaler: HorizontalPodAutoscaler): void {
  const spec: NonNullable<HorizontalPodAutoscaler['spec']> = autoscaler.spec ?? {}
  autoscaler.spec = spec
  spec.minReplicas ??= 1
  if ((spec.metrics ?? []).length === 0) spec.metrics = [defaultCPUMetric()]
  if (spec.behavior === undefined) return
  spec.behavior.scaleUp = completed(spec.behavior.scaleUp, {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  })
  spec.behavior.scaleDown = completed(spec.behavior.scaleDown, {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  })
}

function completed(given: HPAScalingRules | undefined, fallback: HPAScalingRules): HPAScalingRules {
  if (given === undefined) return fallback
  for (const [name, value] of Object.entries(fallback)) (given as Record<string, unknown>)[name] ??= value
  return given
}
