/**
 * HorizontalPodAutoscaler: one stored object (v2), also served as v1.
 *
 * @see pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go
 * @module
 */
import { subdomainName } from '../../api/names.ts'
import type { KubeObject } from '../../api/object.ts'
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from '../../api/types/autoscaling/v1.ts'
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../../api/types/autoscaling/v2.ts'
import { ALL_VERBS, define, type ObjectSubresource, type ResourceDefinition, type Strategy, type TableDefinition } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { autoscalerFromV1, autoscalerToV1 } from './conversion.ts'
import { defaultAutoscaler } from './defaults.ts'
import { validateAutoscaler, validateAutoscalerStatus } from './validation.ts'

/** Metrics that the table shows before `+ N more...`. */
const SHOWN = 2

type Shared = Pick<ResourceDefinition, 'group' | 'resource' | 'singular' | 'kind' | 'namespaced' | 'shortNames' | 'categories' | 'verbs'>

const shared: Shared = {
  group: 'autoscaling',
  resource: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  verbs: ALL_VERBS,
}

const PREFIX = '/registry/horizontalpodautoscalers/'

export const autoscalersV2 = define<HorizontalPodAutoscaler>({
  ...shared,
  version: 'v2',
  schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  storage: { prefix: PREFIX },
  strategy: strategyFor((object) => object, defaultAutoscaler),
  table: tableFor((object) => object),
  subresources: { status: statusFor<HorizontalPodAutoscaler>((object) => object) },
})

export const autoscalersV1 = define<HorizontalPodAutoscalerV1>({
  ...shared,
  version: 'v1',
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  storage: {
    prefix: PREFIX,
    as: {
      group: 'autoscaling',
      version: 'v2',
      kind: 'HorizontalPodAutoscaler',
      schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
    },
  },
  convert: { fromStored: autoscalerToV1, toStored: autoscalerFromV1 },
  strategy: strategyFor(autoscalerFromV1, (autoscaler) => {
    autoscaler.spec = { ...autoscaler.spec, minReplicas: autoscaler.spec?.minReplicas ?? 1 }
    // As upstream does in its conversion, which every request passes.
    if (autoscaler.spec.targetCPUUtilizationPercentage === undefined)
      Object.assign(autoscaler, autoscalerToV1(autoscalerFromV1(autoscaler)))
  }),
  table: tableFor(autoscalerFromV1),
  subresources: { status: statusFor(autoscalerFromV1) },
})

function strategyFor<T extends HorizontalPodAutoscaler | HorizontalPodAutoscalerV1>(
  toV2: (object: T) => HorizontalPodAutoscaler,
  defaults: (object: T) => void,
): Strategy<T> {
  return {
    validateName: subdomainName,
    defaults,
    prepareForCreate(autoscaler) {
      autoscaler.status = {}
      dropDetails(autoscaler)
    },
    prepareForUpdate(autoscaler, old) {
      autoscaler.status = old.status
      keepDetails(autoscaler, old, 'status')
    },
    validate: (autoscaler) => validateAutoscaler(toV2(autoscaler), undefined),
    validateUpdate: (autoscaler, old) => validateAutoscaler(toV2(autoscaler), toV2(old)),
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  }
}

function statusFor<T extends HorizontalPodAutoscaler | HorizontalPodAutoscalerV1>(
  toV2: (object: T) => HorizontalPodAutoscaler,
): ObjectSubresource<T> {
  return {
    type: 'object',
    verbs: ['get', 'patch', 'update'],
    strategy: {
      prepareForUpdate(autoscaler, old) {
        autoscaler.spec = old.spec
        keepDetails(autoscaler, old, 'spec')
      },
      validateUpdate: (autoscaler) => validateAutoscalerStatus(toV2(autoscaler)),
      resetFields: ['spec'],
    },
  }
}

const STATUS_ANNOTATIONS = ['autoscaling.alpha.kubernetes.io/current-metrics', 'autoscaling.alpha.kubernetes.io/conditions']
const SPEC_ANNOTATIONS = ['autoscaling.alpha.kubernetes.io/metrics', 'autoscaling.alpha.kubernetes.io/behavior']

/** In v1 a part of the status stands in annotations, which a new object may not bring. */
function dropDetails(autoscaler: KubeObject): void {
  if (autoscaler.apiVersion !== 'autoscaling/v1') return
  for (const name of STATUS_ANNOTATIONS) delete autoscaler.metadata?.annotations?.[name]
}

/** In v1 parts of spec and status stand in annotations: those of the part that must not change come from the old object. */
function keepDetails(autoscaler: KubeObject, old: KubeObject, part: 'spec' | 'status'): void {
  if (autoscaler.apiVersion !== 'autoscaling/v1') return
  const names = part === 'spec' ? SPEC_ANNOTATIONS : STATUS_ANNOTATIONS
  const entries = Object.entries(autoscaler.metadata?.annotations ?? {}).filter(([name]) => !names.includes(name))
  for (const name of names) {
    const value = old.metadata?.annotations?.[name]
    if (value !== undefined) entries.push([name, value])
  }
  if (entries.length === 0) delete autoscaler.metadata?.annotations
  else autoscaler.metadata = { ...autoscaler.metadata, annotations: Object.fromEntries(entries) }
}

function tableFor<T extends KubeObject>(toV2: (object: T) => HorizontalPodAutoscaler): TableDefinition<T> {
  const doc = (path: string) => `doc:io.k8s.api.autoscaling.v2.${path}`
  return {
    columns: () => [
      NAME_COLUMN,
      column('Reference', doc('HorizontalPodAutoscalerSpec.scaleTargetRef')),
      column('Targets', doc('HorizontalPodAutoscalerSpec.metrics')),
      column('MinPods', doc('HorizontalPodAutoscalerSpec.minReplicas')),
      column('MaxPods', doc('HorizontalPodAutoscalerSpec.maxReplicas')),
      column('Replicas', doc('HorizontalPodAutoscalerStatus.currentReplicas')),
      AGE_COLUMN,
    ],
    cells(object, { nowMs }) {
      const { spec = {}, status = {} } = toV2(object)
      return [
        nameCell(object),
        `${spec.scaleTargetRef?.kind ?? ''}/${spec.scaleTargetRef?.name ?? ''}`,
        targetsCell(spec.metrics ?? [], status.currentMetrics ?? []),
        spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
        spec.maxReplicas ?? 0,
        status.currentReplicas ?? 0,
        ageCell(object, nowMs),
      ]
    },
  }
}

function targetsCell(metrics: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (metrics.length === 0) return '<none>'
  const all = metrics.map((metric, index) => targetText(metric, statuses[index]))
  const shown = all.slice(0, SHOWN).join(', ')
  return all.length > SHOWN ? `${shown} + ${all.length - SHOWN} more...` : shown
}

function targetText(metric: MetricSpec, status: MetricStatus | undefined): string {
  const unknown = '<unknown>'
  switch (metric.type) {
    case 'External':
    case 'Object': {
      const member = metric.type === 'External' ? 'external' : 'object'
      const target = metric[member]?.target
      const current = status?.[member]?.current
      if (target?.averageValue !== undefined) return `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`
      return `${status?.[member] === undefined ? unknown : (current?.value ?? '<nil>')}/${target?.value ?? '<nil>'}`
    }
    case 'Pods':
      return `${status?.pods === undefined ? unknown : (status.pods.current?.averageValue ?? '<nil>')}/${metric.pods?.target?.averageValue ?? '<nil>'}`
    case 'Resource':
    case 'ContainerResource': {
      const member = metric.type === 'Resource' ? 'resource' : 'containerResource'
      const { name, target } = metric[member] ?? {}
      const current = status?.[member]?.current
      if (target?.averageValue !== undefined)
        return `${name ?? ''}: ${status?.[member] === undefined ? unknown : (current?.averageValue ?? '<nil>')}/${target.averageValue}`
      const now = current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`
      return `${name ?? ''}: ${now}/${target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`}`
    }
    default:
      return '<unknown type>'
  }
}
