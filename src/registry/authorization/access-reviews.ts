/**
 * SubjectAccessReview, SelfSubjectAccessReview and LocalSubjectAccessReview: the answer that the authorizers would give.
 *
 * @see pkg/registry/authorization/{subjectaccessreview,selfsubjectaccessreview,localsubjectaccessreview}/rest.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { invalid } from '../../api/status.ts'
import type { SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus } from '../../api/types/authorization/v1.ts'
import type { UserInfo } from '../../authentication/user.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { ResourceDefinition } from '../resource.ts'
import { review } from '../review.ts'
import { type ReviewQuestion, reviewQuestion } from './attributes.ts'
import { type ReviewKind, validateAccessReview } from './validation.ts'

const GROUP = 'authorization.k8s.io'

export const subjectAccessReviews = accessReviews('SubjectAccessReview', false)
export const selfSubjectAccessReviews = accessReviews('SelfSubjectAccessReview', false)
export const localSubjectAccessReviews = accessReviews('LocalSubjectAccessReview', true)

function accessReviews(kind: ReviewKind, namespaced: boolean): ResourceDefinition {
  return review({
    kind: { group: GROUP, version: 'v1', kind },
    schema: `io.k8s.api.authorization.v1.${kind}`,
    namespaced,
    create: async (action, body) => {
      const asked = body as SubjectAccessReview & KubeObject
      const errors = validateAccessReview(kind, asked)
      // Upstream asks the decoded object for its kind, which is empty by then.
      if (errors.length > 0) throw invalid({ group: GROUP, kind: '' }, '', errors)
      await action.validateAdmission()
      const spec = asked.spec ?? {}
      const user = kind === 'SelfSubjectAccessReview' ? action.user : askedUser(spec)
      return { ...asked, status: await accessDecision(action.world.authorizer, reviewQuestion(user, spec)) }
    },
  })
}

/** Exactly as given: no group is added. */
export function askedUser({ user = '', uid = '', groups = [], extra = {} }: SubjectAccessReviewSpec): UserInfo {
  return uid === '' ? { username: user, groups, extra } : { username: user, uid, groups, extra }
}

export async function accessDecision(authorizer: Authorizer, { attributes, ignored }: ReviewQuestion): Promise<SubjectAccessReviewStatus> {
  const { decision, reason, evaluationError } = await authorizer.authorize(attributes)
  const errors = [...(evaluationError === undefined ? [] : [evaluationError]), ...ignored]
  const status: SubjectAccessReviewStatus = { allowed: decision === 'allow' }
  if (decision === 'deny') status.denied = true
  if (reason !== '') status.reason = reason
  if (errors.length > 0) status.evaluationError = errors.join('; ')
  return status
}
