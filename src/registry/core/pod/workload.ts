/**
 * What everything that makes pods from a template has in common: selector, template, generation, scale.
 *
 * @see pkg/apis/apps/validation/validation.go, pkg/registry/apps/*\/storage/storage.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../../api/field.ts'
import { selectorFromObject } from '../../../api/labels.ts'
import { dns1123LabelErrors } from '../../../api/names.ts'
import type { KubeObject } from '../../../api/object.ts'
import type { PodTemplateSpec } from '../../../api/types/core/v1.ts'
import type { LabelSelector } from '../../../api/types/meta/v1.ts'
import type { ViewSubresource } from '../../resource.ts'
import { validateLabelSelector, validateNonnegative } from '../../validation.ts'
import { labelSelectorText } from './templatecells.ts'
import { templateWarnings } from './warnings.ts'

/** The selector of a workload is required, and selects something. `kind` is the word that upstream uses. */
export function workloadSelectorErrors(selector: LabelSelector | undefined, field: string, kind: string): FieldError[] {
  if (selector === undefined) return [required(field)]
  const errors = validateLabelSelector(selector, field)
  if (isEmptySelector(selector)) errors.push(invalidValue(field, selector, `empty selector is invalid for ${kind}`))
  return errors
}

export function isEmptySelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0
}

/** The pods of a template must be found by the selector. An empty selector is refused elsewhere. */
export function templateLabelErrors(template: PodTemplateSpec, selector: LabelSelector | undefined, field: string): FieldError[] {
  if (selector !== undefined && isEmptySelector(selector)) return []
  return unselectedErrors(template, selector, field)
}

export function unselectedErrors({ metadata = {} }: PodTemplateSpec, selector: LabelSelector | undefined, field: string): FieldError[] {
  if (selectorFromObject(selector).matches(metadata.labels)) return []
  return [invalidValue(`${field}.metadata.labels`, goMap(metadata.labels), '`selector` does not match template `labels`')]
}

/** Pods that are to run on and on. */
export function alwaysRunningErrors({ spec = {} }: PodTemplateSpec, field: string, kind: string): FieldError[] {
  const errors: FieldError[] = []
  if (spec.restartPolicy !== 'Always') errors.push(notSupported(`${field}.spec.restartPolicy`, spec.restartPolicy ?? '', ['Always']))
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push(forbiddenField(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`))
  }
  return errors
}

/** Each of the named numbers, where there is one, is not negative. */
export function nonnegativeErrors<T extends object>(object: T, members: readonly (keyof T & string)[], field: string): FieldError[] {
  return members.flatMap((member) => {
    const value = object[member] as number | undefined
    return value === undefined ? [] : validateNonnegative(value, `${field}.${member}`)
  })
}

/** Each of the named counts is at most another one. */
export function atMostErrors<T extends object>(
  object: T,
  members: readonly (keyof T & string)[],
  { most, field, text }: { most: number; field: string; text: string },
): FieldError[] {
  return members.flatMap((member) => {
    const value = (object[member] as number | undefined) ?? 0
    return value > most ? [invalidValue(`${field}.${member}`, value, text)] : []
  })
}

/** A counter that may be absent and must not go down. */
export function decrementErrors(value: number | undefined, old: number | undefined, field: string): FieldError[] {
  const decremented = old !== undefined && (value === undefined || value < old)
  return decremented ? [invalidValue(field, value ?? 0, 'cannot be decremented')] : []
}

/** Puts a member back as it was; shared with the old object, which nobody changes. */
export function restoreMember<T extends object>(object: T, old: T, member: keyof T): void {
  if (old[member] === undefined) delete object[member]
  else object[member] = old[member]
}

/** Warning for a name that becomes part of the names of pods. */
export function podNameWarnings(object: KubeObject): string[] {
  const texts = dns1123LabelErrors(object.metadata?.name ?? '')
  if (texts.length === 0) return []
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${texts.join(' ')}]`,
  ]
}

/** Warnings about the template and what becomes of it; none where an update left the spec as it was. */
export function templateChangeWarnings(
  object: KubeObject & { spec?: { template?: PodTemplateSpec | undefined } | undefined },
  old: KubeObject | undefined,
): string[] {
  if (old !== undefined && object.metadata?.generation === old.metadata?.generation) return []
  const warnings = templateWarnings(object.spec?.template, 'spec.template')
  return old === undefined ? [...podNameWarnings(object), ...warnings] : warnings
}

/** A map as Go prints it: sorted by key, null when there is none. */
export function goMap(map: Readonly<Record<string, string>> | undefined): Record<string, string> | null {
  if (map === undefined) return null
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface Scalable extends KubeObject {
  spec?: { replicas?: number | undefined; [member: string]: any } | undefined
  status?: { replicas?: number | undefined; [member: string]: any } | undefined
}

/** `scale`: the number of replicas alone, as autoscaling/v1 `Scale`. */
export function scaleView<T extends Scalable>(selectorOf: (object: T) => string): ViewSubresource<T> {
  return {
    type: 'view',
    verbs: ['get', 'patch', 'update'],
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    schema: 'io.k8s.api.autoscaling.v1.Scale',
    view(object) {
      const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {}
      const selector = selectorOf(object)
      const replicas = object.spec?.replicas ?? 0
      return {
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
        spec: replicas === 0 ? {} : { replicas },
        status: { replicas: object.status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
      }
    },
    apply(view, object) {
      const spec: Scalable['spec'] = { ...object.spec, replicas: view.spec?.replicas ?? 0 }
      object.spec = spec as T['spec']
    },
    validate: (view) => validateNonnegative(view.spec?.replicas ?? 0, 'spec.replicas'),
    paths: { 'spec.replicas': 'spec.replicas' },
  }
}

/** The scale of a workload with a label selector. */
export function selectorScale<T extends Scalable & { spec?: { selector?: LabelSelector | undefined } | undefined }>(): ViewSubresource<T> {
  return scaleView<T>((object) => labelSelectorText(object.spec?.selector))
}
