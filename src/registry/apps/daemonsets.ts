/**
 * Daemon sets.
 *
 * What was once `spec.templateGeneration` lives on in an annotation that clients see and cannot really set.
 *
 * @see pkg/registry/apps/daemonset, pkg/apis/apps/v1/{defaults,conversion}.go, pkg/apis/apps/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue, notSupported, required } from '../../api/field.ts'
import { subdomainName } from '../../api/names.ts'
import { badRequest, quote } from '../../api/status.ts'
import type { DaemonSet, DaemonSetSpec, DaemonSetStatus, DaemonSetUpdateStrategy, RollingUpdateDaemonSet } from '../../api/types/apps/v1.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN, selectorCell } from '../core/pod/templatecells.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import { templateWarnings } from '../core/pod/warnings.ts'
import {
  alwaysRunningErrors,
  decrementErrors,
  isEmptySelector,
  nonnegativeErrors,
  restoreMember,
  unselectedErrors,
} from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, labelsCell, NAME_COLUMN, nameCell, wideColumn } from '../table-cells.ts'
import { selectorHasInvalidLabelValue, validateImmutable, validateLabelSelector } from '../validation.ts'
import { amountOf, intOrPercentErrors, over100PercentErrors } from './intorpercent.ts'

const DOC = 'doc:io.k8s.api.apps.v1.DaemonSet'
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

export const daemonSets = define<DaemonSet>({
  group: 'apps',
  version: 'v1',
  resource: 'daemonsets',
  singular: 'daemonset',
  kind: 'DaemonSet',
  namespaced: true,
  shortNames: ['ds'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  storage: { prefix: '/registry/daemonsets/' },
  strategy: {
    validateName: subdomainName,
    defaults: daemonSetDefaults,
    prepareForCreate(daemonSet) {
      daemonSet.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }
      if (templateGeneration(daemonSet) < 1n) setTemplateGeneration(daemonSet, 1n)
      dropDisabledTemplateFields(daemonSet.spec?.template, undefined)
    },
    prepareForUpdate(daemonSet, old) {
      dropDisabledTemplateFields(daemonSet.spec?.template, old.spec?.template)
      restoreMember(daemonSet, old, 'status')
      const templateChanged = !semanticEqual(daemonSet.spec?.template, old.spec?.template)
      setTemplateGeneration(daemonSet, templateGeneration(old) + (templateChanged ? 1n : 0n))
    },
    validate: ({ spec = {} }, { world }) => daemonSetSpecErrors(spec, templateOptions(world)),
    validateUpdate({ spec = {} }, { spec: old = {} }, { world }) {
      const options = templateOptions(world, old.template)
      options.allowInvalidLabelValueInSelector ||= selectorHasInvalidLabelValue(old.selector)
      return [...validateImmutable(spec.selector, old.selector, 'spec.selector'), ...daemonSetSpecErrors(spec, options)]
    },
    warnings(daemonSet, old) {
      if (old !== undefined && templateGeneration(daemonSet) === templateGeneration(old)) return []
      return templateWarnings(daemonSet.spec?.template, 'spec.template')
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Desired', `${DOC}Status.desiredNumberScheduled`, { type: 'integer' }),
      column('Current', `${DOC}Status.currentNumberScheduled`, { type: 'integer' }),
      column('Ready', `${DOC}Status.numberReady`, { type: 'integer' }),
      column('Up-to-date', `${DOC}Status.updatedNumberScheduled`, { type: 'integer' }),
      column('Available', `${DOC}Status.numberAvailable`, { type: 'integer' }),
      column('Node Selector', 'doc:io.k8s.api.core.v1.PodSpec.nodeSelector'),
      AGE_COLUMN,
      CONTAINERS_COLUMN,
      IMAGES_COLUMN,
      wideColumn('Selector', `${DOC}Spec.selector`),
    ],
    cells(daemonSet, { nowMs }) {
      const { spec = {}, status = {} } = daemonSet
      return [
        nameCell(daemonSet),
        status.desiredNumberScheduled ?? 0,
        status.currentNumberScheduled ?? 0,
        status.numberReady ?? 0,
        status.updatedNumberScheduled ?? 0,
        status.numberAvailable ?? 0,
        labelsCell(spec.template?.spec?.nodeSelector),
        ageCell(daemonSet, nowMs),
        ...containerCells(spec.template),
        selectorCell(spec.selector),
      ]
    },
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate(daemonSet, old) {
          restoreMember(daemonSet, old, 'spec')
          setTemplateGeneration(daemonSet, templateGeneration(old))
        },
        validateUpdate: ({ status = {} }, { status: old = {} }) => [
          ...statusErrors(status),
          ...decrementErrors(status.collisionCount, old.collisionCount, 'status.collisionCount'),
        ],
        allowUnconditionalUpdate: true,
        resetFields: ['spec'],
      },
    },
  },
})

function isChanged(daemonSet: DaemonSet, old: DaemonSet): boolean {
  return !semanticEqual(daemonSet.spec, old.spec) || templateGeneration(daemonSet) !== templateGeneration(old)
}

function templateGeneration({ metadata }: DaemonSet): bigint {
  return BigInt(metadata?.annotations?.[TEMPLATE_GENERATION] ?? '0')
}

function setTemplateGeneration(daemonSet: DaemonSet, generation: bigint): void {
  daemonSet.metadata ??= {}
  daemonSet.metadata.annotations ??= {}
  daemonSet.metadata.annotations[TEMPLATE_GENERATION] = String(generation)
}

function daemonSetDefaults(daemonSet: DaemonSet): void {
  const annotated = daemonSet.metadata?.annotations?.[TEMPLATE_GENERATION]
  if (annotated !== undefined && !isInt64(annotated)) throw badRequest(`strconv.ParseInt: parsing ${quote(annotated)}: invalid syntax`)
  setTemplateGeneration(daemonSet, templateGeneration(daemonSet))
  daemonSet.spec ??= {}
  const { spec } = daemonSet
  spec.updateStrategy ??= {}
  const { updateStrategy } = spec
  if (!updateStrategy.type) updateStrategy.type = 'RollingUpdate'
  if (updateStrategy.type === 'RollingUpdate') {
    updateStrategy.rollingUpdate ??= {}
    updateStrategy.rollingUpdate.maxUnavailable ??= 1
    updateStrategy.rollingUpdate.maxSurge ??= 0
  }
  spec.revisionHistoryLimit ??= 10
  spec.template ??= {}
  podTemplateDefaults(spec.template)
}

function isInt64(text: string): boolean {
  return /^[+-]?[0-9]+$/.test(text) && BigInt.asIntN(64, BigInt(text.replace(/^\+/, ''))) === BigInt(text.replace(/^\+/, ''))
}

function daemonSetSpecErrors(spec: DaemonSetSpec, options: PodValidationOptions): FieldError[] {
  const { selector, template = {} } = spec
  const errors = [
    ...validateLabelSelector(selector, 'spec.selector', { allowInvalidLabelValue: options.allowInvalidLabelValueInSelector }),
    ...unselectedErrors(template, selector, 'spec.template'),
  ]
  if (selector !== undefined && isEmptySelector(selector))
    errors.push(invalidValue('spec.selector', selector, 'empty selector is invalid for daemonset'))
  errors.push(
    ...podTemplateErrors(template, 'spec.template', options),
    ...alwaysRunningErrors(template, 'spec.template', 'DaemonSet'),
    ...nonnegativeErrors(spec, ['minReadySeconds'], 'spec'),
    ...updateStrategyErrors(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
    ...nonnegativeErrors(spec, ['revisionHistoryLimit'], 'spec'),
  )
  return errors
}

function updateStrategyErrors({ type = '', rollingUpdate }: DaemonSetUpdateStrategy, field: string): FieldError[] {
  switch (type) {
    case 'OnDelete':
      return []
    case 'RollingUpdate':
      return rollingUpdate === undefined
        ? [required(`${field}.rollingUpdate`)]
        : rollingUpdateErrors(rollingUpdate, `${field}.rollingUpdate`)
    default: {
      const printed =
        rollingUpdate === undefined ? null : { MaxUnavailable: rollingUpdate.maxUnavailable ?? 0, MaxSurge: rollingUpdate.maxSurge ?? 0 }
      return [notSupported(field, { Type: type, RollingUpdate: printed }, ['RollingUpdate', 'OnDelete'])]
    }
  }
}

/** Either old pods go first or new ones come first. */
function rollingUpdateErrors({ maxUnavailable, maxSurge }: RollingUpdateDaemonSet, field: string): FieldError[] {
  const errors = [
    ...intOrPercentErrors(maxUnavailable, `${field}.maxUnavailable`),
    ...intOrPercentErrors(maxSurge, `${field}.maxSurge`),
    ...over100PercentErrors(maxUnavailable, `${field}.maxUnavailable`),
    ...over100PercentErrors(maxSurge, `${field}.maxSurge`),
  ]
  const unavailable = amountOf(maxUnavailable) !== 0
  const surge = amountOf(maxSurge) !== 0
  if (unavailable && surge) errors.push(invalidValue(`${field}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'))
  else if (!unavailable && !surge) errors.push(required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  return errors
}

function statusErrors(status: DaemonSetStatus): FieldError[] {
  return nonnegativeErrors(
    status,
    [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ],
    'status',
  )
}
