/**
 * How containers use the pod's volumes: mounts and block devices.
 *
 * @see pkg/apis/core/validation/validation.go, ValidateVolumeMounts and ValidateVolumeDevices
 * @module
 */
import { type FieldError, forbiddenField, invalidValue, notFoundField, notSupported, required } from '../../../api/field.ts'
import type { Container, EphemeralContainer, Volume, VolumeMount } from '../../../api/types/core/v1.ts'
import { backstepErrors, descendingPathErrors } from './paths.ts'

const PROPAGATIONS = ['Bidirectional', 'HostToContainer', 'None']
const RECURSIVE = ['Disabled', 'Enabled', 'IfPossible']

/** Volumes that are valid, by name. */
export type Volumes = ReadonlyMap<string, Volume>

export function volumeMountErrors(container: Container | EphemeralContainer, volumes: Volumes, field: string): FieldError[] {
  const { volumeMounts, volumeDevices = [] } = container
  if (volumeMounts === undefined) return []
  const errors: FieldError[] = []
  const paths = new Set<string>()
  // Upstream keeps one path per volume name: the last.
  const devices = new Map(volumeDevices.map(({ name = '', devicePath = '' }) => [name, devicePath]))
  for (let index = 0; index < volumeMounts.length; index++) {
    const mount = volumeMounts[index]!
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount
    const at = `${field}[${index}]`
    if (name === '') errors.push(required(`${at}.name`))
    if (!volumes.has(name)) errors.push(notFoundField(`${at}.name`, name))
    if (mountPath === '') errors.push(required(`${at}.mountPath`))
    if (paths.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'))
    paths.add(mountPath)
    if (devices.has(name)) errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices'))
    if (hasValue(devices, mountPath))
      errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'))
    if (subPath !== '') errors.push(...descendingPathErrors(subPath, `${field}.subPath`))
    if (subPathExpr !== '') {
      if (subPath !== '') errors.push(invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'))
      errors.push(...descendingPathErrors(subPathExpr, `${field}.subPathExpr`))
    }
    if (mount.mountPropagation !== undefined)
      errors.push(...propagationErrors(mount.mountPropagation, container, `${field}.mountPropagation`))
    if (mount.recursiveReadOnly !== undefined) errors.push(...recursiveReadOnlyErrors(mount, `${field}.recursiveReadOnly`))
  }
  return errors
}

export function volumeDeviceErrors(container: Container | EphemeralContainer, volumes: Volumes, field: string): FieldError[] {
  const { volumeMounts = [], volumeDevices } = container
  if (volumeDevices === undefined) return []
  const errors: FieldError[] = []
  const paths = new Set<string>()
  const names = new Set<string>()
  const mounts = new Map(volumeMounts.map(({ name = '', mountPath = '' }) => [name, mountPath]))
  for (const [index, { name = '', devicePath = '' }] of volumeDevices.entries()) {
    const at = `${field}[${index}]`
    const volume = volumes.get(name)
    if (name === '') errors.push(required(`${at}.name`))
    if (names.has(name)) errors.push(invalidValue(`${at}.name`, name, 'must be unique'))
    if (volume === undefined) errors.push(notFoundField(`${at}.name`, name))
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      errors.push(invalidValue(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'))
    }
    if (devicePath === '') errors.push(required(`${at}.devicePath`))
    if (paths.has(devicePath)) errors.push(invalidValue(`${at}.devicePath`, devicePath, 'must be unique'))
    if (backstepErrors(devicePath, '').length > 0)
      errors.push(invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"))
    else paths.add(devicePath)
    if (mounts.has(name)) errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts'))
    if (hasValue(mounts, devicePath))
      errors.push(invalidValue(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'))
    if (name !== '') names.add(name)
  }
  return errors
}

function propagationErrors(propagation: string, container: Container | EphemeralContainer, field: string): FieldError[] {
  const errors: FieldError[] = []
  if (!PROPAGATIONS.includes(propagation)) errors.push(notSupported(field, propagation, PROPAGATIONS))
  if (propagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    errors.push(forbiddenField(field, 'Bidirectional mount propagation is available only to privileged containers'))
  }
  return errors
}

function recursiveReadOnlyErrors({ recursiveReadOnly = '', readOnly, mountPropagation }: VolumeMount, field: string): FieldError[] {
  if (recursiveReadOnly === 'Disabled') return []
  if (!RECURSIVE.includes(recursiveReadOnly)) return [notSupported(field, recursiveReadOnly, RECURSIVE)]
  const errors: FieldError[] = []
  if (readOnly !== true) errors.push(forbiddenField(field, 'may only be specified when readOnly is true'))
  if (mountPropagation !== undefined && mountPropagation !== 'None')
    errors.push(forbiddenField(field, 'may only be specified when mountPropagation is None or not specified'))
  return errors
}

function hasValue(map: ReadonlyMap<string, string>, value: string): boolean {
  for (const one of map.values()) if (one === value) return true
  return false
}
