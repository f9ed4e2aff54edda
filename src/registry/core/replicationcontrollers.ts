/**
 * Replication controllers.
 *
 * @see pkg/registry/core/replicationcontroller, pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go
 * @module
 */

import { type FieldError, invalidValue, notFoundField, required } from '../../api/field.ts'
import { selectorFromLabels } from '../../api/labels.ts'
import { subdomainName } from '../../api/names.ts'
import type { ReplicationController, ReplicationControllerSpec } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { labelsCell } from '../table-cells.ts'
import { podTemplateDefaults } from './pod/defaults.ts'
import { dropDisabledTemplateFields } from './pod/disabledfields.ts'
import { REPLICAS_FIELD, replicasStatusErrors, replicasTable } from './pod/replicas.ts'
import { semanticEqual } from './pod/semanticequal.ts'
import { labelSelectorText } from './pod/templatecells.ts'
import { podTemplateErrors } from './pod/validation.ts'
import { type PodValidationOptions, templateOptions } from './pod/validationoptions.ts'
import { templateWarnings } from './pod/warnings.ts'
import { alwaysRunningErrors, goMap, nonnegativeErrors, podNameWarnings, restoreMember, scaleView } from './pod/workload.ts'

const DOC = 'doc:io.k8s.api.core.v1.ReplicationController'
const NON_CONVERTIBLE = 'non-convertible.kubernetes.io'

export const replicationControllers = define<ReplicationController>({
  group: '',
  version: 'v1',
  resource: 'replicationcontrollers',
  singular: 'replicationcontroller',
  kind: 'ReplicationController',
  namespaced: true,
  shortNames: ['rc'],
  categories: ['all'],
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.ReplicationController',
  storage: { prefix: '/registry/controllers/' },
  strategy: {
    validateName: subdomainName,
    defaults: controllerDefaults,
    prepareForCreate(controller) {
      controller.status = { replicas: 0 }
      dropDisabledTemplateFields(controller.spec?.template, undefined)
    },
    prepareForUpdate(controller, old) {
      restoreMember(controller, old, 'status')
      dropDisabledTemplateFields(controller.spec?.template, old.spec?.template)
    },
    validate: ({ spec = {} }, { world }) => controllerSpecErrors(spec, templateOptions(world)),
    validateUpdate: (controller, old, { world }) => [
      ...controllerSpecErrors(controller.spec ?? {}, templateOptions(world, old.spec?.template)),
      ...nonConvertibleErrors(controller, old),
    ],
    warnings(controller, old) {
      if (old === undefined) return [...podNameWarnings(controller), ...templateWarnings(controller.spec?.template, 'spec.template')]
      // Upstream looks at the old template here.
      return controller.metadata?.generation === old.metadata?.generation ? [] : templateWarnings(old.spec?.template, 'spec.template')
    },
    specChanged: isChanged,
    allowUnconditionalUpdate: true,
    defaultPropagation: 'Orphan',
    resetFields: ['status'],
  },
  fields: REPLICAS_FIELD,
  table: replicasTable<ReplicationController>(DOC, ({ spec }) => labelsCell(spec?.selector)),
  subresources: {
    scale: scaleView<ReplicationController>(({ spec }) => labelSelectorText({ matchLabels: spec?.selector })),
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: (controller, old) => restoreMember(controller, old, 'spec'),
        validateUpdate: ({ status = {} }) => replicasStatusErrors(status),
        allowUnconditionalUpdate: true,
        resetFields: ['spec'],
      },
    },
  },
})

function isChanged(controller: ReplicationController, old: ReplicationController): boolean {
  return !semanticEqual(controller.spec, old.spec)
}

function controllerDefaults(controller: ReplicationController): void {
  controller.spec ??= {}
  controller.metadata ??= {}
  const { spec, metadata } = controller
  spec.replicas ??= 1
  const labels = spec.template?.metadata?.labels
  if (labels !== undefined) {
    if (isEmpty(spec.selector)) spec.selector = { ...labels }
    if (isEmpty(metadata.labels)) metadata.labels = { ...labels }
  }
  if (spec.template !== undefined) podTemplateDefaults(spec.template)
}

function controllerSpecErrors(spec: ReplicationControllerSpec, options: PodValidationOptions): FieldError[] {
  const { template, selector = {} } = spec
  const errors = nonnegativeErrors(spec, ['minReadySeconds'], 'spec')
  if (isEmpty(selector)) errors.push(required('spec.selector'))
  if (spec.replicas === undefined) errors.push(required('spec.replicas'))
  else errors.push(...nonnegativeErrors(spec, ['replicas'], 'spec'))
  if (template === undefined) return [...errors, required('spec.template')]
  const labels = template.metadata?.labels
  if (!selectorFromLabels(selector).matches(labels)) {
    errors.push(invalidValue('spec.template.metadata.labels', goMap(labels), '`selector` does not match template `labels`'))
  }
  errors.push(
    ...podTemplateErrors(template, 'spec.template', options),
    ...alwaysRunningErrors(template, 'spec.template', 'ReplicationController'),
  )
  return errors
}

/** Members of another version that this one cannot say are kept as annotations, and so must not be contradicted. */
function nonConvertibleErrors(controller: ReplicationController, old: ReplicationController): FieldError[] {
  return Object.entries(old.metadata?.annotations ?? {}).flatMap(([key, value]) => {
    const parts = key.split('/')
    if (!key.startsWith(NON_CONVERTIBLE) || parts.length !== 2) return []
    const field = parts[1] ?? ''
    if (!field.includes('selector')) {
      const error = notFoundField(field, value)
      return [{ ...error, text: `${error.text}: unknown non-convertible field` }]
    }
    const { selector } = controller.spec ?? {}
    if (semanticEqual(selector, old.spec?.selector, 'selector')) return []
    return [invalidValue('spec.selector', goMap(selector), 'cannot update non-convertible selector')]
  })
}

function isEmpty(labels: Readonly<Record<string, string>> | undefined): boolean {
  return labels === undefined || Object.keys(labels).length === 0
}
