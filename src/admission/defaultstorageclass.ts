/**
 * `DefaultStorageClass`: a claim that asks for no class gets the default one.
 *
 * @see plugin/pkg/admission/storage/storageclass/setdefault/admission.go
 * @module
 */
import type { PersistentVolumeClaim } from '../api/types/core/v1.ts'
import type { Cache } from '../cache/cache.ts'
import type { AdmissionPlugin } from './admission.ts'
import { markedObjects, newest } from './marked.ts'

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class'
const DEFAULT_MARKS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export function defaultStorageClass({ cache }: { cache: Cache }): AdmissionPlugin {
  const defaults = markedObjects(cache, 'storage.k8s.io/v1/storageclasses', ({ metadata }) =>
    DEFAULT_MARKS.some((mark) => metadata?.annotations?.[mark] === 'true'),
  )
  return {
    name: 'DefaultStorageClass',
    handles: ({ operation, group, resource, subresource }) =>
      operation === 'CREATE' && group === '' && resource === 'persistentvolumeclaims' && subresource === '',
    admit(request) {
      const claim = request.object as PersistentVolumeClaim
      if (claim.metadata?.annotations?.[BETA_CLASS] !== undefined || claim.spec?.storageClassName !== undefined) return
      const name = newest(defaults())?.metadata?.name
      if (name !== undefined) claim.spec = { ...claim.spec, storageClassName: name }
    },
  }
}
