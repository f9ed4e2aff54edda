/**
 * `AlwaysAdmit` and `AlwaysDeny`: deprecated upstream, and still asked for by name.
 *
 * @see plugin/pkg/admission/{admit,deny}/admission.go
 * @module
 */
import type { AdmissionPlugin } from './admission.ts'
import { admissionForbidden } from './chain.ts'

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit', handles: () => false }

export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  handles: () => true,
  admit(request) {
    throw admissionForbidden(request, 'admission control is denying all modifications')
  },
  validate(request) {
    throw admissionForbidden(request, 'admission control is denying all modifications')
  },
}
