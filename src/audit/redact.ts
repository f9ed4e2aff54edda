/**
 * Takes credentials out of what is recorded: a log of who did what must not let its reader do it too.
 *
 * kube-apiserver records bodies as they are; here tokens never appear, whatever the policy asks for.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'

export const REMOVED = '<removed>'

/** A JWT as it is, and one in base64, as Secrets hold it. */
const TOKENS = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|ZXlK[A-Za-z0-9+/]{40,}={0,2}/g
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** Serialized events: what looks like a token goes, wherever it stands. */
export function withoutTokens(text: string): string {
  return text.replace(TOKENS, REMOVED)
}

/** A URL with `access_token` or `token` in its query. */
export function withoutQueryTokens(uri: string): string {
  return uri.replace(/([?&](?:access_token|token)=)[^&#]+/g, `$1${REMOVED}`)
}

/** Whether bodies of this resource hold what is taken out. */
export function isRedacted(resource: string, subresource: string): boolean {
  return resource === 'secrets' || resource === 'tokenreviews' || (resource === 'serviceaccounts' && subresource === 'token')
}

/** A body, or a patch of one, of this resource; the caller owns it. */
export function redactBody(resource: string, subresource: string, body: unknown): unknown {
  if (Array.isArray(body)) return body.map((operation) => redactOperation(resource, operation))
  if (typeof body !== 'object' || body === null) return body
  const object = body as KubeObject
  if (resource === 'serviceaccounts' && subresource === 'token') hide(object['status'], 'token')
  if (resource === 'tokenreviews') hide(object['spec'], 'token')
  if (resource === 'secrets') {
    for (const secret of Array.isArray(object['items']) ? object['items'] : [object]) redactSecret(secret)
  }
  return object
}

function redactSecret(secret: KubeObject): void {
  for (const member of ['data', 'stringData']) for (const key of Object.keys(secret[member] ?? {})) hide(secret[member], key)
  hide(secret.metadata?.annotations, LAST_APPLIED)
}

/** One operation of a JSON patch. */
function redactOperation(resource: string, operation: unknown): unknown {
  if (resource !== 'secrets' || typeof operation !== 'object' || operation === null || !('value' in operation)) return operation
  return { ...operation, value: REMOVED }
}

function hide(object: unknown, member: string): void {
  if (typeof object === 'object' && object !== null && Object.hasOwn(object, member)) (object as Record<string, unknown>)[member] = REMOVED
}
