/**
 * The 403 of authorization.
 *
 * @see apiserver/pkg/endpoints/handlers/responsewriters/errors.go
 * @module
 */
import { groupResourceName } from '../api/object.ts'
import { failure, quote, type StatusDetails, type StatusError } from '../api/status.ts'
import type { Attributes } from './authorizer.ts'

/** `User "jane" cannot list resource "pods" in API group "" in the namespace "dev"`. */
export function forbiddenSentence(attributes: Attributes): string {
  const who = `User ${quote(attributes.user.username)} cannot ${attributes.verb}`
  if (!attributes.isResource) return `${who} path ${quote(attributes.path)}`
  const { resource, subresource, apiGroup, namespace } = attributes
  const what = `resource ${quote(subresource === '' ? resource : `${resource}/${subresource}`)} in API group ${quote(apiGroup)}`
  return `${who} ${what} ${namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(namespace)}`}`
}

/** The whole message: the sentence cannot look like markup; the reason is given as it is. */
export function forbiddenMessage(attributes: Attributes, reason: string): string {
  const sentence = sanitized(forbiddenSentence(attributes))
  return `${prefixOf(attributes)}: ${reason === '' ? sentence : `${sentence}: ${reason}`}`
}

function prefixOf({ apiGroup, resource, name }: Attributes): string {
  if (resource === '' && name === '') return 'forbidden'
  const kind = groupResourceName({ group: apiGroup, resource })
  return name === '' ? `${kind} is forbidden` : `${kind} ${quote(name)} is forbidden`
}

export function forbiddenError(attributes: Attributes, reason: string): StatusError {
  const details: StatusDetails = {}
  if (attributes.name !== '') details.name = attributes.name.toWellFormed()
  if (attributes.apiGroup !== '') details.group = attributes.apiGroup
  if (attributes.resource !== '') details.kind = attributes.resource
  return failure(403, 'Forbidden', forbiddenMessage(attributes, reason), details)
}

/** What a browser takes for markup, written so that it does not. @see apiserver/pkg/endpoints/handlers/responsewriters/errors.go */
export function sanitized(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
