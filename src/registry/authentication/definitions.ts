/**
 * The group authentication.k8s.io: reviews, which are only ever POSTed.
 *
 * @module
 */
import type { ResourceDefinition } from '../resource.ts'
import { selfSubjectReviews } from './self-subject-review.ts'
import { type TokenReviewDeps, tokenReviews } from './token-review.ts'

export function authenticationDefinitions(deps: TokenReviewDeps): readonly ResourceDefinition[] {
  return [selfSubjectReviews, tokenReviews(deps)]
}
