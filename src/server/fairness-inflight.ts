/**
 * Two numbers instead of priority and fairness: so many requests that read, so many that write.
 *
 * @see apiserver/pkg/server/filters/maxinflight.go
 * @module
 */
import { SYSTEM_MASTERS } from '../authentication/user.ts'
import { type Asked, type Fairness, isLongRunning, isMutating, type Ticket, UNCOUNTED } from './fairness.ts'

const REFUSED: Ticket = { ...UNCOUNTED, admitted: false, retryAfterSeconds: 1 }

/** A limit of 0 is none. */
export function inflightLimits(maxReadOnly: number, maxMutating: number): Fairness {
  const readOnly = { limit: maxReadOnly, running: 0 }
  const mutating = { limit: maxMutating, running: 0 }
  return {
    admit({ user, info }: Asked): Ticket {
      if (info.verb === 'watch' || isLongRunning(info)) return UNCOUNTED
      const kind = isMutating(info) ? mutating : readOnly
      if (kind.limit === 0) return UNCOUNTED
      if (kind.running >= kind.limit) return user.groups.includes(SYSTEM_MASTERS) ? UNCOUNTED : REFUSED
      kind.running++
      let held = true
      return {
        ...UNCOUNTED,
        release() {
          if (held) kind.running--
          held = false
        },
      }
    },
  }
}
