/**
 * What is counted about requests.
 *
 * @module
 */
import type { ServerRequest } from './handler.ts'

export interface WatchObservation {
  event(bytes: number): void
  ended(): void
}

export interface RequestObserver {
  answered(request: ServerRequest, code: number, bytes: number): void
  watching(request: ServerRequest): WatchObservation
}
