/**
 * Refusals of those who would put something into a namespace that is going away: nothing to be tried again.
 *
 * @see apimachinery/pkg/api/errors/errors.go, HasStatusCause
 * @module
 */
import { StatusError } from '../../api/status.ts'

export function isNamespaceTerminating(error: unknown): boolean {
  return error instanceof StatusError && error.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
}
