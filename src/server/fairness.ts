/**
 * Fair limits: who waits, and who is refused, when too much is asked at once.
 *
 * @see apiserver/pkg/util/flowcontrol
 * @module
 */
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from './request-info.ts'

/** What is looked at of a request. */
export interface Asked {
  readonly user: UserInfo
  readonly info: RequestInfo
  readonly query: URLSearchParams
  readonly exchange: {
    /** The peer went away. */
    onClose(callback: () => void): void
  }
}

export interface Ticket {
  admitted: boolean
  /** Sent as `X-Kubernetes-PF-*` headers; undefined where nothing was matched. */
  flowSchemaUid: string | undefined
  priorityLevelUid: string | undefined
  /** When a refused one may come back. */
  retryAfterSeconds: number
  /** Gives the seat back; more than once does nothing. */
  release(): void
}

export interface Fairness {
  /** A promise when the request has to wait for a seat. */
  admit(asked: Asked): Ticket | Promise<Ticket>
}

const LONG_RUNNING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** Streams that may last for ever and are no watches: they take no seat. */
export function isLongRunning({ isResource, verb, subresource, path }: RequestInfo): boolean {
  if (verb === 'watch') return false
  return isResource ? verb === 'proxy' || LONG_RUNNING_SUBRESOURCES.has(subresource) : path.startsWith('/debug/pprof/')
}

const READ_ONLY = new Set(['get', 'list', 'watch'])

/** As the two in-flight limits tell requests apart. */
export function isMutating({ verb }: RequestInfo): boolean {
  return !READ_ONLY.has(verb)
}

/** Of requests that are not counted. */
export const UNCOUNTED: Ticket = {
  admitted: true,
  flowSchemaUid: undefined,
  priorityLevelUid: undefined,
  retryAfterSeconds: 0,
  release: () => {},
}
