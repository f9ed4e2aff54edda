/**
 * `StorageObjectInUseProtection`: claims, volumes and their attribute classes are held until nobody uses them.
 *
 * @see plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go
 * @module
 */
import { groupResourceName, metaOf } from '../api/object.ts'
import type { AdmissionPlugin } from './admission.ts'

const FINALIZERS: Readonly<Record<string, string>> = {
  persistentvolumes: 'kubernetes.io/pv-protection',
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  'volumeattributesclasses.storage.k8s.io': 'kubernetes.io/vac-protection',
}

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (request) =>
    request.operation === 'CREATE' && request.subresource === '' && FINALIZERS[groupResourceName(request)] !== undefined,
  admit(request) {
    const finalizer = FINALIZERS[groupResourceName(request)]
    if (finalizer === undefined || request.object === undefined) return
    const meta = metaOf(request.object)
    const finalizers = meta.finalizers ?? []
    if (!finalizers.includes(finalizer)) meta.finalizers = [...finalizers, finalizer]
  },
}
