/**
 * Deployments.
 *
 * @see pkg/registry/apps/deployment, pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import type { Deployment, DeploymentSpec, DeploymentStatus, DeploymentStrategy, RollingUpdateDeployment } from '../../api/types/apps/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, labelSelectorText } from '../core/pod/templatecells.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import {
  alwaysRunningErrors,
  atMostErrors,
  decrementErrors,
  nonnegativeErrors,
  restoreMember,
  selectorScale,
  templateChangeWarnings,
  templateLabelErrors,
  workloadSelectorErrors,
} from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { validateImmutable } from '../validation.ts'
import { amountOf, intOrPercentErrors, over100PercentErrors } from './intorpercent.ts'

const DOC = 'doc:io.k8s.api.apps.v1.Deployment'

export const deployments = define<Deployment>({
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  namespaced: true,
  shortNames: ['deploy'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.Deployment',
  storage: { prefix: '/registry/deployments/' },
  strategy: {
    validateName: subdomainName,
    defaults: deploymentDefaults,
    prepareForCreate(deployment) {
      deployment.status = {}
      dropDisabledTemplateFields(deployment.spec?.template, undefined)
    },
    prepareForUpdate(deployment, old) {
      restoreMember(deployment, old, 'status')
      dropDisabledTemplateFields(deployment.spec?.template, old.spec?.template)
    },
    validate: ({ spec = {} }, { world }) => deploymentSpecErrors(spec, templateOptions(world)),
    validateUpdate: ({ spec = {} }, { spec: old = {} }, { world }) => [
      ...deploymentSpecErrors(spec, templateOptions(world, old.template)),
      ...validateImmutable(spec.selector, old.selector, 'spec.selector'),
    ],
    warnings: templateChangeWarnings,
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Ready', 'Number of the pod with ready state'),
      column('Up-to-date', `${DOC}Status.updatedReplicas`),
      column('Available', `${DOC}Status.availableReplicas`),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', `${DOC}Spec.selector`),
    ],
    cells(deployment, { nowMs }) {
      const { spec = {}, status = {} } = deployment
      return [
        nameCell(deployment),
        `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
        status.updatedReplicas ?? 0,
        status.availableReplicas ?? 0,
        ageCell(deployment, nowMs),
        ...containerCells(spec.template),
        labelSelectorText(spec.selector),
      ]
    },
  },
  subresources: {
    scale: selectorScale<Deployment>(),
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(deployment, old) {
          restoreMember(deployment, old, 'spec')
          if (deployment.metadata !== undefined && old.metadata !== undefined) restoreMember(deployment.metadata, old.metadata, 'labels')
        },
        validateUpdate: ({ status = {} }, { status: old = {} }) => [
          ...deploymentStatusErrors(status),
          ...decrementErrors(status.collisionCount, old.collisionCount, 'status.collisionCount'),
        ],
        allowUnconditionalUpdate: true,
        resetFields: ['spec', 'metadata.labels'],
      },
    },
  },
})

/** Annotations count too: they are copied to the replica sets. */
function isChanged(deployment: Deployment, old: Deployment): boolean {
  return (
    !semanticEqual(deployment.spec, old.spec) || !semanticEqual(deployment.metadata?.annotations, old.metadata?.annotations, 'annotations')
  )
}

function deploymentDefaults(deployment: Deployment): void {
  deployment.spec ??= {}
  const { spec } = deployment
  spec.replicas ??= 1
  spec.strategy ??= {}
  const { strategy } = spec
  if (!strategy.type) strategy.type = 'RollingUpdate'
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {}
    strategy.rollingUpdate.maxUnavailable ??= '25%'
    strategy.rollingUpdate.maxSurge ??= '25%'
  }
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  spec.template ??= {}
  podTemplateDefaults(spec.template)
}

function deploymentSpecErrors(spec: DeploymentSpec, options: PodValidationOptions): FieldError[] {
  const { template = {}, selector, progressDeadlineSeconds, minReadySeconds = 0 } = spec
  const errors = [
    ...nonnegativeErrors(spec, ['replicas'], 'spec'),
    ...workloadSelectorErrors(selector, 'spec.selector', 'deployment'),
    ...templateLabelErrors(template, selector, 'spec.template'),
    ...podTemplateErrors(template, 'spec.template', options),
    ...alwaysRunningErrors(template, 'spec.template', 'ReplicaSet'),
    ...strategyErrors(spec.strategy ?? {}, 'spec.strategy'),
    ...nonnegativeErrors(spec, ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'], 'spec'),
  ]
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'))
  }
  return errors
}

function strategyErrors({ type = '', rollingUpdate }: DeploymentStrategy, field: string): FieldError[] {
  switch (type) {
    case 'Recreate':
      return rollingUpdate === undefined
        ? []
        : [forbiddenField(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")]
    case 'RollingUpdate':
      if (rollingUpdate === undefined) return [required(`${field}.rollingUpdate`, 'this should be defaulted and never be nil')]
      return rollingUpdateErrors(rollingUpdate, `${field}.rollingUpdate`)
    default:
      return [notSupported(field, { Type: type, RollingUpdate: goRollingUpdate(rollingUpdate) }, ['Recreate', 'RollingUpdate'])]
  }
}

function goRollingUpdate(rollingUpdate: RollingUpdateDeployment | undefined): unknown {
  return rollingUpdate === undefined ? null : { MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 }
}

function rollingUpdateErrors({ maxUnavailable, maxSurge }: RollingUpdateDeployment, field: string): FieldError[] {
  const errors = [...intOrPercentErrors(maxUnavailable, `${field}.maxUnavailable`), ...intOrPercentErrors(maxSurge, `${field}.maxSurge`)]
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    errors.push(invalidValue(`${field}.maxUnavailable`, maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0'))
  }
  errors.push(...over100PercentErrors(maxUnavailable, `${field}.maxUnavailable`))
  return errors
}

function deploymentStatusErrors(status: DeploymentStatus): FieldError[] {
  const field = 'status'
  const { replicas = 0, readyReplicas = 0 } = status
  return [
    ...nonnegativeErrors(
      status,
      [
        'observedGeneration',
        'replicas',
        'updatedReplicas',
        'readyReplicas',
        'availableReplicas',
        'unavailableReplicas',
        'terminatingReplicas',
        'collisionCount',
      ],
      field,
    ),
    ...atMostErrors(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas'], {
      most: replicas,
      field,
      text: 'cannot be greater than status.replicas',
    }),
    ...atMostErrors(status, ['availableReplicas'], { most: readyReplicas, field, text: 'cannot be greater than readyReplicas' }),
  ]
}
