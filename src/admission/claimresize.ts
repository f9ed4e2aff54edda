/**
 * `PersistentVolumeClaimResize`: a claim grows only where its storage class lets it.
 *
 * @see plugin/pkg/admission/storage/persistentvolume/resize/admission.go
 * @module
 */
import { compareQuantities, parseQuantity } from '../api/quantity.ts'
import type { PersistentVolumeClaim } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin } from './admission.ts'
import { admissionForbidden } from './chain.ts'

export function persistentVolumeClaimResize({ cache }: { cache: Cache }): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'UPDATE' && group === '' && resource === 'persistentvolumeclaims' && subresource === '',
    validate(request) {
      const claim = request.object as PersistentVolumeClaim
      const old = request.oldObject as PersistentVolumeClaim
      if (compareQuantities(sizeOf(claim), sizeOf(old)) <= 0) return
      if (old.status?.phase !== 'Bound') throw admissionForbidden(request, 'Only bound persistent volume claims can be expanded')
      const name = classOf(claim)
      const grows =
        name !== '' &&
        name === classOf(old) &&
        cache.resource('storage.k8s.io/v1/storageclasses')?.get(name)?.object['allowVolumeExpansion'] === true
      if (!grows)
        throw admissionForbidden(
          request,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        )
    },
  }
}

function sizeOf({ spec }: PersistentVolumeClaim) {
  return parseQuantity(spec?.resources?.requests?.['storage'] ?? '0')
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? ''
}
