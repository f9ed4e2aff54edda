/**
 * The API's answer when there is no object to answer with, and the errors that become one.
 *
 * @see apimachinery/pkg/api/errors/errors.go
 * @module
 */
import { type FieldError, fieldErrorCause, fieldErrorText } from './field.ts'
import { type GroupResource, type GroupVersionKind, groupResourceName } from './object.ts'
import { quote } from './quote.ts'

export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

export interface StatusDetails {
  name?: string
  group?: string
  /** The resource (plural), except for `Invalid`, where it is the kind. */
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: number
}

export interface Status {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: { continue?: string; resourceVersion?: string }
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: StatusDetails
  code?: number
}

/** An outcome that is a `Status`. Thrown anywhere under the handler, written to HTTP in one place. */
export class StatusError extends Error {
  readonly status: Status
  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown', options)
    this.name = 'StatusError'
    this.status = status
  }
  get code(): number {
    return this.status.code ?? 500
  }
  get reason(): string {
    return this.status.reason ?? ''
  }
}

export function isStatusError(error: unknown, reason?: string): error is StatusError {
  return error instanceof StatusError && (reason === undefined || error.reason === reason)
}

export function failure(code: number, reason: string, message: string, details?: StatusDetails, options?: ErrorOptions): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message }
  if (reason !== '') status.reason = reason
  if (details !== undefined) status.details = details
  status.code = code
  if (code >= 500) return new StatusError(status, options)
  // A refusal is an ordinary answer that nobody looks for in the code, and a stack costs more than the rest of it.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = new StatusError(status, options)
  Error.stackTraceLimit = limit
  return error
}

export function success(details?: StatusDetails): Status {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' }
  if (details !== undefined) status.details = details
  return status
}

/** Details that name a resource; an empty name or group is left out, as Go's omitempty does. */
export function resourceDetails({ group, resource }: GroupResource, name = ''): StatusDetails {
  const details: StatusDetails = {}
  if (name !== '') details.name = name.toWellFormed()
  if (group !== '') details.group = group
  details.kind = resource
  return details
}

export function notFound(of: GroupResource, name: string): StatusError {
  return failure(404, 'NotFound', `${groupResourceName(of)} ${quote(name)} not found`, resourceDetails(of, name))
}

export function alreadyExists(of: GroupResource, name: string): StatusError {
  return failure(409, 'AlreadyExists', `${groupResourceName(of)} ${quote(name)} already exists`, resourceDetails(of, name))
}

export function conflict(of: GroupResource, name: string, why: string): StatusError {
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${groupResourceName(of)} ${quote(name)}: ${why}`,
    resourceDetails(of, name),
  )
}

/** The conflict of an optimistic update whose `resourceVersion` is not the stored one. */
export function modified(of: GroupResource, name: string): StatusError {
  return conflict(of, name, 'the object has been modified; please apply your changes to the latest version and try again')
}

export function badRequest(message: string, options?: ErrorOptions): StatusError {
  return failure(400, 'BadRequest', message, undefined, options)
}

/** 403 of admission and strategies: `<resource> "<name>" is forbidden: <why>`. Authorization has its own text. */
export function forbidden(of: GroupResource, name: string, why: string): StatusError {
  const text =
    of.resource === '' ? `forbidden: ${why}` : `${groupResourceName(of)}${name === '' ? '' : ` ${quote(name)}`} is forbidden: ${why}`
  return failure(403, 'Forbidden', text, resourceDetails(of, name))
}

/** 422 with one cause per error; equal texts appear once in the message. */
export function invalid(of: { group: string; kind: string }, name: string, errors: readonly FieldError[]): StatusError {
  const texts = [...new Set(errors.map(fieldErrorText))]
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  const details: StatusDetails = {}
  if (name !== '') details.name = name
  if (of.group !== '') details.group = of.group
  if (of.kind !== '') details.kind = of.kind
  details.causes = errors.map(fieldErrorCause)
  return failure(422, 'Invalid', `${of.group === '' ? of.kind : `${of.kind}.${of.group}`} ${quote(name)} is invalid: ${list}`, details)
}

export function methodNotSupported(of: GroupResource, action: string): StatusError {
  return failure(
    405,
    'MethodNotAllowed',
    `${action} is not supported on resources of kind ${quote(groupResourceName(of))}`,
    resourceDetails(of),
  )
}

export function unauthorized(options?: ErrorOptions): StatusError {
  return failure(401, 'Unauthorized', 'Unauthorized', undefined, options)
}

export function internalError(why: string, options?: ErrorOptions): StatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] }, options)
}

export function expired(message: string): StatusError {
  return failure(410, 'Expired', message)
}

export function tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds })
}

export function timeout(why: string, retryAfterSeconds = 0): StatusError {
  return failure(504, 'Timeout', `Timeout: ${why}`, retryAfterSeconds > 0 ? { retryAfterSeconds } : {})
}

export function requestEntityTooLarge(why: string): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`)
}

export function serviceUnavailable(why: string): StatusError {
  return failure(503, 'ServiceUnavailable', why)
}

/** The names of a schema type for `invalid`. */
export function kindOf(gvk: GroupVersionKind): { group: string; kind: string } {
  return { group: gvk.group, kind: gvk.kind }
}

export { quote } from './quote.ts'
