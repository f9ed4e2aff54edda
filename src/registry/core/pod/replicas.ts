/**
 * What replica sets and replication controllers share: how they are shown, selected, and how their status counts.
 *
 * @see pkg/printers/internalversion/printers.go; pkg/apis/apps/validation/validation.go, ValidateReplicaSetStatus
 * @module
 */
import type { FieldError } from '../../../api/field.ts'
import type { KubeObject } from '../../../api/object.ts'
import type { PodTemplateSpec } from '../../../api/types/core/v1.ts'
import type { TableDefinition } from '../../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../../table-cells.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN } from './templatecells.ts'
import { atMostErrors, nonnegativeErrors } from './workload.ts'

interface ReplicasStatus {
  replicas?: number | undefined
  fullyLabeledReplicas?: number | undefined
  readyReplicas?: number | undefined
  availableReplicas?: number | undefined
  observedGeneration?: number | bigint | undefined
  terminatingReplicas?: number | undefined
}

interface WithReplicas extends KubeObject {
  spec?: { replicas?: number | undefined; template?: PodTemplateSpec | undefined } | undefined
  status?: ReplicasStatus | undefined
}

export const REPLICAS_FIELD = { 'status.replicas': ({ status }: WithReplicas) => String(status?.replicas ?? 0) }

/** `doc`: where the descriptions of the kind's members are. */
export function replicasTable<T extends WithReplicas>(doc: string, selector: (object: T) => string): TableDefinition<T> {
  return {
    columns: () => [
      NAME_COLUMN,
      column('Desired', `${doc}Spec.replicas`, { type: 'integer' }),
      column('Current', `${doc}Status.replicas`, { type: 'integer' }),
      column('Ready', `${doc}Status.readyReplicas`, { type: 'integer' }),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', `${doc}Spec.selector`),
    ],
    cells(object, { nowMs }) {
      const { spec = {}, status = {} } = object
      return [
        nameCell(object),
        spec.replicas ?? 0,
        status.replicas ?? 0,
        status.readyReplicas ?? 0,
        ageCell(object, nowMs),
        ...containerCells(spec.template),
        selector(object),
      ]
    },
  }
}

export function replicasStatusErrors(status: ReplicasStatus, moreCounts: readonly (keyof ReplicasStatus)[] = []): FieldError[] {
  const field = 'status'
  const { replicas = 0, readyReplicas = 0 } = status
  const counts = ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'] as const
  return [
    ...nonnegativeErrors(status, [...counts, ...moreCounts], field),
    ...atMostErrors(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], {
      most: replicas,
      field,
      text: 'cannot be greater than status.replicas',
    }),
    ...atMostErrors(status, ['availableReplicas'], { most: readyReplicas, field, text: 'cannot be greater than readyReplicas' }),
  ]
}
