/**
 * The privileged group, which stands before every configured mode.
 *
 * @see apiserver/pkg/authorization/authorizerfactory/builtin.go
 * @module
 */
import { SYSTEM_MASTERS } from '../authentication/user.ts'
import type { Authorization, Authorizer } from './authorizer.ts'

const ALLOW: Authorization = { decision: 'allow', reason: '' }
const NO_OPINION: Authorization = { decision: 'noOpinion', reason: '' }

/** Members of `system:masters` may do everything, and no reason is given. It contributes no rules to reviews. */
export const systemMastersAuthorizer: Authorizer = {
  name: 'SystemMasters',
  authorize: ({ user }) => (user.groups.includes(SYSTEM_MASTERS) ? ALLOW : NO_OPINION),
  rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
}
