/**
 * `--authorization-mode=AlwaysDeny`.
 *
 * @see apiserver/pkg/authorization/authorizerfactory/builtin.go
 * @module
 */
import type { Authorization, Authorizer } from './authorizer.ts'

/** No opinion, so that another mode may still allow. */
const NOTHING: Authorization = { decision: 'noOpinion', reason: 'Everything is forbidden.' }

export const alwaysDenyAuthorizer: Authorizer = {
  name: 'AlwaysDeny',
  authorize: () => NOTHING,
  rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
}
