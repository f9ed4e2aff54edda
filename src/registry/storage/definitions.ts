/**
 * The storage.k8s.io group.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { storageClasses, volumeAttributesClasses } from './classes.ts'
import { csiDrivers, csiNodes, csiStorageCapacities } from './csi.ts'
import { volumeAttachments } from './volumeattachments.ts'

export const storageDefinitions: readonly ResourceDefinition[] = [
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
]
