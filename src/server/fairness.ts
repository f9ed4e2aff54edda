/**
 * Fair limits: who waits, and who is refused, when too much is asked at once.
 *
 * @see apiserver/pkg/util/flowcontrol
 * @module
 */
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from './request-info.ts'

export interface Ticket {
  admitted: boolean
  flowSchemaUid: string
  priorityLevelUid: string
  /** Gives the seat back; more than once does nothing. */
  release(): void
}

export interface Fairness {
  /** A promise when the request has to wait for a seat. */
  admit(user: UserInfo, info: RequestInfo): Ticket | Promise<Ticket>
}
