/**
 * What is answered where no route leads.
 *
 * @see apiserver/pkg/endpoints/handlers/responsewriters/errors.go; net/http, NotFound
 * @module
 */
import { failure } from '../api/status.ts'
import type { ServerRequest } from './request.ts'

export function routeNotFound(): Error {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}

export function methodNotAllowed(): Error {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

/** Go's own 404, for paths that nothing was ever installed under. */
export function pageNotFound(request: ServerRequest): void {
  request.respond(
    404,
    [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['X-Content-Type-Options', 'nosniff'],
    ],
    '404 page not found\n',
  )
}
