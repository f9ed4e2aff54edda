/**
 * All authenticators of the server in their order: the first success wins, and an error on the way never ends as anonymous.
 *
 * @see pkg/kubeapiserver/authenticator/config.go; apiserver/pkg/authentication/request/union, group/authenticated_group_adder.go
 * @module
 */
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'
import { aggregate } from './errors.ts'
import { ALL_AUTHENTICATED, ALL_UNAUTHENTICATED, ANONYMOUS, type UserInfo } from './user.ts'

export interface ChainSettings {
  /** Front proxy, client certificates, bearer tokens, WebSocket tokens: those in use, in this order. */
  members: readonly Authenticator[]
  /** Asked last, and only when nobody refused. */
  anonymous?: Authenticator
  /** What answers have to be meant for. */
  apiAudiences: readonly string[]
}

/**
 * Answers `user`, or `refused` (401, the error is for the log), or `none`: nobody knew anything, and anonymous is not allowed (401 too).
 * Synchronous as long as its members are.
 */
export function authenticationChain(settings: ChainSettings): Authenticator {
  const { members, anonymous, apiAudiences } = settings
  const groups = new WeakMap<UserInfo, UserInfo>()

  function from(index: number, state: Collected | undefined, credentials: Credentials): Authentication | Promise<Authentication> {
    let collected = state
    for (let at = index; at < members.length; at++) {
      const outcome = members[at]!.authenticate(credentials)
      if (outcome instanceof Promise) {
        const before = collected
        return outcome.then((settled) =>
          settled.outcome === 'user' ? accept(settled, before, credentials) : from(at + 1, collect(before, settled), credentials),
        )
      }
      if (outcome.outcome === 'user') return accept(outcome, collected, credentials)
      collected = collect(collected, outcome)
    }
    if (collected?.errors !== undefined) return { outcome: 'refused', error: aggregate(collected.errors) }
    if (anonymous === undefined) return NONE
    const outcome = anonymous.authenticate(credentials)
    return outcome instanceof Promise ? outcome.then((settled) => withWarnings(settled, collected)) : withWarnings(outcome, collected)
  }

  function accept(found: Authentication & { outcome: 'user' }, collected: Collected | undefined, credentials: Credentials): Authentication {
    const { audiences } = found
    const accepted = credentials.audiences ?? apiAudiences
    if (
      audiences !== undefined &&
      audiences.length > 0 &&
      accepted.length > 0 &&
      !audiences.some((audience) => accepted.includes(audience))
    ) {
      return {
        outcome: 'refused',
        error: new Error(`unable to match the audience: [${audiences.join(' ')}] , accepted: [${accepted.join(' ')}]`),
      }
    }
    const user = authenticated(found.user, groups)
    return user === found.user && collected === undefined ? found : withWarnings({ ...found, user }, collected)
  }

  return { name: 'chain', authenticate: (credentials) => from(0, undefined, credentials) }
}

const NONE: Authentication = { outcome: 'none' }

/** What members said that did not know the sender. */
interface Collected {
  errors: Error[] | undefined
  warnings: readonly string[] | undefined
}

function collect(before: Collected | undefined, outcome: Authentication): Collected | undefined {
  if (outcome.outcome === 'refused') return { errors: [...(before?.errors ?? []), outcome.error], warnings: before?.warnings }
  if (outcome.outcome === 'none' && outcome.warnings !== undefined)
    return { errors: before?.errors, warnings: [...(before?.warnings ?? []), ...outcome.warnings] }
  return before
}

function withWarnings(outcome: Authentication, collected: Collected | undefined): Authentication {
  if (collected?.warnings === undefined || outcome.outcome === 'refused') return outcome
  return { ...outcome, warnings: [...collected.warnings, ...(outcome.warnings ?? [])] }
}

/** With `system:authenticated` as the last group. The same user gives the same answer, so that what hangs on it stays found. */
function authenticated(user: UserInfo, known: WeakMap<UserInfo, UserInfo>): UserInfo {
  const found = known.get(user)
  if (found !== undefined) return found
  const exempt = user.username === ANONYMOUS || user.groups.includes(ALL_AUTHENTICATED) || user.groups.includes(ALL_UNAUTHENTICATED)
  const grouped = exempt ? user : { ...user, groups: [...user.groups, ALL_AUTHENTICATED] }
  known.set(user, grouped)
  return grouped
}
