/**
 * What is counted about requests.
 *
 * @module
 */
import type { ServerRequest } from './request.ts'

export interface WatchObservation {
  event(bytes: number): void
  ended(): void
}

export type AuthenticationResult = 'success' | 'failure' | 'error'
export type AuthorizationResult = 'allowed' | 'denied' | 'no-opinion' | 'error'

export interface RequestObserver {
  /** `startedMs` is of `performance.now()`, and so are all below. */
  authenticated(result: AuthenticationResult, username: string, startedMs: number): void
  authorized(result: AuthorizationResult, startedMs: number): void
  /** Past the fair limits; `finished` comes when it is answered, or when a watch has begun. */
  executing(request: ServerRequest): void
  finished(request: ServerRequest): void
  answered(request: ServerRequest, code: number, bytes: number): void
  watching(request: ServerRequest): WatchObservation
}
