/**
 * The RBAC authorizer: asks the index, answers in upstream's words.
 *
 * @see plugin/pkg/auth/authorizer/rbac/rbac.go
 * @module
 */
import { aggregateErrors } from '../api/aggregate.ts'
import type { RbacIndex } from '../rbac/index.ts'
import type { Authorization, Authorizer, ResourceRule, RulesOf } from './authorizer.ts'

const NO_OPINION: Authorization = { decision: 'noOpinion', reason: '' }

/** Rules that could not be resolved go into the reason of a refusal, never into the one of a grant. */
export function rbacAuthorizer(index: RbacIndex): Authorizer {
  return {
    name: 'RBAC',
    authorize(attributes) {
      const decision = index.decide(attributes.user, attributes.namespace, attributes)
      if (decision.allowed) return { decision: 'allow', reason: decision.reason }
      return decision.errors.length === 0 ? NO_OPINION : { decision: 'noOpinion', reason: `RBAC: ${aggregateErrors(decision.errors)}` }
    },
    rulesFor(user, namespace): RulesOf {
      const { rules, errors } = index.rulesFor(user, namespace)
      const resourceRules: ResourceRule[] = []
      const nonResourceRules: { verbs: readonly string[]; nonResourceURLs: readonly string[] }[] = []
      for (const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } of rules) {
        if (resources.length > 0)
          resourceRules.push(resourceNames.length > 0 ? { verbs, apiGroups, resources, resourceNames } : { verbs, apiGroups, resources })
        if (nonResourceURLs.length > 0) nonResourceRules.push({ verbs, nonResourceURLs })
      }
      const result: RulesOf = { resourceRules, nonResourceRules, incomplete: false }
      return errors.length === 0 ? result : { ...result, evaluationError: aggregateErrors(errors) }
    },
  }
}
