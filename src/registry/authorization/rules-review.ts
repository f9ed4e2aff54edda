/**
 * SelfSubjectRulesReview: what the sender may do in a namespace, as far as the authorizers can list it.
 *
 * @see pkg/registry/authorization/selfsubjectrulesreview/rest.go
 * @module
 */
import { badRequest } from '../../api/status.ts'
import type { SelfSubjectRulesReview, SubjectRulesReviewStatus } from '../../api/types/authorization/v1.ts'
import type { RulesOf } from '../../authorization/authorizer.ts'
import { review } from '../review.ts'

const KIND = { group: 'authorization.k8s.io', version: 'v1', kind: 'SelfSubjectRulesReview' }
const NO_RULES: RulesOf = { resourceRules: [], nonResourceRules: [], incomplete: false }

export const selfSubjectRulesReviews = review({
  kind: KIND,
  schema: 'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
  /** A new object: neither metadata nor spec of the request come back. */
  create: async (action, body) => {
    const namespace = (body as SelfSubjectRulesReview).spec?.namespace ?? ''
    if (namespace === '') throw badRequest('no namespace on request')
    await action.validateAdmission()
    const rules = (await action.world.authorizer.rulesFor?.(action.user, namespace)) ?? NO_RULES
    return { kind: KIND.kind, apiVersion: `${KIND.group}/${KIND.version}`, metadata: {}, spec: {}, status: rulesStatus(rules) }
  },
})

function rulesStatus({ resourceRules, nonResourceRules, incomplete, evaluationError }: RulesOf): SubjectRulesReviewStatus {
  const status: SubjectRulesReviewStatus = {
    resourceRules: resourceRules.map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs: [...verbs],
      apiGroups: [...apiGroups],
      resources: [...resources],
      ...(resourceNames !== undefined && { resourceNames: [...resourceNames] }),
    })),
    nonResourceRules: nonResourceRules.map(({ verbs, nonResourceURLs }) => ({ verbs: [...verbs], nonResourceURLs: [...nonResourceURLs] })),
    incomplete,
  }
  return evaluationError === undefined ? status : { ...status, evaluationError }
}
