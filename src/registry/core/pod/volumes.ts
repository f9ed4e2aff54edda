/**
 * Volumes of a pod: exactly one source each, and what each source must say.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateVolumes and validateVolumeSource
 * @module
 */

import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required, tooLong } from '../../../api/field.ts'
import { dns1123SubdomainErrors, subdomainName } from '../../../api/names.ts'
import { quote } from '../../../api/status.ts'
import type {
  AzureDiskVolumeSource,
  CSIVolumeSource,
  EphemeralVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  ISCSIVolumeSource,
  KeyToPath,
  QuobyteVolumeSource,
  StorageOSVolumeSource,
  Volume,
} from '../../../api/types/core/v1.ts'
import { byteLength, each, rangeErrors, validateDNS1123Label } from '../../validation.ts'
import { claimTemplateErrors } from './claimspec.ts'
import { pullPolicyErrors } from './containers.ts'
import { fileModeErrors, keyToPathErrors } from './keytopath.ts'
import { backstepErrors, descendingPathErrors } from './paths.ts'
import { downwardFileErrors, projectedErrors } from './projected.ts'
import { isNegativeQuantity } from './resourcelist.ts'

const ONE_TYPE = 'may not specify more than 1 volume type'
const HOST_PATH_TYPES = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket']

const IQN = /iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$/
const EUI = /^eui.[A-Za-z0-9]{16}$/
const NAA = /^naa.[A-Za-z0-9]{32}$/

export interface VolumeOptions {
  resourceIsPod: boolean
  allowNonLocalTokenPath: boolean
}

interface Context {
  volume: Volume
  /** Name of the pod, where it is one that has its name. */
  podName: string | undefined
  options: VolumeOptions
}

type Source = Exclude<keyof Volume, 'name'>
type Check = (context: Context, field: string) => FieldError[]

/** In upstream's order, which decides which of two sources is one too many. `field` is where upstream looks, not always the member. */
const SOURCES: readonly { source: Source; field?: string; refusedAs?: string; check: Check }[] = [
  { source: 'hostPath', check: ({ volume: { hostPath = {} } }, field) => hostPathErrors(hostPath, field) },
  {
    source: 'gitRepo',
    check: ({ volume: { gitRepo = {} } }, field) => [
      ...requiredMembers(gitRepo, ['repository'], field),
      ...descendingPathErrors(gitRepo.directory ?? '', `${field}.directory`),
    ],
  },
  {
    source: 'gcePersistentDisk',
    field: 'persistentDisk',
    check: ({ volume: { gcePersistentDisk = {} } }, field) => [
      ...requiredMembers(gcePersistentDisk, ['pdName'], field),
      ...partitionErrors(gcePersistentDisk.partition, field),
    ],
  },
  {
    source: 'awsElasticBlockStore',
    check: ({ volume: { awsElasticBlockStore = {} } }, field) => [
      ...requiredMembers(awsElasticBlockStore, ['volumeID'], field),
      ...partitionErrors(awsElasticBlockStore.partition, field),
    ],
  },
  {
    source: 'secret',
    check: ({ volume: { secret = {} } }, field) => [...requiredMembers(secret, ['secretName'], field), ...filesErrors(secret, field)],
  },
  {
    source: 'nfs',
    check({ volume: { nfs = {} } }, field) {
      const errors = requiredMembers(nfs, ['server', 'path'], field)
      if (!nfs.path?.startsWith('/')) errors.push(invalidValue(`${field}.path`, nfs.path ?? '', 'must be an absolute path'))
      return errors
    },
  },
  { source: 'iscsi', check: ({ volume: { iscsi = {} } }, field) => iscsiErrors(iscsi, field) },
  { source: 'glusterfs', check: ({ volume: { glusterfs = {} } }, field) => requiredMembers(glusterfs, ['endpoints', 'path'], field) },
  {
    source: 'flocker',
    check({ volume: { flocker = {} } }, field) {
      const { datasetName = '', datasetUUID = '' } = flocker
      const errors: FieldError[] = []
      if (datasetName === '' && datasetUUID === '') errors.push(required(field, 'one of datasetName and datasetUUID is required'))
      if (datasetName !== '' && datasetUUID !== '')
        errors.push(invalidValue(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'))
      if (datasetName.includes('/')) errors.push(invalidValue(`${field}.datasetName`, datasetName, "must not contain '/'"))
      return errors
    },
  },
  {
    source: 'persistentVolumeClaim',
    check: ({ volume: { persistentVolumeClaim = {} } }, field) => requiredMembers(persistentVolumeClaim, ['claimName'], field),
  },
  {
    source: 'rbd',
    check: ({ volume: { rbd = {} } }, field) => [
      ...(rbd.monitors?.length ? [] : [required(`${field}.monitors`)]),
      ...requiredMembers(rbd, ['image'], field),
    ],
  },
  {
    source: 'cinder',
    check: ({ volume: { cinder = {} } }, field) => [
      ...requiredMembers(cinder, ['volumeID'], field),
      ...secretRefErrors(cinder.secretRef, field),
    ],
  },
  {
    source: 'cephfs',
    refusedAs: 'cephFS',
    check: ({ volume: { cephfs = {} } }, field) => (cephfs.monitors?.length ? [] : [required(`${field}.monitors`)]),
  },
  { source: 'quobyte', check: ({ volume: { quobyte = {} } }, field) => quobyteErrors(quobyte, field) },
  {
    source: 'downwardAPI',
    refusedAs: 'downwarAPI',
    check: ({ volume: { downwardAPI = {} } }, field) => [
      ...fileModeErrors(downwardAPI.defaultMode, `${field}.defaultMode`),
      ...(downwardAPI.items ?? []).flatMap((file) => downwardFileErrors(file, field)),
    ],
  },
  { source: 'fc', check: ({ volume: { fc = {} } }, field) => fcErrors(fc, field) },
  { source: 'flexVolume', check: ({ volume: { flexVolume = {} } }, field) => flexVolumeErrors(flexVolume, field) },
  {
    source: 'configMap',
    check: ({ volume: { configMap = {} } }, field) => [...requiredMembers(configMap, ['name'], field), ...filesErrors(configMap, field)],
  },
  { source: 'azureFile', check: ({ volume: { azureFile = {} } }, field) => requiredMembers(azureFile, ['secretName', 'shareName'], field) },
  { source: 'vsphereVolume', check: ({ volume: { vsphereVolume = {} } }, field) => requiredMembers(vsphereVolume, ['volumePath'], field) },
  {
    source: 'photonPersistentDisk',
    check: ({ volume: { photonPersistentDisk = {} } }, field) => requiredMembers(photonPersistentDisk, ['pdID'], field),
  },
  { source: 'portworxVolume', check: ({ volume: { portworxVolume = {} } }, field) => requiredMembers(portworxVolume, ['volumeID'], field) },
  { source: 'azureDisk', check: ({ volume: { azureDisk = {} } }, field) => azureDiskErrors(azureDisk, field) },
  { source: 'storageos', check: ({ volume: { storageos = {} } }, field) => storageOSErrors(storageos, field) },
  {
    source: 'projected',
    check: ({ volume: { projected = {} }, options }, field) => projectedErrors(projected, field, options.allowNonLocalTokenPath),
  },
  {
    source: 'scaleIO',
    check: ({ volume: { scaleIO = {} } }, field) => requiredMembers(scaleIO, ['gateway', 'system', 'volumeName'], field),
  },
  { source: 'csi', check: ({ volume: { csi = {} } }, field) => csiErrors(csi, field) },
  { source: 'ephemeral', check: ephemeralErrors },
  {
    source: 'image',
    check({ volume: { image = {} }, options }, field) {
      const errors = options.resourceIsPod ? requiredMembers(image, ['reference'], field) : []
      errors.push(...pullPolicyErrors(image.pullPolicy ?? '', `${field}.pullPolicy`))
      return errors
    },
  },
]

const CHECKS = new Map(SOURCES.map((one, order) => [one.source, { ...one, order }]))

/** Errors of all volumes, and those volumes that have none by name. */
export function volumesErrors(
  volumes: readonly Volume[] | undefined,
  field: string,
  { podName, options }: Omit<Context, 'volume'>,
): { valid: Map<string, Volume>; errors: FieldError[] } {
  const valid = new Map<string, Volume>()
  const errors: FieldError[] = []
  if (volumes === undefined) return { valid, errors }
  const made = podName
    ? new Set(volumes.filter((one) => one.ephemeral !== undefined).map((one) => `${podName}-${one.name ?? ''}`))
    : undefined
  for (let index = 0; index < volumes.length; index++) {
    const volume = volumes[index]!
    const { name = '', persistentVolumeClaim } = volume
    const at = `${field}[${index}]`
    const own = sourceErrors({ volume, podName, options }, at)
    if (name === '') own.push(required(`${at}.name`))
    else own.push(...validateDNS1123Label(name, `${at}.name`))
    if (valid.has(name)) own.push(duplicate(`${at}.name`, name))
    if (own.length === 0) valid.set(name, volume)
    else errors.push(...own)
    if (persistentVolumeClaim !== undefined && made?.has(persistentVolumeClaim.claimName ?? '')) {
      const text = 'must not reference a PVC that gets created for an ephemeral volume'
      errors.push(invalidValue(`${at}.persistentVolumeClaim.claimName`, persistentVolumeClaim.claimName, text))
    }
  }
  return { valid, errors }
}

/** `driver` of CSI volumes, also persistent ones. */
export function csiDriverNameErrors(driver: string, field: string): FieldError[] {
  if (driver === '') return [required(field)]
  const errors: FieldError[] = byteLength(driver) > 63 ? [tooLong(field, 63)] : []
  errors.push(...each(field, driver, dns1123SubdomainErrors(driver.toLowerCase())))
  return errors
}

function sourceErrors(context: Context, at: string): FieldError[] {
  const { volume } = context
  const present: { source: Source; field?: string; refusedAs?: string; check: Check; order: number }[] = []
  for (const member in volume) {
    const check = CHECKS.get(member as Source)
    if (check !== undefined && volume[member as Source] !== undefined) present.push(check)
  }
  if (present.length > 1) present.sort((a, b) => a.order - b.order)
  const errors: FieldError[] = []
  const { emptyDir } = volume
  if (emptyDir?.sizeLimit !== undefined && isNegativeQuantity(emptyDir.sizeLimit)) {
    errors.push(forbiddenField(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'))
  }
  let sources = emptyDir === undefined ? 0 : 1
  for (const { source, field = source, refusedAs = source, check } of present) {
    if (sources++ > 0) errors.push(forbiddenField(`${at}.${refusedAs}`, ONE_TYPE))
    else errors.push(...check(context, `${at}.${field}`))
    if (source === 'iscsi') errors.push(...iscsiNameErrors(volume, at))
  }
  if (sources === 0) errors.push(required(at, 'must specify a volume type'))
  return errors
}

function requiredMembers<T>(source: T, members: readonly (keyof T & string)[], field: string): FieldError[] {
  return members.filter((member) => !source[member]).map((member) => required(`${field}.${member}`))
}

function hostPathErrors({ path = '', type }: { path?: string | undefined; type?: string | undefined }, field: string): FieldError[] {
  if (path === '') return [required(`${field}.path`)]
  const errors = backstepErrors(path, `${field}.path`)
  if (type !== undefined && !HOST_PATH_TYPES.includes(type)) errors.push(notSupported(`${field}.type`, type, HOST_PATH_TYPES))
  return errors
}

function partitionErrors(partition: number | undefined, field: string): FieldError[] {
  // Zero is taken although the text says otherwise.
  const wrong = partition !== undefined && (partition < 0 || partition > 255)
  return wrong ? [invalidValue(`${field}.partition`, partition, 'must be between 1 and 255, inclusive')] : []
}

function filesErrors(
  { defaultMode, items }: { defaultMode?: number | undefined; items?: KeyToPath[] | undefined },
  field: string,
): FieldError[] {
  const errors = fileModeErrors(defaultMode, `${field}.defaultMode`)
  for (const [index, item] of (items ?? []).entries()) errors.push(...keyToPathErrors(item, `${field}.items[${index}]`))
  return errors
}

function iscsiErrors(iscsi: ISCSIVolumeSource, field: string): FieldError[] {
  const { iqn = '', lun = 0, initiatorName } = iscsi
  const errors = requiredMembers(iscsi, ['targetPortal', 'iqn'], field)
  if (iqn !== '') errors.push(...each(`${field}.iqn`, iqn, initiatorErrors(iqn)))
  if (lun < 0 || lun > 255) errors.push(...each(`${field}.lun`, lun, rangeErrors(lun, 0, 255)))
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && iscsi.secretRef === undefined) errors.push(required(`${field}.secretRef`))
  if (initiatorName !== undefined) errors.push(...each(`${field}.initiatorname`, initiatorName, initiatorErrors(initiatorName)))
  return errors
}

function initiatorErrors(name: string): string[] {
  const pattern = name.startsWith('iqn') ? IQN : name.startsWith('eui') ? EUI : name.startsWith('naa') ? NAA : undefined
  if (pattern === undefined) return ['must be valid format starting with iqn, eui, or naa']
  return pattern.test(name) ? [] : ['must be valid format']
}

function iscsiNameErrors({ name = '', iscsi = {} }: Volume, at: string): FieldError[] {
  if (iscsi.initiatorName === undefined || byteLength(`${name}:${iscsi.targetPortal ?? ''}`) <= 64) return []
  const text = 'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.'
  return [invalidValue(`${at}.name`, name, text)]
}

function secretRefErrors(reference: { name?: string | undefined } | undefined, field: string): FieldError[] {
  return reference !== undefined && !reference.name ? [required(`${field}.secretRef.name`)] : []
}

function quobyteErrors({ registry = '', tenant = '', volume = '' }: QuobyteVolumeSource, field: string): FieldError[] {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas'
  const errors: FieldError[] = []
  if (registry === '') errors.push(required(`${field}.registry`, pairs))
  else if (byteLength(tenant) >= 65) errors.push(required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'))
  else for (const pair of registry.split(',')) if (!isHostPort(pair)) errors.push(invalidValue(`${field}.registry`, registry, pairs))
  if (volume === '') errors.push(required(`${field}.volume`))
  return errors
}

/** As Go's net.SplitHostPort takes one. */
function isHostPort(pair: string): boolean {
  return /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(pair)
}

function fcErrors({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'))
  if (targetWWNs.length === 0) return errors
  if (wwids.length > 0)
    errors.push(invalidValue(`${field}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'))
  if (lun === undefined) errors.push(required(`${field}.lun`, 'lun is required if targetWWNs is specified'))
  else errors.push(...each(`${field}.lun`, lun, rangeErrors(lun, 0, 255)))
  return errors
}

function flexVolumeErrors(flex: FlexVolumeSource, field: string): FieldError[] {
  const errors = requiredMembers(flex, ['driver'], field)
  for (const key in flex.options) {
    const namespace = `.${key.split('/', 1)[0]!.toLowerCase()}`
    if (!namespace.endsWith('.kubernetes.io') && !namespace.endsWith('.k8s.io')) continue
    errors.push(invalidValue(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'))
  }
  return errors
}

export function azureDiskErrors(disk: AzureDiskVolumeSource, field: string): FieldError[] {
  const { diskURI = '', cachingMode, kind } = disk
  const errors = requiredMembers(disk, ['diskName', 'diskURI'], field)
  const cachingModes = ['None', 'ReadOnly', 'ReadWrite']
  const kinds = ['Dedicated', 'Managed', 'Shared']
  if (cachingMode !== undefined && !cachingModes.includes(cachingMode))
    errors.push(notSupported(`${field}.cachingMode`, cachingMode, cachingModes))
  if (kind !== undefined && !kinds.includes(kind)) errors.push(notSupported(`${field}.kind`, kind, kinds))
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/')) {
    errors.push(
      notSupported(`${field}.diskURI`, diskURI, [
        '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}',
      ]),
    )
  }
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://')) {
    errors.push(
      notSupported(`${field}.diskURI`, diskURI, ['https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd']),
    )
  }
  return errors
}

function storageOSErrors(storageOS: StorageOSVolumeSource, field: string): FieldError[] {
  const { volumeName = '', volumeNamespace = '' } = storageOS
  const errors = requiredMembers(storageOS, ['volumeName'], field)
  if (volumeName !== '') errors.push(...validateDNS1123Label(volumeName, `${field}.volumeName`))
  if (volumeNamespace !== '') errors.push(...validateDNS1123Label(volumeNamespace, `${field}.volumeNamespace`))
  errors.push(...secretRefErrors(storageOS.secretRef, field))
  return errors
}

function csiErrors({ driver = '', nodePublishSecretRef }: CSIVolumeSource, field: string): FieldError[] {
  const errors = csiDriverNameErrors(driver, `${field}.driver`)
  if (nodePublishSecretRef === undefined) return errors
  const { name = '' } = nodePublishSecretRef
  if (name === '') errors.push(required(`${field}.nodePublishSecretRef.name`))
  else errors.push(...each(`${field}.name`, name, subdomainName(name, false)))
  return errors
}

function ephemeralErrors({ volume: { name = '', ephemeral = {} }, podName }: Context, field: string): FieldError[] {
  const errors = ephemeralSourceErrors(ephemeral, field)
  if (podName && name !== '') {
    const claim = `${podName}-${name}`
    // The name of the volume stands beside its source.
    const at = field.replace(/ephemeral$/, 'name')
    errors.push(...subdomainName(claim, false).map((text) => invalidValue(at, name, `PVC name ${quote(claim)}: ${text}`)))
  }
  return errors
}

function ephemeralSourceErrors({ volumeClaimTemplate }: EphemeralVolumeSource, field: string): FieldError[] {
  const at = `${field}.volumeClaimTemplate`
  return volumeClaimTemplate === undefined ? [required(at)] : claimTemplateErrors(volumeClaimTemplate, at)
}
