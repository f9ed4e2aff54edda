/**
 * PUT and apply that turn out to create need the right to create as well.
 *
 * @module
 */

import type { Attributes } from '../../authorization/authorizer.ts'
import { forbiddenError } from '../../authorization/forbidden.ts'
import type { Endpoint } from '../endpoint.ts'
import type { VerbContext } from './context.ts'

export async function authorizeCreate(context: VerbContext, endpoint: Endpoint): Promise<void> {
  const attributes: Attributes = {
    user: context.user,
    verb: 'create',
    isResource: true,
    apiGroup: endpoint.gr.group,
    apiVersion: endpoint.gvk.version,
    resource: endpoint.gr.resource,
    subresource: context.subresource,
    namespace: context.namespace,
    name: context.name,
    path: '',
  }
  const { decision, reason } = await context.verbs.world.authorizer.authorize(attributes)
  if (decision !== 'allow') throw forbiddenError(attributes, reason)
}
