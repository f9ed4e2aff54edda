/**
 * VolumeAttachment.
 *
 * @see pkg/apis/storage/validation/validation.go
 * @see pkg/registry/storage/volumeattachment/strategy.go
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '../../api/field.ts'
import { dns1123SubdomainErrors, subdomainName } from '../../api/names.ts'
import type { PersistentVolumeSpec } from '../../api/types/core/v1.ts'
import type { VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec, VolumeError } from '../../api/types/storage/v1.ts'
import { validateVolumeSource } from '../core/persistent-volume-sources.ts'
import { csiDriverNameErrors } from '../core/pod/volumes.ts'
import { validateAccessModes } from '../core/volume-access.ts'
import { ALL_VERBS, define } from '../resource.ts'
import { keepAllButStatus } from '../status-endpoint.ts'
import { AGE_COLUMN, ageCell, column, NAME_COLUMN, nameCell } from '../table-cells.ts'
import { byteLength, each, semanticEqual } from '../validation.ts'

const MAX_METADATA_BYTES = 256 * 1024
const MAX_MESSAGE_BYTES = 1024
const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
const INLINE = 'in the context of inline volumes'

export const volumeAttachments = define<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'volumeattachments',
  singular: 'volumeattachment',
  kind: 'VolumeAttachment',
  namespaced: false,
  verbs: ALL_VERBS,
  schema: 'io.k8s.api.storage.v1.VolumeAttachment',
  storage: { prefix: '/registry/volumeattachments/' },
  strategy: {
    validateName: subdomainName,
    prepareForCreate(attachment) {
      attachment.status = { attached: false }
    },
    prepareForUpdate(attachment, old) {
      attachment.status = old.status
    },
    validate: validateAttachment,
    validateUpdate: (attachment, old) => [...validateAttachment(attachment), ...validateSpecUpdate(attachment.spec ?? {}, old.spec ?? {})],
    allowUnconditionalUpdate: false,
    returnsDeletedObject: true,
    resetFields: ['status'],
  },
  table: {
    columns: () => [
      NAME_COLUMN,
      { ...column('Attacher', 'doc:io.k8s.api.storage.v1.VolumeAttachmentSpec.attacher'), format: 'name' },
      column('PV', 'doc:io.k8s.api.storage.v1.VolumeAttachmentSource.persistentVolumeName'),
      column('Node', 'doc:io.k8s.api.storage.v1.VolumeAttachmentSpec.nodeName'),
      column('Attached', 'doc:io.k8s.api.storage.v1.VolumeAttachmentStatus.attached', { type: 'boolean' }),
      AGE_COLUMN,
    ],
    cells: (attachment, { nowMs }) => [
      nameCell(attachment),
      attachment.spec?.attacher ?? '',
      attachment.spec?.source?.persistentVolumeName ?? '',
      attachment.spec?.nodeName ?? '',
      attachment.status?.attached ?? false,
      ageCell(attachment, nowMs),
    ],
  },
  subresources: {
    status: {
      type: 'object',
      verbs: ['get', 'patch', 'update'],
      strategy: {
        prepareForUpdate: keepAllButStatus,
        validateUpdate: (attachment, old) => [
          ...validateAttachment(attachment),
          ...validateSpecUpdate(attachment.spec ?? {}, old.spec ?? {}),
        ],
        allowUnconditionalUpdate: false,
        resetFields: ['metadata', 'spec'],
      },
    },
  },
})

/** A volume that is inline is printed as it is on the wire. */
function validateSpecUpdate(spec: VolumeAttachmentSpec, old: VolumeAttachmentSpec): FieldError[] {
  if (semanticEqual(spec, old)) return []
  const { attacher = '', nodeName = '', source = {} } = spec
  const { persistentVolumeName = null, inlineVolumeSpec = null } = source
  const Source = { PersistentVolumeName: persistentVolumeName, InlineVolumeSpec: inlineVolumeSpec }
  return [invalidValue('spec', { Attacher: attacher, Source, NodeName: nodeName }, 'field is immutable')]
}

function validateAttachment({ spec = {}, status = {} }: VolumeAttachment): FieldError[] {
  const { attacher = '', source = {}, nodeName = '' } = spec
  const errors = csiDriverNameErrors(attacher, 'spec.attacher')
  errors.push(...validateSource(source))
  errors.push(...each('spec.nodeName', nodeName, dns1123SubdomainErrors(nodeName)))
  const size = Object.entries(status.attachmentMetadata ?? {}).reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  if (size > MAX_METADATA_BYTES) errors.push(tooLong('status.attachmentMetadata', MAX_METADATA_BYTES))
  errors.push(...validateError(status.attachError, 'status.attachError'), ...validateError(status.detachError, 'status.detachError'))
  const volume = source.persistentVolumeName
  return volume === undefined ? errors : [...errors, ...each('spec.source.persistentVolumeName', volume, dns1123SubdomainErrors(volume))]
}

function validateSource({ inlineVolumeSpec, persistentVolumeName }: VolumeAttachmentSource): FieldError[] {
  const field = 'spec.source'
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) return [required(field, ONE_SOURCE)]
  if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) return [forbiddenField(field, ONE_SOURCE)]
  if (persistentVolumeName === '') return [required(`${field}.persistentVolumeName`, 'must specify non empty persistentVolumeName')]
  return inlineVolumeSpec === undefined ? [] : validateInline(inlineVolumeSpec, `${field}.inlineVolumeSpec`)
}

/** A volume that only exists inside an attachment has no claim, size, class or place. */
function validateInline(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const errors: FieldError[] = []
  const { accessModes = [], persistentVolumeReclaimPolicy: policy } = spec
  if (spec.claimRef !== undefined) errors.push(forbiddenField(`${field}.claimRef`, `may not be specified ${INLINE}`))
  if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(forbiddenField(`${field}.capacity`, `may not be specified ${INLINE}`))
  if (spec.csi === undefined) errors.push(required(`${field}.csi`, `has to be specified ${INLINE}`))
  if (accessModes.length === 0) errors.push(required(`${field}.accessModes`))
  errors.push(...validateAccessModes(accessModes, `${field}.accessModes`))
  if (policy && policy !== 'Retain') errors.push(forbiddenField(`${field}.persistentVolumeReclaimPolicy`, `may only be Retain ${INLINE}`))
  if (spec.nodeAffinity !== undefined) errors.push(forbiddenField(`${field}.nodeAffinity`, `may not be specified ${INLINE}`))
  errors.push(...validateVolumeSource(spec, '', false, field))
  if (spec.storageClassName) errors.push(forbiddenField(`${field}.storageClassName`, `may not be specified ${INLINE}`))
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    errors.push(forbiddenField(`${field}.volumeMode`, `may not specify volumeMode other than Filesystem ${INLINE}`))
  }
  return errors
}

function validateError(error: VolumeError | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (byteLength(error?.message ?? '') > MAX_MESSAGE_BYTES) errors.push(tooLong(`${field}.message`, MAX_METADATA_BYTES))
  const code = error?.errorCode
  if (code !== undefined && code < 0) errors.push(invalidValue(`${field}.errorCode`, code, 'must be between 0 and 2147483647, inclusive'))
  return errors
}
