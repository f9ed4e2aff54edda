/**
 * The group authorization.k8s.io: reviews, which are only ever POSTed.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { localSubjectAccessReviews, selfSubjectAccessReviews, subjectAccessReviews } from './access-reviews.ts'
import { selfSubjectRulesReviews } from './rules-review.ts'

export const authorizationDefinitions: readonly ResourceDefinition[] = [
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
]
