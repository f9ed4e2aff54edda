/**
 * Pod templates on their own, which nothing here makes pods from.
 *
 * @see pkg/registry/core/podtemplate, pkg/apis/core/validation/validation.go, ValidatePodTemplate
 * @module
 */
import { subdomainName } from '../../api/names.ts'
import type { PodTemplate } from '../../api/types/core/v1.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { column, labelsCell, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { podTemplateDefaults } from './pod/defaults.ts'
import { dropDisabledTemplateFields } from './pod/disabledfields.ts'
import { semanticEqual } from './pod/semanticequal.ts'
import { containerCells } from './pod/templatecells.ts'
import { podTemplateErrors } from './pod/validation.ts'
import { templateOptions } from './pod/validationoptions.ts'
import { templateWarnings } from './pod/warnings.ts'

export const podTemplates = define<PodTemplate>({
  group: '',
  version: 'v1',
  resource: 'podtemplates',
  singular: 'podtemplate',
  kind: 'PodTemplate',
  namespaced: true,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.core.v1.PodTemplate',
  storage: { prefix: '/registry/podtemplates/' },
  strategy: {
    validateName: subdomainName,
    defaults(podTemplate) {
      podTemplate.template ??= {}
      podTemplateDefaults(podTemplate.template)
    },
    prepareForCreate: (podTemplate) => dropDisabledTemplateFields(podTemplate.template, undefined),
    prepareForUpdate: (podTemplate, old) => dropDisabledTemplateFields(podTemplate.template, old.template),
    validate: ({ template = {} }, { world }) => podTemplateErrors(template, 'template', templateOptions(world)),
    validateUpdate: ({ template = {} }, old, { world }) => podTemplateErrors(template, 'template', templateOptions(world, old.template)),
    warnings: ({ template, metadata }, old) =>
      old !== undefined && metadata?.generation === old.metadata?.generation ? [] : templateWarnings(template, 'template'),
    specChanged: ({ template }, old) => !semanticEqual(template, old.template),
    allowUnconditionalUpdate: true,
    returnsDeletedObject: true,
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      column('Containers', 'Names of each container in the template.'),
      column('Images', 'Images referenced by each container in the template.'),
      column('Pod Labels', 'The labels for the pod template.'),
    ],
    cells: (podTemplate) => [
      nameCell(podTemplate),
      ...containerCells(podTemplate.template),
      labelsCell(podTemplate.template?.metadata?.labels),
    ],
  },
})
