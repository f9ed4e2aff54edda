/**
 * Stateful sets.
 *
 * @see pkg/registry/apps/statefulset, pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation/validation.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { validateAnnotations, validateLabels } from '../../api/metadata.ts'
import { labelName } from '../../api/names.ts'
import type {
  RollingUpdateStatefulSetStrategy,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetStatus,
  StatefulSetUpdateStrategy,
} from '../../api/types/apps/v1.ts'
import type { PodTemplateSpec, Volume } from '../../api/types/core/v1.ts'
import { podAnnotationErrors } from '../core/pod/annotations.ts'
import { claimSpecErrors } from '../core/pod/claimspec.ts'
import { podTemplateDefaults } from '../core/pod/defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod/disabledfields.ts'
import { canonicalRequirements } from '../core/pod/resourcelist.ts'
import { semanticEqual } from '../core/pod/semanticequal.ts'
import { CONTAINERS_COLUMN, containerCells, IMAGES_COLUMN } from '../core/pod/templatecells.ts'
import { podTemplateErrors } from '../core/pod/validation.ts'
import { type PodValidationOptions, templateOptions } from '../core/pod/validationoptions.ts'
import { claimSpecWarnings, templateWarnings } from '../core/pod/warnings.ts'
import {
  alwaysRunningErrors,
  atMostErrors,
  decrementErrors,
  nonnegativeErrors,
  restoreMember,
  selectorScale,
  templateLabelErrors,
  workloadSelectorErrors,
} from '../core/pod/workload.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { validateDNS1123Label, validateNonnegative } from '../validation.ts'
import { amountOf, intOrPercentErrors, over100PercentErrors } from './intorpercent.ts'

const RETENTION_POLICIES = ['Retain', 'Delete']
const CLAIMS = 'spec.volumeClaimTemplates'
const UPDATABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const
const FIXED =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

export const statefulSets = define<StatefulSet>({
  group: 'apps',
  version: 'v1',
  resource: 'statefulsets',
  singular: 'statefulset',
  kind: 'StatefulSet',
  namespaced: true,
  shortNames: ['sts'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.apps.v1.StatefulSet',
  storage: { prefix: '/registry/statefulsets/' },
  strategy: {
    validateName: labelName,
    defaults: statefulSetDefaults,
    prepareForCreate(statefulSet) {
      statefulSet.status = { replicas: 0, availableReplicas: 0 }
      dropMaxUnavailable(statefulSet, undefined)
      dropDisabledTemplateFields(statefulSet.spec?.template, undefined)
    },
    prepareForUpdate(statefulSet, old) {
      restoreMember(statefulSet, old, 'status')
      dropMaxUnavailable(statefulSet, old)
      dropDisabledTemplateFields(statefulSet.spec?.template, old.spec?.template)
    },
    validate: ({ spec = {} }, { world }) => statefulSetSpecErrors(spec, templateOptions(world), {}),
    validateUpdate: ({ spec = {} }, { spec: old = {} }, { world }) => updateErrors(spec, old, templateOptions(world, old.template)),
    warnings(statefulSet, old) {
      const { template, volumeClaimTemplates = [], revisionHistoryLimit } = statefulSet.spec ?? {}
      const sameTemplate = old !== undefined && statefulSet.metadata?.generation === old.metadata?.generation
      const warnings = sameTemplate ? [] : templateWarnings(template, 'spec.template')
      // On update upstream's path has one member too many.
      for (const [index, { spec = {} }] of volumeClaimTemplates.entries())
        warnings.push(...claimSpecWarnings(spec, `${CLAIMS}[${index}]${old === undefined ? '' : '.Spec'}`))
      if (revisionHistoryLimit !== undefined && revisionHistoryLimit < 0) {
        warnings.push('spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended')
      }
      return warnings
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [NAME_COLUMN, column('Ready', 'Number of the pod with ready state'), AGE_COLUMN, CONTAINERS_COLUMN, IMAGES_COLUMN],
    cells(statefulSet, { nowMs }) {
      const { spec = {}, status = {} } = statefulSet
      return [
        nameCell(statefulSet),
        `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
        ageCell(statefulSet, nowMs),
        ...containerCells(spec.template),
      ]
    },
  },
  subresources: {
    scale: selectorScale<StatefulSet>(),
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (statefulSet, old) => restoreMember(statefulSet, old, 'spec'),
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

function isChanged(statefulSet: StatefulSet, old: StatefulSet): boolean {
  return !semanticEqual(statefulSet.spec, old.spec)
}

function statefulSetDefaults(statefulSet: StatefulSet): void {
  statefulSet.spec ??= {}
  const { spec } = statefulSet
  if (!spec.podManagementPolicy) spec.podManagementPolicy = 'OrderedReady'
  spec.updateStrategy ??= {}
  const { updateStrategy } = spec
  if (!updateStrategy.type) {
    updateStrategy.type = 'RollingUpdate'
    updateStrategy.rollingUpdate ??= {}
  }
  if (updateStrategy.type === 'RollingUpdate' && updateStrategy.rollingUpdate !== undefined) updateStrategy.rollingUpdate.partition ??= 0
  spec.persistentVolumeClaimRetentionPolicy ??= {}
  const retention = spec.persistentVolumeClaimRetentionPolicy
  if (!retention.whenDeleted) retention.whenDeleted = 'Retain'
  if (!retention.whenScaled) retention.whenScaled = 'Retain'
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.template ??= {}
  podTemplateDefaults(spec.template)
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion = 'v1'
    claim.kind = 'PersistentVolumeClaim'
    claim.status ??= {}
    if (!claim.status.phase) claim.status.phase = 'Pending'
    claim.spec ??= {}
    claim.spec.volumeMode ??= 'Filesystem'
    canonicalRequirements(claim.spec.resources)
  }
}

/** MaxUnavailableStatefulSet is off by default. */
function dropMaxUnavailable({ spec }: StatefulSet, old: StatefulSet | undefined): void {
  if (old?.spec?.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) delete spec?.updateStrategy?.rollingUpdate?.maxUnavailable
}

interface Tolerated {
  /** `serviceName` and `volumeClaimTemplates` cannot be changed, so that an update is not to blame for them. */
  fixedMembers?: boolean
  /** The stored spec is not valid as it is. */
  template?: boolean
}

function updateErrors(spec: StatefulSetSpec, old: StatefulSetSpec, options: PodValidationOptions): FieldError[] {
  const template = statefulSetSpecErrors(old, options, { fixedMembers: true }).length > 0
  const errors = statefulSetSpecErrors(spec, options, { fixedMembers: true, template })
  const same = { ...spec }
  for (const member of UPDATABLE) restoreMember(same, old, member)
  if (!semanticEqual(same, old)) errors.push(forbiddenField('spec', FIXED))
  return errors
}

function statefulSetSpecErrors(spec: StatefulSetSpec, options: PodValidationOptions, tolerated: Tolerated): FieldError[] {
  const {
    podManagementPolicy = '',
    persistentVolumeClaimRetentionPolicy = {},
    volumeClaimTemplates = [],
    serviceName,
    selector,
    template = {},
  } = spec
  const errors: FieldError[] = []
  if (podManagementPolicy === '') errors.push(required('spec.podManagementPolicy'))
  else if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    errors.push(invalidValue('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"))
  }
  errors.push(...updateStrategyErrors(spec.updateStrategy ?? {}, 'spec.updateStrategy'))
  for (const member of ['whenDeleted', 'whenScaled'] as const) {
    const policy = persistentVolumeClaimRetentionPolicy[member] ?? ''
    if (!RETENTION_POLICIES.includes(policy))
      errors.push(notSupported(`spec.persistentVolumeClaimRetentionPolicy.${member}`, policy, RETENTION_POLICIES))
  }
  if (tolerated.fixedMembers !== true)
    for (const [index, claim] of volumeClaimTemplates.entries())
      errors.push(...claimSpecErrors(claim.spec ?? {}, `${CLAIMS}[${index}].spec`))
  errors.push(...nonnegativeErrors(spec, ['replicas', 'minReadySeconds'], 'spec'))
  if (spec.ordinals !== undefined) errors.push(...validateNonnegative(spec.ordinals.start ?? 0, 'spec.ordinals.start'))
  if (tolerated.fixedMembers !== true && serviceName) errors.push(...validateDNS1123Label(serviceName, 'spec.serviceName'))
  errors.push(
    ...workloadSelectorErrors(selector, 'spec.selector', 'statefulset'),
    ...templateLabelErrors(template, selector, 'spec.template'),
  )
  const { labels, annotations } = template.metadata ?? {}
  if (tolerated.template !== true) errors.push(...podTemplateErrors(podsTemplate(spec), 'spec.template', options))
  errors.push(
    ...validateLabels(labels, 'spec.template.labels'),
    ...validateAnnotations(annotations, 'spec.template.annotations'),
    ...podAnnotationErrors(annotations, template.spec ?? {}, 'spec.template.annotations', options),
    ...alwaysRunningErrors(template, 'spec.template', 'StatefulSet'),
  )
  return errors
}

/** The template as the pods will have it: with the claims as volumes, and with host names that the controller sets. */
function podsTemplate({ template = {}, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { spec = {} } = template
  if (!spec.subdomain && !spec.hostname && volumeClaimTemplates.length === 0) return template
  const { subdomain: _subdomain, hostname: _hostname, ...others } = spec
  const claims = new Map<string | undefined, Volume>(
    volumeClaimTemplates.map(({ metadata }) => [
      metadata?.name,
      { name: metadata?.name, persistentVolumeClaim: { claimName: metadata?.name } },
    ]),
  )
  const volumes = [...claims.values(), ...(spec.volumes ?? []).filter((volume) => !claims.has(volume.name))]
  return { ...template, spec: volumes.length === 0 ? others : { ...others, volumes } }
}

function updateStrategyErrors({ type = '', rollingUpdate }: StatefulSetUpdateStrategy, field: string): FieldError[] {
  const at = `${field}.rollingUpdate`
  switch (type) {
    case '':
      return [required(field)]
    case 'OnDelete':
      return rollingUpdate === undefined
        ? []
        : [invalidValue(at, goRollingUpdate(rollingUpdate), "only allowed for updateStrategy 'RollingUpdate'")]
    case 'RollingUpdate':
      return rollingUpdate === undefined ? [] : rollingUpdateErrors(rollingUpdate, at)
    default:
      return [invalidValue(field, { Type: type, RollingUpdate: goRollingUpdate(rollingUpdate) }, "must be 'RollingUpdate' or 'OnDelete'")]
  }
}

function goRollingUpdate(rollingUpdate: RollingUpdateStatefulSetStrategy | undefined): unknown {
  return rollingUpdate === undefined
    ? null
    : { Partition: rollingUpdate.partition ?? 0, MaxUnavailable: rollingUpdate.maxUnavailable ?? null }
}

function rollingUpdateErrors({ partition = 0, maxUnavailable }: RollingUpdateStatefulSetStrategy, field: string): FieldError[] {
  const errors = validateNonnegative(partition, `${field}.partition`)
  if (maxUnavailable === undefined) return errors
  const at = `${field}.maxUnavailable`
  errors.push(...intOrPercentErrors(maxUnavailable, at))
  if (amountOf(maxUnavailable) === 0) errors.push(invalidValue(at, maxUnavailable, 'cannot be 0'))
  errors.push(...over100PercentErrors(maxUnavailable, at))
  return errors
}

function statusErrors(status: StatefulSetStatus): FieldError[] {
  const field = 'status'
  const { replicas = 0, readyReplicas = 0 } = status
  return [
    ...nonnegativeErrors(
      status,
      ['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas', 'observedGeneration', 'collisionCount'],
      field,
    ),
    ...atMostErrors(status, ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'], {
      most: replicas,
      field,
      text: 'cannot be greater than status.replicas',
    }),
    ...atMostErrors(status, ['availableReplicas'], { most: readyReplicas, field, text: 'cannot be greater than status.readyReplicas' }),
  ]
}
