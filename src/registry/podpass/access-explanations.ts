/**
 * `accessexplanations`: what `podpass why` answers, as an API. A SubjectAccessReview that also says by which bindings, or what comes nearest
 * and the smallest rule that would do. Only ever POSTed.
 *
 * Whoever may create one sees parts of all roles and bindings.
 *
 * @module
 */
import { AccessModel } from '../../analysis/access-model.ts'
import { type Why, why } from '../../analysis/why.ts'
import type { KubeObject } from '../../api/object.ts'
import { invalid } from '../../api/status.ts'
import type { SubjectAccessReview } from '../../api/types/authorization/v1.ts'
import { accessDecision, askedUser } from '../authorization/access-reviews.ts'
import { reviewQuestion } from '../authorization/attributes.ts'
import { validateAccessReview } from '../authorization/validation.ts'
import type { ResourceDefinition, World } from '../resource.ts'
import { review } from '../review.ts'
import { PODPASS_GROUP, PODPASS_VERSION, schemaName } from './schemas.ts'

const KIND = { group: PODPASS_GROUP, version: PODPASS_VERSION, kind: 'AccessExplanation' }

export function accessExplanations(): ResourceDefinition {
  // Filled by the first question: most servers are never asked.
  let model: AccessModel | undefined
  const modelOf = ({ cache, rbac }: World): AccessModel | undefined => {
    if (rbac !== undefined) model ??= AccessModel.following(cache, rbac)
    return model
  }
  return review({
    kind: KIND,
    schema: schemaName('AccessExplanation'),
    async create(action, body) {
      const asked = body as SubjectAccessReview & KubeObject
      // Without a user it is about the sender, as a SelfSubjectAccessReview.
      const errors = validateAccessReview('SelfSubjectAccessReview', asked)
      if (errors.length > 0) throw invalid(KIND, body.metadata?.name ?? '', errors)
      await action.validateAdmission()
      const spec = asked.spec ?? {}
      const names = spec.user !== undefined || (spec.groups ?? []).length > 0
      const question = reviewQuestion(names ? askedUser(spec) : action.user, spec)
      const decision = await accessDecision(action.world.authorizer, question)
      const explained = modelOf(action.world)
      const found = explained === undefined ? undefined : why(explained, question.attributes.user, question.attributes)
      return { ...asked, status: { ...decision, ...(found !== undefined && explanation(found)) } }
    },
  })
}

/** What RBAC has to say of it; the decision is that of all authorizers. */
function explanation({ chains, errors, nearMisses, suggestion, superuser }: Why): object {
  return {
    ...(superuser && { superuser }),
    ...(chains.length > 0 && { chains }),
    ...(errors.length > 0 && { errors }),
    ...(nearMisses.length > 0 && { nearMisses }),
    ...(suggestion !== undefined && { suggestion }),
  }
}
