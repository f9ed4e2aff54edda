/**
 * What each kind of volume that a PersistentVolume can be must tell.
 *
 * @see pkg/apis/core/validation/validation.go, validate…VolumeSource
 * @module
 */

import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../../api/field.ts'
import { labelName } from '../../api/names.ts'
import type {
  FCVolumeSource,
  ISCSIPersistentVolumeSource,
  PersistentVolumeSpec,
  QuobyteVolumeSource,
  SecretReference,
} from '../../api/types/core/v1.ts'
import { byteLength, each, rangeErrors, validateDNS1123Label, validateDNS1123Subdomain } from '../validation.ts'
import { backstepErrors } from './pod/paths.ts'
import { azureDiskErrors, csiDriverNameErrors } from './pod/volumes.ts'

const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']
const PARTITION = 'must be between 1 and 255, inclusive'
const REGISTRY = 'must be a host:port pair or multiple pairs separated by commas'
const ISCSI_FORMATS: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([\p{L}\p{N}.-]+)(:[^,;*&$|\s]+)$/u,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
}

type Judge<T> = (source: T, field: string, volumeName: string) => FieldError[]

/** In the order in which upstream looks for them, with the name errors call them by. */
const SOURCES: readonly { member: keyof PersistentVolumeSpec; path?: string; judge: Judge<any> }[] = [
  {
    member: 'hostPath',
    judge: ({ path, type }, field) =>
      path ? [...backstepErrors(path, `${field}.path`), ...hostPathType(type, `${field}.type`)] : [required(`${field}.path`)],
  },
  {
    member: 'gcePersistentDisk',
    path: 'persistentDisk',
    judge: (source, field) => [...needs(source, field, 'pdName'), ...partition(source.partition, field)],
  },
  {
    member: 'awsElasticBlockStore',
    judge: (source, field) => [...needs(source, field, 'volumeID'), ...partition(source.partition, field)],
  },
  {
    member: 'glusterfs',
    judge: (source, field) => [
      ...needs(source, field, 'endpoints', 'path'),
      ...endpointsNamespace(source.endpointsNamespace, `${field}.endpointsNamespace`),
    ],
  },
  { member: 'flocker', judge: flocker },
  {
    member: 'nfs',
    judge: (source, field) => [
      ...needs(source, field, 'server', 'path'),
      ...((source.path ?? '').startsWith('/') ? [] : [invalidValue(`${field}.path`, source.path ?? '', 'must be an absolute path')]),
    ],
  },
  { member: 'rbd', judge: (source, field) => needs(source, field, 'monitors', 'image') },
  { member: 'quobyte', judge: quobyte },
  { member: 'cephfs', judge: (source, field) => needs(source, field, 'monitors') },
  { member: 'iscsi', judge: iscsi },
  {
    member: 'cinder',
    judge: (source, field) => [...needs(source, field, 'volumeID'), ...secretNamed(source.secretRef, `${field}.secretRef`)],
  },
  { member: 'fc', judge: fibreChannel },
  {
    member: 'flexVolume',
    judge: (source, field) => [...needs(source, field, 'driver'), ...reservedOptions(source.options, `${field}.options`)],
  },
  {
    member: 'azureFile',
    judge: (source, field) => [
      ...needs(source, field, 'secretName', 'shareName'),
      ...(source.secretNamespace === '' ? [required(`${field}.secretNamespace`)] : []),
    ],
  },
  { member: 'vsphereVolume', judge: (source, field) => needs(source, field, 'volumePath') },
  { member: 'photonPersistentDisk', judge: (source, field) => needs(source, field, 'pdID') },
  { member: 'portworxVolume', judge: (source, field) => needs(source, field, 'volumeID') },
  { member: 'azureDisk', judge: azureDiskErrors },
  { member: 'scaleIO', judge: (source, field) => needs(source, field, 'gateway', 'system', 'volumeName') },
  { member: 'local', judge: ({ path }, field) => (path ? backstepErrors(path, `${field}.path`) : [required(`${field}.path`)]) },
  { member: 'storageos', judge: storageOS },
  { member: 'csi', judge: csi },
]

/** Members of the spec that are a source, of which a volume has exactly one. */
export const VOLUME_SOURCES = SOURCES.map(({ member }) => member)

/** `volumeName` is the volume's own name, which iSCSI limits. */
export function validateVolumeSource(
  spec: PersistentVolumeSpec,
  volumeName: string,
  hasNodeAffinity: boolean,
  field: string,
): FieldError[] {
  const present = SOURCES.filter(({ member }) => spec[member] !== undefined)
  if (present.length === 0) return [required(field, 'must specify a volume type')]
  return present.flatMap(({ member, path = member, judge }, index) => {
    // A second flexVolume is counted, but for historical reasons not refused.
    if (index > 0 && member !== 'flexVolume')
      return [forbiddenField(`${field}.${member === 'cephfs' ? 'cephFS' : member}`, 'may not specify more than 1 volume type')]
    const errors = judge(spec[member], `${field}.${path}`, volumeName)
    return member === 'local' && !hasNodeAffinity
      ? [...errors, required(`${field}.nodeAffinity`, 'Local volume requires node affinity')]
      : errors
  })
}

function needs(source: Readonly<Record<string, unknown>>, field: string, ...members: readonly string[]): FieldError[] {
  return members.flatMap((member) => {
    const value = source[member]
    return value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ? [required(`${field}.${member}`)] : []
  })
}

function hostPathType(type: string | undefined, field: string): FieldError[] {
  return type === undefined || HOST_PATH_TYPES.includes(type) ? [] : [notSupported(field, type, HOST_PATH_TYPES)]
}

function partition(value: number | undefined, field: string): FieldError[] {
  return value !== undefined && (value < 0 || value > 255) ? [invalidValue(`${field}.partition`, value, PARTITION)] : []
}

function endpointsNamespace(namespace: string | undefined, field: string): FieldError[] {
  if (namespace === undefined) return []
  if (namespace === '') return [invalidValue(field, '', 'if the endpointnamespace is set, it must be a valid namespace name')]
  return each(field, namespace, labelName(namespace, false))
}

function flocker({ datasetName = '', datasetUUID = '' }: { datasetName?: string; datasetUUID?: string }, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (datasetName === '' && datasetUUID === '') errors.push(required(field, 'one of datasetName and datasetUUID is required'))
  if (datasetName !== '' && datasetUUID !== '')
    errors.push(invalidValue(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'))
  if (datasetName.includes('/')) errors.push(invalidValue(`${field}.datasetName`, datasetName, "must not contain '/'"))
  return errors
}

function quobyte({ registry = '', tenant = '', volume }: QuobyteVolumeSource, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (registry === '') errors.push(required(`${field}.registry`, REGISTRY))
  else if (byteLength(tenant) >= 65) errors.push(required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'))
  else
    errors.push(
      ...registry
        .split(',')
        .flatMap((pair) => (/^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(pair) ? [] : [invalidValue(`${field}.registry`, registry, REGISTRY)])),
    )
  if (!volume) errors.push(required(`${field}.volume`))
  return errors
}

function iscsi(source: ISCSIPersistentVolumeSource, field: string, volumeName: string): FieldError[] {
  const { targetPortal = '', initiatorName, iqn = '', lun = 0, secretRef } = source
  const errors: FieldError[] = []
  if (targetPortal === '') errors.push(required(`${field}.targetPortal`))
  if (initiatorName !== undefined && byteLength(`${volumeName}:${targetPortal}`) > 64) {
    const text = 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
    errors.push(invalidValue(`${field}.targetportal`, targetPortal, text))
  }
  if (iqn === '') errors.push(required(`${field}.iqn`))
  else errors.push(...iscsiName(iqn, `${field}.iqn`))
  errors.push(...each(`${field}.lun`, lun, rangeErrors(lun, 0, 255)))
  if ((source.chapAuthDiscovery || source.chapAuthSession) && secretRef === undefined) errors.push(required(`${field}.secretRef`))
  if (secretRef !== undefined && !secretRef.name) errors.push(required(`${field}.secretRef.name`))
  if (initiatorName !== undefined) errors.push(...iscsiName(initiatorName, `${field}.initiatorname`))
  return errors
}

function iscsiName(name: string, field: string): FieldError[] {
  const format = ISCSI_FORMATS[name.slice(0, 3)]
  return format?.test(name) ? [] : [invalidValue(field, name, 'must be valid format')]
}

function fibreChannel({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'))
  if (targetWWNs.length > 0 && wwids.length > 0)
    errors.push(invalidValue(`${field}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'))
  if (targetWWNs.length > 0 && lun === undefined) errors.push(required(`${field}.lun`, 'lun is required if targetWWNs is specified'))
  if (targetWWNs.length > 0 && lun !== undefined) errors.push(...each(`${field}.lun`, lun, rangeErrors(lun, 0, 255)))
  return errors
}

function reservedOptions(options: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.keys(options ?? {}).flatMap((key) => {
    const namespace = `.${(key.split('/')[0] ?? '').toLowerCase()}`
    const reserved = namespace.endsWith('.kubernetes.io') || namespace.endsWith('.k8s.io')
    return reserved ? [invalidValue(`${field}[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')] : []
  })
}

function storageOS(source: { volumeName?: string; volumeNamespace?: string; secretRef?: SecretReference }, field: string): FieldError[] {
  const errors = source.volumeName ? validateDNS1123Label(source.volumeName, `${field}.volumeName`) : [required(`${field}.volumeName`)]
  if (source.volumeNamespace) errors.push(...validateDNS1123Label(source.volumeNamespace, `${field}.volumeNamespace`))
  return [...errors, ...secretNamed(source.secretRef, `${field}.secretRef`)]
}

function secretNamed(reference: SecretReference | undefined, field: string): FieldError[] {
  return reference === undefined ? [] : needs({ ...reference }, field, 'name', 'namespace')
}

function csi(source: NonNullable<PersistentVolumeSpec['csi']>, field: string): FieldError[] {
  const errors = csiDriverNameErrors(source.driver ?? '', `${field}.driver`)
  if (!source.volumeHandle) errors.push(required(`${field}.volumeHandle`))
  for (const member of [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const) {
    const reference = source[member]
    if (reference === undefined) continue
    const { name = '', namespace = '' } = reference
    errors.push(...(name === '' ? [required(`${field}.${member}.name`)] : validateDNS1123Subdomain(name, `${field}.${member}.name`)))
    errors.push(
      ...(namespace === '' ? [required(`${field}.${member}.namespace`)] : validateDNS1123Label(namespace, `${field}.${member}.namespace`)),
    )
  }
  return errors
}
