/**
 * Replica sets.
 *
 * @see pkg/registry/apps/replicaset, pkg/apis/apps/validation/validation.go
 * @module
 */

import type { FieldError } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { ReplicaSet, ReplicaSetSpec, ReplicaSetStatus } from '../../api/types/apps/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, selectorCell } from '../core/pod/templatecells.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import { templateWarnings } from '../core/pod/warnings.ts'
import {
  alwaysRunningErrors,
  atMostErrors,
  nonnegativeErrors,
  podNameWarnings,
  restoreMember,
  selectorScale,
  templateLabelErrors,
  workloadSelectorErrors,
} from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'

const DOC = 'doc:io.k8s.api.apps.v1.ReplicaSet'

export const replicaSets = define<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  resource: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  namespaced: true,
  shortNames: ['rs'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  storage: { prefix: '/registry/replicasets/' },
  strategy: {
    validateName: subdomainName,
    defaults(replicaSet) {
      replicaSet.spec ??= {}
      replicaSet.spec.replicas ??= 1
      replicaSet.spec.template ??= {}
      podTemplateDefaults(replicaSet.spec.template)
    },
    prepareForCreate(replicaSet) {
      replicaSet.status = { replicas: 0 }
      dropDisabledTemplateFields(replicaSet.spec?.template, undefined)
    },
    prepareForUpdate(replicaSet, old) {
      restoreMember(replicaSet, old, 'status')
      dropDisabledTemplateFields(replicaSet.spec?.template, old.spec?.template)
    },
    validate: ({ spec = {} }, { world }) => replicaSetSpecErrors(spec, templateOptions(world)),
    validateUpdate: ({ spec = {} }, { spec: old = {} }, { world }) => [
      ...replicaSetSpecErrors(spec, templateOptions(world, old.template)),
      ...validateImmutable(spec.selector, old.selector, 'spec.selector'),
    ],
    warnings(replicaSet, old) {
      if (old !== undefined && replicaSet.metadata?.generation === old.metadata?.generation) return []
      const warnings = templateWarnings(replicaSet.spec?.template, 'spec.template')
      return old === undefined ? [...podNameWarnings(replicaSet), ...warnings] : warnings
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Desired', `${DOC}Spec.replicas`, { type: 'integer' }),
      column('Current', `${DOC}Status.replicas`, { type: 'integer' }),
      column('Ready', `${DOC}Status.readyReplicas`, { type: 'integer' }),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', `${DOC}Spec.selector`),
    ],
    cells(replicaSet, { nowMs }) {
      const { spec = {}, status = {} } = replicaSet
      return [
        nameCell(replicaSet),
        spec.replicas ?? 0,
        status.replicas ?? 0,
        status.readyReplicas ?? 0,
        ageCell(replicaSet, nowMs),
        ...containerCells(spec.template),
        selectorCell(spec.selector),
      ]
    },
  },
  subresources: {
    scale: selectorScale<ReplicaSet>(),
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (replicaSet, old) => restoreMember(replicaSet, old, 'spec'),
        validateUpdate: ({ status = {} }) => replicaSetStatusErrors(status),
        allowUnconditionalUpdate: true,
        resetFields: ['spec'],
      },
    },
  },
})

function isChanged(replicaSet: ReplicaSet, old: ReplicaSet): boolean {
  return !semanticEqual(replicaSet.spec, old.spec)
}

function replicaSetSpecErrors(spec: ReplicaSetSpec, options: PodValidationOptions): FieldError[] {
  const { template = {}, selector } = spec
  return [
    ...nonnegativeErrors(spec, ['replicas', 'minReadySeconds'], 'spec'),
    // Upstream says deployment here too.
    ...workloadSelectorErrors(selector, 'spec.selector', 'deployment'),
    ...templateLabelErrors(template, selector, 'spec.template'),
    ...podTemplateErrors(template, 'spec.template', options),
    ...alwaysRunningErrors(template, 'spec.template', 'ReplicaSet'),
  ]
}

function replicaSetStatusErrors(status: ReplicaSetStatus): FieldError[] {
  const field = 'status'
  const { replicas = 0, readyReplicas = 0 } = status
  return [
    ...nonnegativeErrors(
      status,
      ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration', 'terminatingReplicas'],
      field,
    ),
    ...atMostErrors(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'], {
      most: replicas,
      field,
      text: 'cannot be greater than status.replicas',
    }),
    ...atMostErrors(status, ['availableReplicas'], { most: readyReplicas, field, text: 'cannot be greater than readyReplicas' }),
  ]
}
