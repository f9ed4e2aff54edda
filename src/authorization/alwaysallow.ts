/**
 * `--authorization-mode=AlwaysAllow`.
 *
 * @see apiserver/pkg/authorization/authorizerfactory/builtin.go
 * @module
 */
import type { Authorization, Authorizer, RulesOf } from './authorizer.ts'

const ALLOW: Authorization = { decision: 'allow', reason: '' }
const EVERYTHING: RulesOf = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  incomplete: false,
}

export const alwaysAllowAuthorizer: Authorizer = { name: 'AlwaysAllow', authorize: () => ALLOW, rulesFor: () => EVERYTHING }
