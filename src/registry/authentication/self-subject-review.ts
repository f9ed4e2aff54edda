/**
 * SelfSubjectReview: who the server takes the sender for.
 *
 * @see pkg/registry/authentication/selfsubjectreview/rest.go
 * @module
 */
import type { UserInfo as WireUserInfo } from '../../api/types/authentication/v1.ts'
import type { UserInfo } from '../../authentication/user.ts'
import { rfc3339 } from '../../clock.ts'
import { review } from '../review.ts'

const KIND = { group: 'authentication.k8s.io', version: 'v1', kind: 'SelfSubjectReview' }

export const selfSubjectReviews = review({
  kind: KIND,
  schema: 'io.k8s.api.authentication.v1.SelfSubjectReview',
  /** What was sent is not looked at: the answer is a new object. */
  create: async (action) => {
    await action.validateAdmission()
    return {
      kind: KIND.kind,
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { creationTimestamp: rfc3339(action.nowMs) },
      status: { userInfo: wireUser(action.user) },
    }
  },
})

/** A user as the API writes it: what is empty is left out, keys of extra in order. */
export function wireUser({ username, uid = '', groups, extra = {} }: UserInfo): WireUserInfo {
  const keys = Object.keys(extra).sort()
  return {
    ...(username !== '' && { username }),
    ...(uid !== '' && { uid }),
    ...(groups.length > 0 && { groups: [...groups] }),
    ...(keys.length > 0 && { extra: Object.fromEntries(keys.map((key) => [key, [...(extra[key] ?? [])]])) }),
  }
}
