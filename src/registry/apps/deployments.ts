/**
 * Deployments.
 *
 * @see pkg/registry/apps/deployment, pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go
 * @module
 */
import type { Deployment } from '../../api/types/apps/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, labelSelectorText } from '../core/pod/templatecells.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { nameIsDNSSubdomain } from '../validation.ts'

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
    validateName: nameIsDNSSubdomain,
    defaults: deploymentDefaults,
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
    cells: (deployment, { nowMs }) => {
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
})

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
