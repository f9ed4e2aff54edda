/**
 * Replica sets.
 *
 * @see pkg/registry/apps/replicaset, pkg/apis/apps/validation/validation.go
 * @module
 */

import type { FieldError } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { ReplicaSet, ReplicaSetSpec } from '../../api/types/apps/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { REPLICAS_FIELD, replicasStatusErrors, replicasTable } from '../core/pod/replicas.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { selectorCell } from '../core/pod/templatecells.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import {
  alwaysRunningErrors,
  nonnegativeErrors,
  restoreMember,
  selectorScale,
  templateChangeWarnings,
  templateLabelErrors,
  workloadSelectorErrors,
} from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
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
    warnings: templateChangeWarnings,
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  fields: REPLICAS_FIELD,
  table: replicasTable<ReplicaSet>(DOC, ({ spec }) => selectorCell(spec?.selector)),
  subresources: {
    scale: selectorScale<ReplicaSet>(),
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (replicaSet, old) => restoreMember(replicaSet, old, 'spec'),
        validateUpdate: ({ status = {} }) => replicasStatusErrors(status, ['terminatingReplicas']),
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
