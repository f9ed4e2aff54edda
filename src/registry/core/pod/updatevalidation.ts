/**
 * What the subresources of a pod may change.
 *
 * @see pkg/apis/core/validation/validation.go, ValidatePodStatusUpdate, ValidatePodEphemeralContainersUpdate, ValidatePodResize
 * @module
 */
import type { FieldError } from '../../../api/field.ts'
import type { Pod } from '../../../api/types/core/v1.ts'
import type { Write } from '../../resource.ts'

export function validatePodStatusUpdate(_pod: Pod, _old: Pod, _write: Write): FieldError[] {
  return []
}

export function validateEphemeralContainersUpdate(_pod: Pod, _old: Pod, _write: Write): FieldError[] {
  return []
}

export function validatePodResize(_pod: Pod, _old: Pod, _write: Write): FieldError[] {
  return []
}
