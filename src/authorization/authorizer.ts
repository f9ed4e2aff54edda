/**
 * The contract of one way to decide what an identity may do.
 *
 * @see apiserver/pkg/authorization/authorizer/interfaces.go
 * @module
 */
import type { UserInfo } from '../authentication/user.ts'

export interface SelectorRequirement {
  key: string
  operator: string
  values: readonly string[]
}

export interface Attributes {
  user: UserInfo
  /** `get list watch create update patch delete deletecollection`, or the lower-case HTTP method for a path, or a special verb. */
  verb: string
  isResource: boolean
  /** Resource requests. */
  apiGroup: string
  apiVersion: string
  resource: string
  subresource: string
  namespace: string
  name: string
  /** Everything else: the URL path. */
  path: string
  fieldSelector?: readonly SelectorRequirement[]
  labelSelector?: readonly SelectorRequirement[]
  /** Selectors were given but did not parse: authorizers may only treat them as absent. */
  selectorErrors?: readonly string[]
}

export type Decision = 'allow' | 'deny' | 'noOpinion'

export interface Authorization {
  decision: Decision
  /** For people; goes into the 403 and the audit log. */
  reason: string
  evaluationError?: string
}

export interface Authorizer {
  readonly name: string
  authorize(attributes: Attributes): Authorization | Promise<Authorization>
  /** Rules a user has in a namespace, for SelfSubjectRulesReview; undefined where it cannot tell. */
  rulesFor?(user: UserInfo, namespace: string): RulesOf | Promise<RulesOf>
}

export interface ResourceRule {
  verbs: readonly string[]
  apiGroups: readonly string[]
  resources: readonly string[]
  resourceNames?: readonly string[]
}

export interface RulesOf {
  resourceRules: readonly ResourceRule[]
  nonResourceRules: readonly { verbs: readonly string[]; nonResourceURLs: readonly string[] }[]
  incomplete: boolean
  evaluationError?: string
}
