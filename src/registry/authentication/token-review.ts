/**
 * TokenReview: what the server thinks of a bearer token that somebody else was shown.
 *
 * The whole chain judges a request that holds nothing but the token, so that every kind of token can be reviewed.
 *
 * @see pkg/registry/authentication/tokenreview/storage.go
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import { badRequest, internalError } from '../../api/status.ts'
import type { TokenReview, TokenReviewStatus } from '../../api/types/authentication/v1.ts'
import type { Authenticator } from '../../authentication/authenticator.ts'
import { INVALID_BEARER_TOKEN } from '../../authentication/bearer.ts'
import { aggregate } from '../../authentication/errors.ts'
import type { ResourceDefinition } from '../resource.ts'
import { review } from '../review.ts'
import { wireUser } from './self-subject-review.ts'

const KIND = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenReview' }

export interface TokenReviewDeps {
  /** The server's whole chain, anonymous included. */
  chain: Authenticator
  apiAudiences: readonly string[]
}

export function tokenReviews(deps: TokenReviewDeps): ResourceDefinition {
  return review({
    kind: KIND,
    schema: 'io.k8s.api.authentication.v1.TokenReview',
    create: async (action, body) => {
      const token: string = (body as TokenReview).spec?.token ?? ''
      if (token === '') throw badRequest('token is required for TokenReview in authentication')
      await action.validateAdmission()
      const { status = {}, ...rest } = body as TokenReview & KubeObject
      return { ...rest, status: { ...status, ...(await judged(deps, token, (body as TokenReview).spec?.audiences ?? [])) } }
    },
  })
}

/** What is set overwrites what the client sent; the user is always written, as an empty object when there is none. */
async function judged({ chain, apiAudiences }: TokenReviewDeps, token: string, asked: readonly string[]): Promise<TokenReviewStatus> {
  const audiences = asked.length === 0 ? apiAudiences : asked
  const headers = { authorization: `Bearer ${token}` }
  const outcome = await chain.authenticate({ headers, connection: {}, audiences })
  switch (outcome.outcome) {
    case 'none':
      return { user: {} }
    case 'refused':
      // Upstream's chain begins with the server's own token, whose refusal is part of every error here.
      return { user: {}, error: aggregate([new Error(INVALID_BEARER_TOKEN), outcome.error]).message }
    case 'user': {
      const common = outcome.audiences === undefined ? [] : audiences.filter((audience) => outcome.audiences?.includes(audience))
      if (outcome.audiences !== undefined && outcome.audiences.length > 0 && common.length === 0)
        throw internalError('error validating audiences')
      return { authenticated: true, user: wireUser(outcome.user), ...(common.length > 0 && { audiences: common }) }
    }
  }
}
