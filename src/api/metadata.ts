/**
 * Validation of `ObjectMeta`, the same for every kind.
 *
 * @see apimachinery/pkg/api/validation/objectmeta.go, apimachinery/pkg/apis/meta/v1/validation/validation.go
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, required, tooLong } from './field.ts'
import { byteOrder } from './json.ts'
import { labelName, labelValueErrors, type NameErrors, qualifiedNameErrors } from './names.ts'
import { quote } from './status.ts'
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from './types/meta/v1.ts'

/** Members of ObjectMeta in Go's order. */
export const METADATA_MEMBERS = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const

/** All keys and values of an object's annotations together, in bytes. */
const ANNOTATIONS_MAX = 256 * 1024
const FIELD_MANAGER_MAX = 128
const SUBRESOURCE_MAX = 256
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion'])

/** What is wrong with the metadata of an object, whose name has been generated if it was to be. */
export function validateObjectMeta(
  meta: ObjectMeta,
  { namespaced, validateName }: { namespaced: boolean; validateName: NameErrors },
  path = 'metadata',
): FieldError[] {
  const errors: FieldError[] = []
  const { generateName = '', name = '', namespace = '' } = meta
  if (generateName !== '')
    for (const text of validateName(generateName, true)) errors.push(invalidValue(`${path}.generateName`, generateName, text))
  if (name === '') errors.push(required(`${path}.name`, 'name or generateName is required'))
  else for (const text of validateName(name, false)) errors.push(invalidValue(`${path}.name`, name, text))
  if (!namespaced) {
    if (namespace !== '') errors.push(forbiddenField(`${path}.namespace`, 'not allowed on this type'))
  } else if (namespace === '') errors.push(required(`${path}.namespace`))
  else for (const text of labelName(namespace, false)) errors.push(invalidValue(`${path}.namespace`, namespace, text))
  if ((meta.generation ?? 0) < 0) errors.push(invalidValue(`${path}.generation`, meta.generation, 'must be greater than or equal to 0'))
  errors.push(...validateLabels(meta.labels, `${path}.labels`))
  errors.push(...validateAnnotations(meta.annotations, `${path}.annotations`))
  errors.push(...validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`))
  errors.push(...validateFinalizers(meta.finalizers, `${path}.finalizers`))
  errors.push(...validateManagedFields(meta.managedFields, `${path}.managedFields`))
  return errors
}

/** What an update of metadata may not do. The caller has already put back what the server manages. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = []
  if (old.deletionTimestamp !== undefined && old.deletionTimestamp !== null) {
    const before = new Set(old.finalizers ?? [])
    const added = [...new Set(meta.finalizers ?? [])].filter((finalizer) => !before.has(finalizer)).sort(byteOrder)
    if (added.length > 0) {
      const list = `[]string{${added.map(quote).join(', ')}}`
      errors.push(
        forbiddenField(`${path}.finalizers`, `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`),
      )
    }
  }
  if ((meta.resourceVersion ?? '') === '') errors.push(invalidValue(`${path}.resourceVersion`, '', 'must be specified for an update'))
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalidValue(`${path}.generation`, meta.generation ?? 0, 'must not be decremented'))
  }
  for (const member of ['name', 'namespace', 'uid'] as const) {
    if ((meta[member] ?? '') !== (old[member] ?? ''))
      errors.push(invalidValue(`${path}.${member}`, meta[member] ?? '', 'field is immutable'))
  }
  for (const member of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if ((meta[member] ?? undefined) !== (old[member] ?? undefined))
      errors.push(invalidValue(`${path}.${member}`, meta[member], 'field is immutable'))
  }
  errors.push(...validateLabels(meta.labels, `${path}.labels`))
  errors.push(...validateAnnotations(meta.annotations, `${path}.annotations`))
  errors.push(...validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`))
  errors.push(...validateManagedFields(meta.managedFields, `${path}.managedFields`))
  return errors
}

/** Labels of any object: keys are qualified names, values short. */
export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const text of qualifiedNameErrors(key)) errors.push(invalidValue(path, key, text))
    for (const text of labelValueErrors(value)) errors.push(invalidValue(path, value, text))
  }
  return errors
}

/** Annotations: keys as for labels whatever their case, and no more than 256 KiB altogether. */
export function validateAnnotations(annotations: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const text of qualifiedNameErrors(key.toLowerCase())) errors.push(invalidValue(path, key, text))
    size += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (size > ANNOTATIONS_MAX) errors.push(tooLong(path, ANNOTATIONS_MAX))
  return errors
}

/** Owners: complete references, no events, and one controller at most. */
export function validateOwnerReferences(references: readonly OwnerReference[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  let controller = ''
  for (const reference of references ?? []) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = reference
    const parts = apiVersion.split('/')
    // A text with several slashes is no version at all.
    const version = parts.length > 2 ? '' : (parts.at(-1) as string)
    if (version === '') errors.push(invalidValue(`${path}.apiVersion`, apiVersion, 'version must not be empty'))
    if (kind === '') errors.push(invalidValue(`${path}.kind`, kind, 'must not be empty'))
    if (name === '') errors.push(invalidValue(`${path}.name`, name, 'must not be empty'))
    if (uid === '') errors.push(invalidValue(`${path}.uid`, uid, 'must not be empty'))
    if (apiVersion === 'v1' && kind === 'Event')
      errors.push(invalidValue(path, asWritten(reference), '/v1, Kind=Event is disallowed from being an owner'))
    if (reference.controller !== true) continue
    const current = `${kind}/${name}`
    if (controller === '') controller = current
    else {
      const text = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`
      errors.push(invalidValue(path, (references ?? []).map(asWritten), text))
    }
  }
  return errors
}

/** A reference with its members in the order in which Go writes them. */
function asWritten({ apiVersion = '', kind = '', name = '', uid = '', controller, blockOwnerDeletion }: OwnerReference): object {
  return { apiVersion, kind, name, uid, controller, blockOwnerDeletion }
}

/** Finalizers: qualified names, and not both ways of treating dependents. */
export function validateFinalizers(finalizers: readonly string[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  for (const finalizer of finalizers ?? [])
    for (const text of qualifiedNameErrors(finalizer)) errors.push(invalidValue(path, finalizer, text))
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalidValue(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'))
  }
  return errors
}

/** What the kinds of Kubernetes itself add: a finalizer without a domain must be one of Kubernetes' own. */
export function validateKubeFinalizers(finalizers: readonly string[] | undefined, path = 'metadata.finalizers'): FieldError[] {
  const errors: FieldError[] = []
  finalizers?.forEach((finalizer, index) => {
    if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) return
    errors.push(invalidValue(`${path}[${index}]`, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'))
  })
  return errors
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = []
  entries?.forEach((entry, index) => {
    const at = `${path}[${index}]`
    const { operation = '', fieldsType = '', manager = '', subresource = '' } = entry
    if (operation !== 'Apply' && operation !== 'Update')
      errors.push(invalidValue(`${at}.operation`, operation, 'must be `Apply` or `Update`'))
    if (fieldsType !== '' && fieldsType !== 'FieldsV1') errors.push(invalidValue(`${at}.fieldsType`, fieldsType, 'must be `FieldsV1`'))
    errors.push(...validateFieldManager(manager, `${at}.manager`))
    if (Buffer.byteLength(subresource) > SUBRESOURCE_MAX) errors.push(tooLong(`${at}.subresource`, SUBRESOURCE_MAX))
  })
  return errors
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/** The name of a field manager: at most 128 bytes, all printable. */
export function validateFieldManager(manager: string, path: string): FieldError[] {
  const errors: FieldError[] = []
  if (Buffer.byteLength(manager) > FIELD_MANAGER_MAX) errors.push(tooLong(path, FIELD_MANAGER_MAX))
  let position = 0
  for (const character of manager) {
    if (UNPRINTABLE.test(character)) {
      const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
      errors.push(invalidValue(path, manager, `invalid character U+${code} (at position ${position})`))
    }
    position += Buffer.byteLength(character)
  }
  return errors
}
